"""What the exercises call to check an answer: one module per chapter, one function per exercise.

Import the module of a chapter, for example ``from course_lib.checks import rebuilding_a_block``.
Importing this package loads the standard library only.
"""

from course_lib.checks.answers import Verdict

__all__ = ["Verdict"]
