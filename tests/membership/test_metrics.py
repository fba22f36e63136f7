"""Curves and their numbers: worked by hand, scikit-learn's, and what no ranking may hold."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from course_lib.membership import (
    advantage,
    auc,
    balanced_accuracy,
    best_threshold,
    per_class_report,
    precision_recall,
    roc,
    tpr_at_fpr,
)

MEASURES = [
    auc,
    roc,
    advantage,
    balanced_accuracy,
    precision_recall,
    best_threshold,
    lambda m, n: tpr_at_fpr(m, n, 0.5),
]
# Few distinct values, so that ties are the rule.
SCORES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=30)
many = settings(derandomize=True, max_examples=200, deadline=None, database=None)


def test_a_curve_worked_by_hand():
    curve = roc([4.0, 3.0, 3.0, 1.0], [3.0, 2.0])
    assert curve.thresholds.tolist() == [np.inf, 4, 3, 2, 1]
    assert curve.tpr.tolist() == [0, 0.25, 0.75, 0.75, 1]
    assert curve.fpr.tolist() == [0, 0, 0.5, 1, 1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.fpr = None


@many
@given(SCORES, SCORES)
def test_the_curve_and_its_area_are_those_of_scikit_learn(members, non_members):
    truth, scores = [1] * len(members) + [0] * len(non_members), [*members, *non_members]
    fpr, tpr, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    curve = roc(members, non_members)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-15)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-15)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert auc(members, non_members) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@many
@given(SCORES, SCORES, st.floats(0.01, 1))
def test_the_rate_at_few_alarms_is_the_best_of_all_thresholds(members, non_members, fpr):
    allowed = fpr * len(non_members) + 1e-9
    if allowed < 1:
        with pytest.warns(UserWarning, match="finer than one in"):
            assert np.isnan(tpr_at_fpr(members, non_members, fpr))
        return
    best = max(
        sum(s >= t for s in members) / len(members)
        for t in [*members, *non_members, np.inf]
        if sum(s >= t for s in non_members) <= allowed
    )
    assert tpr_at_fpr(members, non_members, fpr) == pytest.approx(best)


@many
@given(SCORES, SCORES)
def test_the_advantage_is_the_best_of_all_thresholds(members, non_members):
    every = [*members, *non_members, np.inf]
    gains = {t: np.mean(np.array(members) >= t) - np.mean(np.array(non_members) >= t) for t in every}
    assert advantage(members, non_members) == pytest.approx(max(gains.values()))
    assert balanced_accuracy(members, non_members) == pytest.approx((1 + max(gains.values())) / 2)
    assert gains[best_threshold(members, non_members)] == pytest.approx(max(gains.values()))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 3), (1000, 30_000), (15_000, 10_000)])
def test_constant_scores_have_area_one_half_exactly(n, m):
    assert auc(np.full(n, 0.1), np.full(m, 0.1)) == 0.5
    assert advantage(np.full(n, 0.1), np.full(m, 0.1)) == 0
    assert tpr_at_fpr(np.full(n, 0.1), np.full(m, 0.1), 0.5 if m > 1 else 1) == (0 if m > 1 else 1)


def test_ties_between_the_sides_are_not_given_to_the_attack():
    # One threshold calls all of them; a sort that puts members first would say 1.
    assert tpr_at_fpr([1.0] * 5 + [2.0], [1.0] * 10, 0.5) == pytest.approx(1 / 6)


def test_always_in_is_worth_nothing_in_balanced_accuracy():
    members, non_members = np.ones(15_000), np.ones(10_000)
    assert balanced_accuracy(members, non_members, threshold=0.5) == 0.5
    precision, recall = precision_recall(members, non_members, threshold=0.5)
    assert (precision, recall) == (0.6, 1.0)


def test_alarms_are_counted_without_rounding_them_away():
    # 0.29 * 100 is 28.999999999999996: the 29th alarm is still allowed.
    assert tpr_at_fpr([70.5], np.arange(100), 0.29) == 1
    assert tpr_at_fpr([69.5], np.arange(100), 0.29) == 0


def test_a_rate_finer_than_the_data_is_not_a_number():
    with pytest.warns(UserWarning, match="0.001 is finer than one in 999 non-members: NaN; score at least 1000"):
        assert np.isnan(tpr_at_fpr([1.0], np.zeros(999), 0.001))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tpr_at_fpr([1.0], np.zeros(1000), 0.001) == 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_no_ranking_holds_are_refused(measure, bad):
    # NaN sorts last: a curve that does not look calls it the surest member of all.
    with pytest.raises(ValueError, match="2 of 3 scores of members are NaN or infinite"):
        measure([bad, bad, 0.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="1 of 2 scores of non-members are NaN or infinite"):
        measure([1.0], [bad, 2.0])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("scores", "shape"), [([], r"\(0,\)"), ([[1.0]], r"\(1, 1\)")])
def test_no_scores_or_a_table_of_them_are_refused(measure, scores, shape):
    with pytest.raises(ValueError, match=f"scores of members have shape {shape}"):
        measure(scores, [1.0])
    with pytest.raises(ValueError, match=f"scores of non-members have shape {shape}"):
        measure([1.0], scores)


@pytest.mark.parametrize("fpr", [0, -0.1, 1.1, np.nan, 10])
def test_a_rate_outside_its_range_is_refused(fpr):
    with pytest.raises(ValueError, match="outside .0, 1.; 1 % is written 0.01"):
        tpr_at_fpr([1.0], [0.0], fpr)


@pytest.mark.parametrize("measure", [advantage, balanced_accuracy, precision_recall])
def test_a_threshold_that_is_no_number_is_refused(measure):
    with pytest.raises(ValueError, match="the threshold is NaN"):
        measure([1.0], [0.0], threshold=np.nan)


def test_precision_of_nobody_is_not_a_number():
    with pytest.warns(UserWarning, match="no score reaches the threshold 9: precision is NaN"):
        precision, recall = precision_recall([1.0], [0.0], threshold=9)
    assert np.isnan(precision)
    assert recall == 0


def test_tensors_are_taken_off_their_graph():
    members = torch.tensor([3.0, 2.0], requires_grad=True)
    assert auc(members, torch.tensor([2.0, 1.0])) == 0.875
    assert roc(members, [2.0, 1.0]).tpr.dtype == np.float64


def test_the_report_of_each_class():
    # Class 0 is told apart, class 1 is not, class 2 has no non-members.
    report = per_class_report([3.0, 1.0, 1.0, 3.0], [0, 1, 1, 2], [0.0, 1.0], [0, 1], threshold=1.0)
    assert [(r.label, r.n_members, r.n_non_members) for r in report] == [(0, 1, 1), (1, 2, 1), (2, 1, 0)]
    assert [r.auc for r in report[:2]] == [1.0, 0.5]
    assert [r.balanced_accuracy for r in report[:2]] == [1.0, 0.5]
    assert [r.precision for r in report[:2]] == [1.0, pytest.approx(2 / 3)]
    assert [r.recall for r in report] == [1, 1, 1]
    assert np.isnan([report[2].auc, report[2].balanced_accuracy, report[2].precision]).all()


def test_the_report_takes_the_best_common_threshold():
    members, non_members = [5.0, 2.0, 3.0], [0.0, 1.0, 4.0]
    by_default = per_class_report(members, [0, 0, 1], non_members, [0, 0, 1])
    best = best_threshold(members, non_members)
    assert by_default == per_class_report(members, [0, 0, 1], non_members, [0, 0, 1], best)


def test_the_report_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"2 scores of members, labels of shape \(1,\): one label a score"):
        per_class_report([1.0, 2.0], [0], [1.0], [0])
    with pytest.raises(ValueError, match="1 of 1 scores of non-members are NaN"):
        per_class_report([1.0], [0], [np.nan], [0])
