"""Data for shadows when the attacker has none: noisy copies, and records that the target itself approves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib.membership.inputs import as_posteriors
from course_lib.membership.labels import as_numpy, whole_labels, whole_number

KINDS = ("flip", "swap", "gaussian")


def noisy_copies(X, noise: float, kind: str = "flip", n_copies: int = 1, seed: int = 0) -> np.ndarray:
    """Records like those given, each feature disturbed independently.

    "flip":      a bit is turned over with probability ``noise``.
    "swap":      a feature takes, with probability ``noise``, the value that a random record has there.
    "gaussian":  a feature gets normal noise of ``noise`` times its standard deviation over the records.

    Parameters
    ----------
    X : (n, ...) finite; for "flip" of 0 and 1.
    noise : a probability, 0 to 1; for "gaussian" any number from 0.
    kind : "flip", "swap" or "gaussian".
    n_copies : copies of each record, at least 1.
    seed : of the noise.

    Returns
    -------
    (n_copies * n, ...) of X's type if that is floating, else float32: all records once, then all again; so
    labels are ``np.tile(y, n_copies)``.

    Raises
    ------
    ValueError
        if noise or kind is out of range, or X holds other values than 0 and 1 where bits are to be flipped.

    Source: the noisy real data of Shokri et al. 2017, Section V-C.

    Examples
    --------
    >>> noisy_copies(np.array([[0.0, 1.0, 1.0]]), noise=1.0, n_copies=2).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    records = as_numpy(X)
    if records.ndim < 2 or not len(records) or records.dtype.kind not in "biuf" or not np.isfinite(records).all():
        raise ValueError(f"X is (n, ...) and finite with n of at least 1, not {records.dtype} of {records.shape}")
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(map(repr, KINDS))}, not {kind!r}")
    if not 0 <= noise < np.inf or (noise > 1 and kind != "gaussian"):
        raise ValueError(f"noise is {noise}: give {'a number from 0' if kind == 'gaussian' else 'a chance, 0 to 1'}")
    if kind == "flip" and not np.isin(records, (0, 1)).all():
        raise ValueError("only bits can be flipped, and X holds other values than 0 and 1: take kind='swap'")
    generator = np.random.default_rng(seed)
    records = records.astype(records.dtype if records.dtype.kind == "f" else np.float32)
    copies = np.concatenate([records] * whole_number("n_copies", n_copies))
    if kind == "gaussian":
        return (copies + noise * records.std(axis=0) * generator.normal(size=copies.shape)).astype(records.dtype)
    changed = generator.random(copies.shape) < noise
    if kind == "flip":
        return np.where(changed, 1 - copies, copies)
    flat = records.reshape(len(records), -1)
    others = generator.integers(len(records), size=(len(copies), flat.shape[1]))
    return np.where(changed, flat[others, np.arange(flat.shape[1])].reshape(copies.shape), copies)


@dataclass(frozen=True, eq=False)
class Synthesis:
    """What `hill_climb_synthesis` found.

    Parameters
    ----------
    X : (n_found, n_features) float32, in the order of the classes asked for.
    y : (n_found,) int64, the class each was made for.
    n_failed : classes asked for that no record was found for.
    n_queries : rows that the target was asked about.

    Examples
    --------
    >>> Synthesis(np.zeros((1, 3)), np.array([2]), n_failed=1, n_queries=40).n_queries
    40
    """

    X: np.ndarray
    y: np.ndarray
    n_failed: int
    n_queries: int


