"""The published tables of the course, and the people behind them."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

from course_lib.datasets import data_file
from course_lib.reconstruction.reading import read_records, read_statistics
from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database, Schema
from course_lib.reconstruction.tables import PublishedTable, tabulate

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


def census_like_block(seed: int) -> tuple[Database, PublishedTable]:
    """Seven other people and their eight rows, for exercises: seed 0 is the block of chapter 1.

    Rows, rounding and rules are those of ``census_block``, and A3 is the one row suppressed.

    Parameters
    ----------
    seed : whole number, 0 or more.

    Returns
    -------
    (truth, published table).

    Examples
    --------
    >>> truth, table = census_like_block(5)
    >>> len(truth), [s.name for s in table.statistics if s.suppressed]
    (7, ['A3'])
    """
    published = census_block()
    if seed == 0:
        return census_truth(), published
    generator = random.Random(seed)
    layout = [(s.name, s.where) for s in published.statistics]
    while True:
        ages = [generator.randint(1, 90) for _ in range(published.n)]
        people = [(age, age >= 18 and generator.random() < 0.8, *generator.choices([False, True], k=2)) for age in ages]
        truth = Database(published.schema, tuple(people))
        table = tabulate(truth, layout, rounding=published.rounding, structural_zeros=published.structural_zeros)
        if [s.name for s in table.statistics if s.suppressed] == ["A3"]:
            return truth, table


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


def random_block(n: int, seed: int) -> tuple[Database, PublishedTable]:
    """n people drawn at random, and the nineteen rows published about them; for timing.

    Ages from 0 to 90 and three two-valued attributes, each drawn evenly. Published are the total, the 6
    groups of one attribute and the 12 of two; means are exact, rows of fewer than three people suppressed.

    Parameters
    ----------
    n : how many people; at least 1.
    seed : of the draw.

    Returns
    -------
    (truth, published table).

    Raises
    ------
    ValueError
        if n is not a whole number from 1.

    Examples
    --------
    >>> truth, table = random_block(10, seed=0)
    >>> len(truth), len(table.statistics), table.n
    (10, 19, 10)
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is a whole number from 1, not {n!r}")
    schema = acm_block().schema
    attributes = schema.categorical_columns
    generator = random.Random(seed)
    people = [
        (generator.randint(0, 90), *(generator.choice(schema.columns[column]) for column in attributes))
        for _ in range(n)
    ]
    groups = [
        dict(zip(chosen, values, strict=True))
        for size in (0, 1, 2)
        for chosen in combinations(attributes, size)
        for values in product(*(schema.columns[column] for column in chosen))
    ]
    layout = [(", ".join(f"{column} {value}" for column, value in group.items()) or "total", group) for group in groups]
    truth = Database(schema, tuple(people))
    return truth, tabulate(truth, layout)
