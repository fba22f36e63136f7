"""Suppressing, rounding, swapping and noise: what changes, what stays, and by how much."""

from collections import Counter
from fractions import Fraction as F

import numpy as np
import pytest

from course_lib.reconstruction import (
    Database,
    Rounding,
    Schema,
    Statistic,
    acm_truth,
    count_databases,
    geometric_noise,
    round_means,
    suppress,
    swap_records,
    tabulate,
)
from course_lib.reconstruction.blocks import ACM_GROUPS


def refusal(function, *arguments, **keywords):
    with pytest.raises(ValueError) as error:
        function(*arguments, **keywords)
    return str(error.value)


# Suppression -------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [3, 4, 5, 8])
def test_rows_below_the_threshold_lose_their_figures_and_no_others(acm, threshold):
    stricter = suppress(acm, threshold)
    assert stricter.suppression_threshold == threshold
    for before, after in zip(acm.statistics, stricter.statistics, strict=True):
        if before.where and (before.suppressed or before.count < threshold):
            assert after == Statistic(before.name, before.where, suppressed=True)
        else:
            assert after == before


def test_suppressing_an_agencys_table_is_publishing_it_under_that_threshold(acm, acm_people):
    layout = list(ACM_GROUPS.items())
    stricter = suppress(tabulate(acm_people, layout, suppression_threshold=1), 4)
    published = tabulate(acm_people, layout, suppression_threshold=4)
    assert [(s.name, s.suppressed, s.count, s.mean) for s in stricter.statistics] == [
        (s.name, s.suppressed, s.count, s.mean) for s in published.statistics
    ]
    assert count_databases(stricter) == count_databases(published)


@pytest.mark.parametrize("threshold", [2, 0, 3.5, True, "4", None])
def test_a_threshold_only_rises(acm, threshold):
    message = f"threshold is a whole number from 3, the table's own, not {threshold!r}"
    assert refusal(suppress, acm, threshold) == message


# Rounding ----------------------------------------------------------------------------------------


def test_means_are_rounded_and_the_rule_is_published(acm):
    rounded = round_means(acm, Rounding("nearest", 5))
    assert rounded.rounding == Rounding("nearest", 5)
    assert [s.mean for s in rounded.statistics][:8] == [40, 35, 45, 50, 25, None, 55, F(367, 10)]
    for before, after in zip(acm.statistics, rounded.statistics, strict=True):
        assert (after.name, after.count, after.median, after.suppressed, after.rounding) == (
            before.name,
            before.count,
            before.median,
            before.suppressed,
            before.rounding,
        )


def test_the_truth_still_fits_a_rounded_table(acm_people):
    exact = tabulate(acm_people, list(ACM_GROUPS.items()))
    for kind in ("nearest", "nearest-ties-down", "nearest-even", "down", "within"):
        for unit in (F(1, 10), 1, 10, 50):
            rounding = Rounding(kind, unit)
            assert round_means(exact, rounding) == tabulate(acm_people, list(ACM_GROUPS.items()), rounding=rounding)


def test_rounded_means_are_not_rounded_again(census):
    message = "the means are rounded already (nearest-ties-down); start from exact ones"
    assert refusal(round_means, census, Rounding("nearest", 5)) == message


# Swapping ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [["age"], ["sex", "race"], ["age", "sex", "race", "marital"]])
@pytest.mark.parametrize("share", [0, 0.3, 0.5, 1])
def test_swapping_keeps_every_column_and_all_that_is_not_swapped(acm_people, columns, share):
    names = list(acm_people.schema.columns)
    kept = [c for c in names if c not in columns]
    for seed in range(5):
        swapped = swap_records(acm_people, share, columns, seed)
        for group in ([c] for c in names):
            assert projected(swapped, group) == projected(acm_people, group)
        assert projected(swapped, columns) == projected(acm_people, columns)
        assert projected(swapped, kept) == projected(acm_people, kept)
        assert (Counter(acm_people.rows) - Counter(swapped.rows)).total() <= 2 * int(share * 7 / 2)
        assert swapped == swap_records(acm_people, share, columns, seed)


def projected(database, columns):
    return Counter(map(tuple, database.frame[columns].to_numpy().tolist()))


def test_a_share_of_the_people_takes_part():
    # Everybody is another value of both columns, so each pair that swaps changes two records.
    schema = Schema(age=range(0, 100), number=range(0, 100))
    people = Database(schema, [(i, i) for i in range(100)])
    for share, changed in ((0, 0), (0.01, 0), (0.02, 2), (0.5, 50), (0.55, 54), (1, 100)):
        swapped = swap_records(people, share, ["number"], seed=3)
        assert sum(a != b for a, b in swapped.rows) == changed
    assert len({swap_records(people, 0.5, ["number"], seed) for seed in range(5)}) == 5


