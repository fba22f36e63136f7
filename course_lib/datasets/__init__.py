"""Where the course's data come from: tables that ship with the package, rules that draw them, and torchvision.

Nothing heavy is imported here, and nothing is downloaded without being asked.
"""

from course_lib.datasets.synthetic import purchase_like
from course_lib.datasets.tables import data_file, data_files
from course_lib.datasets.vision import torchvision

__all__ = ["data_file", "data_files", "purchase_like", "torchvision"]
