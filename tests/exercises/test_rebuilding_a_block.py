"""The checks of chapter 1 on right, blank and wrong answers."""

import pytest
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import rebuilding_a_block as checks
from course_lib.reconstruction import Rounding


def bounds(rule, unit=1):
    def sums(mean, count):
        allowed = Rounding(rule, unit).sums(mean, count)
        return allowed[0], allowed[-1]

    return sums


def unwritten(mean, count): ...


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(30, 31), [30, 31], (30.0, 31.0)],
            wrong=[
                Because((31, 30), "other order"),
                Because((29, 30), "both ends"),
                Because((180, 186), "orders"),
                Because((30, 30), "first is right"),
                (30,),
                30,
                "30, 31",
                (0, 0),
            ],
        ),
        # No range cuts this seed's triples, so they are as many as the median says.
        Examples(right=[(27, 28)], wrong=[(30, 31), (26, 27), (27, 27)], keywords={"seed": 4}),
    ],
    "exercise_2": [
        Examples(
            right=[bounds("nearest-ties-down")],
            wrong=[
                Because(bounds("nearest"), "ties went up"),
                Because(bounds("within"), "both ties"),
                Because(bounds("down"), "rounded down"),
                Because(lambda mean, count: (mean * count, mean * count), "one of your two sums"),
                Because(lambda mean: mean, "TypeError"),
                (131, 134),
            ],
        ),
        Examples(
            right=[bounds("nearest-ties-down", checks.rounding_unit(1))],
            wrong=[bounds("nearest-ties-down", 1), bounds("nearest", checks.rounding_unit(1)), 7],
            keywords={"seed": 1},
        ),
    ],
    "exercise_3": [
        Examples(
            right=[[0, 0, 0], (125, 125, 125), [125, 0, 0], [0, 1, 0]],
            wrong=[
                Because([30, 30, 30], "still finds"),
                Because([18, 24, 30], "strictly increasing"),
                Because([0, 0], "3 people"),
                Because([-1, -1, -1], "between 0 and"),
                [30, 30, 31],
                30,
            ],
        ),
        Examples(
            right=[[0] * checks.people_of_exercise_3(1)],
            wrong=[[30] * checks.people_of_exercise_3(1), [0, 0, 0], "twins"],
            keywords={"seed": 1},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[["A3"], "A3", {"A3"}],
            wrong=[
                Because(["A1"], "how many people"),
                Because(["A2", "A3"], "changes the count"),
                Because([], "at least one"),
                Because(["Z9"], "not a row"),
                7,
            ],
        ),
    ],
    "exercise_5": [
        Examples(
            right=["B3", ["B3"]],
            wrong=[
                Because("A1", "population"),
                Because("A3", "withheld already"),
                Because("A4", "another row"),
                Because(["A2", "B3"], "one row"),
                3,
            ],
        ),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


def test_a_function_that_is_still_blank_is_not_attempted():
    assert checks.exercise_2(unwritten).state == "not attempted"


@pytest.mark.parametrize("seed", range(1, 6))
def test_exercise_1_changes_with_its_seed(seed):
    median, mean = checks.published_line(seed)
    triples = [(a, median, c) for a in range(0, 126) for c in range(0, 126)
               if a <= median <= c and a + median + c == 3 * mean]  # fmt: skip
    from_one = sum(a >= 1 for a, _, _ in triples)
    assert checks.exercise_1((from_one, len(triples)), seed=seed).state == "right"
    assert checks.exercise_1((from_one + 1, len(triples)), seed=seed).state == "wrong"
