"""The checks of chapter 3 know right answers from plausible wrong ones."""

from fractions import Fraction

import numpy as np
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import publishing_less as checks
from course_lib.reconstruction import acm_truth, linear_reconstruction, swap_records

TRUTH = acm_truth()


def best_swap(seed):
    return next(
        swapped
        for draw in range(300)
        for swapped in [swap_records(TRUTH, share=1, columns=["sex", "race"], seed=draw)]
        if not checks.swap_problem(swapped, seed)
    )


def median(weeks):
    return np.median(weeks, axis=0)


def linear_decoding(ask, n_queries=512):
    queries = np.random.default_rng(7).integers(0, 2, (n_queries, 64))
    return linear_reconstruction(queries, ask(queries))


def one_at_a_time(ask):
    return (ask(np.eye(64, dtype=int)) > 0.5).astype(int)


def same_question(ask):
    return (np.mean([ask(np.eye(64, dtype=int)) for _ in range(8)], axis=0) > 0.5).astype(int)


MARRIED_CHILD = [(84, "F", "B", "S"), (18, "M", "W", "S"), (24, "F", "W", "S"), (30, "M", "W", "M")] + [
    (36, "F", "B", "M"),
    (66, "F", "B", "M"),
    (8, "M", "B", "M"),
]

NINE_TENTHS = next(seed for seed in range(1, 50) if checks.share_wanted(seed) == 0.9)
EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(Fraction(1, 3), Fraction(2, 3)), (0.333, 0.667), [1 / 3, 2 / 3]],
            wrong=[
                Because((2 / 3, 1 / 3), "other order"),
                Because((1 / 2, 3 / 4), "only goes up"),
                Because((1 / 3, 1 / 2), "both count"),
                Because((1 / 3, 1 / 3), "no error at all"),
                Because((33.3, 66.7), "between 0 and 1"),
                (0.3, 0.6),
                1 / 3,
                ("1/3", "2/3"),
            ],
        ),
        Examples(
            right=[((r := checks.noise_base(5)) and ((r - 1) / (r + 1), (r - 1) * (r + 2) / r / (r + 1)))],
            wrong=[(1 / 3, 2 / 3), (0.5, 0.5), (0, 1)],
            keywords={"seed": 5},
        ),
    ],
    "exercise_2": [
        Examples(
            right=[8, 8.0, np.int64(8)],
            wrong=[
                Because(4, "sensitivity"),
                Because(16, "smaller value"),
                Because(0.74, "share"),
                Because(6, "none of the six"),
                "8",
                [8],
            ],
        ),
        Examples(right=[16], wrong=[4, 8, 32], keywords={"seed": NINE_TENTHS}),
    ],
    "exercise_3": [
        Examples(
            right=[median, lambda weeks: np.sort(weeks, axis=0)[150].tolist()],
            wrong=[
                Because(lambda weeks: np.rint(weeks.mean(axis=0)), "clipping"),
                Because(lambda weeks: weeks.mean(axis=0), "whole number"),
                lambda weeks: weeks[0],
                lambda weeks: np.median(weeks[:10], axis=0).round(),
                lambda weeks: weeks.min(axis=0),
                lambda weeks: np.median(weeks, axis=1),
                [0] * 10,
            ],
        ),
        Examples(
            right=[median],
            wrong=[lambda weeks: np.rint(weeks.mean(axis=0)), lambda weeks: weeks[-1], lambda weeks: [0] * 10],
            keywords={"seed": 5},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[linear_decoding, lambda ask: linear_decoding(ask) > 0, lambda ask: list(linear_decoding(ask) > 0)],
            wrong=[
                Because(one_at_a_time, "a coin gets half"),
                Because(same_question, "a coin gets half"),
                Because(lambda ask: linear_decoding(ask, 96), "all of your questions"),
                Because(lambda ask: linear_decoding(ask, 2048), "left"),
                Because(lambda ask: [2] * 64, "0 or 1"),
                Because(lambda ask: [0, 1], "64 numbers"),
                [0] * 64,
            ],
        ),
        Examples(
            right=[linear_decoding],
            wrong=[one_at_a_time, lambda ask: [1] * 64, lambda ask: ask([1] * 64)],
            keywords={"seed": 5},
        ),
    ],
    "exercise_5": [
        Examples(
            right=[best_swap(0), list(best_swap(0).rows), [list(row) for row in best_swap(0).rows]],
            wrong=[
                Because(TRUTH, "7 of the 7"),
                Because(MARRIED_CHILD, "under 15"),
                Because(swap_records(TRUTH, 0.3, ["sex"], seed=0), "true records are left"),
                Because(swap_records(TRUTH, 1, ["sex", "race"], seed=0), ""),
                Because([(30, *row[1:]) for row in TRUTH.rows], "not the true ones"),
                Because(TRUTH.rows[:6], "7 people"),
                Because([(8, "F")] * 7, "does not fit the schema"),
            ],
        ),
        Examples(
            right=[best_swap(5)],
            wrong=[TRUTH, list(TRUTH.rows), swap_records(TRUTH, 0.6, ["race"], seed=1)],
            keywords={"seed": 5},
        ),
    ],
}

test_right, test_wrong, test_blank, test_any_answer, test_no_answer_in_a_reason = verdict_tests(checks, EXAMPLES)


def test_every_seed_has_a_swap_that_passes():
    bounds = {checks.largest_error(seed) for seed in range(60)}
    assert len(bounds) > 3
    for bound in bounds:
        seed = next(seed for seed in range(60) if checks.largest_error(seed) == bound)
        assert checks.exercise_5(best_swap(seed), seed=seed).state == "right"


def test_the_median_and_the_decoding_pass_for_many_seeds():
    for seed in range(15):
        assert checks.exercise_3(median, seed=seed).state == "right", seed
        assert checks.exercise_4(linear_decoding, seed=seed).state == "right", seed
