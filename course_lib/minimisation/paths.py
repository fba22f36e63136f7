"""One way through a program's statements: its conditions, its store, and how ways are joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import z3

from course_lib.minimisation.parsed import Function
from course_lib.minimisation.values import UNBOUND, Condition, Value, both, either, merged, negation

MOST_PATHS = 80  # more than these at one place are merged into one: twenty ifs in a row have a million


@dataclass
class Path:
    """One way through the statements so far.

    Parameters
    ----------
    function : whose statements.
    conditions : their conjunction is the path condition.
    store : local variable -> its value.
    lines : lines of the file that were run, in this order.
    model : values that meet the conditions, where some are known.
    exit : "break", "continue" or "return"; None while the path goes on.
    result : what is returned.
    within : the path that this one looks ahead of, and under what condition.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> entry = program("def f(n): return n", {"n": range(9)}).entry
    >>> n = z3.Int("n")
    >>> path = Path(entry, (n > 0,), {"n": n})
    >>> path.fork(n < 5).conditions, path.conditions
    ((n > 0, n < 5), (n > 0,))
    """

    function: Function
    conditions: tuple[z3.BoolRef, ...]  # their conjunction is the path condition
    store: dict[str, Value]
    lines: dict[int, None] = field(default_factory=dict)  # an ordered set
    model: z3.ModelRef | None = None  # values that meet the conditions, where some are known
    exit: str | None = None  # "break", "continue" or "return"
    result: Value = None
    within: tuple[Path, Condition] | None = None  # the path that this one looks ahead of, and under what

    def under(self, condition: Condition) -> Path:
        """The same path, looking ahead: what an expression is worth if the condition holds."""
        if condition is True:
            return self
        return replace(self, conditions=self.conditions + (condition,), model=None, within=(self, condition))

    def fork(self, condition: Condition, model: z3.ModelRef | None = None) -> Path:
        """A path of its own on which the condition holds."""
        conditions = self.conditions if condition is True else self.conditions + (condition,)
        return replace(self, conditions=conditions, store=dict(self.store), lines=dict(self.lines), model=model)

    def assume(self, fact: Condition) -> None:
        """Add a condition, also to the path that this one looks ahead of."""
        self.conditions += () if fact is True else (z3.BoolVal(False) if fact is False else fact,)
        self.model = None
        if self.within:
            path, condition = self.within
            path.assume(either(negation(condition), fact))


def left(paths: Iterable[Path]) -> list[Path]:
    """The paths that leave a loop from its body, back among its followers after a break.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> entry = program("def f(n): return n", {"n": range(9)}).entry
    >>> ended = [Path(entry, (), {}, exit=way) for way in (None, "continue", "break", "return")]
    >>> [path.exit for path in left(ended)]
    [None, 'return']
    """
    return [replace(p, exit=None if p.exit == "break" else p.exit) for p in paths if p.exit in ("break", "return")]


def going_on(paths: Iterable[Path]) -> list[Path]:
    """The paths that reach the loop's test again.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> entry = program("def f(n): return n", {"n": range(9)}).entry
    >>> ended = [Path(entry, (), {}, exit=way) for way in (None, "continue", "break", "return")]
    >>> len(going_on(ended))
    2
    """
    return [replace(path, exit=None) for path in paths if path.exit in (None, "continue")]


def joined(paths: list[Path]) -> list[Path]:
    """The same paths, merged into one where they are too many to follow apart.

    A variable's value is then a choice among the paths' values, by their conditions.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> entry = program("def f(n): return n", {"n": range(9)}).entry
    >>> n = z3.Int("n")
    >>> paths = [Path(entry, (n == k,), {"y": k}) for k in range(MOST_PATHS + 1)]
    >>> len(joined(paths[1:])), len(joined(paths))
    (80, 1)
    """
    if len(paths) <= MOST_PATHS:
        return paths
    shared = 0
    columns = zip(*(path.conditions for path in paths), strict=False)
    for column in columns:
        if any(condition is not column[0] for condition in column):
            break
        shared += 1
    guards = [both(*path.conditions[shared:]) for path in paths]
    names = dict.fromkeys(name for path in paths for name in path.store)
    store = {
        name: merged([(g, path.store.get(name, UNBOUND)) for g, path in zip(guards, paths, strict=True)])
        for name in names
    }
    lines = {line: None for path in paths for line in path.lines}
    conditions = paths[0].conditions[:shared] + (either(*guards),)
    known = next((path.model for path in paths if path.model is not None), None)
    return [replace(paths[0], conditions=conditions, store=store, lines=lines, model=known)]
