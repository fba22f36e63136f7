"""Where values lie: histograms laid over each other, and points with some of them marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_lib.plotting.style import PALETTE, course_style, write_words

_LOOKS = (("blue", "-"), ("orange", "--"), ("green", "-."), ("purple", ":"))


def plot_histograms(
    groups: Mapping[str, Sequence[float]],
    bins: int = 40,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "share of records",
    ax: Axes | None = None,
) -> Axes:
    """Histograms laid over each other, one group filled, the others in outline, on common bins.

    Parameters
    ----------
    groups : name in the legend -> (n,) values; each group's bars sum to 1, so that groups of unequal size compare.
    bins : how many, between the smallest and the largest value of all groups.
    title, xlabel, ylabel : words around the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one patch a group, in order.

    Raises
    ------
    ValueError
        if there are no groups or more than four, a group is empty, holds NaN or infinity, or there is no bin.

    Examples
    --------
    >>> ax = plot_histograms({"in": [2.0, 3.0], "out": [0.0, 1.0]}, bins=3)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['in', 'out']
    >>> plt.close(ax.figure)
    """
    rows = {name: np.asarray(values, dtype=float).ravel() for name, values in groups.items()}
    if not 0 < len(rows) <= len(_LOOKS) or bins < 1:
        raise ValueError(f"{len(rows)} groups in {bins} bins: 1 to {len(_LOOKS)} groups and a bin are needed")
    for name, values in rows.items():
        if not len(values) or not np.isfinite(values).all():
            raise ValueError(f"{name}: {len(values)} values, of which {np.isfinite(values).sum()} are finite; "
                             "one at least is needed, and all finite")
    edges = np.histogram_bin_edges(np.concatenate(list(rows.values())), bins)
    with course_style():
        ax = ax or plt.subplots()[1]
        for (name, values), (colour, dashes) in zip(rows.items(), _LOOKS, strict=False):
            first = name == next(iter(rows))
            shares = np.histogram(values, edges)[0] / len(values)
            ax.stairs(shares, edges, fill=first, color=PALETTE[colour], alpha=0.45 if first else 1,
                      linestyle=dashes, linewidth=1.8, label=name)
        write_words(ax, title, xlabel, ylabel)
        ax.legend()
    return ax


def plot_scatter(
    x: Sequence[float],
    y: Sequence[float],
    marked: Sequence[bool] | None = None,
    marked_label: str = "",
    label: str = "",
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """One point a record, some of them marked.

    Parameters
    ----------
    x, y : (n,) finite values.
    marked : (n,) bool; these points are drawn last, as crosses in another colour.
    marked_label, label : names in the legend of the marked points and of the others.
    title, xlabel, ylabel : words around the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one collection for the points, and one more for those marked.

    Raises
    ------
    ValueError
        if lengths differ, there is no point, or a value is not finite.

    Examples
    --------
    >>> ax = plot_scatter([0, 1, 2], [0, 1, 4], marked=[False, False, True], marked_label="canary")
    >>> [len(points.get_offsets()) for points in ax.collections]
    [2, 1]
    >>> plt.close(ax.figure)
    """
    rows = [np.asarray(values, dtype=float) for values in (x, y)]
    chosen = np.zeros(rows[0].shape, dtype=bool) if marked is None else np.asarray(marked, dtype=bool)
    if not rows[0].shape == rows[1].shape == chosen.shape or rows[0].ndim != 1 or not len(chosen):
        raise ValueError(f"x {rows[0].shape}, y {rows[1].shape}, marks {chosen.shape}: rows of one length are needed")
    if not all(np.isfinite(values).all() for values in rows):
        raise ValueError("x or y holds NaN or infinity, which have no place in a figure")
    with course_style():
        ax = ax or plt.subplots()[1]
        for which, colour, shape, name in ((~chosen, "blue", "o", label), (chosen, "orange", "x", marked_label)):
            if which.any():
                ax.scatter(rows[0][which], rows[1][which], s=14 if shape == "o" else 30, marker=shape,
                           color=PALETTE[colour], alpha=0.5 if shape == "o" else 1, label=name or None,
                           linewidths=0 if shape == "o" else 1.4)
        write_words(ax, title, xlabel, ylabel)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
    return ax
