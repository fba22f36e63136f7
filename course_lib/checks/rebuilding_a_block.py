"""Checks for the exercises of chapter 1, *Rebuilding a block*."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import z3

from course_lib.checks.answers import Verdict, as_names, as_numbers, as_whole_number, call, check, right, wrong
from course_lib.reconstruction import Rounding, census_like_block, count_databases

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

OLDEST = 125


def published_line(seed: int = 0) -> tuple[int, int]:
    """Median and mean of three people's ages, for exercise 1.

    >>> published_line()
    (30, 44)
    """
    if seed == 0:
        return 30, 44
    generator = random.Random(seed)
    median = generator.randint(20, 40)
    return median, median + generator.randint(2, 20)


def _n_triples(median: int, mean: int, youngest: int) -> int:
    oldest = [3 * mean - median - a for a in range(youngest, median + 1)]
    return sum(median <= age <= OLDEST for age in oldest)


@check("two whole numbers, for ages from 1 and for ages from 0")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """Triples of ages with a published median and mean, for ages from 1 and from 0.

    >>> exercise_1((7, 7)).state
    'wrong'
    """
    from_one, from_zero = (as_whole_number(value) for value in as_numbers(answer, count=2))
    median, mean = published_line(seed)
    expected = _n_triples(median, mean, 1), _n_triples(median, mean, 0)
    if (from_one, from_zero) == expected:
        return right()
    if (from_zero, from_one) == expected:
        return wrong("both numbers are there, in the other order: ages from 1 first.")
    if from_one == 3 * expected[0] or from_one == 6 * expected[0]:
        return wrong("you counted orders of the same three people; a database has no order.")
    if from_one == expected[0]:
        return wrong("the first is right. What does one more youngest age allow?")
    if abs(from_one - expected[0]) == 1:
        return wrong("nearly: check both ends of the range of the youngest age, the median included.")
    return wrong("fix the median first, then ask which sums the other two ages must have, and who is the youngest.")


def rounding_unit(seed: int = 0) -> int:
    """The unit to which exercise 2's means are rounded.

    >>> rounding_unit()
    1
    """
    return 1 if seed == 0 else random.Random(seed).choice([2, 5, 10])


@check("a function of a published mean and a count that returns the lowest and the highest sum")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The sums behind a mean that was rounded to the nearest multiple, ties down.

    >>> exercise_2(lambda mean, count: (mean * count, mean * count + 1)).state
    'wrong'
    """
    unit = rounding_unit(seed)
    rules = {
        "nearest-ties-down": Rounding("nearest-ties-down", unit),
        "nearest": Rounding("nearest", unit),
        "within": Rounding("within", unit),
        "down": Rounding("down", unit),
    }
    cases = [(unit * steps, count) for steps in (3, 7, 12) for count in (1, 2, 3, 4, 7)]
    found = [tuple(map(as_whole_number, as_numbers(call(answer, *case), count=2))) for case in cases]

    def by(rule: str) -> list[tuple[int, int]]:
        return [(sums[0], sums[-1]) for sums in (rules[rule].sums(*case) for case in cases)]

    if found == by("nearest-ties-down"):
        return right()
    if found == by("nearest"):
        return wrong("these are the sums if ties went up. Which end of the range is a tie?")
    if found == by("within"):
        return wrong("you include both ties; one of them would have been printed differently.")
    if found == by("down"):
        return wrong("these are the sums if means were rounded down, which is the flaw to repair.")
    mean, count = next(
        case for case, got, want in zip(cases, found, by("nearest-ties-down"), strict=True) if got != want
    )
    return wrong(f"for a published count of {count} and mean of {mean}, at least one of your two sums is off.")


def people_of_exercise_3(seed: int = 0) -> int:
    """How many ages exercise 3 asks for.

    >>> people_of_exercise_3()
    3
    """
    return 3 if seed == 0 else random.Random(seed).choice([4, 5, 6])


@check("a list of ages")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """Ages whose published row a solver that wants strictly increasing ages calls contradictory.

    >>> exercise_3([18, 24, 30])
    Wrong: these ages are strictly increasing themselves, so the shortcut finds them.
    """
    n = people_of_exercise_3(seed)
    ages = sorted(as_whole_number(age) for age in as_numbers(answer))
    if len(ages) != n:
        return wrong(f"we asked for the ages of {n} people, this holds {len(ages)}.")
    if ages[0] < 0 or ages[-1] > OLDEST:
        return wrong(f"ages lie between 0 and {OLDEST}.")
    if len(set(ages)) == n:
        return wrong("these ages are strictly increasing themselves, so the shortcut finds them.")
    other = _strictly_increasing(ages)
    if other is None:
        return right("Equal ages must be allowed: twins live in blocks too.")
    return wrong(f"the shortcut still finds somebody: {other} have the same count, mean and median.")


def _strictly_increasing(ages: list[int]) -> list[int] | None:
    """Strictly increasing ages with the same count, sum and median, or None if there are none."""
    n, middle = len(ages), len(ages) // 2
    twice_the_median = ages[middle] + ages[middle if n % 2 else middle - 1]
    unknowns, solver = z3.IntVector("age", n), z3.SimpleSolver()
    solver.add(unknowns[0] >= 0, unknowns[-1] <= OLDEST, z3.Sum(unknowns) == sum(ages))
    solver.add([a < b for a, b in zip(unknowns, unknowns[1:], strict=False)])
    solver.add(unknowns[middle] + unknowns[middle if n % 2 else middle - 1] == twice_the_median)
    if solver.check() == z3.unsat:
        return None
    model = solver.model()
    return [model.eval(unknown).as_long() for unknown in unknowns]


def _names(answer: Any, seed: int) -> list[str]:
    """The rows an answer names; refuses what is not a row of the table."""
    return as_names(answer, [row.name for row in census_like_block(seed)[1].statistics])


@cache  # two exercises ask for it
def _left(seed: int) -> dict[str, int]:
    """Databases that fit when one row is left out; at most 300 are counted. A1 stays: it gives n."""
    table = census_like_block(seed)[1]
    return {s.name: count_databases(table.without(s.name), limit=300).value for s in table.statistics if s.where}


@check("the names of rows, such as ['A2', 'B2']")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """The rows that make no difference to the number of databases, each left out alone.

    >>> exercise_4(["A2"]).state
    'wrong'
    """
    names = _names(answer, seed)
    everything = count_databases(census_like_block(seed)[1], limit=300).value
    needless = sorted(name for name, count in _left(seed).items() if count == everything)
    if names == needless:
        return right()
    if "A1" in names:
        return wrong("without A1 nobody knows how many people there are.")
    if set(names) - set(needless):
        return wrong("at least one of these rows changes the count when it alone is left out.")
    return wrong("all of these are right, and one is missing." if names else "at least one row can go.")


@check("the name of one row, such as 'A2'")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The row whose withholding leaves the attacker with the most databases.

    >>> exercise_5("A1")
    Wrong: A1 is the population; the agency must publish it.
    """
    names = _names(answer, seed)
    if len(names) != 1:
        return wrong(f"we asked for one row, this holds {len(names)}.")
    if names == ["A1"]:
        return wrong("A1 is the population; the agency must publish it.")
    left = _left(seed)
    if left[names[0]] == max(left.values()):
        return right()
    if names == ["A3"]:
        return wrong("A3 is withheld already, and its mark can go too without making a difference.")
    return wrong("another row leaves more databases. Count them for each row that is left out.")
