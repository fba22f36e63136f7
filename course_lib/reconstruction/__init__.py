"""Database reconstruction: rebuild people from the statistics published about them.

Imports nothing but z3 and the standard library; pandas, numpy and scipy are imported by the functions
that return frames or solve linear programs.
"""

from course_lib.deadline import SolverUndecided
from course_lib.reconstruction.approximate import closest_database, linear_reconstruction
from course_lib.reconstruction.blocks import (
    acm_block,
    acm_truth,
    census_block,
    census_like_block,
    census_truth,
    random_block,
)
from course_lib.reconstruction.certainty import certain_cells, certain_records
from course_lib.reconstruction.contradictions import explain_contradiction
from course_lib.reconstruction.defences import geometric_noise, round_means, suppress, swap_records
from course_lib.reconstruction.measures import baseline_match, cell_match, record_match
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

__all__ = [
    "Database",
    "DatabaseCount",
    "PublishedTable",
    "Reconstruction",
    "Rounding",
    "Schema",
    "SolverUndecided",
    "Statistic",
    "acm_block",
    "acm_truth",
    "baseline_match",
    "cell_match",
    "census_block",
    "census_like_block",
    "census_truth",
    "certain_cells",
    "certain_records",
    "closest_database",
    "count_databases",
    "databases",
    "explain_contradiction",
    "geometric_noise",
    "is_unique",
    "linear_reconstruction",
    "random_block",
    "read_records",
    "read_statistics",
    "read_table",
    "reconstruct",
    "record_match",
    "round_means",
    "suppress",
    "swap_records",
    "tabulate",
    "violations",
]
