"""Partial orders as diagrams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from course_lib.plotting.style import PALETTE, course_style


def plot_lattice(
    names: Sequence[str],
    pairs: Iterable[tuple[str, str]],
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A partial order as a diagram: what lies lower is joined by lines to what lies above it.

    Lines that follow from others are left out, as Hasse did. Names that lie below each other share a box.

    Parameters
    ----------
    names : what is ordered; all different.
    pairs : (lower, upper) names, every pair of the order; a name below itself may be left out.
    title : words above the diagram.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one text a box, from the lowest rank to the highest, and one line a join.

    Raises
    ------
    ValueError
        if there is nothing to draw, a name stands twice or is unknown, or the pairs are not transitive.

    Examples
    --------
    >>> ax = plot_lattice(["1", "2", "3", "6"], [(a, b) for a in "1236" for b in "1236" if int(b) % int(a) == 0])
    >>> [text.get_text() for text in ax.texts], len(ax.lines)
    (['1', '2', '3', '6'], 4)
    >>> plt.close(ax.figure)
    """
    ranks, joins = _hasse(list(names), set(pairs))
    places = _placed(ranks, joins)
    with course_style():
        if ax is None:
            widest = max(sum(len(box) for box in rank) + 6 * len(rank) for rank in ranks)
            ax = plt.subplots(figsize=(max(3.6, 0.11 * widest), 0.9 * len(ranks) + 0.4))[1]
        for lower, upper in joins:
            ends = zip(places[lower], places[upper], strict=True)
            ax.plot(*ends, color=PALETTE["grey"], linestyle="-", marker="", linewidth=1.5, zorder=1)
        for box, (x, level) in places.items():
            ax.text(x, level, box, ha="center", va="center", color=PALETTE["ink"], zorder=2,
                    bbox={"boxstyle": "round,pad=0.45", "facecolor": "#cfe3f2", "edgecolor": PALETTE["blue"]})
        ax.set(xlim=(0, 1), ylim=(-0.5, len(ranks) - 0.5))
        ax.set_axis_off()
        if title:
            ax.set_title(title)
    return ax


def _placed(ranks: list[list[str]], joins: list[tuple[str, str]]) -> dict[str, tuple[float, int]]:
    """Where the boxes stand: above the middle of what they are joined to, and apart from each other."""
    gap = 1 / (max(map(len, ranks)) + 1)
    places: dict[str, tuple[float, int]] = {}
    for level, rank in enumerate(ranks):
        wanted = {}
        for i, box in enumerate(rank):
            below = [places[lower][0] for lower, upper in joins if upper == box]
            # A rank above a single box spreads out.
            alone = not below or (len(rank) > 1 and len(set(below)) == 1 and len(ranks[level - 1]) == 1)
            wanted[box] = (i + 1) / (len(rank) + 1) if alone else sum(below) / len(below)
        x = -1.0
        for box in sorted(rank, key=wanted.get):
            x = max(x + gap, wanted[box])
            places[box] = (x, level)
        over = max(0.0, x - (1 - gap / 2))
        places |= {box: (places[box][0] - over, level) for box in rank}
    return places


def _hasse(names: list[str], pairs: set[tuple[str, str]]) -> tuple[list[list[str]], list[tuple[str, str]]]:
    """The boxes of a partial order rank by rank, and the joins between them that follow from no others."""
    if not names or len(set(names)) < len(names):
        raise ValueError(f"an order has names, each once; got {names}")
    unknown = sorted({name for pair in pairs for name in pair} - set(names))
    if unknown:
        raise ValueError(f"pairs name {unknown}, which are not among {names}")
    order = pairs | {(name, name) for name in names}
    for a, b in sorted(order):
        if missing := [c for c in names if (b, c) in order and (a, c) not in order]:
            raise ValueError(f"not transitive: {a} is below {b} and {b} below {missing[0]}, yet {a} is not")
    alike = {a: tuple(b for b in names if (a, b) in order and (b, a) in order) for a in names}
    below = {group: {alike[a] for a, b in order if b == group[0]} - {group} for group in alike.values()}
    rank: dict[tuple, int] = {}
    for group in sorted(below, key=lambda group: len(below[group])):
        rank[group] = 1 + max((rank[lower] for lower in below[group]), default=-1)
    words = {group: " ≡ ".join(group) for group in below}
    ranks = [[words[group] for group in below if rank[group] == level] for level in range(max(rank.values()) + 1)]
    joins = [
        (words[lower], words[upper])
        for upper in below
        for lower in below[upper]
        if not any(lower in below[middle] for middle in below[upper])
    ]
    return ranks, sorted(joins)