def test_swapping_all_columns_changes_nobody(acm_people):
    assert swap_records(acm_people, 1, list(acm_people.schema.columns), seed=0) == acm_people


def test_swapping_is_seen_in_what_joins_the_columns(acm_people):
    layout = [("all", {}), ("women", {"sex": "F"}), ("men", {"sex": "M"})]
    before, after = (tabulate(d, layout) for d in (acm_people, swap_records(acm_people, 1, ["age"], seed=0)))
    assert [s.count for s in before.statistics] == [s.count for s in after.statistics]
    assert before.statistics[0] == after.statistics[0]
    assert before.statistics[1].mean != after.statistics[1].mean


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1, ["age"], 0), "share is a number from 0 to 1, not -0.1"),
        ((1.1, ["age"], 0), "share is a number from 0 to 1, not 1.1"),
        ((float("nan"), ["age"], 0), "share is a number from 0 to 1, not nan"),
        ((0.5, [], 0), "name at least one column to swap"),
        ((0.5, ["ages"], 0), "unknown column 'ages'; the columns are ['age', 'sex', 'race', 'marital']"),
    ],
)
def test_a_swap_that_makes_no_sense_is_refused(arguments, message):
    assert refusal(swap_records, acm_truth(), *arguments) == message


# Noise -------------------------------------------------------------------------------------------

N_DRAWS = 200_000


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(0.2, 1), (1, 1), (1, 2), (3, 1)])
def test_the_noise_is_two_sided_geometric(epsilon, sensitivity):
    a = np.exp(-epsilon / sensitivity)
    noise = geometric_noise(np.zeros(N_DRAWS, dtype=int), epsilon, sensitivity, seed=1)
    z = np.arange(-2000, 2001)
    p = (1 - a) / (1 + a) * a ** np.abs(z)
    assert p.sum() == pytest.approx(1)
    variance, fourth = (p * z**2).sum(), (p * z**4).sum()
    assert variance == pytest.approx(2 * a / (1 - a) ** 2)
    # Within five standard errors of mean, variance and each probability: a false alarm is one in a million.
    assert abs(noise.mean()) < 5 * np.sqrt(variance / N_DRAWS)
    assert abs((noise**2).mean() - variance) < 5 * np.sqrt((fourth - variance**2) / N_DRAWS)
    for value in range(-3, 4):
        expected = p[z == value][0]
        error = np.sqrt(expected * (1 - expected) / N_DRAWS)
        assert abs((noise == value).mean() - expected) < 5 * error


def test_noise_is_a_whole_number_added_to_each_count():
    counts = np.array([[4, 3, 0], [7, 0, 1000]])
    noisy = geometric_noise(counts, epsilon=1, sensitivity=1, seed=5)
    assert noisy.shape == counts.shape and noisy.dtype == np.int64
    assert (noisy - counts).tolist() == geometric_noise(np.zeros_like(counts), 1, 1, seed=5).tolist()
    assert geometric_noise([], 1, 1, seed=0).shape == (0,)
    assert geometric_noise([2.0, 3.0], 50, 1, seed=0).tolist() == [2, 3]


def test_noise_is_settled_by_its_seed():
    draws = [tuple(geometric_noise(range(50), 1, 1, seed)) for seed in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]
    assert tuple(geometric_noise(range(50), 2, 2, seed=0)) == draws[0]


def test_less_epsilon_is_more_noise():
    spread = [np.abs(geometric_noise([0] * 2000, epsilon, 1, seed=2)).mean() for epsilon in (0.1, 1, 10)]
    assert spread[0] > 5 * spread[1] > 50 * spread[2]


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf"), "1", None])
def test_epsilon_is_a_finite_number_above_zero(epsilon):
    assert refusal(geometric_noise, [1], epsilon, 1, 0) == f"epsilon is a finite number above 0, not {epsilon!r}"
    assert refusal(geometric_noise, [1], 1, epsilon, 0) == f"sensitivity is a finite number above 0, not {epsilon!r}"


@pytest.mark.parametrize("counts", [[1.5], [float("nan")], [float("inf")], ["3"], [None]])
def test_counts_are_whole_numbers(counts):
    assert refusal(geometric_noise, counts, 1, 1, 0) == "counts are whole numbers"


@pytest.mark.parametrize("epsilon", [1e-16, 1e-300])
def test_noise_too_wide_for_its_numbers_is_refused_not_left_out(epsilon):
    message = "epsilon / sensitivity is at least 1e-15, or the noise overflows 64 bits"
    assert refusal(geometric_noise, [1], epsilon, 1, 0) == message
    assert np.abs(geometric_noise([0] * 20, 1e-15, 1, 0)).max() < 2**62
