"""The two published tables of the course, and the people behind them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from course_lib.datasets import data_file
from course_lib.reconstruction.reading import read_records, read_statistics
from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database, Schema
from course_lib.reconstruction.tables import PublishedTable

CENSUS_GROUPS = {
    "A1": {},
    "A2": {"smoker": False},
    "B2": {"smoker": True},
    "C2": {"employed": False},
    "D2": {"employed": True},
    "A3": {"married": False, "age": range(18, 125)},
    "B3": {"married": True},
    "A4": {"employed": False, "smoker": False},
}


def census_block(rounding: Rounding = Rounding("nearest-ties-down"), oldest: int = 124) -> PublishedTable:
    """The table of the seven people of chapter 1.

    Parameters
    ----------
    rounding : how the attacker believes that the means were rounded.
    oldest : the highest age the attacker thinks possible; ages start at 1.

    Returns
    -------
    PublishedTable with eight statistics, A3 suppressed; nobody under 18 is married.

    Examples
    --------
    >>> from course_lib.reconstruction import count_databases
    >>> count_databases(census_block()).value
    5
    """
    schema = Schema(age=range(1, oldest + 1), married=[False, True], smoker=[False, True], employed=[False, True])
    statistics = read_statistics(data_file("census_block_statistics.csv"), CENSUS_GROUPS)
    return PublishedTable(schema, statistics, rounding, structural_zeros=[{"married": True, "age": range(1, 18)}])


def census_truth() -> Database:
    """The seven people of chapter 1, without their names.

    Examples
    --------
    >>> census_truth().rows[1]
    (18, False, True, True)
    """
    return read_records(data_file("census_block_records.csv"), census_block().schema)


ACM_GROUPS = {
    "1A": {},
    "2A": {"sex": "F"},
    "2B": {"sex": "M"},
    "2C": {"race": "B"},
    "2D": {"race": "W"},
    "3A": {"marital": "S", "age": range(15, 126)},
    "3B": {"marital": "M"},
    "4A": {"race": "B", "sex": "F"},
    "4B": {"race": "B", "sex": "M"},
    "4C": {"race": "W", "sex": "M"},
    "4D": {"race": "W", "sex": "F"},
    "5A": {"age": range(0, 5)},
    "5B": {"age": range(0, 18)},
    "5C": {"age": range(64, 126)},
}


def acm_block() -> PublishedTable:
    """The table of Garfinkel, Abowd and Martindale (2019): seven people, fourteen rows, seven suppressed.

    Means are exact, apart from 4A's 36.7, which is 110/3 to one decimal. Married people are 15 or over.

    Examples
    --------
    >>> [s.name for s in acm_block().statistics if s.suppressed]
    ['3A', '4B', '4C', '4D', '5A', '5B', '5C']
    """
    to_one_decimal = Rounding("nearest", Fraction(1, 10))
    statistics = [
        replace(s, rounding=to_one_decimal) if s.name == "4A" else s
        for s in read_statistics(data_file("acm_block_statistics.csv"), ACM_GROUPS)
    ]
    schema = Schema(age=range(0, 126), sex=["F", "M"], race=["B", "W"], marital=["M", "S"])
    return PublishedTable(schema, statistics, structural_zeros=[{"marital": "M", "age": range(0, 15)}])


def acm_truth() -> Database:
    """The seven people of the article, which the table above determines.

    Examples
    --------
    >>> acm_truth().rows[-1]
    (84, 'M', 'B', 'M')
    """
    people = ["8FBS", "18MWS", "24FWS", "30MWM", "36FBM", "66FBM", "84MBM"]
    return Database(acm_block().schema, tuple((int(p[:-3]), *p[-3:]) for p in people))
