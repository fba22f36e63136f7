"""A time limit shared by many solver calls, and the answer "undecided"."""

from __future__ import annotations

import time
from numbers import Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import z3


LONGEST = 2**32 - 2  # milliseconds; one more means no limit to Z3


class SolverUndecided(RuntimeError):
    """The solver did not decide in the time it was given; nothing is known, nothing is guessed."""


class Deadline:
    """Counts seconds down over a sequence of solver calls.

    Parameters
    ----------
    timeout : seconds above 0 for all calls together, or None for no limit.

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

    def __init__(self, timeout: float | None = None) -> None:
        if timeout is not None and not (isinstance(timeout, Real) and timeout > 0):
            raise ValueError(f"timeout is a number of seconds above 0, or None, not {timeout!r}")
        self.timeout = timeout
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def is_satisfiable(self, solver: z3.Solver, *assumptions: z3.BoolRef) -> bool:
        """Whether the solver's constraints have a model; raises SolverUndecided when the time is up."""
        import z3

        if self.timeout is not None:
            remaining = self.timeout - self.seconds
            if remaining <= 0:
                raise SolverUndecided(f"undecided after {self.timeout:g} s")
            # At least 1 ms, since 0 means no limit to Z3, and no more than the 32 bits it reads.
            solver.set("timeout", int(min(max(1, 1000 * remaining), LONGEST)))
        answer = solver.check(*assumptions)
        if answer == z3.unknown:
            raise SolverUndecided(f"undecided after {self.seconds:.3g} s: {solver.reason_unknown()}")
        return answer == z3.sat
