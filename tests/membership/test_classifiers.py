"""Shadows of scikit-learn: the same posteriors as by hand, seeded, and refused where they must be."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from course_lib.datasets import purchase_like
from course_lib.membership import ShadowPlan, train_classifiers

X, Y = purchase_like(80, n_features=12, n_classes=4, flip=0.2)
PLAN = ShadowPlan.half_sampling(80, 6, seed=0)


def forest():
    return RandomForestClassifier(n_estimators=5, max_depth=3)


@pytest.mark.parametrize("classifier", [KNeighborsClassifier, lambda: LogisticRegression(C=0.1)])
def test_logits_are_the_logarithms_of_the_classifiers_own_posteriors(classifier):
    bundle = train_classifiers(X, Y, PLAN, classifier)
    for m in range(PLAN.n_models):
        members = PLAN.membership[m]
        expected = classifier().fit(X[members], Y[members]).predict_proba(X)
        np.testing.assert_allclose(np.exp(bundle.logits[m]), np.maximum(expected, 1e-7), rtol=0, atol=1e-12)
    assert (bundle.membership == PLAN.membership).all() and bundle.details["seed"] == 0


def test_a_full_tree_remembers_its_members_and_a_stump_does_not():
    tree = train_classifiers(X, Y, PLAN, DecisionTreeClassifier)
    right = tree.logits.argmax(axis=2) == Y
    assert right[PLAN.membership].mean() == 1 and right[~PLAN.membership].mean() < 0.9
    constant = train_classifiers(X, Y, PLAN, lambda: DecisionTreeClassifier(max_leaf_nodes=2))
    assert len(np.unique(constant.logits[0], axis=0)) == 2


def test_a_class_that_a_shadow_never_saw_has_the_floor():
    membership = np.zeros((2, 80), dtype=bool)
    membership[0], membership[1] = Y < 3, Y != 1
    membership[:, :20] = False
    bundle = train_classifiers(X, Y, ShadowPlan(membership), KNeighborsClassifier, floor=1e-4)
    assert bundle.logits.shape == (2, 80, 4)
    assert (bundle.logits[0, :, 3] == np.log(1e-4)).all() and (bundle.logits[1, :, 1] == np.log(1e-4)).all()
    assert (bundle.logits[0, :, 1] > np.log(0.5)).any()


@pytest.mark.parametrize("classifier", [forest, lambda: make_pipeline(StandardScaler(), forest())])
def test_what_a_classifier_draws_depends_on_seed_and_number_only(classifier):
    state = np.random.get_state()[1].copy()
    bundle = train_classifiers(X, Y, PLAN, classifier, seed=3)
    assert (train_classifiers(X, Y, PLAN, classifier, seed=3).logits == bundle.logits).all()
    assert (train_classifiers(X, Y, PLAN.subset([5, 1]), classifier, seed=3).logits == bundle.logits[[5, 1]]).all()
    assert (train_classifiers(X, Y, PLAN, classifier, seed=4).logits != bundle.logits).any()
    twins = ShadowPlan(np.tile(PLAN.membership[:1], (2, 1)))
    assert (np.diff(train_classifiers(X, Y, twins, classifier).logits, axis=0) != 0).any()
    assert (np.random.get_state()[1] == state).all()


def test_processes_give_equal_posteriors():
    serial = train_classifiers(X, Y, PLAN, forest)
    assert (train_classifiers(X, Y, PLAN, forest, n_jobs=2).logits == serial.logits).all()


def test_a_state_that_the_reader_fixed_is_kept():
    twins = ShadowPlan(np.tile(PLAN.membership[:1], (2, 1)))
    fixed = train_classifiers(X, Y, twins, lambda: forest().set_params(random_state=0))
    assert (fixed.logits[0] == fixed.logits[1]).all()


class Frequencies(ClassifierMixin, BaseEstimator):
    """A classifier of the reader's own: the shares of the classes, whatever the record."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))


class Overdone(Frequencies):
    def predict_proba(self, X):
        return 2 * super().predict_proba(X)


def test_a_classifier_of_ones_own_is_taken_and_a_constant_one_tells_nothing():
    bundle = train_classifiers(X, Y, PLAN, Frequencies)
    assert (np.ptp(bundle.logits, axis=1) == 0).all()
    shares = np.bincount(Y[PLAN.membership[2]], minlength=4) / PLAN.membership[2].sum()
    np.testing.assert_allclose(np.exp(bundle.logits[2, 0]), shares)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"classifier": StandardScaler},
            "StandardScaler has no predict_proba; take a classifier that gives posteriors",
        ),
        ({"classifier": object}, "object has no fit and no predict_proba"),
        ({"classifier": Overdone}, "these look like"),
        ({"y": Y - 1}, "label -1 is below 0"),
        ({"X": X[:-1]}, "X has 79 rows, y 80 labels"),
        ({"seed": -1}, "seed is a whole number from 0"),
        ({"floor": 0}, "outside (0, 1)"),
        ({"plan": ShadowPlan.half_sampling(79, 2, 0)}, "the plan is over 79 records, X has 80"),
        ({"plan": ShadowPlan(np.tile(Y != 2, (2, 1)))}, "class 2 has no in rows in any shadow"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(ValueError) as error:
        train_classifiers(**{"X": X, "y": Y, "plan": PLAN, "classifier": KNeighborsClassifier, **arguments})
    assert words in str(error.value)
