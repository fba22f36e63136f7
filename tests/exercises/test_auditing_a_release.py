"""The checks of chapter 15 know right answers from plausible wrong ones; the chapter's claims hold."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from verdicts import Because, Examples, verdict_tests

from course_lib.capstone import health_service, publish
from course_lib.capstone.release import LAYOUT, ONE_DECIMAL, SCHEMA
from course_lib.checks import auditing_a_release as checks
from course_lib.gradients import reconstruct_batch
from course_lib.membership import LiRA, ShadowPlan, auc, mlp, train_shadows
from course_lib.reconstruction import Rounding, certain_cells, count_databases, tabulate


def mean_answer(update, pixels):
    W, b = update.weights, update.biases
    return (torch.relu(pixels @ W[0].T + b[0]) @ W[1].T + b[1]).softmax(1).mean(0)


def grades_of(update, n):
    pixels = torch.rand(200, 2352, generator=torch.Generator().manual_seed(0))
    return (n * (mean_answer(update, pixels) - update.bias_grads[1])).round().tolist()


def of_grey(update, n):
    return (n * (mean_answer(update, torch.full((1, 2352), 0.5)) - update.bias_grads[1])).round().numpy()


def not_rounded(update, n):
    pixels = torch.rand(200, 2352, generator=torch.Generator().manual_seed(0))
    return n * (mean_answer(update, pixels) - update.bias_grads[1])


def sign_slipped(update, n):
    return [-count for count in grades_of(update, n)]


def of_one_patient(update, n):
    return grades_of(update, 1)


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(14, 4), [14.0, 4], np.array([14, 4])],
            wrong=[
                Because((16, 4), "every count"),
                Because((3, 4), "who is"),
                Because((4, 14), "other order"),
                Because((14, 1), "before is right"),
                Because((15, 4), "after is right"),
                (6, 3),
                14,
                ("14", "4"),
            ],
        ),
        # Seven unwell, two severe, both counts at most six: all but nobody and everybody.
        Examples(right=[(126, 21)], wrong=[(128, 21), (14, 4), (21, 126), (6, 21)], keywords={"seed": 5}),
    ],
    "exercise_2": [
        Examples(
            right=[grades_of, of_grey],
            wrong=[
                Because(not_rounded, "round them"),
                Because(sign_slipped, "the sign"),
                Because(of_one_patient, "add up"),
                Because(lambda update, n: (3, 3, 2), "a count is off"),
                Because(lambda update, n: update.missing, "AttributeError"),
                lambda update, n: [n, 0],
                (3, 3, 2),
            ],
        ),
        Examples(
            right=[grades_of],
            wrong=[not_rounded, sign_slipped, lambda update, n: (2, 3, 3)],
            keywords={"seed": 5},
        ),
    ],
    "exercise_3": [
        Examples(
            right=[
                [(60_000, 0, 0), (60_000, 120, 31)],
                ([0, 0, 1], [0, 0, 31]),
                np.array([[0, 0, 0], [0, 4, 0]]).tolist(),
            ],
            wrong=[
                Because([(0, 0, 0), (1, 1, 0)], "the same for both"),
                Because([(0, 50, 31), (60_000, 50, 31)], "grants differ"),
                Because([(70_000, 0, 0), (0, 0, 0)], "income"),
                Because([(0, -1, 0), (0, 0, 0)], "distance"),
                [(0, 0), (1, 1)],
                [(0, 0, 0)],
                (60_000, 0, 0),
            ],
        ),
        Examples(
            right=[[(60_000, 0, 0), (60_000, 120, 31)]],
            wrong=[[(0, 0, 0), (1, 1, 0)], [(0, 50, 31), (60_000, 50, 31)], [(0, 0, 40), (0, 0, 0)]],
            keywords={"seed": 4},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[6, 6.0, np.int64(6)],
            wrong=[
                Because(3, "more than a quarter"),
                Because(5, "more than a quarter"),
                Because(7, "none of the thresholds"),
                Because(2, "none of the thresholds"),
                4.5,
                "6",
                [6],
            ],
        ),
        Examples(
            right=[4],
            wrong=[Because(6, "costs least"), Because(5, "costs least"), 3],
            keywords={"seed": 4},
        ),
    ],
    "exercise_5": [
        Examples(
            right=[3000, 2995, 2996.0],
            wrong=[
                Because(1000, "expect to see one"),
                Because(51, "95 of 100"),
                Because(50, "95 of 100"),
                Because(300, "one in twenty"),
                Because(20_000, "one in twenty"),
                0.05,
                "3000",
            ],
        ),
        Examples(right=[300, 299], wrong=[3000, 100, 5, 20], keywords={"seed": 5}),
    ],
}

test_right, test_wrong, test_blank, test_any_answer, test_no_answer_in_a_reason = verdict_tests(checks, EXAMPLES)


def test_the_reader_of_counts_is_right_for_many_clinics():
    for seed in range(0, 24, 3):
        assert checks.exercise_2(grades_of, seed=seed).state == "right", seed


def test_the_seeds_of_the_first_exercise_leave_something_open():
    for seed in range(60):
        unwell, severe, threshold = checks.withheld(seed)
        assert max(severe, unwell - severe) < threshold, seed


def some_threshold_protects(seed):
    return checks._n_certain(checks.THRESHOLDS[-1], seed) <= checks.CERTAIN_AT_MOST


def test_some_threshold_protects_each_ward():
    assert all(some_threshold_protects(seed) for seed in range(3))


@pytest.mark.slow
def test_some_threshold_protects_many_wards():
    assert all(some_threshold_protects(seed) for seed in range(3, 50))


def n_certain_without_medians(seed, rounding):
    """How many of a ward's 32 cells are certain from its table without medians."""
    people = health_service(seed, n_records=40).people
    table = tabulate(people, LAYOUT, SCHEMA, rounding=rounding)
    bare = replace(table, statistics=[replace(row, median=None) for row in table.statistics])
    return int(certain_cells(bare).notna().sum().sum())


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 4, 5))])
def test_without_medians_up_to_fourteen_cells_are_certain_and_five_if_means_are_rounded_too(seed):
    as_published = n_certain_without_medians(seed, ONE_DECIMAL)
    rounded = n_certain_without_medians(seed, Rounding("nearest", 5))
    assert rounded <= 5 and as_published <= 14
    assert seed != 3 or (as_published, rounded) == (14, 5)  # the worst of those the page speaks of


