"""A plane cut into regions: which of a few kinds each place is of."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from course_lib.plotting.style import course_style, write_words

# From light to dark; black letters stand on the light ones, white letters on the dark ones.
_SHADES = ("#ffffff", "#c9dcea", "#7aa6c8", "#003f6b")


def plot_regions(
    kinds,
    names: Sequence[str],
    columns: Sequence,
    rows: Sequence,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A table of kinds as a map: each cell shaded by its kind, with the kind's letter in it.

    Parameters
    ----------
    kinds : (n_rows, n_columns) whole numbers, places in `names`; the first row is drawn lowest.
    names : words in the legend, at most four kinds: a, b, c, d.
    columns, rows : what stands under each column and beside each row.
    title, xlabel, ylabel : words around the map.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one image, and one text a cell, row by row from below.

    Raises
    ------
    ValueError
        if the kinds are no table, do not fit the columns and rows, or have no name, or there are more than four.

    Examples
    --------
    >>> ax = plot_regions([[0, 0], [0, 1]], ["calm", "storm"], columns=[1, 2], rows=["May", "June"])
    >>> [text.get_text() for text in ax.texts]
    ['a', 'a', 'a', 'b']
    >>> plt.close(ax.figure)
    """
    table = np.asarray(kinds)
    if table.ndim != 2 or table.shape != (len(rows), len(columns)) or not table.size:
        raise ValueError(f"kinds of shape {table.shape} for {len(rows)} rows and {len(columns)} columns")
    if not 0 < len(names) <= len(_SHADES) or not np.isin(table, range(len(names))).all():
        raise ValueError(f"{len(names)} names: each kind is the place of its name, and there are 1 to {len(_SHADES)}")
    with course_style():
        ax = ax or plt.subplots(figsize=(7.2, 0.42 * len(rows) + 1.8))[1]
        ax.imshow(table, cmap=ListedColormap(_SHADES), vmin=0, vmax=len(_SHADES) - 1, aspect="auto", origin="lower",
                  interpolation="nearest")
        ax.grid(False)
        for (row, column), kind in np.ndenumerate(table):
            ax.text(column, row, "abcd"[kind], ha="center", va="center", fontsize=9,
                    color="white" if kind == len(_SHADES) - 1 else "black")
        ax.set_xticks(range(len(columns)), [str(value) for value in columns])
        ax.set_yticks(range(len(rows)), [str(value) for value in rows])
        handles = [Patch(facecolor=shade, edgecolor="#8a8a8a", label=f"{letter}: {name}")
                   for letter, shade, name in zip("abcd", _SHADES, names, strict=False)]
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
        write_words(ax, title, xlabel, ylabel)
    return ax
