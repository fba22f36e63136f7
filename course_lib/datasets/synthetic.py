"""Synthetic data sets: drawn by a published rule, so that fresh records never run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def purchase_like(
    n: int,
    n_features: int = 100,
    n_classes: int = 50,
    flip: float = 0.3,
    seed: int = 0,
    prototype_seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Binary records scattered around one random prototype a class.

    ``x[j] = p[y, j] XOR b[j]`` with prototypes p uniform on {0, 1}, b[j] = 1 with probability ``flip`` and y
    uniform over the classes, all independent. A stand-in for shopping baskets (Shokri et al. 2017, Section
    VI-A, cluster theirs); these are drawn, not collected. Two calls with the same ``prototype_seed`` and
    different ``seed`` give records of the same distribution: members, and as many non-members as you like.

    Parameters
    ----------
    n : number of records, at least 1.
    n_features : bits of a record, at least 1.
    n_classes : at least 2.
    flip : chance that a bit differs from the prototype's, in [0, 0.5]; 0.5 leaves nothing to learn.
    seed : of the labels and the flips.
    prototype_seed : of the prototypes.

    Returns
    -------
    X : (n, n_features) float32 of 0.0 and 1.0.
    y : (n,) int64, each in 0..n_classes-1; a class may be missing when ``n`` is small.

    Raises
    ------
    ValueError
        for a number outside its range.

    Examples
    --------
    >>> X, y = purchase_like(4, n_features=3, n_classes=2, flip=0)
    >>> X.shape, len({tuple(x) for x in X}) <= 2
    ((4, 3), True)
    """
    import numpy as np

    for name, value, least in (("n", n, 1), ("n_features", n_features, 1), ("n_classes", n_classes, 2)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} is a whole number from {least}, not {value!r}")
    if not 0 <= flip <= 0.5:
        raise ValueError(f"flip is a chance from 0 to 0.5, not {flip!r}")
    # The leading 0 and 1 keep the two streams apart when both seeds are the same.
    prototypes = np.random.default_rng([0, prototype_seed]).random((n_classes, n_features)) < 0.5
    generator = np.random.default_rng([1, seed])
    y = generator.integers(n_classes, size=n)
    flipped = generator.random((n, n_features)) < flip
    return (prototypes[y] ^ flipped).astype(np.float32), y
