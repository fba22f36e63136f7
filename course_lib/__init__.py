"""The attacks, defences and checks of the course *Privacy Attacks You Can Run*.

One folder per part of the book. Importing ``course_lib`` alone loads nothing heavy:
import the part you need, for example ``course_lib.reconstruction``.
"""
