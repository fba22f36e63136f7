"""Figures of the course: one look, read without colour, each function returning its axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

__all__ = [
    "PALETTE",
    "plot_classes",
    "plot_counts",
    "plot_curve",
    "plot_grouped_bars",
    "plot_image_grid",
    "plot_lattice",
    "plot_record_table",
    "use_course_style",
]

PALETTE = {
    "blue": "#003f6b",
    "orange": "#d55e00",
    "green": "#009e73",
    "purple": "#9a60d0",
    "grey": "#6e6e6e",
    "ink": "#1a1a1a",
}
"""Colours by name. They stay apart for colour-blind readers; black text is not put on them."""

# State of a cell: fill, colour of the words, hatch, weight of the words. Fill, hatch and
# weight each tell the states apart without colour.
_CELLS = {
    "plain": ("#ffffff", PALETTE["ink"], None, "normal"),
    "certain": ("#cfe3f2", PALETTE["ink"], None, "normal"),
    "not certain": ("#ffffff", PALETTE["ink"], "////", "normal"),
    "wrong": ("#8c3b00", "#ffffff", None, "bold"),
}

_HATCHES = ("", "///", "...", "xx")  # of series side by side, told apart without colour


# Fills for the outputs of a map of classes; black words are legible on each.
_SHADES = ["#ffffff", "#cfe3f2", "#f7d9bf", "#c4e6d8", "#e3d5f3", "#d0d0d0"]


def use_course_style() -> None:
    """Give every figure drawn from here on the look of the course.

    The functions of this module draw in that look by themselves; call this before you
    draw with matplotlib directly.

    Examples
    --------
    >>> use_course_style()
    >>> mpl.rcParams["figure.facecolor"]
    'white'
    """
    mpl.rcParams.update(_style())


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
    with _course_style():
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
    with _course_style():
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
        _words(ax, "", xlabel, ylabel)
    return ax


def plot_counts(
    labels: Sequence,
    counts: Sequence[int],
    at_least: Sequence[bool] | None = None,
    steps: bool = False,
    log: bool = True,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Counts as bars or steps, each with its value written above it.

    Parameters
    ----------
    labels : (n,) what is counted, in the order drawn.
    counts : (n,) numbers, 0 or more. A count of 0 has no bar on a log scale, only its label.
    at_least : (n,) bool; a count that is only a lower bound is hatched and labelled "≥ 500".
    steps : a stair instead of bars, for counts that grow or fall along an order.
    log : whether the counts' axis is logarithmic.
    title, xlabel, ylabel : words around the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one text a count.

    Raises
    ------
    ValueError
        if the lengths differ, there is nothing to draw, or a count is negative or not finite.

    Examples
    --------
    >>> ax = plot_counts(["1", "0.1", "none"], [1, 26, 500], at_least=[False, False, True])
    >>> [text.get_text() for text in ax.texts]
    ['1', '26', '≥ 500']
    >>> ax.get_yscale()
    'log'
    >>> plt.close(ax.figure)
    """
    values = np.asarray(counts, dtype=float)
    bound = np.zeros(len(values), dtype=bool) if at_least is None else np.asarray(at_least, dtype=bool)
    if not len(labels) == len(values) == len(bound):
        raise ValueError(f"{len(labels)} labels, {len(values)} counts, {len(bound)} marks: one of each a bar")
    if not len(values):
        raise ValueError("no counts to draw")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"counts are numbers from 0 up, got {list(counts)}")
    places = np.arange(len(values))
    floor = 0.7 if log else 0.0  # below 1, so that a count of one is seen on a log scale
    with _course_style():
        ax = ax or plt.subplots()[1]
        if log:
            ax.set_yscale("log")
            _plain_numbers(ax.yaxis)
        if steps:
            ax.stairs(np.maximum(values, floor), np.arange(len(values) + 1) - 0.5, baseline=floor,
                      color=PALETTE["blue"], linewidth=2)
        else:
            bars = ax.bar(places, np.maximum(values - floor, 0), bottom=floor, width=0.62,
                          color=PALETTE["blue"], edgecolor="white", linewidth=0)
            for bar, lower in zip(bars, bound, strict=True):
                if lower:
                    bar.set_hatch("////")
        for place, value, lower in zip(places, values, bound, strict=True):
            ax.annotate(("≥ " if lower else "") + f"{value:,.10g}", (place, max(value, floor)), xytext=(0, 3),
                        textcoords="offset points", ha="center", va="bottom", fontsize=9)
        top = max(values.max(), 1.0)
        ax.set_ylim(floor, top**1.12 * 1.8 if log else top * 1.15)
        ax.set_xticks(places, [str(label) for label in labels])
        _words(ax, title, xlabel, ylabel)
    return ax


