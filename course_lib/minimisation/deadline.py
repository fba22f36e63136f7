"""A time limit shared by many solver calls and loops."""

from __future__ import annotations

import time
from numbers import Real

import z3

from course_lib.minimisation.errors import Undecided

LONGEST = 2**32 - 2  # milliseconds; one more means no limit to Z3


def quick_solver() -> z3.Solver:
    """An empty solver for many small questions: no preprocessing, and no Gröbner bases.

    Z3 cannot be interrupted while it computes a Gröbner basis, which may take a minute beyond any timeout.

    Examples
    --------
    >>> quick_solver().check()
    sat
    """
    solver = z3.SimpleSolver()
    solver.set("arith.nl.grobner", False)
    return solver


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
    >>> x, solver = z3.Int("x"), z3.Solver()
    >>> solver.add(x > 1)
    >>> Deadline(timeout=10).is_satisfiable(solver, "is there a number above 1")
    True
    """

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

    def left(self) -> float | None:
        """What is left in seconds, for another deadline: above 0, or None."""
        return None if self.timeout is None else max(0.001, self.timeout - self.seconds)

    def part(self, seconds: float) -> Deadline:
        """A deadline of at most so many seconds of what is left, for a question that need not be settled."""
        return Deadline(seconds if self.timeout is None else max(0.001, min(seconds, self.timeout - self.seconds)))

    def check(self, question: str) -> None:
        """Raise Undecided, naming the question, if the time is up: for loops that ask no solver."""
        if self.timeout is not None and self.seconds > self.timeout:
            raise Undecided(f"{question}: undecided after {self.timeout:g} s")

    def milliseconds(self, question: str) -> int:
        """What is left, as Z3 wants it: from 1, since 0 means no limit, to the 32 bits it reads."""
        self.check(question)
        if self.timeout is None:
            return LONGEST
        return int(min(max(1, 1000 * (self.timeout - self.seconds)), LONGEST))

    def is_satisfiable(self, solver: z3.Solver, question: str, *assumptions: z3.BoolRef) -> bool:
        """Whether the solver's constraints have a model; raises Undecided, naming the question, if it cannot say."""
        solver.set("timeout", self.milliseconds(question))
        answer = solver.check(*assumptions)
        if answer == z3.unknown:
            raise Undecided(f"{question}: undecided after {self.seconds:.3g} s ({solver.reason_unknown()})")
        return answer == z3.sat
