"""Where the course's data come from: tables and pictures that ship with packages, rules that draw them, downloads.

Nothing heavy is imported here, and nothing is downloaded without being asked.
"""

from course_lib.datasets.downloads import cifar10, image_folder, mnist, pictures, retinamnist
from course_lib.datasets.photographs import as_pictures, digit_images, fundus_crops, photo_crops, photo_names
from course_lib.datasets.synthetic import purchase_like
from course_lib.datasets.tables import data_file, data_files
from course_lib.datasets.vision import torchvision

__all__ = [
    "as_pictures",
    "cifar10",
    "data_file",
    "data_files",
    "digit_images",
    "fundus_crops",
    "image_folder",
    "mnist",
    "photo_crops",
    "photo_names",
    "pictures",
    "purchase_like",
    "retinamnist",
    "torchvision",
]