def plot_curve(
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    label: str = "",
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A curve through measured points, with the range it was measured in.

    Call it again with the axes it returned to add a curve: colour, line style and marker
    change together.

    Parameters
    ----------
    x, y : (n,) the points, drawn in the order given.
    low, high : (n,) ends of the range at each point, both or neither.
    label : name in the legend; without one the curve is not in it.
    log_x, log_y : logarithmic axes; every value must then be positive.
    title, xlabel, ylabel : words around the figure; empty ones leave what the axes have.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one more line, and one more filled area where there is a range.

    Raises
    ------
    ValueError
        if the lengths differ, only one end of the range is given, a low end lies above its
        high end, or a logarithmic axis has a value that is not positive.

    Examples
    --------
    >>> ax = plot_curve([1, 2, 4], [0.02, 0.10, 0.21], label="recovered", log_x=True)
    >>> ax.lines[0].get_xydata().tolist()
    [[1.0, 0.02], [2.0, 0.1], [4.0, 0.21]]
    >>> plt.close(ax.figure)
    """
    if (low is None) != (high is None):
        raise ValueError("a range needs both ends: give low and high, or neither")
    rows = {"x": x, "y": y} | ({} if low is None else {"low": low, "high": high})
    arrays = {name: np.asarray(values, dtype=float) for name, values in rows.items()}
    if len({array.shape for array in arrays.values()}) > 1 or arrays["x"].ndim != 1:
        raise ValueError("a curve needs rows of one length: " + _shapes(arrays))
    if low is not None and (upside_down := arrays["low"] > arrays["high"]).any():
        raise ValueError(f"the range is upside down at x = {arrays['x'][upside_down][0]:g}")
    for name, array in arrays.items():
        if (log_x if name == "x" else log_y) and (array <= 0).any():
            raise ValueError(f"{name} holds {array.min():g}: a logarithmic axis shows positive values only")
    with _course_style():
        ax = ax or plt.subplots()[1]
        (line,) = ax.plot(arrays["x"], arrays["y"], label=label or None)
        if low is not None:
            ax.fill_between(arrays["x"], arrays["low"], arrays["high"], color=line.get_color(), alpha=0.2,
                            linewidth=0)
        if log_x:
            ax.set_xscale("log")
            _plain_numbers(ax.xaxis)
            if len(arrays["x"]) <= 12:
                ax.set_xticks(arrays["x"])  # the points that were measured
        if log_y:
            ax.set_yscale("log")
            _plain_numbers(ax.yaxis)
        _words(ax, title, xlabel, ylabel)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
    return ax


def plot_grouped_bars(
    groups: Sequence,
    series: dict[str, Sequence[float]],
    decimals: int = 2,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Groups of bars side by side, each with its value written above it.

    Parameters
    ----------
    groups : (n,) what is measured, from left to right.
    series : name in the legend -> (n,) values from 0, one a group. At most four series.
    decimals : digits after the point of the values.
    title, xlabel, ylabel : words around the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. They hold one container of bars a series, and one text a bar, series by series.

    Raises
    ------
    ValueError
        if there is nothing to draw, a length differs, there are more than four series, or a value is
        negative or not finite.

    Examples
    --------
    >>> ax = plot_grouped_bars(["OR", "XOR"], {"before": [2, 2], "after": [0.811, 1]})
    >>> [text.get_text() for text in ax.texts]
    ['2.00', '2.00', '0.81', '1.00']
    >>> plt.close(ax.figure)
    """
    rows = {name: np.asarray(values, dtype=float) for name, values in series.items()}
    if not len(groups) or not 0 < len(rows) <= len(_HATCHES):
        raise ValueError(f"{len(rows)} series of {len(groups)} groups: 1 to {len(_HATCHES)} series are drawn")
    for name, values in rows.items():
        if values.shape != (len(groups),):
            raise ValueError(f"{name} has shape {values.shape}; one value for each of {len(groups)} groups is needed")
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"{name}: values are numbers from 0 up, got {values.tolist()}")
    width = 0.84 / len(rows)
    with _course_style():
        ax = ax or plt.subplots(figsize=(max(6.4, 0.42 * len(groups) * len(rows) + 1.2), 3.8))[1]
        for place, (name, values) in enumerate(rows.items()):
            centres = np.arange(len(groups)) + (place - (len(rows) - 1) / 2) * width
            colour = list(PALETTE.values())[place]
            bars = ax.bar(centres, values, width=0.92 * width, label=name, color=colour, edgecolor="white",
                          linewidth=0, hatch=_HATCHES[place])
            for bar, value in zip(bars, values, strict=True):
                ax.annotate(f"{value:.{decimals}f}", (bar.get_x() + bar.get_width() / 2, value), xytext=(0, 2),
                            textcoords="offset points", ha="center", va="bottom", fontsize=8)
        ax.set_ylim(0, max(1e-9, *(values.max() for values in rows.values())) * 1.12)
        ax.set_xticks(range(len(groups)), [str(group) for group in groups])
        _words(ax, title, xlabel, ylabel)
        if len(rows) > 1:
            ax.legend()
    return ax


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
    with _course_style():
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


