"""Scores without an attack model: their formulas, their thresholds, and nothing to find where nothing leaks."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from synthetic_bundles import synthetic

from course_lib.membership import (
    Confidence,
    Entropy,
    GapAttack,
    LossThreshold,
    ModifiedEntropy,
    ShadowBundle,
    auc,
    balanced_accuracy,
)

ATTACKS = [GapAttack, LossThreshold, Confidence, Entropy, ModifiedEntropy]


def by_definition(attack, p, label):
    others = [k for k in range(len(p)) if k != label]
    return {
        GapAttack: lambda: float(max(range(len(p)), key=lambda k: p[k]) == label),
        LossThreshold: lambda: math.log(p[label]),
        Confidence: lambda: max(p),
        Entropy: lambda: sum(q * math.log(q) for q in p),
        ModifiedEntropy: lambda: (1 - p[label]) * math.log(p[label]) + sum(p[k] * math.log(1 - p[k]) for k in others),
    }[attack]()


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_score_is_the_formula_row_by_row(attack):
    draw = np.random.default_rng(0)
    logits, y = draw.normal(0, 2, (50, 5)), draw.integers(5, size=50)
    rows = softmax(logits, axis=1).tolist()
    expected = [by_definition(attack, row, label) for row, label in zip(rows, y, strict=True)]
    np.testing.assert_allclose(attack().score(logits, y), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("attack", ATTACKS)
def test_scores_stay_finite_where_posteriors_round_to_zero_and_one(attack):
    logits, y = [[0.0, 800.0, -800.0], [0.0, 800.0, -800.0]], [1, 2]
    sure_and_right, sure_and_wrong = attack().score(logits, y)
    assert np.isfinite([sure_and_right, sure_and_wrong]).all()
    if attack in (GapAttack, LossThreshold, ModifiedEntropy):  # the others do not look at the label
        assert sure_and_right > sure_and_wrong


def test_the_gap_attack_is_half_of_one_plus_the_gap():
    y, _, logits, members = synthetic(seed=1)
    right = logits.argmax(axis=1) == y
    score = GapAttack().score(logits, y)
    gap = (1 + right[members].mean() - right[~members].mean()) / 2
    assert auc(score[members], score[~members]) == pytest.approx(gap)
    assert balanced_accuracy(score[members], score[~members], threshold=1.0) == pytest.approx(gap)


@pytest.mark.parametrize("attack", ATTACKS)
def test_without_a_leak_there_is_nothing_to_find(attack):
    areas = []
    for seed in range(20):
        y, _, logits, members = synthetic(n_records=200, gain=0.0, seed=seed)
        scores = attack().score(logits, y)
        areas.append(auc(scores[members], scores[~members]))
    assert 0.46 < np.mean(areas) < 0.54


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("per_class", [False, True])
def test_the_border_learnt_on_shadows_is_as_good_as_the_best_on_them(attack, per_class):
    y, bundle, _, _ = synthetic(seed=2)
    fitted = attack(per_class).fit(bundle, y)
    scores = np.stack([fitted.score(rows, y) for rows in bundle.logits])
    members, non_members = scores[bundle.membership], scores[~bundle.membership]
    at_border = balanced_accuracy(members, non_members, threshold=0.0)
    if per_class:
        plain = np.stack([attack().score(rows, y) for rows in bundle.logits])
        assert at_border >= balanced_accuracy(plain[bundle.membership], plain[~bundle.membership]) - 1e-12
    else:
        assert at_border == pytest.approx(balanced_accuracy(members, non_members))


def test_thresholds_of_classes_help_where_classes_differ():
    # Class 0 is easy and class 1 is hard: one threshold for both calls by class, not by membership.
    y = np.tile([0, 1], 200)
    membership = np.repeat([True, False], 200)
    draw = np.random.default_rng(0)
    margin = np.where(y == 0, 8.0, 0.0) + membership * 1.5 + draw.normal(0, 1, 400)
    logits = np.zeros((400, 2))
    logits[np.arange(400), y] = margin
    bundle = ShadowBundle(logits[None], membership[None])
    areas = {}
    for per_class in (False, True):
        scores = LossThreshold(per_class).fit(bundle, y).score(logits, y)
        areas[per_class] = balanced_accuracy(scores[membership], scores[~membership], threshold=0.0)
    assert areas[True] > areas[False] + 0.05


def test_records_that_a_shadow_did_not_use_are_no_non_members():
    logits = np.zeros((1, 4, 2))
    logits[0, :, 0] = [4.0, 3.0, 1.0, 9.0]
    bundle = ShadowBundle(logits, np.array([[True, True, False, False]]), np.array([[True, True, True, False]]))
    border = LossThreshold().fit(bundle, [0, 0, 0, 0]).thresholds[0]
    assert border == pytest.approx(log_softmax([3.0, 0.0])[0])  # the fourth record would push it above 4


def test_fitting_needs_members_and_non_members():
    logits = np.random.default_rng(0).normal(size=(1, 4, 2))
    everyone = ShadowBundle(logits, np.ones((1, 4), dtype=bool))
    with pytest.raises(ValueError, match="the shadow models has 4 member and 0 non-member rows"):
        LossThreshold().fit(everyone, [0, 1, 0, 1])
    by_class = ShadowBundle(logits, np.array([[True, False, True, False]]))
    with pytest.raises(ValueError, match="class 0 has 2 member and 0 non-member rows.*per_class=False"):
        LossThreshold(per_class=True).fit(by_class, [0, 1, 0, 1])


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("logits", "y", "words"),
    [
        ([[0.0, np.nan]], [0], "1 rows of the logits hold NaN or infinity"),
        ([[0.0, -np.inf]], [0], "turn posteriors into logits with log_posteriors"),
        ([[0.3, 0.7], [0.5, 0.5]], [0, 1], "look like posteriors: pass log_posteriors"),
        ([0.0, 1.0], [0], r"logits have shape \(2,\)"),
        ([[1.0]], [0], "at least two classes"),
        (np.zeros((0, 2)), [0], r"logits have shape \(0, 2\)"),
        ([[0.0, 1.0]], [0, 1], "there are 2 labels for 1 rows"),
        ([[0.0, 1.0]], [2], r"label 2 lies outside 0..1"),
        ([[0.0, 1.0]], [-1], "label -1 is below 0"),
        ([[0.0, 1.0]], [0.5], "labels are whole numbers"),
    ],
)
def test_bad_rows_and_labels_are_refused(attack, logits, y, words):
    with pytest.raises(ValueError, match=words):
        attack().score(logits, y)


def test_another_number_of_classes_than_the_shadows_is_refused():
    y, bundle, _, _ = synthetic()
    with pytest.raises(ValueError, match="logits have 3 classes, the shadow models 4"):
        LossThreshold().fit(bundle, y).score(np.zeros((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="there are 59 labels for 60 rows"):
        LossThreshold().fit(bundle, y[:-1])
    with pytest.raises(ValueError, match="look like posteriors"):
        LossThreshold().fit(ShadowBundle(softmax(bundle.logits, axis=-1), bundle.membership), y)


def test_tensors_give_the_same_scores():
    y, _, logits, _ = synthetic()
    expected = ModifiedEntropy().score(logits, y)
    given = ModifiedEntropy().score(torch.tensor(logits, requires_grad=True), torch.tensor(y), records=None)
    assert given.dtype == np.float64
    np.testing.assert_array_equal(given, expected)


def test_an_attack_shows_its_settings():
    assert repr(Entropy(per_class=True)) == "Entropy(per_class=True)"
