"""The checks of chapter 2 on right, blank and wrong answers."""

from dataclasses import replace
from itertools import combinations

import pytest
import z3
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import how_many_databases as checks
from course_lib.reconstruction import (
    acm_block,
    certain_cells,
    count_databases,
    databases,
    is_unique,
    reconstruct,
    violations,
)

TABLE = acm_block()
PRINTED = [s.name for s in TABLE.statistics if not s.suppressed]
MARKED = [s for s in TABLE.statistics if s.suppressed]


def obeys(low, high, marked=MARKED):
    """Whether every withheld group has from `low` to `high` people."""

    def survives(database):
        groups = [TABLE.selection(s) for s in marked]
        return all(low <= sum(TABLE.schema.matches(row, group) for row in database.rows) <= high for group in groups)

    return survives


def ordered(compare):
    return lambda ages: [compare(a, b) for a, b in zip(ages, ages[1:], strict=False)]


def unwritten(ages): ...


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(4, 3), [4, 3], (4.0, 3.0)],
            wrong=[
                Because((3, 4), "other order"),
                Because((4, 4), "rule something out"),
                Because((4, 2), "nobody is withheld"),
                Because((3, 3), "first number"),
                Because((4, 1), "below the threshold"),
                (4,),
                4,
                "4, 3",
            ],
        ),
        Examples(right=[(4, 1)], wrong=[(4, 3), (4, 2), (5, 1)], keywords={"seed": 2}),
    ],
    "exercise_2": [
        Examples(
            right=[obeys(0, 2)],
            wrong=[
                Because(obeys(0, 2, MARKED[:1]), "all seven"),
                Because(obeys(1, 2), "empty"),
                Because(obeys(0, 1), "small enough"),
                Because(lambda database: True, "three people"),
                Because(lambda database: len(database), "True or False"),
                6,
            ],
        ),
        Examples(right=[obeys(0, 2)], wrong=[obeys(0, 3), obeys(1, 2), lambda database: False], keywords={"seed": 1}),
    ],
    "exercise_3": [
        Examples(
            right=[
                ordered(lambda a, b: a <= b),
                ordered(lambda a, b: z3.Not(a > b)),
                lambda ages: z3.And(ordered(lambda a, b: b >= a)(ages)),
            ],
            wrong=[
                Because(ordered(lambda a, b: a < b), "one age"),
                Because(ordered(lambda a, b: a >= b), "in order"),
                Because(lambda ages: [], "more than once"),
                Because(lambda ages: [ages[0] <= ages[-1]], "more than once"),
                Because(lambda ages: [z3.Distinct(ages)], "one age"),
                Because(lambda ages: ages, "Z3 constraints"),
                [8, 8, 36],
            ],
        ),
        Examples(
            right=[ordered(lambda a, b: a <= b)],
            wrong=[ordered(lambda a, b: a < b), lambda ages: [ages[0] <= ages[1]], 7],
            keywords={"seed": 1},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[["1A", "2A", "2C", "3B", "4A"], {"1A", "2B", "2D", "3B", "4A"}],
            wrong=[
                Because(["2A", "2C", "3B", "4A"], "how many people"),
                Because(["1A", "2C", "3B", "4A"], "databases fit"),
                Because(["1A"], "at least"),
                Because(PRINTED, "fewer"),
                Because(["1A", "9Z"], "not a row"),
                5,
            ],
        ),
        Examples(
            right=[["1A", "2B", "2D", "3B", "4A"]],
            wrong=[Because(["1A", "2A", "2C", "3B", "4A"], "could not get"), ["1A", "2B"], PRINTED],
            keywords={"seed": 2},
        ),
    ],
    "exercise_5": [
        Examples(
            right=["2D", ["2D"]],
            wrong=[
                Because("2C", "elsewhere"),
                Because("1A", "still contradict"),
                Because(["2C", "2D"], "one row"),
                Because("2D.mean", "not a row"),
                25,
            ],
        ),
        Examples(right=["3B"], wrong=["2D", "1A", "4A"], keywords={"seed": 3}),
    ],
    "exercise_6": [
        Examples(
            right=[["2A", "4A"], ("4A", "2A")],
            wrong=[
                Because(["3B", "4A"], "must be published"),
                Because(["2B", "4A"], "fewer"),
                Because(["4A", "5A"], "withheld already"),
                Because(["4A"], "two rows"),
                Because(["1A", "4A"], "must be published"),
                2,
            ],
        ),
        Examples(right=[["2C", "3B"]], wrong=[["2A", "4A"], ["2D", "3B"], ["2A", "2B"]], keywords={"seed": 1}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


def only(names):
    return replace(TABLE, statistics=[s for s in TABLE.statistics if s.name in names])


def test_a_function_that_is_still_blank_is_not_attempted():
    assert checks.exercise_2(unwritten).state == "not attempted"
    assert checks.exercise_3(unwritten).state == "not attempted"


def test_the_counts_of_the_article():
    """Garfinkel, Abowd and Martindale: what fits the table, and what fits without some rows."""
    assert is_unique(TABLE)
    assert all(is_unique(TABLE.without(name)) for name in ("2A", "2B", "2C", "2D"))
    assert count_databases(TABLE.without("4A")).value == 2
    eight = list(databases(checks.without_marks()))
    assert len(eight) == 8
    shared = set.intersection(*(set(database.rows) for database in eight))
    assert {"".join(map(str, row)) for row in shared} == {"8FBS", "36FBM", "66FBM", "84MBM"}
    assert sum(not violations(TABLE.without("2A", "2B"), database) for database in eight) == 6


@pytest.mark.parametrize("seed", range(8))
def test_exercise_1_against_a_list_of_all_houses(seed):
    people, women, single, threshold = checks.house(seed).values()
    types = [(h, women - h, single - h, people - women - single + h) for h in range(people + 1)]  # FS, FM, MS, MM
    fits = [h for h, *others in types if min(others) >= 0]
    marked = [h for h in fits if h < threshold]
    assert 0 < len(marked) < len(fits)
    assert checks.exercise_1((len(fits), len(marked)), seed=seed).state == "right"


@pytest.mark.parametrize("seed", range(len(checks.MISPRINTS)))
def test_each_misprint_has_one_suspect(seed):
    table = checks.misprinted_table(seed)
    assert reconstruct(table).status == "contradictory"
    suspects = [s.name for s in table.statistics if s.where
                if reconstruct(table.without(s.name)).status == "consistent"]  # fmt: skip
    assert suspects == [checks.MISPRINTS[seed][0]]


@pytest.mark.slow
def test_fewer_rows_leave_more_than_one_database():
    for size in range(checks.FEWEST_ROWS - 1):
        for names in combinations(PRINTED[1:], size):
            assert not is_unique(only(["1A", *names])), names
    shortest = [set(names) for names in combinations(PRINTED[1:], checks.FEWEST_ROWS - 1)
                if is_unique(only(["1A", *names]))]  # fmt: skip
    for missing in ("2A", "2B", "2C", "2D"):
        assert any(missing not in names for names in shortest), missing


@pytest.mark.slow
@pytest.mark.parametrize(("required", "fewest"), checks.DEMANDS)
def test_exercise_6_against_all_pairs(required, fewest):
    pairs = combinations([name for name in PRINTED if name not in required], 2)
    assert min(int(certain_cells(TABLE.without(*pair)).notna().sum().sum()) for pair in pairs) == fewest
