"""Intervals that cover, bounds that hold, and audits that accuse nobody who kept the guarantee."""

import math

import numpy as np
import pytest
from scipy import stats

from course_lib.membership import auc, bootstrap_interval, dp_tpr_bound, epsilon_lower_bound, tpr_at_fpr
from course_lib.membership.audit import _one_run_chance


def normal_scores(seed, shift, n=200):
    draw = np.random.default_rng(seed)
    return draw.normal(shift, 1, n), draw.normal(0, 1, n)


def test_the_interval_holds_the_true_area_about_as_often_as_it_says():
    shift = 1.0
    truth = stats.norm.cdf(shift / math.sqrt(2))
    held = 0
    for seed in range(60):
        low, high = bootstrap_interval(auc, *normal_scores(seed, shift), level=0.9, n_resamples=200, seed=seed)
        held += low <= truth <= high
    assert 46 <= held <= 60  # 54 expected; fewer than 46 has a chance below 1 in 1000


def test_the_interval_is_as_wide_as_theory_says_and_repeats():
    members, non_members = normal_scores(0, 0.0, n=400)
    low, high = bootstrap_interval(auc, members, non_members, seed=3)
    assert (low, high) == bootstrap_interval(auc, members, non_members, seed=3)
    assert (low, high) != bootstrap_interval(auc, members, non_members, seed=4)
    deviation = math.sqrt((2 * 400 + 1) / (12 * 400 * 400))  # of the Mann-Whitney area at chance
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": 0}, "a level of 0 is outside"),
        ({"level": 95}, "95 % is written 0.95"),
        ({"n_resamples": 10}, "10 resamples say little"),
    ],
)
def test_intervals_refuse_what_they_cannot_give(arguments, words):
    with pytest.raises(ValueError, match=words):
        bootstrap_interval(auc, [1.0, 2.0], [0.0, 1.0], **arguments)


def test_an_interval_of_what_cannot_be_measured_is_refused():
    with pytest.warns(UserWarning, match="finer"), pytest.raises(ValueError, match="NaN on 100 of 100 resamples"):
        bootstrap_interval(lambda m, n: tpr_at_fpr(m, n, 0.001), [1.0, 2.0], [0.0, 1.0], n_resamples=100)
    with pytest.raises(ValueError, match="scores of members are NaN"):
        bootstrap_interval(auc, [np.nan], [0.0])


def test_the_bound_by_hand():
    assert dp_tpr_bound(1.0, 1e-5, 0.01) == pytest.approx(math.e * 0.01 + 1e-5)
    # At many alarms the complement binds: at most so many members may be missed.
    assert dp_tpr_bound(1.0, 0.0, 0.9) == pytest.approx(1 - 0.1 / math.e)
    assert dp_tpr_bound(math.inf, 0.0, 0.0) == 1
    np.testing.assert_allclose(dp_tpr_bound(0.0, 0.1, [0.0, 0.5, 1.0]), [0.1, 0.6, 1.0])


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("delta", [0.0, 1e-3, 0.2])
def test_no_test_of_two_outcomes_that_keep_the_guarantee_beats_the_bound(epsilon, delta):
    """The worst pair of distributions has four outcomes; all of its mixed tests lie on or below the bound."""
    grow = math.exp(epsilon)
    member = np.array([delta, (1 - delta) * grow / (1 + grow), (1 - delta) / (1 + grow), 0.0])
    other = np.array([0.0, (1 - delta) / (1 + grow), (1 - delta) * grow / (1 + grow), delta])
    tpr, fpr = np.cumsum(member), np.cumsum(other)  # likelihood ratios fall from left to right
    np.testing.assert_allclose(dp_tpr_bound(epsilon, delta, np.minimum(fpr, 1)), tpr, atol=1e-12)  # the bound is tight
    draw = np.random.default_rng(0)
    for _ in range(200):
        test = draw.random(4)
        assert test @ member <= dp_tpr_bound(epsilon, delta, float(test @ other)) + 1e-12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 0, 0.5), "an epsilon of -1 is not 0 or more"),
        ((math.nan, 0, 0.5), "an epsilon of nan"),
        ((1, 2, 0.5), "a delta of 2 is outside"),
        ((1, 0, 1.5), "false-positive rates lie in"),
        ((1, 0, [0.1, math.nan]), "false-positive rates lie in"),
    ],
)
def test_the_bound_refuses_what_is_no_guarantee(arguments, words):
    with pytest.raises(ValueError, match=words):
        dp_tpr_bound(*arguments)


def test_an_audit_by_hand():
    # All of 100 members found: TPR is at least .025^(1/100); no alarm among 100: FPR at most 1 - that.
    least = 0.025 ** (1 / 100)
    bound = epsilon_lower_bound([1.0] * 100, [0.0] * 100, threshold=0.5)
    assert bound == pytest.approx(math.log(least / (1 - least)))
    shaved = epsilon_lower_bound([1.0] * 100, [0.0] * 100, threshold=0.5, delta=0.1)
    assert shaved == pytest.approx(math.log((least - 0.1) / (1 - least)))


