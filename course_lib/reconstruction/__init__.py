"""Database reconstruction: rebuild people from the statistics published about them.

Imports nothing but z3 and the standard library; pandas, numpy and scipy are imported by the functions
that return frames or solve linear programs.
"""

from course_lib.reconstruction.blocks import acm_block, acm_truth, census_block, census_truth
from course_lib.reconstruction.deadline import SolverUndecided
from course_lib.reconstruction.reading import read_records, read_statistics, read_table
from course_lib.reconstruction.recompute import violations
from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database, Schema
from course_lib.reconstruction.solving import (
    DatabaseCount,
    Reconstruction,
    count_databases,
    databases,
    is_unique,
    reconstruct,
)
from course_lib.reconstruction.tables import PublishedTable, Statistic, tabulate
