"""The capstone: a town's health service with four things to hide, and the release it makes of them.

Stands above the parts: it imports all four, and none of them imports it.
"""

from course_lib.capstone.release import Release, publish, train_advisers
from course_lib.capstone.service import HealthService, health_service

__all__ = ["HealthService", "Release", "health_service", "publish", "train_advisers"]
