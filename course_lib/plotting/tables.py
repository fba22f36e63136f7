"""Tables of records and maps of classes, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch, Rectangle

from course_lib.plotting.style import PALETTE, course_style, write_words

# State of a cell: fill, colour of the words, hatch, weight of the words. Fill, hatch and
# weight each tell the states apart without colour.
_CELLS = {
    "plain": ("#ffffff", PALETTE["ink"], None, "normal"),
    "certain": ("#cfe3f2", PALETTE["ink"], None, "normal"),
    "not certain": ("#ffffff", PALETTE["ink"], "////", "normal"),
    "wrong": ("#8c3b00", "#ffffff", None, "bold"),
}

# Fills for the outputs of a map of classes; black words are legible on each.
_SHADES = ["#ffffff", "#cfe3f2", "#f7d9bf", "#c4e6d8", "#e3d5f3", "#d0d0d0"]


def plot_record_table(
    frame,
    certain=None,
    truth=None,
    title: str = "",
    labels: dict[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A table of records, each cell shaded certain, not certain or wrong.

    A wrong cell shows its value and the true one ("9, not 8"), a cell that is not certain
    is hatched and ends in a question mark. Wrong comes before not certain.

    Parameters
    ----------
    frame : (n_records, n_columns) DataFrame; a missing value counts as not certain.
    certain : (n_records, n_columns) bool, in the same order; without it only missing
        values are not certain.
    truth : DataFrame with the same columns and number of records, compared row by row.
        Without it no cell is wrong.
    title : words above the table.
    labels : other words for the legend, by state: "certain", "not certain", "wrong".
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one rectangle a cell, row by row, and one text a cell.

    Raises
    ------
    ValueError
        if `certain` or `truth` does not have the shape or columns of `frame`, the frame is
        empty, or `labels` names another state.

    Examples
    --------
    >>> import pandas as pd
    >>> guess = pd.DataFrame({"age": [9, 18], "smoker": [False, True]})
    >>> truth = pd.DataFrame({"age": [8, 18], "smoker": [False, True]})
    >>> ax = plot_record_table(guess, truth=truth)
    >>> [text.get_text() for text in ax.texts if "not" in text.get_text()]
    ['9, not 8']
    >>> plt.close(ax.figure)
    """
    states = _cell_states(frame, certain, truth)
    unknown = set(labels or {}) - set(_CELLS)
    if unknown:
        raise ValueError(f"labels for unknown states {sorted(unknown)}; the states are {sorted(_CELLS)}")
    n_records, n_columns = frame.shape
    missing = frame.isna().to_numpy()
    with course_style():
        if ax is None:
            longest = max(len(str(words)) for words in [*frame.columns, *frame.to_numpy().ravel()])
            longest += 6 if (states == "wrong").any() else 0
            width = max(1.1, 0.09 * longest + 0.2)  # inches a column
            _, ax = plt.subplots(figsize=(1.0 + width * n_columns, 0.85 + 0.34 * n_records))
        for row in range(n_records):
            for column in range(n_columns):
                true_value = None if truth is None else truth[frame.columns[column]].iloc[row]
                value = None if missing[row, column] else frame.iat[row, column]
                _draw_cell(ax, row, column, value, states[row, column], true_value)
        _table_axes(ax, list(frame.index), list(frame.columns), title)
        shown = [state for state in _CELLS if state != "plain" and (states == state).any()]
        if shown:
            handles = [_legend_patch(state, (labels or {}).get(state, state)) for state in shown]
            ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.02), ncols=len(handles))
    return ax


