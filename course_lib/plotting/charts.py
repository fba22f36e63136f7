"""Bars, steps and curves with their values."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_lib.plotting.style import PALETTE, course_style, plain_numbers, write_words

_HATCHES = ("", "///", "...", "xx")  # of series side by side, told apart without colour


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
    with course_style():
        ax = ax or plt.subplots()[1]
        if log:
            ax.set_yscale("log")
            plain_numbers(ax.yaxis)
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
        write_words(ax, title, xlabel, ylabel)
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
    with course_style():
        ax = ax or plt.subplots()[1]
        (line,) = ax.plot(arrays["x"], arrays["y"], label=label or None)
        if low is not None:
            ax.fill_between(arrays["x"], arrays["low"], arrays["high"], color=line.get_color(), alpha=0.2,
                            linewidth=0)
        if log_x:
            ax.set_xscale("log")
            plain_numbers(ax.xaxis)
            if len(arrays["x"]) <= 12:
                ax.set_xticks(arrays["x"])  # the points that were measured
        if log_y:
            ax.set_yscale("log")
            plain_numbers(ax.yaxis)
        write_words(ax, title, xlabel, ylabel)
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
    with course_style():
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
        write_words(ax, title, xlabel, ylabel)
        if len(rows) > 1:
            ax.legend()
    return ax


def _shapes(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
