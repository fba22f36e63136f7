"""Tables of yes and no, too large for words."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from course_lib.plotting.style import PALETTE, course_style, write_words

# No, yes, yes in a marked column: from light to dark, so that grey tells them apart too.
_STATES = ("#ffffff", "#a9c7dd", PALETTE["orange"])


def plot_pattern(
    pattern,
    marked=None,
    labels: tuple[str, str] = ("yes", "marked"),
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A table of yes and no as a picture, with the yes of some columns or cells marked.

    Parameters
    ----------
    pattern : (n_rows, n_columns) bool, an array or a tensor.
    marked : (n_columns,) or (n_rows, n_columns) bool; the yes cells of these columns, or among these cells,
        are drawn darker.
    labels : words in the legend for a yes cell and for a marked one.
    title, xlabel, ylabel : words around the picture.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one image of 0 (no), 1 (yes) and 2 (yes and marked).

    Raises
    ------
    ValueError
        if the pattern is no table or is empty, or the marks are of another number.

    Examples
    --------
    >>> ax = plot_pattern([[True, False], [True, True]], marked=[False, True])
    >>> ax.images[0].get_array().tolist()
    [[1, 0], [1, 2]]
    >>> plt.close(ax.figure)
    """
    cells = np.asarray(pattern, dtype=bool)
    if cells.ndim != 2 or not cells.size:
        raise ValueError(f"the pattern has shape {cells.shape}; (n_rows, n_columns) is needed, neither 0")
    chosen = np.zeros(cells.shape[1], dtype=bool) if marked is None else np.asarray(marked, dtype=bool)
    if chosen.shape not in (cells.shape[1:], cells.shape):
        raise ValueError(f"{chosen.size} marks for {cells.shape[1]} columns: one a column, or one a cell, is needed")
    with course_style():
        if ax is None:
            ax = plt.subplots(figsize=(7.2, float(np.clip(7.2 * cells.shape[0] / cells.shape[1], 1.6, 5.4)) + 0.9))[1]
        ax.imshow(cells.astype(int) * (1 + chosen), cmap=ListedColormap(_STATES), vmin=0, vmax=2, aspect="auto",
                  interpolation="nearest")
        ax.grid(False)
        words = list(zip(_STATES[1:], labels, strict=True))[: 1 if marked is None else 2]
        handles = [Patch(facecolor=colour, edgecolor="#8a8a8a", label=label) for colour, label in words]
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.14), ncols=2)
        write_words(ax, title, xlabel, ylabel)
    return ax