def plot_classes(
    outputs,
    classes=None,
    row_labels: Sequence | None = None,
    column_labels: Sequence | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The outputs of a program with two inputs as a map, with lines where the classes of its inputs end.

    Parameters
    ----------
    outputs : (n_rows, n_columns) texts or numbers; each distinct one has a shade.
    classes : (n_rows, n_columns) anything that can be compared; a heavy line stands between neighbours
        in different classes. Without it, the outputs themselves.
    row_labels, column_labels : the values of the two inputs.
    title, xlabel, ylabel : words around the map.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one rectangle a cell, row by row; one text a cell where it fits; and one collection
    of lines, with a segment for each side of a cell at which a class ends.

    Raises
    ------
    ValueError
        if the outputs are no table, or classes or labels do not match it.

    Examples
    --------
    >>> ax = plot_classes([["no", "yes"], ["yes", "yes"]], row_labels=["F", "T"], column_labels=["F", "T"])
    >>> [text.get_text() for text in ax.texts], len(ax.collections[0].get_segments())
    (['no', 'yes', 'yes', 'yes'], 2)
    >>> plt.close(ax.figure)
    """
    rows = [list(row) for row in outputs]
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        raise ValueError("outputs must be a table: rows of one length, at least one value in each")
    height, width = len(rows), len(rows[0])
    labelled = rows if classes is None else [list(row) for row in classes]
    if [len(row) for row in labelled] != [width] * height:
        raise ValueError(f"classes must have {height} rows of {width}, like the outputs")
    for what, labels, n in (("row", row_labels, height), ("column", column_labels, width)):
        if labels is not None and len(labels) != n:
            raise ValueError(f"{len(labels)} {what} labels for {n} {what}s")
    distinct = list(dict.fromkeys(value for row in rows for value in row))
    shades = {value: _shade(place, len(distinct)) for place, value in enumerate(distinct)}
    longest = max(len(str(value)) for value in distinct)
    words_fit = height * width <= 200
    with course_style():
        if ax is None:
            cell = max(0.3, 0.085 * longest + 0.15) if words_fit else 0.16
            _, ax = plt.subplots(figsize=(1.2 + cell * width, 1.1 + (0.36 if words_fit else 0.16) * height))
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                ax.add_patch(Rectangle((c, r), 1, 1, facecolor=shades[value], edgecolor="#c9c9c9", linewidth=0.6))
                if words_fit:
                    ax.text(c + 0.5, r + 0.5, str(value), ha="center", va="center", fontsize=9)
        _table_axes(ax, range(height) if row_labels is None else list(row_labels),
                    range(width) if column_labels is None else list(column_labels), title)
        ax.add_collection(LineCollection(_borders(labelled), colors=PALETTE["ink"], linewidths=2.6, capstyle="round"))
        ax.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor=PALETTE["ink"], linewidth=2.6,
                               clip_on=False))
        ax.xaxis.set_label_position("top")
        write_words(ax, "", xlabel, ylabel)
    return ax


def _cell_states(frame, certain, truth) -> np.ndarray:
    """(n_records, n_columns) array of the names of `_CELLS`."""
    if not frame.size:
        raise ValueError("no records to draw")
    missing = frame.isna().to_numpy()
    sure = ~missing
    if certain is not None:
        given = np.asarray(certain, dtype=bool)
        if given.shape != frame.shape:
            raise ValueError(f"certain has shape {given.shape}, the records {frame.shape}")
        sure = given & ~missing
    states = np.where(sure, "plain" if certain is None and not missing.any() else "certain", "not certain")
    states = states.astype(object)
    if truth is not None:
        if len(truth) != len(frame) or set(truth.columns) != set(frame.columns):
            raise ValueError(
                f"truth has {len(truth)} records of {list(truth.columns)}, "
                f"the table {len(frame)} of {list(frame.columns)}"
            )
        for place, name in enumerate(frame.columns):
            for row in range(len(frame)):
                if not missing[row, place] and frame[name].iloc[row] != truth[name].iloc[row]:
                    states[row, place] = "wrong"
    return states


def _draw_cell(ax: Axes, row: int, column: int, value, state: str, true_value) -> None:
    fill, ink, hatch, weight = _CELLS[state]
    ax.add_patch(Rectangle((column, row), 1, 1, facecolor=fill, edgecolor="#b5b5b5", hatch=hatch))
    if value is None:
        words = "?"
    elif state == "wrong":
        words = f"{value}, not {true_value}"
    else:
        words = f"{value} ?" if state == "not certain" else str(value)
    # On a hatched cell the words stand on white.
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if hatch else None
    ax.text(column + 0.5, row + 0.5, words, ha="center", va="center", color=ink, weight=weight, fontsize=9,
            bbox=box)


def _table_axes(ax: Axes, index: list, columns: list, title: str) -> None:
    ax.set(xlim=(0, len(columns)), ylim=(len(index), 0))
    ax.grid(False)
    ax.set_xticks([place + 0.5 for place in range(len(columns))], [str(name) for name in columns])
    ax.set_yticks([place + 0.5 for place in range(len(index))], [str(name) for name in index])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, pad=10)


def _shade(place: int, n: int):
    """The fill of output number `place` of n: light enough for black words."""
    return _SHADES[place] if n <= len(_SHADES) else mpl.colormaps["Blues"](0.05 + 0.45 * place / (n - 1))


def _borders(classes: list[list]) -> list:
    """Sides between neighbouring cells in different classes, as pairs of (x, y)."""
    height, width = len(classes), len(classes[0])
    upright = [((c, r), (c, r + 1)) for r in range(height) for c in range(1, width)
               if classes[r][c] != classes[r][c - 1]]
    level = [((c, r), (c + 1, r)) for r in range(1, height) for c in range(width)
             if classes[r][c] != classes[r - 1][c]]
    return upright + level


def _legend_patch(state: str, words: str) -> Patch:
    fill, _, hatch, _ = _CELLS[state]
    return Patch(facecolor=fill, edgecolor="#8a8a8a", hatch=hatch, label=words)