def test_sure_non_members_prove_as_much_as_sure_members():
    # 30 non-members stand far below everybody: found by TNR / FNR, missed by TPR / FPR.
    members, non_members = np.zeros(100), np.r_[np.zeros(70), np.full(30, -9.0)]
    assert epsilon_lower_bound(members, non_members, threshold=-1.0) > 1
    assert epsilon_lower_bound(-non_members, -members, threshold=1.0) > 1


def randomised_response(seed, epsilon, n=400):
    """Scores of a mechanism that keeps epsilon and no less: the truth with chance e^epsilon / (1 + e^epsilon)."""
    draw = np.random.default_rng(seed)
    truth = math.exp(epsilon) / (1 + math.exp(epsilon))
    return (draw.random(n) < truth).astype(float), (draw.random(n) >= truth).astype(float)


@pytest.mark.parametrize("method", ["independent", "one_run"])
@pytest.mark.parametrize("threshold", [0.5, None])
def test_the_bound_seldom_exceeds_the_truth_and_comes_near(method, threshold):
    bounds = [
        epsilon_lower_bound(*randomised_response(seed, 1.0), threshold=threshold, method=method, seed=seed)
        for seed in range(50)
    ]
    assert sum(bound > 1.0 for bound in bounds) <= 7  # 2.5 allowed on average; 8 has a chance below 1 in 200
    assert np.median(bounds) > 0.6


def test_a_threshold_fitted_to_its_own_trials_would_accuse_the_innocent():
    """Why half of the records are spent on the threshold."""
    from course_lib.membership import best_threshold

    accused = {"fitted": 0, "halves": 0}
    for seed in range(100):
        members, non_members = normal_scores(seed, 0.0, n=60)
        fitted = best_threshold(members, non_members)
        accused["fitted"] += epsilon_lower_bound(members, non_members, threshold=fitted, level=0.8) > 0
        accused["halves"] += epsilon_lower_bound(members, non_members, level=0.8, seed=seed) > 0
    assert accused["halves"] <= 30  # 20 allowed on average
    assert accused["fitted"] > accused["halves"]


@pytest.mark.parametrize("method", ["independent", "one_run"])
def test_scores_that_say_nothing_prove_nothing(method):
    assert epsilon_lower_bound([0.0] * 50, [0.0] * 50, threshold=0.0, method=method) == 0
    assert epsilon_lower_bound([0.0] * 50, [0.0] * 50, method=method) == 0
    # Worse than chance on one side only.
    assert epsilon_lower_bound([0.0] * 50, [1.0] * 50, threshold=0.5, method=method) == 0


def test_one_run_chance_without_delta_is_the_binomial_tail():
    q = math.e / (1 + math.e)
    tail = sum(math.comb(20, k) * q**k * (1 - q) ** (20 - k) for k in range(17, 21))
    assert _one_run_chance(17, 20, 1.0, 0.0) == pytest.approx(tail)


def test_one_run_chance_with_delta_is_that_of_a_double_loop():
    q, n, v, delta = math.e / (1 + math.e), 30, 25, 1e-3
    pmf = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    slack = max(sum(pmf[v - j] for j in range(1, i + 1)) / i for i in range(1, v + 1))
    assert _one_run_chance(v, n, 1.0, delta) == pytest.approx(sum(pmf[v:]) + 2 * n * delta * slack)
    assert _one_run_chance(v, n, 1.0, 1.0) == 1.0
    assert epsilon_lower_bound([1.0] * 50, [0.0] * 50, 1e-4, threshold=0.5, method="one_run") < epsilon_lower_bound(
        [1.0] * 50, [0.0] * 50, 0.0, threshold=0.5, method="one_run"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"delta": -0.1}, "a delta of -0.1 is outside"),
        ({"level": 1}, "a level of 1 is outside"),
        ({"method": "guess"}, "method is 'independent' or 'one_run', got 'guess'"),
    ],
)
def test_audits_refuse_what_is_no_audit(arguments, words):
    with pytest.raises(ValueError, match=words):
        epsilon_lower_bound([1.0, 2.0], [0.0, 1.0], **arguments)


def test_an_audit_needs_records_and_numbers():
    with pytest.raises(ValueError, match="one record a side cannot both set a threshold and test it"):
        epsilon_lower_bound([1.0], [0.0])
    with pytest.raises(ValueError, match="1 of 1 scores of members are NaN"):
        epsilon_lower_bound([np.nan], [0.0], threshold=0.5)
    with pytest.raises(ValueError, match="the threshold is NaN"):
        epsilon_lower_bound([1.0], [0.0], threshold=np.nan)
