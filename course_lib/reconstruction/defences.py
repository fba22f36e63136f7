"""What an agency can do: suppress more, round more, swap records, add noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING

from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable, Statistic

if TYPE_CHECKING:
    import numpy as np

SMALLEST_RATIO = 1e-15  # of epsilon to sensitivity, for noise that fits 64 bits


def suppress(table: PublishedTable, threshold: int) -> PublishedTable:
    """The same table under a stricter rule: rows with a count below ``threshold`` carry the mark.

    The total is always published. The rule itself is public, so a mark says "fewer than
    ``threshold``".

    Parameters
    ----------
    table : what is published.
    threshold : whole number, the smallest count that is still published.

    Returns
    -------
    PublishedTable; a row with the mark keeps its name and its conditions only.

    Raises
    ------
    ValueError
        if ``threshold`` is below the table's own: what is published cannot be taken back.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> [s.name for s in suppress(acm_block(), threshold=4).statistics if s.suppressed][:3]
    ['2B', '2D', '3A']
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < table.suppression_threshold:
        raise ValueError(
            f"threshold is a whole number from {table.suppression_threshold}, the table's own, not {threshold!r}"
        )
    statistics = [
        Statistic(s.name, s.where, suppressed=True, of=s.of)
        if s.where and s.count is not None and s.count < threshold
        else s
        for s in table.statistics
    ]
    return replace(table, statistics=statistics, suppression_threshold=threshold)


def round_means(table: PublishedTable, rounding: Rounding) -> PublishedTable:
    """The same table with its exact means rounded, and the rule published.

    Means that a row rounds by a rule of its own are left as they are.

    Parameters
    ----------
    table : with exact means.
    rounding : the rule.

    Returns
    -------
    PublishedTable with this rounding.

    Raises
    ------
    ValueError
        if the table's means are rounded already.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> [float(s.mean) for s in round_means(acm_block(), Rounding("nearest", 5)).statistics[:3]]
    [40.0, 35.0, 45.0]
    """
    if table.rounding.kind != "exact":
        raise ValueError(f"the means are rounded already ({table.rounding.kind}); start from exact ones")
    statistics = [
        replace(s, mean=rounding.publish(s.mean)) if s.mean is not None and s.rounding is None else s
        for s in table.statistics
    ]
    return replace(table, statistics=statistics, rounding=rounding)


def swap_records(database: Database, share: float, columns: Sequence[str], seed: int) -> Database:
    """Exchange the values of some columns between pairs of people drawn at random.

    floor(share * n / 2) disjoint pairs are drawn; each exchanges its values in ``columns``. Counts of
    single columns stay true; what joins a swapped column with another does not.

    Parameters
    ----------
    database : the truth; left as it is.
    share : of the people that take part, in [0, 1].
    columns : what is exchanged; at least one.
    seed : of the draw.

    Returns
    -------
    Database of as many records; its rows are sorted anew.

    Raises
    ------
    ValueError
        for a share outside [0, 1], no column or an unknown one.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_truth
    >>> swapped = swap_records(acm_truth(), share=1, columns=["age"], seed=0)
    >>> [r[0] for r in swapped.rows] == [r[0] for r in acm_truth().rows], swapped == acm_truth()
    (True, False)
    """
    import random

    if not 0 <= share <= 1:
        raise ValueError(f"share is a number from 0 to 1, not {share!r}")
    named = list(database.schema.columns)
    for column in columns:
        if column not in named:
            raise ValueError(f"unknown column {column!r}; the columns are {named}")
    if not columns:
        raise ValueError("name at least one column to swap")
    rows = [list(row) for row in database.rows]
    drawn = random.Random(seed).sample(range(len(rows)), 2 * int(share * len(rows) / 2))
    for i, j in zip(drawn[::2], drawn[1::2], strict=True):
        for place in (named.index(column) for column in columns):
            rows[i][place], rows[j][place] = rows[j][place], rows[i][place]
    return Database(database.schema, tuple(map(tuple, rows)))


def geometric_noise(counts: Sequence[int], epsilon: float, sensitivity: float, seed: int) -> np.ndarray:
    """Counts with two-sided geometric noise: epsilon-differentially private.

    ``P(noise = z) = (1 - a) / (1 + a) * a^abs(z)`` with a = exp(-epsilon / sensitivity) (Ghosh, Roughgarden
    and Sundararajan 2009). ``sensitivity`` is how much all counts together can change (L1) between
    neighbouring databases; the caller says which are neighbours.

    Parameters
    ----------
    counts : whole numbers, any shape.
    epsilon : above 0; smaller is more private.
    sensitivity : above 0.
    seed : of the draw.

    Returns
    -------
    int64 array of the shape of ``counts``; may hold negative numbers.

    Raises
    ------
    ValueError
        if epsilon or sensitivity is not a finite number above 0, epsilon / sensitivity is below 1e-15,
        or a count is not whole.

    Examples
    --------
    >>> geometric_noise([4, 3, 0], epsilon=50, sensitivity=1, seed=0).tolist()
    [4, 3, 0]
    """
    import numpy as np

    for name, value in (("epsilon", epsilon), ("sensitivity", sensitivity)):
        if not isinstance(value, Real) or not isfinite(value) or not value > 0:
            raise ValueError(f"{name} is a finite number above 0, not {value!r}")
    if epsilon / sensitivity < SMALLEST_RATIO:
        raise ValueError(f"epsilon / sensitivity is at least {SMALLEST_RATIO:g}, or the noise overflows 64 bits")
    exact = np.asarray(counts)
    if exact.size and (exact.dtype.kind not in "biuf" or not (np.isfinite(exact) & (exact == np.floor(exact))).all()):
        raise ValueError("counts are whole numbers")
    # The difference of two geometric variables is two-sided geometric.
    stop = -np.expm1(-epsilon / sensitivity)
    generator = np.random.default_rng(seed)
    up, down = (generator.geometric(stop, size=exact.shape) for _ in range(2))
    return exact.astype(np.int64) + up - down
