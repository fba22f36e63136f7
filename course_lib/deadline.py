"""A time limit shared by many solver calls and loops, and the answer "undecided"."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    import z3

__all__ = ["Deadline", "SolverUndecided"]

LONGEST = 2**32 - 2  # milliseconds; one more means no limit to Z3
Item = TypeVar("Item")


class SolverUndecided(RuntimeError):
    """The solver did not decide in the time it was given; nothing is known, nothing is guessed.

    Its message names the question that was left open, and the seconds it was given.

    Examples
    --------
    >>> short = Deadline(timeout=0.001)
    >>> time.sleep(0.01)
    >>> short.check("the count")
    Traceback (most recent call last):
        ...
    course_lib.deadline.SolverUndecided: the count: undecided after 0.001 s
    """


class Deadline:
    """Counts seconds down over a sequence of solver calls and loops.

    Parameters
    ----------
    timeout : seconds above 0 for everything together, or None for no limit.

    Raises
    ------
    ValueError
        if ``timeout`` is not above 0.

    Examples
    --------
    >>> import z3
    >>> x, solver = z3.Int("x"), z3.Solver()
    >>> solver.add(x > 1)
    >>> Deadline(timeout=10).is_satisfiable(solver)
    True
    """

    undecided: type[Exception] = SolverUndecided  # what is raised when the time is up

    def __init__(self, timeout: float | None = None) -> None:
        good = timeout is None or (isinstance(timeout, Real) and not isinstance(timeout, bool) and timeout > 0)
        if not good:
            raise ValueError(f"timeout is a number of seconds above 0, or None, not {timeout!r}")
        self.timeout = timeout
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def left(self, question: str = "") -> float | None:
        """What is left in seconds, for another deadline: above 0, or None; raises ``undecided`` if nothing is."""
        self.check(question)
        return None if self.timeout is None else max(0.001, self.timeout - self.seconds)

    def part(self, seconds: float, question: str = "") -> Self:
        """A deadline of at most so many seconds of what is left, for a question that need not be settled."""
        left = self.left(question)
        return type(self)(seconds if left is None else min(seconds, left))

    def check(self, question: str = "") -> None:
        """Raise ``undecided``, naming the question, if the time is up."""
        if self.timeout is not None and self.seconds > self.timeout:
            raise self.undecided(f"{_named(question)}undecided after {self.timeout:.3g} s")

    def watch(self, items: Iterable[Item], question: str = "") -> Iterator[Item]:
        """The items, one by one, for as long as there is time: for loops that ask no solver.

        Examples
        --------
        >>> sum(Deadline(timeout=10).watch(range(1000), "the sum"))
        499500
        """
        end = inf if self.timeout is None else self._start + self.timeout
        for item in items:
            if time.monotonic() > end:
                self.check(question)
            yield item

    def milliseconds(self, question: str = "") -> int:
        """What is left, as Z3 wants it: from 1, since 0 means no limit, to the 32 bits it reads."""
        self.check(question)
        return LONGEST if self.timeout is None else int(min(max(1, 1000 * (self.timeout - self.seconds)), LONGEST))

    def is_satisfiable(self, solver: z3.Solver, *assumptions: z3.BoolRef, question: str = "") -> bool:
        """Whether the solver's constraints have a model; raises ``undecided`` if it cannot say in time."""
        import z3

        if self.timeout is not None:
            solver.set("timeout", self.milliseconds(question))
        answer = solver.check(*assumptions)
        if answer == z3.unknown:
            reason = f"undecided after {self.seconds:.3g} s: {solver.reason_unknown()}"
            raise self.undecided(_named(question) + reason)
        return answer == z3.sat


def _named(question: str) -> str:
    return f"{question}: " if question else ""
