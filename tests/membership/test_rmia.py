"""The robust attack: sorting gives what comparing every pair gives, to the last bit."""

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from synthetic_bundles import synthetic

from course_lib.membership import RMIA, ShadowBundle, auc


def naive_ratios(bundle, y, logits, mode, a):
    """p(x | target) / p(x), one record and one shadow model at a time."""
    ratios = []
    for r in range(len(y)):
        p = {True: [], False: []}
        for m in range(bundle.n_models):
            p[bool(bundle.membership[m, r])].append(softmax(bundle.logits[m, r])[y[r]])
        p_out = sum(p[False]) / len(p[False])
        p_in = sum(p[True]) / len(p[True]) if mode == "online" else a * p_out + 1 - a
        ratios.append(softmax(logits[r])[y[r]] / ((p_out + p_in) / 2))
    return np.array(ratios)


def naive_scores(ratios, population, gamma):
    return [sum(x >= gamma * ratios[z] for z in population) / len(population) for x in ratios]


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("a", [0.0, 0.3, 1.0])
def test_sorting_equals_the_double_loop_exactly(mode, gamma, a):
    y, bundle, logits, _ = synthetic(seed=1)
    attack = RMIA(mode, a, gamma).fit(bundle, y)
    ratios = attack.ratios(logits, y)
    np.testing.assert_allclose(ratios, naive_ratios(bundle, y, logits, mode, a), rtol=1e-12)
    everyone = range(60)
    assert attack.score(logits, y).tolist() == naive_scores(ratios, everyone, gamma)
    some = [3, 50, 50, 8]
    assert attack.score(logits, y, population=some).tolist() == naive_scores(ratios, some, gamma)


def test_ties_count_as_dominated_and_equal_records_score_alike():
    y, bundle, logits, _ = synthetic(seed=2)
    twice = np.r_[np.arange(60), np.arange(60)]
    attack = RMIA().fit(bundle, y)
    scores = attack.score(logits[twice], y[twice], records=twice)
    assert scores[:60].tolist() == scores[60:].tolist()
    assert scores.tolist() == naive_scores(attack.ratios(logits[twice], y[twice], twice), range(120), 1.0)
    assert scores.max() == 1


def test_at_gamma_one_the_score_ranks_like_the_ratio():
    y, bundle, logits, members = synthetic(seed=3, n_records=300)
    attack = RMIA().fit(bundle, y)
    ratios, scores = attack.ratios(logits, y), attack.score(logits, y)
    assert auc(scores[members], scores[~members]) == pytest.approx(auc(ratios[members], ratios[~members]))


def test_it_finds_members_and_finds_none_without_a_leak():
    for mode in ("online", "offline"):
        y, bundle, logits, members = synthetic(n_records=1000, gain=2.0, seed=4)
        scores = RMIA(mode).fit(bundle, y).score(logits, y)
        assert auc(scores[members], scores[~members]) > 0.75
        areas = []
        for seed in range(20):
            y, bundle, logits, members = synthetic(n_records=200, gain=0.0, seed=seed)
            scores = RMIA(mode).fit(bundle, y).score(logits, y)
            areas.append(auc(scores[members], scores[~members]))
        assert 0.46 < np.mean(areas) < 0.54


def test_offline_needs_no_model_trained_on_the_records():
    y, bundle, logits, _ = synthetic()
    outsiders = ShadowBundle(bundle.logits, np.zeros_like(bundle.membership))
    assert np.isfinite(RMIA("offline").fit(outsiders, y).score(logits, y)).all()
    with pytest.raises(ValueError, match='60 records .* are never in: .*or take mode="offline"'):
        RMIA("online").fit(outsiders, y)
    insiders = ShadowBundle(bundle.logits, np.ones_like(bundle.membership))
    with pytest.raises(ValueError, match="60 records .* are never out: every"):
        RMIA("offline").fit(insiders, y)
    half = np.ones_like(bundle.membership)
    half[:, :30] = False
    attack = RMIA("offline").fit(ShadowBundle(bundle.logits, half), y, records=np.arange(30))
    assert attack.score(logits[:30], y[:30], records=np.arange(30)).shape == (30,)
    with pytest.raises(ValueError, match="records 31 were left out of fit"):
        attack.score(logits[31:32], y[31:32], records=[31])


def test_a_posterior_that_rounds_to_zero_makes_no_nan():
    y, logits = [0], np.array([[[-800.0, 800.0]], [[-800.0, 800.0]]])
    bundle = ShadowBundle(logits, np.array([[True], [False]]))
    attack = RMIA().fit(bundle, y)
    assert attack.ratios([[-800.0, 800.0]], y).tolist() == [0.0]
    assert math.isfinite(attack.score([[800.0, -800.0]], y)[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mode": "both"}, "mode is 'online' or 'offline', got 'both'"),
        ({"a": -0.1}, "a is a number in .0, 1., got -0.1"),
        ({"a": np.nan}, "a is a number in .0, 1., got nan"),
        ({"gamma": 0}, "gamma is a number above 0, got 0"),
        ({"gamma": np.inf}, "gamma is a number above 0, got inf"),
    ],
)
def test_unknown_settings_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        RMIA(**arguments)


def test_bad_rows_are_refused():
    y, bundle, logits, _ = synthetic()
    attack = RMIA(a=0.2)
    with pytest.raises(ValueError, match=r"RMIA\(mode='online', a=0.2, gamma=1.0\) knows no shadow models yet"):
        attack.score(logits, y)
    attack.fit(bundle, y)
    for arguments, words in [
        ((logits[:5], y[:5]), "5 rows are scored, the shadow models know 60 records"),
        ((logits, y[:5]), "there are 5 labels for 60 rows"),
        ((softmax(logits, axis=1), y), "look like posteriors"),
        ((logits, y, np.arange(5)), r"records has shape \(5,\)"),
        ((logits, y, None, []), "records are whole numbers|the population is empty"),
        ((logits, y, None, np.array([], dtype=int)), "the population is empty"),
        ((logits, y, None, [60]), "records reach from 60 to 60"),
    ]:
        with pytest.raises(ValueError, match=words):
            attack.score(*arguments)


def test_tensors_give_the_same_scores():
    y, bundle, logits, _ = synthetic()
    attack = RMIA().fit(bundle, torch.tensor(y))
    given = attack.score(torch.tensor(logits), torch.tensor(y), torch.arange(60), torch.arange(30))
    np.testing.assert_array_equal(given, attack.score(logits, y, population=np.arange(30)))
