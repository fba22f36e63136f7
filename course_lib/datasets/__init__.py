"""Where the course's data come from: tables that ship with the package, and torchvision.

Nothing heavy is imported here, and nothing is downloaded without being asked.
"""

from course_lib.datasets.tables import data_file, data_files
from course_lib.datasets.vision import torchvision

__all__ = ["data_file", "data_files", "torchvision"]