def plot_image_grid(
    images,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    title: str = "",
    size: float = 1.3,
) -> np.ndarray:
    """Pictures side by side, one axes each.

    Parameters
    ----------
    images : (n, height, width) grey or (n, height, width, 3) colour, values in [0, 1].
    titles : (n,) words above the pictures.
    columns : pictures a row; all in one row up to 8, else 8.
    title : words above the grid.
    size : side of a picture in inches.

    Returns
    -------
    (n,) array of axes, in the order of the pictures.

    Raises
    ------
    ValueError
        if there is no picture, the shape is another, a value lies outside [0, 1], or the
        number of titles differs.

    Examples
    --------
    >>> axes = plot_image_grid(np.zeros((3, 4, 4)), titles=["a", "b", "c"], columns=2)
    >>> [ax.get_title() for ax in axes]
    ['a', 'b', 'c']
    >>> plt.close(axes[0].figure)
    """
    pictures = np.asarray(images, dtype=float)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[-1] != 3) or not len(pictures):
        raise ValueError(
            f"pictures of shape {pictures.shape}; (n, height, width) or (n, height, width, 3) is needed"
        )
    if not ((pictures >= 0) & (pictures <= 1)).all():  # NaN fails this too
        raise ValueError(f"values from {pictures.min():g} to {pictures.max():g}; a picture holds 0 to 1")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"{len(titles)} titles for {len(pictures)} pictures")
    columns = min(len(pictures), columns or 8)
    rows = -(-len(pictures) // columns)
    with _course_style():
        figure, grid = plt.subplots(
            rows, columns, squeeze=False,
            figsize=(size * columns, (size + (0.25 if titles else 0)) * rows + (0.3 if title else 0)),
        )
        axes = grid.ravel()
        for ax in axes:
            ax.set_axis_off()
        for place, picture in enumerate(pictures):
            axes[place].imshow(picture, vmin=0, vmax=1)
            if titles is not None:
                axes[place].set_title(titles[place], fontsize=9, loc="center")
        if title:
            figure.suptitle(title, fontsize=11)
    return axes[: len(pictures)]


@contextmanager
def _course_style() -> Iterator[None]:
    """Draw in the look of the course, and leave the settings as they were.

    All but one: a notebook's backend, loaded at the first figure, turns interactive mode on, and without it
    no later figure would be shown.
    """
    with mpl.rc_context(_style()):
        yield
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)


def _style() -> dict:
    with as_file(files("course_lib.data") / "course.mplstyle") as path:
        return dict(mpl.rc_params_from_file(path, use_default_template=False))


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


def _plain_numbers(axis) -> None:
    """Write 1, 10, 100, 1,000 on a logarithmic axis."""
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _words(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    for words, write in ((title, ax.set_title), (xlabel, ax.set_xlabel), (ylabel, ax.set_ylabel)):
        if words:
            write(words)


def _shapes(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