# The page's own seed, 1, is asserted there.
SEEDS = [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 3, 4, 5))]


@cache
def audited(seed):
    """A release of a small town, and what its update gives back."""
    release = publish(health_service(seed, n_records=40))
    return release, reconstruct_batch(release.update, levels=256)


def n_certain(table):
    return int(certain_cells(table).notna().sum().sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_small_counts_withheld_leave_most_cells_certain(seed):
    assert n_certain(audited(seed)[0].table) > 16


@pytest.mark.parametrize("seed", SEEDS)
def test_all_scans_are_read_though_some_own_no_neuron(seed):
    _, found = audited(seed)
    assert found.complete and len(found) == 8 and (found.rounds == 1).sum() < 8


@pytest.mark.parametrize("seed", SEEDS)
def test_the_counts_in_the_update_halve_the_databases_and_name_nobody(seed):
    release, found = audited(seed)
    counts = dict(zip(("healthy", "mild", "severe"), found.labels.bincount(minlength=3).tolist(), strict=True))

    def filled_in(row):
        grade = row.where.get("eyes") if len(row.where) == 1 else None
        return replace(row, suppressed=False, count=counts[grade]) if row.suppressed and grade else row

    both = replace(release.table, statistics=[filled_in(row) for row in release.table.statistics])
    assert 2 * count_databases(both).value == count_databases(release.table).value
    assert n_certain(both) == n_certain(release.table)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_attack_finds_members_of_a_model_that_overfits(seed):
    service = health_service(seed)
    X, y = service.records[:200], service.advice[:200]
    halves = ShadowPlan.half_sampling(200, n_models=34, seed=1)
    adam = partial(torch.optim.Adam, lr=1e-3)
    models = train_shadows(X, y, halves, partial(mlp, 20, 3), adam, epochs=60, batch_size=32)
    scores = LiRA().fit(models.subset(range(2, 34)), y).score(models.logits[0], y)
    assert auc(scores[halves.membership[0]], scores[~halves.membership[0]]) > 0.6
    right = models.logits.argmax(axis=2) == y
    assert right[halves.membership].mean() > right[~halves.membership].mean() + 0.05
