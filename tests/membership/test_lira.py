"""Likelihood ratios: a double loop over records and models, normal data, and plans that cannot carry them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import softmax
from synthetic_bundles import synthetic

from course_lib.membership import LiRA, ShadowBundle, ShadowPlan, Split, auc, log_posteriors, scaled_confidence


def naive(bundle, y, logits, mode, variance):
    """Algorithm 1 of Carlini et al. 2022, one record and one shadow model at a time."""

    def phi(row, label):
        p = softmax(row)
        return math.log(p[label]) - math.log(sum(p[k] for k in range(len(p)) if k != label))

    n_models, n_records, _ = bundle.logits.shape
    kinds = {"in": [], "out": []}
    for r in range(n_records):
        for kind, found in kinds.items():
            found.append(
                [phi(bundle.logits[m, r], y[r]) for m in range(n_models) if bundle.membership[m, r] == (kind == "in")]
            )
    pooled = {
        kind: math.sqrt(
            sum((v - sum(vs) / len(vs)) ** 2 for vs in found for v in vs) / sum(len(vs) - 1 for vs in found)
        )
        for kind, found in kinds.items()
    }
    scores = []
    for r in range(n_records):
        logs, z = {}, {}
        for kind, found in kinds.items():
            mu = sum(found[r]) / len(found[r])
            own = math.sqrt(sum((v - mu) ** 2 for v in found[r]) / (len(found[r]) - 1))
            sigma = pooled[kind] if variance == "fixed" else own
            z[kind] = (phi(logits[r], y[r]) - mu) / sigma
            logs[kind] = -math.log(sigma * math.sqrt(2 * math.pi)) - z[kind] ** 2 / 2
        scores.append(z["out"] if mode == "offline" else logs["in"] - logs["out"])
    return np.array(scores)


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("variance", ["fixed", "per_example"])
@pytest.mark.parametrize("seed", range(3))
def test_the_scores_are_those_of_a_double_loop(mode, variance, seed):
    y, bundle, logits, _ = synthetic(seed=seed)
    expected = naive(bundle, y, logits, mode, variance)
    score = LiRA(mode, variance).fit(bundle, y).score(logits, y)
    assert (abs(score - expected) / np.maximum(1, abs(expected))).max() < 1e-13


def test_offline_ranks_like_the_tail_of_the_normal():
    y, bundle, logits, _ = synthetic(seed=4)
    attack = LiRA("offline", "per_example").fit(bundle, y)
    tail = stats.norm.sf(scaled_confidence(logits, y), attack.means["out"], attack.deviations["out"])
    np.testing.assert_array_equal(np.argsort(attack.score(logits, y)), np.argsort(-tail))
    # Far in the tail 1 - Pr rounds to 1 for all; the score still tells them apart.
    far = np.array([[40.0, 0, 0, 0], [80.0, 0, 0, 0]])
    low, high = LiRA("offline").fit(bundle, y).score(far, y[[0, 0]], records=[0, 0])
    assert high > low > 8.3


def test_the_scaled_confidence_does_not_round_to_infinity():
    sure = scaled_confidence([[800.0, 0.0, 0.0], [-800.0, 0.0, 0.0]], [0, 0])
    np.testing.assert_allclose(sure, [800 - math.log(2), -800 - math.log(2)])
    np.testing.assert_allclose(scaled_confidence(log_posteriors([[0.9, 0.1]]), [0]), [math.log(9)])


def test_on_normal_data_it_is_the_best_test_there_is():
    """With the true means and deviations learnt, the area is the one the theory of two normals gives."""
    y, bundle, logits, members = synthetic(n_models=200, n_records=2000, gain=2.0, seed=5)
    score = LiRA().fit(bundle, y).score(logits, y)
    # phi is the label's logit, deviation .5, less a soft maximum of three such: its own deviation is about .3.
    spread = np.std(scaled_confidence(bundle.logits[:, 0], np.full(200, y[0]))[bundle.membership[:, 0]])
    expected = stats.norm.cdf(2.0 / (spread * math.sqrt(2)))
    assert auc(score[members], score[~members]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("variance", ["fixed", "per_example"])
def test_without_a_leak_there_is_nothing_to_find(mode, variance):
    areas = []
    for seed in range(20):
        y, bundle, logits, members = synthetic(n_records=200, gain=0.0, seed=seed)
        scores = LiRA(mode, variance).fit(bundle, y).score(logits, y)
        areas.append(auc(scores[members], scores[~members]))
    assert 0.46 < np.mean(areas) < 0.54


def test_rows_are_matched_to_records():
    y, bundle, logits, _ = synthetic()
    attack = LiRA().fit(bundle, y)
    everyone = attack.score(logits, y)
    chosen = np.array([7, 3, 3, 40])
    np.testing.assert_array_equal(attack.score(logits[chosen], y[chosen], records=chosen), everyone[chosen])
    np.testing.assert_array_equal(
        attack.score(torch.tensor(logits), torch.tensor(y), records=torch.arange(60)), everyone
    )
    # Matched to other records, the same rows get other scores: the attack is not blind to the match.
    assert (attack.score(logits, y, records=np.roll(np.arange(60), 4)) != everyone).all()


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (None, "3 rows are scored, the shadow models know 60 records: say with records="),
        ([0, 1], r"records has shape \(2,\); one for each of 3 rows"),
        ([0, 1, 60], "records reach from 0 to 60; the bundle holds 0 to 59"),
        ([0, 1, -1], "records reach from -1 to 1"),
        ([0.0, 1.0, 2.0], "records are whole numbers, got float64"),
        ([True, True, False], "got bool; turn a mask into them with np.flatnonzero"),
    ],
)
def test_rows_without_their_records_are_refused(records, words):
    y, bundle, logits, _ = synthetic()
    with pytest.raises(ValueError, match=words):
        LiRA().fit(bundle, y).score(logits[:3], y[:3], records=records)


def test_an_attack_is_fitted_first():
    with pytest.raises(ValueError, match=r"LiRA\(mode='online', variance='fixed'\) knows no shadow models yet"):
        LiRA().score([[0.0, 1.0]], [0])


def test_pools_have_no_in_models_for_the_target_records():
    split = Split(np.arange(4), np.arange(4, 8), np.arange(8, 20), np.arange(20, 32))
    plan = ShadowPlan.disjoint_pools(split, n_models=6, set_size=12, seed=0)
    draw = np.random.default_rng(0)
    logits, y = draw.normal(size=(6, 32, 3)), np.arange(32) % 3
    bundle = ShadowBundle(logits, plan.membership, plan.used)
    with pytest.raises(ValueError, match="12 records .record 8, 9, 10, 11, 12 and 7 more. are never out"):
        LiRA("offline").fit(bundle, y)
    nobody_in = ShadowBundle(logits, np.zeros_like(plan.membership))
    with pytest.raises(ValueError, match='32 records .* are never in: no shadow model .*or take mode="offline"'):
        LiRA("online").fit(nobody_in, y)
    target = np.arange(8)
    attack = LiRA("offline").fit(bundle, y, records=target)
    assert attack.score(logits[0, :8], y[:8], records=target).shape == (8,)
    with pytest.raises(ValueError, match=r"records 8 were left out of fit\(..., records=...\)"):
        attack.score(logits[0, 8:9], y[8:9], records=[8])


def test_a_variance_needs_two_models():
    draw = np.random.default_rng(0)
    logits, y = draw.normal(size=(4, 6, 3)), np.arange(6) % 3
    out = np.zeros((4, 6), dtype=bool)
    with pytest.raises(ValueError, match="there is 1 shadow model; a variance needs at least 2"):
        LiRA("offline").fit(ShadowBundle(logits[:1], out[:1]), y)
    out[1:, 2] = True
    with pytest.raises(ValueError, match="records 2 are out in fewer than 2 shadow models, too few for a variance"):
        LiRA("offline", "per_example").fit(ShadowBundle(logits, out), y)
    assert np.isfinite(LiRA("offline", "fixed").fit(ShadowBundle(logits, out), y).score(logits[0], y)).all()


def test_two_complementary_models_share_one_spread():
    y, bundle, logits, members = synthetic(n_models=2, n_records=400, gain=6.0)
    scores = LiRA().fit(bundle, y).score(logits, y)
    assert auc(scores[members], scores[~members]) > 0.9
    with pytest.raises(ValueError, match="fewer than 2 shadow models"):
        LiRA(variance="per_example").fit(bundle, y)


@pytest.mark.parametrize("variance", ["fixed", "per_example"])
def test_copies_of_one_model_are_refused(variance):
    y, bundle, _, _ = synthetic()
    copies = ShadowBundle(np.repeat(bundle.logits[:1], 8, axis=0), bundle.membership)
    with pytest.raises(ValueError, match="agree exactly on records 0, 1, 2, 3, 4 and 55 more"):
        LiRA(variance=variance).fit(copies, y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mode": "live"}, "mode is 'online' or 'offline', got 'live'"),
        ({"variance": "global"}, "variance is 'fixed' or 'per_example', got 'global'"),
    ],
)
def test_unknown_settings_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        LiRA(**arguments)


def test_bad_logits_and_labels_are_refused():
    y, bundle, logits, _ = synthetic()
    attack = LiRA().fit(bundle, y)
    for wrong, words in [(logits * np.nan, "60 rows of the logits hold NaN"), (softmax(logits, axis=1), "posteriors")]:
        with pytest.raises(ValueError, match=words):
            attack.score(wrong, y)
    with pytest.raises(ValueError, match="logits have 3 classes, the shadow models 4"):
        attack.score(logits[:, :3], y % 3)
    with pytest.raises(ValueError, match="there are 59 labels for 60 rows"):
        LiRA().fit(bundle, y[1:])
