"""Checks for the exercises of chapter 2, *How many databases fit?*"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import z3

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_names,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.reconstruction import (
    Database,
    PublishedTable,
    acm_block,
    certain_cells,
    count_databases,
    databases,
    reconstruct,
    violations,
)

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]


def house(seed: int = 0) -> dict[str, int]:
    """The printed counts of exercise 1, and the threshold below which its third row is withheld.

    >>> house()
    {'people': 6, 'women': 3, 'single': 3, 'threshold': 3}
    """
    if seed == 0:
        return {"people": 6, "women": 3, "single": 3, "threshold": 3}
    generator = random.Random(seed)
    women, single, threshold = generator.randint(4, 6), generator.randint(4, 6), generator.randint(2, 4)
    fewest = generator.randint(0, threshold - 1)  # of the single women
    return {"people": women + single - fewest, "women": women, "single": single, "threshold": threshold}


@check("two whole numbers, without the mark and with it")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """Databases behind two printed counts, without and with a mark.

    >>> exercise_1((9, 9)).state
    'wrong'
    """
    without, marked = (as_whole_number(value) for value in as_numbers(answer, count=2))
    people, women, single, threshold = house(seed).values()
    possible = range(max(0, women + single - people), min(women, single) + 1)  # numbers of single women
    allowed = [h for h in possible if h < threshold]
    if (without, marked) == (len(possible), len(allowed)):
        return right()
    if (marked, without) == (len(possible), len(allowed)):
        return wrong("both numbers are there, in the other order: without the mark first.")
    if without != len(possible):
        return wrong(
            "look at the first number again: how many single women can there be before a head count is negative?"
        )
    if marked == len(possible):
        return wrong("the mark does rule something out. Which numbers of single women would have been printed?")
    if marked == len([h for h in possible if h <= threshold]):
        return wrong("a row is withheld below the threshold. What happens at the threshold itself?")
    if marked == len([h for h in possible if 0 < h < threshold]):
        return wrong("a mark does not say that somebody is there: a count of nobody is withheld too.")
    return wrong("the first number is right. Which of these numbers of single women are below the threshold?")


def rows_left_out(seed: int = 0) -> tuple[str, str]:
    """The two printed rows that exercise 2 leaves out.

    >>> rows_left_out()
    ('2A', '2B')
    """
    return ("2C", "2D") if seed % 2 else ("2A", "2B")


def without_marks(seed: int = 0) -> PublishedTable:
    """The article's table for exercise 2: two printed rows left out, and every mark but that of 3A.

    >>> len(without_marks().statistics)
    6
    """
    table = acm_block().without(*rows_left_out(seed))
    return table.without(*(s.name for s in table.statistics if s.suppressed and s.name != "3A"))


@cache
def _candidates(seed: int) -> tuple[Database, ...]:
    return tuple(databases(without_marks(seed)))


@check("a function of a database that returns True or False")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """Whether a database obeys all seven marks of the table.

    >>> exercise_2(lambda database: True).state
    'wrong'
    """
    withheld = {s.name for s in acm_block().statistics if s.suppressed}
    kept_wrongly = dropped_wrongly = 0
    for database in _candidates(seed):
        kept = call(answer, database)
        if type(kept).__name__ not in ("bool", "bool_"):
            raise Unreadable("your function should return True or False.")
        obeys = withheld.isdisjoint(violations(acm_block(), database))
        kept_wrongly += bool(kept) and not obeys
        dropped_wrongly += obeys and not kept
    if not kept_wrongly and not dropped_wrongly:
        return right("And each database that a mark rules out is a fact about the people who were withheld.")
    if dropped_wrongly:
        return wrong("you drop a database in which every withheld group is small enough. May a group be empty?")
    return wrong(
        "you keep a database in which a withheld group has three people or more. Do you look at all seven marks?"
    )


def people_of_exercise_3(seed: int = 0) -> int:
    """For how many ages exercise 3 tries the function.

    >>> people_of_exercise_3()
    3
    """
    return 3 if seed == 0 else random.Random(seed).choice([4, 5, 6])


def _accepts(answer: Any, ages: list[int]) -> bool:
    unknowns = z3.IntVector("age", len(ages))
    constraints = call(answer, list(unknowns))
    constraints = constraints if isinstance(constraints, list | tuple) else [constraints]
    if not all(isinstance(constraint, z3.BoolRef | bool) for constraint in constraints):
        raise Unreadable("your function should return a list of Z3 constraints, such as [ages[0] < 50].")
    solver = z3.SimpleSolver()
    solver.add([unknown == age for unknown, age in zip(unknowns, ages, strict=True)])
    solver.add(*constraints)
    return solver.check() == z3.sat


@check("a function of a list of Z3 unknowns that returns a list of constraints")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """An order of ages that lets equal ages stand.

    >>> exercise_3(lambda ages: [a < b for a, b in zip(ages, ages[1:])]).state
    'wrong'
    """
    n = people_of_exercise_3(seed)
    different = [10 * (i + 1) for i in range(n)]
    if not _accepts(answer, different):
        return wrong(f"the ages {different} are in order, and your constraints refuse them.")
    for i in range(n - 1):
        twins = [*different[: i + 1], different[i], *different[i + 2 :]]
        if not _accepts(answer, twins):
            return wrong("people of one age are refused.")
        swapped = [*different[:i], different[i + 1], different[i], *different[i + 2 :]]
        if _accepts(answer, swapped):
            return wrong(f"the order {swapped} is allowed too, so the same people are found more than once.")
    if not _accepts(answer, [8] * n):
        return wrong("people of one age are refused.")
    return right()


def not_available(seed: int = 0) -> str:
    """The row that exercise 4's attacker cannot get; none for seed 0.

    >>> not_available()
    ''
    """
    return "" if seed == 0 else random.Random(seed).choice(["2A", "2B", "2C", "2D"])


FEWEST_ROWS = 5  # on this block, whichever row of `not_available` is missing


def _names(answer: Any) -> list[str]:
    """The rows an answer names; refuses what is not a row of the table."""
    return as_names(answer, [s.name for s in acm_block().statistics])


@check("a list of names of rows, such as ['1A', '2A']")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """As few rows as possible that leave one database.

    >>> exercise_4(["1A", "3B"]).state
    'wrong'
    """
    names = _names(answer)
    if "1A" not in names:
        return wrong("without 1A the attacker does not know how many people there are.")
    if not_available(seed) in names:
        return wrong(f"{not_available(seed)} is the row that this attacker could not get.")
    table = acm_block()
    count = count_databases(replace(table, statistics=[s for s in table.statistics if s.name in names]), limit=50)
    if count.value > 1:
        return wrong(f"{count} databases fit these rows.")
    if len(names) > FEWEST_ROWS:
        return wrong("one database fits these rows, and it would still be the only one with fewer.")
    return right()


MISPRINTS = [
    ("2D", {"mean": 25}),
    ("2A", {"mean": 34}),
    ("2C", {"mean": 48}),
    ("3B", {"mean": 53}),
    ("2B", {"median": 31}),
    ("3B", {"median": 50}),
]


def misprinted_table(seed: int = 0) -> PublishedTable:
    """The article's table with one figure misprinted, for exercise 5.

    >>> reconstruct(misprinted_table()).status
    'contradictory'
    """
    name, figure = MISPRINTS[seed % len(MISPRINTS)]
    table = acm_block()
    return replace(table, statistics=[replace(s, **figure) if s.name == name else s for s in table.statistics])


@check("the name of one row, such as '2B'")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The row that holds the misprint.

    >>> exercise_5("5A").state
    'wrong'
    """
    names = _names(answer)
    if len(names) != 1:
        return wrong(f"we asked for one row, this holds {len(names)}.")
    if names == ["1A"]:
        return wrong("without the mean and the median of 1A the other rows still contradict one another.")
    if reconstruct(misprinted_table(seed).without(*names)).status == "consistent":
        return right()
    return wrong(f"without {names[0]} the other rows still contradict one another, so the misprint is elsewhere.")