def random_bits(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Fair coins, 0.0 or 1.0.

    Parameters
    ----------
    generator : draws them.
    shape : (n, n_features).

    Returns
    -------
    float32 of that shape.

    Examples
    --------
    >>> bits = random_bits(np.random.default_rng(0), (100, 4))
    >>> bits.shape, np.unique(bits).tolist()
    ((100, 4), [0.0, 1.0])
    """
    return generator.integers(2, size=shape).astype(np.float32)


def hill_climb_synthesis(
    predict: Callable[[np.ndarray], np.ndarray],
    classes,
    n_features: int,
    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray] = random_bits,
    min_confidence: float = 0.2,
    k_max: int | None = None,
    k_min: int = 4,
    max_rejections: int = 5,
    max_iterations: int = 1000,
    seed: int = 0,
) -> Synthesis:
    """Records that the target is confident about, found by hill climbing (Shokri et al. 2017, Algorithm 1).

    For each class c asked for: from a random record x, keep x if the posterior p_c(x) is no less than the
    best so far; once p_c(x) > ``min_confidence`` and c is the predicted class, accept x with probability
    p_c(x). Then draw k features of the best record anew; after more than ``max_rejections`` refusals in a row
    halve k, down to ``k_min``. All searches take their steps together, so the target is asked in batches.

    Works where a random record can reach every class by small changes: bits, or a few bounded numbers. It does
    not reach photographs.

    Parameters
    ----------
    predict : (n, n_features) float32 to posteriors (n, n_classes) of the target.
    classes : (n,) whole numbers 0..n_classes-1, a record is sought for each, ``np.repeat(range(K), 20)``.
    n_features : of a record, at least 1.
    draw : random features of a shape, from a generator; fair bits by default.
    min_confidence : in [0, 1).
    k_max, k_min : features drawn anew at first and at last; None starts with half of them. 1 <= k_min <= k_max
        <= n_features.
    max_rejections, max_iterations : at least 0 and 1.
    seed : of every draw.

    Returns
    -------
    Synthesis; searches that end without a record are counted, not returned.

    Raises
    ------
    ValueError
        if a parameter is out of range, a class lies outside the posteriors, or ``predict`` gives no posteriors.

    Examples
    --------
    >>> def target(x):  # sure of class 1 as soon as most bits are set
    ...     p = 1 / (1 + np.exp(-8 * (x.mean(axis=1) - 0.5)))
    ...     return np.stack([1 - p, p], axis=1)
    >>> found = hill_climb_synthesis(target, [1, 1, 1], n_features=20, min_confidence=0.9)
    >>> found.X.shape, bool((found.X.mean(axis=1) > 0.7).all()), found.n_failed
    ((3, 20), True, 0)
    """
    wanted = whole_labels(classes)
    k_max = max(1, whole_number("n_features", n_features) // 2) if k_max is None else k_max
    k_min = min(whole_number("k_min", k_min), k_max)
    if whole_number("k_max", k_max) > n_features:
        raise ValueError(f"k_max is {k_max}, above the {n_features} features there are")
    if not 0 <= min_confidence < 1:
        raise ValueError(f"min_confidence is {min_confidence}: give a posterior, at least 0 and below 1")
    whole_number("max_rejections", max_rejections, least=0)
    generator = np.random.default_rng(seed)
    state = _Searches(wanted, draw(generator, (len(wanted), n_features)).astype(np.float32), k_max)
    n_queries = 0
    for _ in range(whole_number("max_iterations", max_iterations)):
        active = np.flatnonzero(~state.accepted)
        if not active.size:
            break
        posteriors = as_posteriors(predict(state.x[active]))
        if posteriors.shape[0] != len(active) or posteriors.ndim != 2:
            raise ValueError(f"predict gives shape {posteriors.shape} for {len(active)} records: one row a record")
        whole_labels(wanted, posteriors.shape[1])
        n_queries += len(active)
        state.judge(active, posteriors, min_confidence, k_min, max_rejections, generator)
        state.step(draw, generator)
    found = state.accepted
    return Synthesis(state.x[found], wanted[found], int((~found).sum()), n_queries)


class _Searches:
    """One search a class asked for: current and best record, refusals in a row, features to change."""

    def __init__(self, wanted: np.ndarray, x: np.ndarray, k_max: int):
        self.wanted, self.x, self.best = wanted, x, x.copy()
        self.best_p = np.zeros(len(wanted))
        self.rejections = np.zeros(len(wanted), dtype=int)
        self.k = np.full(len(wanted), k_max)
        self.accepted = np.zeros(len(wanted), dtype=bool)

    def judge(self, active, posteriors, min_confidence, k_min, max_rejections, generator) -> None:
        p = posteriors[np.arange(len(active)), self.wanted[active]]
        better = p >= self.best_p[active]
        sure = better & (p > min_confidence) & (posteriors.argmax(axis=1) == self.wanted[active])
        self.accepted[active] = sure & (generator.random(len(active)) < p)
        up, down = active[better], active[~better]
        self.best[up], self.best_p[up], self.rejections[up] = self.x[up], p[better], 0
        self.rejections[down] += 1
        tired = down[self.rejections[down] > max_rejections]
        self.k[tired] = np.maximum(k_min, -(-self.k[tired] // 2))
        self.rejections[tired] = 0

    def step(self, draw, generator) -> None:
        """Draw k features of the best record anew, wherever no record is accepted yet."""
        active = np.flatnonzero(~self.accepted)
        if not active.size:
            return
        places = generator.random((len(active), self.x.shape[1])).argsort(axis=1).argsort(axis=1)
        fresh = draw(generator, places.shape)
        self.x[active] = np.where(places < self.k[active, None], fresh, self.best[active])
