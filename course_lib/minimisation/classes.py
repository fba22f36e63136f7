"""The classes of one input: which of its values every program run treats alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.piecewise import NO_LIMIT, Function, Piece

LARGEST = 1_000_000  # runs of one partition; each takes about 100 bytes


class Run(NamedTuple):
    """The values first..last, both included, all of class number ``label``.

    Examples
    --------
    >>> Partition.of_labels([3, 4, 5], ["low", "low", "high"]).runs
    (Run(first=3, last=4, label=0), Run(first=5, last=5, label=1))
    """

    first: int
    last: int
    label: int


@dataclass(frozen=True)
class Partition:
    """A domain cut into classes, as maximal runs of consecutive values in ascending order.

    Classes are numbered from 0 in ascending order of their smallest values.

    Parameters
    ----------
    runs : follow one another without a gap; neighbours have different labels.
    is_bool : the values are False (0) and True (1).

    Examples
    --------
    >>> parity = Partition.of_labels(range(0, 4), ["even", "odd", "even", "odd"])
    >>> parity.classes
    [[(0, 0), (2, 2)], [(1, 1), (3, 3)]]
    >>> parity.representatives, parity.label(3)
    ([0, 1], 1)
    """

    runs: tuple[Run, ...]
    is_bool: bool = False

    @classmethod
    def of_runs(cls, runs: Iterable[tuple[int, int, Hashable]], is_bool: bool = False) -> Partition:
        """From (first, last, key) in ascending order without gaps; equal keys are one class."""
        labels: dict[Hashable, int] = {}
        merged: list[Run] = []
        for first, last, key in runs:
            label = labels.setdefault(key, len(labels))
            if merged and merged[-1].label == label:
                merged[-1] = Run(merged[-1].first, last, label)
            else:
                merged.append(Run(first, last, label))
        return cls(tuple(merged), is_bool)

    @classmethod
    def of_labels(cls, values: Iterable[int], keys: Iterable[Hashable], is_bool: bool = False) -> Partition:
        """From one key for each value of a domain, in ascending order."""
        return cls.of_runs(((int(v), int(v), key) for v, key in zip(values, keys, strict=True)), is_bool)

    def refined(self, other: Partition, deadline: Deadline = NO_LIMIT) -> Partition:
        """The classes of values that are together in both partitions.

        Examples
        --------
        >>> tens, odd = Partition.of_runs([(0, 9, 0), (10, 12, 1)]), Partition.of_runs([(0, 10, 0), (11, 12, 1)])
        >>> tens.refined(odd).classes
        [[(0, 9)], [(10, 10)], [(11, 12)]]
        """
        if len(self.runs) == 1:
            return other
        return Partition.of_runs(deadline.watch(self._common(other), "the common refinement"), self.is_bool)

    def _common(self, other: Partition) -> Iterator[tuple[int, int, Hashable]]:
        mine = theirs = 0
        while mine < len(self.runs):
            a, b = self.runs[mine], other.runs[theirs]
            last = min(a.last, b.last)
            yield max(a.first, b.first), last, (a.label, b.label)
            mine, theirs = mine + (a.last == last), theirs + (b.last == last)

    @cached_property
    def representatives(self) -> list:
        """The smallest value of each class, by class number."""
        smallest: dict[int, int] = {}
        for run in self.runs:
            smallest.setdefault(run.label, run.first)
        return [self._shown(smallest[label]) for label in range(len(smallest))]

    @cached_property
    def classes(self) -> list[list[tuple]]:
        """Each class as its list of inclusive (first, last) runs."""
        classes: list[list[tuple]] = [[] for _ in self.representatives]
        for run in self.runs:
            classes[run.label].append((self._shown(run.first), self._shown(run.last)))
        return classes

    @cached_property
    def sizes(self) -> list[int]:
        """How many values each class has."""
        sizes = [0] * len(self.representatives)
        for first, last, label in self.runs:
            sizes[label] += last - first + 1
        return sizes

    @cached_property
    def _starts(self) -> list[int]:
        return [run.first for run in self.runs]

    def label(self, value: int) -> int:
        """The number of a value's class; the value must be in the domain."""
        return self.runs[bisect_right(self._starts, value) - 1].label

    def cuts(self) -> list[int]:
        """The values at which a run begins, without the domain's first."""
        return [run.first for run in self.runs[1:]]

    def _shown(self, value: int) -> int | bool:
        return bool(value) if self.is_bool else value


def partition_of_function(
    function: Function, question: str, deadline: Deadline, is_bool: bool = False, limit: int = LARGEST
) -> Partition:
    """The level sets of a piecewise function whose entries are tuples of pairs (a, b), each for a*x + b.

    Pieces on which all entries are constant are cut symbolically; only the others are listed.

    Raises
    ------
    Undecided
        if more than ``limit`` values or runs must be listed, or the time is up.

    Examples
    --------
    >>> from course_lib.minimisation.piecewise import Evaluator, identity
    >>> import z3
    >>> halves = Evaluator({"x": identity(0, 9)}, 0, 9)(z3.Int("x") / 4)
    >>> entries = [Piece(p.first, p.last, tuple((entry,) for entry in p.entries)) for p in halves]
    >>> partition_of_function(entries, "x", NO_LIMIT).classes
    [[(0, 3)], [(4, 7)], [(8, 9)]]
    """
    listed = sum(_n_listed(piece) for piece in function)
    if listed > limit:
        raise Undecided(f"{question}: {listed:,} runs or values must be told apart, {limit:,} at most are listed")
    return Partition.of_runs(deadline.watch(_level_sets(function), question), is_bool)


def _moves(entry: tuple) -> bool:
    return any(isinstance(part, tuple) and part[0] != 0 for part in entry)


def _n_listed(piece: Piece) -> int:
    n = piece.last - piece.first + 1
    if any(map(_moves, piece.entries)):
        return n
    per_period = len(_pattern(piece.entries))
    return 0 if per_period == 1 else min(n, per_period * (n // len(piece.entries) + 1))


def _pattern(entries: tuple) -> list[tuple[int, int, tuple]]:
    """Equal neighbours of one period as (first residue, last residue, entry)."""
    runs = []
    for entry, group in groupby(enumerate(entries), key=lambda pair: pair[1]):
        residues = [residue for residue, _ in group]
        runs.append((residues[0], residues[-1], entry))
    return runs


def _level_sets(function: Function) -> Iterator[tuple[int, int, Hashable]]:
    for first, last, entries in function:
        if any(map(_moves, entries)):
            for x in range(first, last + 1):
                entry = entries[x % len(entries)]
                yield x, x, tuple((0, p[0] * x + p[1]) if isinstance(p, tuple) else p for p in entry)
            continue
        pattern = _pattern(entries)
        if len(pattern) == 1:
            yield first, last, entries[0]
            continue
        for base in range(first - first % len(entries), last + 1, len(entries)):
            for low, high, entry in pattern:
                if base + high >= first and base + low <= last:
                    yield max(first, base + low), min(last, base + high), entry
