"""Attack models a class: what they learn, who judges whom, and classes they cannot learn."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from synthetic_bundles import synthetic

from course_lib.membership import ShadowAttack, ShadowBundle, auc, balanced_accuracy
from course_lib.membership.shadow_attack import _forward, _stacked_layers


def leaky_by_class(seed=0, n=800):
    """Members of class 0 are surer than non-members, members of class 1 less sure: only a model a class sees it."""
    draw = np.random.default_rng(seed)
    y, members = np.arange(n) % 2, draw.random(n) < 0.05
    margin = 2.0 + np.where(y == 0, 1, -1) * np.where(members, 1.0, -1.0) + draw.normal(0, 0.5, n)
    logits = np.zeros((n, 2))
    logits[np.arange(n), y] = margin
    return y, members, logits


def test_each_class_has_a_model_of_its_own():
    y, members, logits = leaky_by_class()
    attack = ShadowAttack("sorted", route="true").fit(ShadowBundle(logits[None], members[None]), y)
    y, members, logits = leaky_by_class(seed=1)
    scores = attack.score(logits, y)
    assert auc(scores[members], scores[~members]) > 0.95
    swapped = attack.score(logits, 1 - y)
    assert auc(swapped[members], swapped[~members]) < 0.5


def test_without_hidden_layers_it_is_a_logistic_regression_a_class():
    y, bundle, logits, _ = synthetic(n_models=20, n_records=80, seed=1)
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.05)  # noqa: E731
    attack = ShadowAttack("log_posteriors", "true", layers=(), optimizer=adam, epochs=1500, batch_size=1024)
    scores = attack.fit(bundle, y).score(logits, y)
    for k in range(4):
        rows = log_softmax(bundle.logits[:, y == k].reshape(-1, 4), axis=1)
        was_in = bundle.membership[:, y == k].reshape(-1)
        oracle = LogisticRegression(C=1e6, class_weight="balanced", max_iter=1000).fit(rows, was_in)
        expected = oracle.decision_function(log_softmax(logits[y == k], axis=1))
        assert np.corrcoef(scores[y == k], expected)[0, 1] > 0.99
        assert abs(scores[y == k] - expected).max() < 0.25 * np.ptp(expected)


def test_no_class_learns_from_the_rows_of_another():
    parameters = _stacked_layers(3, (4, 5, 1), torch.Generator().manual_seed(0))
    _forward(parameters, torch.rand(3, 6, 4))[1].sum().backward()
    for parameter in parameters:
        assert (parameter.grad[[0, 2]] == 0).all()
        assert (parameter.grad[1] != 0).any()


def test_a_row_is_judged_by_the_predicted_class_or_by_the_true_one():
    y, members, logits = leaky_by_class()
    bundle = ShadowBundle(logits[None], members[None])
    by_prediction, by_label = (ShadowAttack(route=route).fit(bundle, y) for route in ("predicted", "true"))
    rows, labels = np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([1, 1])  # the first is predicted wrongly
    predicted, true = by_prediction.score(rows, labels), by_label.score(rows, labels)
    assert predicted[1] == true[1]
    assert predicted[0] != true[0]
    assert predicted[0] == by_label.score(rows, [0, 1])[0]


@pytest.mark.parametrize("features", ["posteriors", "sorted", "top3", "log_posteriors"])
def test_every_kind_of_features_finds_members(features):
    y, bundle, logits, members = synthetic(n_models=20, n_records=400, gain=3.0, seed=2)
    scores = ShadowAttack(features, epochs=60).fit(bundle, y).score(logits, y)
    assert auc(scores[members], scores[~members]) > 0.65


def test_without_a_leak_there_is_nothing_to_find():
    areas = []
    for seed in range(8):
        y, bundle, logits, members = synthetic(n_records=400, gain=0.0, seed=seed)
        scores = ShadowAttack(epochs=10, seed=seed).fit(bundle, y).score(logits, y)
        areas.append(auc(scores[members], scores[~members]))
    assert 0.46 < np.mean(areas) < 0.54


def test_zero_is_the_border_also_where_out_rows_are_many():
    y, bundle, logits, members = synthetic(n_models=20, n_records=400, gain=4.0, seed=3)
    few = bundle.membership & (np.random.default_rng(0).random(bundle.membership.shape) < 0.2)
    lopsided = ShadowBundle(bundle.logits, few, few | ~bundle.membership)  # what is neither is not used
    scores = ShadowAttack(epochs=60).fit(lopsided, y).score(logits, y)
    at_zero = balanced_accuracy(scores[members], scores[~members], threshold=0.0)
    assert at_zero > balanced_accuracy(scores[members], scores[~members]) - 0.04
    assert 0.3 < (scores >= 0).mean() < 0.7


def test_unused_records_are_not_learnt_from():
    y, bundle, logits, _ = synthetic(seed=4)
    half = np.arange(60) < 30
    poisoned = bundle.logits.copy()
    poisoned[:, ~half] = 1000.0 * np.eye(4)[y[~half]]
    used = np.broadcast_to(half, bundle.membership.shape)
    clean = ShadowBundle(bundle.logits[:, half], bundle.membership[:, half])
    dirty = ShadowBundle(poisoned, bundle.membership & used, used)
    scores = [ShadowAttack(epochs=2).fit(b, labels).score(logits, y) for b, labels in ((clean, y[half]), (dirty, y))]
    np.testing.assert_array_equal(*scores)


def test_the_seed_decides():
    y, bundle, logits, _ = synthetic()
    one, same, other = (ShadowAttack(epochs=2, seed=s).fit(bundle, y).score(logits, y) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    ShadowAttack(epochs=1).fit(bundle, y)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_class_without_in_or_out_rows_is_refused():
    y, bundle, _, _ = synthetic()
    no_in = ShadowBundle(bundle.logits, bundle.membership & (y != 2))
    with pytest.raises(ValueError, match="classes 2 have no in rows or no out rows: an attack model needs both"):
        ShadowAttack().fit(no_in, y)
    no_out = ShadowBundle(bundle.logits, bundle.membership | (y == 1))
    with pytest.raises(ValueError, match="classes 1 have no in rows or no out rows"):
        ShadowAttack().fit(no_out, y)
    with pytest.raises(ValueError, match="classes 3 have no in rows"):
        ShadowAttack().fit(bundle, np.where(y == 3, 0, y))


def test_training_that_diverges_is_refused():
    y, bundle, _, _ = synthetic()
    wild = lambda parameters: torch.optim.SGD(parameters, lr=1e30)  # noqa: E731
    with pytest.raises(ValueError, match="ended in NaN or infinity: lower the learning rate"):
        ShadowAttack(optimizer=wild).fit(bundle, y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"features": "gradients"}, "features is one of 'posteriors', 'sorted', 'top3', 'log_posteriors'"),
        ({"route": "both"}, "route is 'predicted' or 'true', got 'both'"),
        ({"layers": (64, 0)}, "a layer's width is a whole number from 1, not 0"),
        ({"epochs": 0}, "epochs is a whole number from 1, not 0"),
        ({"batch_size": 2.5}, "batch_size is a whole number from 1, not 2.5"),
    ],
)
def test_unknown_settings_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        ShadowAttack(**arguments)


def test_bad_rows_are_refused():
    y, bundle, logits, _ = synthetic()
    with pytest.raises(ValueError, match=r"layers=\(64,\)\) knows no shadow models yet"):
        ShadowAttack().score(logits, y)
    attack = ShadowAttack(epochs=1).fit(bundle, y)
    with pytest.raises(ValueError, match="logits have 3 classes, the shadow models 4"):
        attack.score(logits[:, :3], y % 3)
    with pytest.raises(ValueError, match="there are 1 labels for 60 rows"):
        attack.score(logits, [0])
