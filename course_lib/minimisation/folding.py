"""Short descriptions of long partitions: constants, stairs and repeating patterns.

x // 334 on 0..100000 has 300 runs and one description; x % 7 has 100001 runs and one description.
Every description is found on the runs and holds for each of their values; none is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.minimisation.classes import Run

TABLE = 32  # the longest table worth reading
SHORTEST_STAIRS = 3  # below, one line a step reads better


@dataclass(frozen=True)
class Segment:
    """Labels on first..last: start + slope * ((x - first) // width), or one label of ``table`` each x.

    A constant has slope 0. In a table the label of x is ``table[x % len(table)]``.
    """

    first: int
    last: int
    start: int = 0
    slope: int = 0
    width: int = 1
    table: tuple[int, ...] = ()

    def label(self, x: int) -> int:
        """The label at x."""
        if self.table:
            return self.table[x % len(self.table)]
        return self.start + self.slope * ((x - self.first) // self.width)


@dataclass(frozen=True)
class Fold:
    """A partition that repeats: the label of x depends on (x - shift) % period only."""

    period: int
    shift: int
    runs: tuple[Run, ...]


def segments(runs: Sequence[Run]) -> list[Segment]:
    """The runs as few segments, from left to right the one that covers most runs.

    Examples
    --------
    >>> segments([Run(0, 10, 0), Run(11, 11, 1), Run(12, 12, 2), Run(13, 13, 3), Run(14, 29, 4)])
    [Segment(first=0, last=10, start=0, slope=0, width=1, table=()), \
Segment(first=11, last=13, start=1, slope=1, width=1, table=()), \
Segment(first=14, last=29, start=4, slope=0, width=1, table=())]
    """
    found, place = [], 0
    while place < len(runs):
        constant = 1, Segment(runs[place].first, runs[place].last, runs[place].label)
        covered, segment = max([constant, _stairs(runs, place), _table(runs, place)], key=lambda option: option[0])
        found.append(segment)
        place += covered
    return found


def _stairs(runs: Sequence[Run], place: int) -> tuple[int, Segment | None]:
    """Steps of equal width and labels that count up or down by one; the domain's last step may be cut short."""
    if place + 1 >= len(runs):
        return 0, None
    first, last, start = runs[place]
    width, slope = last - first + 1, runs[place + 1].label - start
    if abs(slope) != 1:
        return 0, None
    end = place + 1
    while end < len(runs) and runs[end].label == start + slope * (end - place):
        this = runs[end].last - runs[end].first + 1
        if this != width and not (end == len(runs) - 1 and this < width):
            break
        end += 1
    if end - place < SHORTEST_STAIRS:
        return 0, None
    return end - place, Segment(first, runs[end - 1].last, start, slope, width)


def _table(runs: Sequence[Run], place: int) -> tuple[int, Segment | None]:
    """The longest repetition from here with a period of at most TABLE values and at least two periods."""
    best: tuple[int, Segment | None] = (0, None)
    for other in range(place + 1, min(place + TABLE + 1, len(runs))):
        period = runs[other].last - runs[place].last
        if period > TABLE:
            break
        if runs[other].label != runs[place].label:
            continue
        covered = _repeats(runs, place, other, period)
        first, last = runs[place].first, runs[place + covered - 1].last
        if covered >= 2 * (other - place) and covered > max(best[0], 3) and last - first + 1 >= 2 * period:
            labels = _labels(runs[place : place + covered], range(first, first + period))
            table = tuple(labels[(r - first) % period] for r in range(period))
            best = covered, Segment(first, last, table=table)
    return best


def _repeats(runs: Sequence[Run], place: int, other: int, period: int) -> int:
    """How many runs from ``place`` on repeat with the period that takes ``place`` to ``other``."""
    if runs[place].last - runs[place].first >= period:
        return 0
    end = other
    while end < len(runs):
        model, run = runs[place + end - other], runs[end]
        ends_alike = run.last == model.last + period
        cut_short = end == len(runs) - 1 and run.last < model.last + period
        starts_alike = run.first == model.first + period or end == other and run.first <= model.first + period
        if run.label != model.label or not starts_alike or not (ends_alike or cut_short):
            break
        end += 1
    return end - place


def _labels(runs: Sequence[Run], values: range) -> list[int]:
    return [label for first, last, label in runs for x in range(max(first, values[0]), min(last, values[-1]) + 1)]


def fold(runs: Sequence[Run]) -> Fold | None:
    """The partition as a repetition over its whole domain, at least two periods long; None if it is none.

    Examples
    --------
    >>> fold([Run(x, x, x % 3) for x in range(7)])
    Fold(period=3, shift=0, runs=(Run(first=0, last=0, label=0), Run(first=1, last=1, label=1), \
Run(first=2, last=2, label=2)))
    >>> fold([Run(0, 9, 0), Run(10, 99, 1)]) is None
    True
    """
    first, last = runs[0].first, runs[-1].last
    period = _period(runs)
    if period is None or last - first + 1 < 2 * period:
        return None
    cut = [Run(r.first, min(r.last, first + period - 1), r.label) for r in runs if r.first < first + period]
    folded = tuple(Run(r.first - first, r.last - first, r.label) for r in cut)
    return Fold(period, first % period, folded)


def _period(runs: Sequence[Run]) -> int | None:
    """The smallest period of the labels over the whole domain, found on the inner runs, checked on the outer."""
    inner = [(run.last - run.first, run.label) for run in runs[1:-1]]
    if len(inner) < 2:
        return None
    failure = [0] * len(inner)  # Knuth, Morris and Pratt: the longest border of each prefix
    for i in range(1, len(inner)):
        border = failure[i - 1]
        while border and inner[i] != inner[border]:
            border = failure[border - 1]
        failure[i] = border + (inner[i] == inner[border])
    step = len(inner) - failure[-1]
    if step > len(inner) - 1:
        return None
    period = runs[1 + step].first - runs[1].first
    return period if _outer_runs_fit(runs, step) else None


def _outer_runs_fit(runs: Sequence[Run], step: int) -> bool:
    """Whether the first and the last run are the ends of the runs that the pattern puts in their places."""
    if step >= len(runs) - 1:
        return False
    pairs = [(runs[0], runs[step]), (runs[-1], runs[-1 - step])]
    return all(a.label == b.label and a.last - a.first <= b.last - b.first for a, b in pairs)
