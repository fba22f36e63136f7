"""Points in a plane, some of them in line with the origin."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_lib.plotting.style import PALETTE, course_style, write_words

_MARKERS = "osD^vP*X"
_COLOURS = [PALETTE[name] for name in ("blue", "orange", "green", "purple")]


def plot_rays(
    points,
    groups,
    names: Sequence[str],
    others: str = "no group",
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Points in a plane, those of a group joined to the origin by one line.

    Parameters
    ----------
    points : (n, 2) places, an array or a tensor.
    groups : (n,) whole numbers: the group of each point, -1 for none.
    names : words in the legend, one a group. At most eight groups, told apart by marker as well as colour.
    others : word in the legend for points of no group.
    title, xlabel, ylabel : words around the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one line from the origin and one cloud of points a group, then the other points.

    Raises
    ------
    ValueError
        if there is no point, the shapes do not fit, a place is not finite, there are more than eight groups,
        or a group has no name.

    Examples
    --------
    >>> ax = plot_rays([[1, 2], [2, 4], [3, -1]], [0, 0, -1], names=["a"])
    >>> ax.lines[0].get_xydata().tolist()
    [[0.0, 0.0], [2.0, 4.0]]
    >>> plt.close(ax.figure)
    """
    places, members = np.asarray(points, dtype=float), np.asarray(groups)
    if places.ndim != 2 or places.shape[1] != 2 or not len(places) or members.shape != places.shape[:1]:
        raise ValueError(f"points {places.shape} and groups {members.shape}; (n, 2) and (n,) are needed, n not 0")
    if not np.isfinite(places).all():
        raise ValueError("a point is not finite: it has no place in the plane")
    if len(names) > len(_MARKERS) or members.max() >= len(names):
        raise ValueError(f"{len(names)} names for groups up to {members.max()}: one each, at most {len(_MARKERS)}")
    with course_style():
        ax = ax or plt.subplots(figsize=(6.4, 4.6))[1]
        for group, name in enumerate(names):
            own = places[members == group]
            colour = _COLOURS[group % len(_COLOURS)]
            if len(own):
                far = own[np.hypot(*own.T).argmax()]
                ax.plot([0, far[0]], [0, far[1]], color=colour, linewidth=1, linestyle="-", marker="", zorder=2)
            ax.scatter(*own.T, color=colour, marker=_MARKERS[group], s=42, label=name, zorder=3,
                       edgecolor="white", linewidth=0.6)
        ax.scatter(*places[members < 0].T, color="#b5b5b5", marker=".", s=14, label=others, zorder=1)
        ax.axhline(0, color=PALETTE["ink"], linewidth=0.8)
        ax.axvline(0, color=PALETTE["ink"], linewidth=0.8)
        write_words(ax, title, xlabel, ylabel)
        ax.legend()
    return ax
