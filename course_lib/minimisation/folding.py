"""Short descriptions of long partitions: constants, stairs and repeating patterns.

x // 334 on 0..100000 has 300 runs and one description; x % 7 has 100001 runs and one description.
Every description is found on the runs and holds for each of their values; none is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from course_lib.minimisation.classes import Run

TABLE = 32  # the longest table worth reading
SHORTEST_STAIRS, SHORTEST_FALL = 3, 5  # steps; below, one line a step reads better
PLAIN = 40  # segments that are written rather than fewer with a cut that could as well lie elsewhere


@dataclass(frozen=True)
class Segment:
    """Labels on first..last: start + slope * ((x - base) // width), or one label of ``table`` each x.

    A constant has slope 0. In a table the label of x is ``table[x % len(table)]``. The labels of stairs
    never fall below ``low`` nor rise above ``high``, where these are given.

    Examples
    --------
    >>> stairs = Segment(0, 99, slope=1, width=10, high=3)
    >>> [stairs.label(x) for x in (9, 10, 35, 99)]
    [0, 1, 3, 3]
    """

    first: int
    last: int
    start: int = 0
    slope: int = 0
    width: int = 1
    base: int = 0
    low: int | None = None
    high: int | None = None
    table: tuple[int, ...] = ()

    def label(self, x: int) -> int:
        """The label at x; beyond first..last, what the same expression would give."""
        if self.table:
            return self.table[x % len(self.table)]
        label = self.start + self.slope * ((x - self.base) // self.width)
        label = label if self.low is None else max(label, self.low)
        return label if self.high is None else min(label, self.high)


Form = Callable[[Sequence[Run], int], tuple[int, Segment | None]]  # how many runs from a place on, as what


@dataclass(frozen=True)
class Fold:
    """A partition that repeats: the label of x depends on (x - shift) % period only.

    Parameters
    ----------
    period, shift : whole numbers, 0 <= shift < period.
    runs : of the residues 0..period - 1.

    Examples
    --------
    >>> parity = fold([Run(x, x, x % 2) for x in range(1, 100)])
    >>> parity.period, parity.shift, [run.label for run in parity.runs]
    (2, 1, [1, 0])
    """

    period: int
    shift: int
    runs: tuple[Run, ...]


def segments(runs: Sequence[Run]) -> list[Segment]:
    """The runs as few segments, between which no cut can be shifted without changing a label.

    Only where that would take long, a cut may lie at a value on which both its sides agree.

    Examples
    --------
    >>> [(s.first, s.last) for s in segments([Run(n, n, n) for n in range(50)])]
    [(0, 49)]
    >>> [(s.first, s.last) for s in segments([Run(0, 10, 0), Run(11, 11, 1), Run(12, 12, 2), Run(13, 13, 3)])]
    [(0, 13)]
    >>> [(s.first, s.last) for s in segments([Run(0, 10, 0), Run(11, 11, 2), Run(12, 12, 1), Run(13, 13, 3)])]
    [(0, 10), (11, 11), (12, 12), (13, 13)]
    """
    attempts = [_greedy(runs, forms) for forms in ((_stairs, _table), (_table,), (_stairs,), (), ALL)]
    short = attempts[-1]
    sharp = min((found for found in attempts if _cuts_are_sharp(found)), key=len)  # constants always are
    return short if len(sharp) > PLAIN and 2 * len(short) < len(sharp) else sharp


def _cuts_are_sharp(found: list[Segment]) -> bool:
    """Whether a cut that is shifted by one changes a label, each one of them."""
    return all(
        a.label(b.first) != b.label(b.first) and b.label(a.last) != a.label(a.last)
        for a, b in zip(found, found[1:], strict=False)
    )


def _greedy(runs: Sequence[Run], forms: Sequence[Form]) -> list[Segment]:
    """From left to right the segment that covers most runs: a constant, or one of these forms."""
    found, place = [], 0
    while place < len(runs):
        options = [(1, _constant(runs[place])), *(form(runs, place) for form in forms)]
        covered, segment = max(options, key=lambda option: option[0])
        found.append(segment)
        place += covered
    return found


def _constant(run: Run) -> Segment:
    return Segment(run.first, run.last, run.label)


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
    if end - place < (SHORTEST_FALL if slope < 0 and width > 1 else SHORTEST_STAIRS):
        return 0, None
    return end - place, Segment(first, runs[end - 1].last, start, slope, width, first)


def _clamped_stairs(runs: Sequence[Run], place: int) -> tuple[int, Segment | None]:
    """Rising stairs, with the longer runs before and after them that go on counting."""
    covered, stairs = _stairs(runs, place)
    below = 0
    if (stairs is None or stairs.slope != 1) and place + 1 < len(runs):
        covered, stairs = _stairs(runs, place + 1)
        below = 1
    if stairs is None or stairs.slope != 1 or (below and runs[place].label != stairs.start - 1):
        return 0, None
    end = place + below + covered
    if below:
        stairs = _reaching(stairs, runs[place], low=runs[place].label)
    if end < len(runs) and runs[end].label == stairs.label(runs[end].first):
        stairs = _reaching(stairs, runs[end], high=runs[end].label)
        end += 1
    return end - place, stairs


def _reaching(stairs: Segment, run: Run, **clamp: int) -> Segment:
    """The stairs with the run before or after them; a clamp where the run is longer than one step."""
    longer = run.last - run.first + 1 > stairs.width
    return replace(
        stairs, first=min(stairs.first, run.first), last=max(stairs.last, run.last), **(clamp if longer else {})
    )


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


ALL: Sequence[Form] = (_stairs, _table, _clamped_stairs)


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
