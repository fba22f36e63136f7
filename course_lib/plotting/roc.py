"""How well scores tell two sides apart, drawn where false alarms are few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from course_lib.plotting.style import PALETTE, course_style, write_words

# Colour and dashes, no pair twice; neighbours differ in both.
_LOOKS = (
    ("blue", "-"), ("orange", "--"), ("green", "-."), ("purple", ":"), ("grey", "-"), ("ink", (0, (8, 2))),
    ("orange", (0, (4, 1, 1, 1, 1, 1))), ("blue", (0, (1, 1))),
)  # fmt: skip


def plot_roc(
    curves: Mapping[str, object],
    marks: Sequence[float] = (0.01, 0.001),
    smallest: float = 1e-4,
    bound: tuple[Sequence[float], Sequence[float]] | None = None,
    bound_label: str = "ruled out",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Receiver operating characteristics on two logarithmic axes, marked at the rates that count.

    On linear axes the left edge, where an attack accuses few innocents, is invisible (Carlini et al. 2022).
    Curves are stairs: no threshold lies between two points. A curve starts at its first point with an alarm;
    the dotted diagonal is chance.

    Parameters
    ----------
    curves : name in the legend -> a pair (fpr, tpr), or anything with these two as attributes; each (n_points,)
        in [0, 1], growing together. At most eight.
    marks : false-positive rates with a vertical line, in (0, 1).
    smallest : where both axes start, in (0, 1).
    bound : (fpr, tpr) of the largest true-positive rate that a guarantee allows; the area above it is hatched.
    bound_label : its name in the legend.
    title : above the figure.
    ax : where to draw; a new figure if None.

    Returns
    -------
    The axes. The first lines are the curves, in order.

    Raises
    ------
    ValueError
        if there is no curve or more than eight, rates lie outside [0, 1], are not finite, do not grow, or differ
        in length, or a mark or `smallest` lies outside (0, 1).

    Examples
    --------
    >>> ax = plot_roc({"loss": ([0, 0.001, 0.01, 1], [0, 0.002, 0.03, 1])})
    >>> ax.get_xscale(), ax.get_yscale(), [text.get_text() for text in ax.texts]
    ('log', 'log', ['1 %', '0.1 %'])
    >>> plt.close(ax.figure)
    """
    rates = {name: _rates(name, curve) for name, curve in curves.items()}
    if not 0 < len(rates) <= len(_LOOKS):
        raise ValueError(f"{len(rates)} curves: 1 to {len(_LOOKS)} are told apart in one figure")
    for mark in (*marks, smallest):
        if not 0 < mark < 1:
            raise ValueError(f"a mark of {mark} is outside (0, 1); 1 % is written 0.01")
    with course_style():
        ax = ax or plt.subplots(figsize=(6.4, 4.4))[1]
        ax.set(xscale="log", yscale="log", xlim=(smallest, 1), ylim=(smallest, 1.15))
        for (name, (fpr, tpr)), (colour, dashes) in zip(rates.items(), _LOOKS, strict=False):
            # Rates below the frame are moved to its edge, not dropped: a logarithm has no place for 0.
            ax.plot(np.maximum(fpr, smallest / 10), np.maximum(tpr, smallest / 10), drawstyle="steps-post",
                    color=PALETTE[colour], linestyle=dashes, marker="", label=name)
        ax.plot([smallest, 1], [smallest, 1], color=PALETTE["grey"], linestyle=(0, (1, 2)), linewidth=1, marker="",
                label="chance")
        if bound is not None:
            allowed = _rates(bound_label, bound)
            ax.fill_between(np.maximum(allowed[0], smallest / 10), np.maximum(allowed[1], smallest / 10), 2,
                            facecolor="none", edgecolor=PALETTE["grey"], hatch="////", linewidth=0, label=bound_label)
        for mark in marks:
            ax.axvline(mark, color=PALETTE["ink"], linewidth=0.8, linestyle="-", marker="", zorder=0)
            ax.annotate(_percent(mark), (mark, 1), xytext=(3, -3), textcoords="offset points", fontsize=8, va="top",
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(LogLocator(numticks=9))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
        write_words(ax, title, "false-positive rate", "true-positive rate")
        ax.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none", framealpha=0.9)
    return ax


def _rates(name: str, curve) -> tuple[np.ndarray, np.ndarray]:
    pair = (curve.fpr, curve.tpr) if hasattr(curve, "fpr") else tuple(curve)
    if len(pair) != 2:
        raise ValueError(f"{name}: a curve is a pair (fpr, tpr), got {len(pair)} parts")
    fpr, tpr = (np.asarray(part, dtype=float) for part in pair)
    if fpr.shape != tpr.shape or fpr.ndim != 1 or not len(fpr):
        raise ValueError(f"{name}: fpr has shape {fpr.shape}, tpr {tpr.shape}; two rows of one length are needed")
    for of, values in (("fpr", fpr), ("tpr", tpr)):
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"{name}: {of} holds values outside [0, 1]")
        if (np.diff(values) < 0).any():
            raise ValueError(f"{name}: {of} does not grow from left to right; sort by threshold, from strict to lax")
    return fpr, tpr


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"
