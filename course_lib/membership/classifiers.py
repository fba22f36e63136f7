"""Shadows that are not networks: any classifier with fit and predict_proba, as in scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.labels import whole_number
from course_lib.membership.plans import ShadowPlan
from course_lib.membership.posteriors import log_posteriors
from course_lib.membership.training import checked_data
from course_lib.progress import progress


def train_classifiers(
    X,
    y,
    plan: ShadowPlan,
    classifier: Callable[[], object],
    n_jobs: int | None = None,
    seed: int = 0,
    floor: float = 1e-7,
) -> ShadowBundle:
    """Fit one classifier for each row of the plan and keep its log-posteriors on every record.

    The sibling of ``train_shadows`` for trees, forests, nearest neighbours, boosted or linear models, and
    pipelines of them. ``logits[m, r, k] = log max(P_m(k given x_r), floor)``; a class that model m never saw
    has the floor.

    Parameters
    ----------
    X : (n_records, ...) array, as the classifier takes it, finite.
    y : (n_records,) whole numbers 0..K-1.
    plan : who trains on what, over the same records.
    classifier : returns a fresh object with ``fit(X, y)``, ``predict_proba(X)`` and ``classes_``. Every
        ``random_state`` that it leaves at None, also of a step of a pipeline, is set from ``seed`` and
        ``plan.numbers[m]``.
    n_jobs : processes of joblib; None is joblib's default (1, or what ``joblib.parallel_config`` says), -1
        every core.
    seed : of what the classifiers draw.
    floor : what a posterior of 0 is taken for, in (0, 1).

    Returns
    -------
    ShadowBundle with float64 logits, one column for each class 0..K-1.

    Raises
    ------
    ValueError
        if X and y or the plan do not fit, labels are not whole, a class of the shadows is in or out in none
        of them, or the object lacks ``fit`` or ``predict_proba``.

    Source: Shokri et al. 2017 ask for nothing but posteriors; so do Carlini et al. 2022.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from course_lib.datasets import purchase_like
    >>> X, y = purchase_like(40, n_features=10, n_classes=2)
    >>> plan = ShadowPlan.half_sampling(n_records=40, n_models=4, seed=0)
    >>> bundle = train_classifiers(X, y, plan, DecisionTreeClassifier)
    >>> guesses = bundle.logits.argmax(axis=2)
    >>> bool((guesses == y)[bundle.membership].mean() > (guesses == y)[~bundle.membership].mean())
    True
    """
    records, labels = checked_data(X, y, plan)
    whole_number("seed", seed, least=0)
    probe = classifier()
    missing = [name for name in ("fit", "predict_proba") if not hasattr(probe, name)]
    if missing:
        raise ValueError(
            f"{type(probe).__name__} has no {' and no '.join(missing)}; "
            "take a classifier that gives posteriors, or train_shadows for torch modules"
        )
    tasks = (
        delayed(_posteriors)(classifier, records, labels, plan.membership[m], [seed, int(plan.numbers[m])])
        for m in range(plan.n_models)
    )
    fitted = progress(Parallel(n_jobs=n_jobs, return_as="generator")(tasks), "shadows", total=plan.n_models)
    logits = np.stack([log_posteriors(rows, floor) for rows in fitted])
    return ShadowBundle(logits, plan.membership, plan.used, details={"seed": seed, "classifier": type(probe).__name__})


def _posteriors(classifier, records, labels, members, words: list[int]) -> np.ndarray:
    """The posteriors of one fitted classifier, (n_records, K)."""
    model = classifier()
    _fix_random_states(model, np.random.default_rng(words))
    model.fit(records[members], labels[members])
    found = np.asarray(model.predict_proba(records))
    rows = np.zeros((len(records), labels.max() + 1))
    rows[:, np.asarray(model.classes_, dtype=np.int64)] = found
    return rows


def _fix_random_states(model, generator: np.random.Generator) -> None:
    parameters = model.get_params(deep=True) if hasattr(model, "get_params") else {}
    free = [name for name, value in sorted(parameters.items()) if value is None and name.endswith("random_state")]
    if free:
        model.set_params(**{name: int(generator.integers(2**31)) for name in free})