# Rows that the law demands, and the fewest cells that stay certain when two others go.
DEMANDS = [(("1A", "3B"), 13), (("1A", "4A"), 14), (("1A", "2A", "3B"), 16)]


def demanded(seed: int = 0) -> tuple[str, ...]:
    """The rows that exercise 6's office must publish.

    >>> demanded()
    ('1A', '3B')
    """
    return DEMANDS[seed % len(DEMANDS)][0]


@check("a list of the names of two rows, such as ['2A', '2B']")
def exercise_6(answer: Any, seed: int = 0) -> Verdict:
    """The two rows whose withholding leaves the fewest cells certain.

    >>> exercise_6(["2A", "3B"])
    Wrong: 3B must be published.
    """
    names = _names(answer)
    if len(names) != 2:
        return wrong(f"we asked for two rows, this holds {len(names)}.")
    for name in names:
        if name in demanded(seed):
            return wrong(f"{name} must be published.")
    n_certain = int(certain_cells(acm_block().without(*names)).notna().sum().sum())
    if n_certain == DEMANDS[seed % len(DEMANDS)][1]:
        return right()
    if any(s.suppressed and s.name in names for s in acm_block().statistics):
        return wrong("a row that is withheld already is no row to withhold; only its mark would go.")
    return wrong(f"{n_certain} cells stay certain, and with another pair it is fewer.")
