"""Where a signature has no piecewise form: run the program on each value, or ask Z3 for each cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import z3

from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.characterisation import differs
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.piecewise import UNKNOWN, Function, Piece
from course_lib.minimisation.values import ILLEGAL

RUNS = 200_000  # walks of the program to cut one input; calls of a real function cost a tenth
CUTS = 1000  # beyond, asking Z3 for one cut after the other takes minutes
Witness = dict[str, Any]


def join(*entries: tuple | None) -> tuple | None:
    return UNKNOWN if UNKNOWN in entries else tuple(part for entry in entries for part in (*entry, "|"))


def encoded(result: Any) -> tuple:
    """A concrete result as parts, equal to another's iff Python calls the results equal.

    Examples
    --------
    >>> encoded(True) == encoded(1), encoded((0, None))
    (True, ('2-tuple', (0, 0), 'None'))
    """
    if result is ILLEGAL:
        return ("illegal",)
    if isinstance(result, tuple):
        return (f"{len(result)}-tuple", *(part for element in result for part in encoded(element)))
    return ((0, int(result)),) if isinstance(result, int) else (repr(result),)


def filled(function: Function, gamma: Gamma, name: str, witnesses: Sequence[Witness], deadline: Deadline) -> Function:
    """The same function with signatures where it has unknown entries.

    Raises
    ------
    Undecided
        if the values are too many to run one by one, and so are the cuts.
    """
    n_values = sum(piece.last - piece.first + 1 for piece in function if UNKNOWN in piece.entries)
    if not n_values:
        return function
    run = _Signatures(gamma, name, witnesses, deadline)
    few = n_values * len(witnesses) <= (10 * RUNS if run.behaviour.is_fast else RUNS)
    result = []
    for piece in function:
        if UNKNOWN not in piece.entries:
            result.append(piece)
        elif few:
            result += [Piece(x, x, (run.at(x),)) for x in range(piece.first, piece.last + 1)]
        else:
            result += run.stretches(piece.first, piece.last)
    return result


class _Signatures:
    """The outputs at all witnesses, by running the program."""

    def __init__(self, gamma: Gamma, name: str, witnesses: Sequence[Witness], deadline: Deadline) -> None:
        self.gamma, self.name, self.witnesses, self.deadline = gamma, name, witnesses, deadline
        self.behaviour = Behaviour(gamma.program)

    def at(self, x: int) -> tuple:
        """The signature of one value, as an entry of the piecewise function."""
        self.deadline.check(f"{self.name}: its classes")
        domains = self.gamma.program.domains
        value = bool(x) if domains[self.name].is_bool else x
        inputs = (tuple(value if n == self.name else w[n] for n in domains) for w in self.witnesses)
        entries = [encoded(self.behaviour(values)) for values in inputs]
        return entries[0] if len(entries) == 1 else join(*entries)

    def stretches(self, first: int, last: int) -> Iterator[Piece]:
        """Runs of one signature from left to right, the end of each by bisection with Z3."""
        x = z3.Int("x")
        for _ in range(CUTS):
            solver = quick_solver()
            changes = [self._differs(x, first, w, i) for i, w in enumerate(self.witnesses)]
            solver.add(first < x, x <= last, z3.simplify(z3.Or(changes)))
            end = self._smallest(solver, x, first, last)
            yield Piece(first, (last if end is None else end - 1), (self.at(first),))
            if end is None:
                return
            first = end
        raise Undecided(f"{self.name}: its classes: not linear in {self.name}, and more than {CUTS:,} cuts")

    def _differs(self, x: z3.ArithRef, fixed: int, witness: Witness, i: int) -> z3.BoolRef:
        one = self.gamma.at(f"'{i}", {**witness, self.name: x})
        return differs(one, self.gamma.at(f"''{i}", {**witness, self.name: fixed}))

    def _smallest(self, solver: z3.Solver, x: z3.ArithRef, low: int, high: int) -> int | None:
        question = f"{self.name}: its cuts"
        if not self.deadline.is_satisfiable(solver, question=question):
            return None
        high = solver.model()[x].as_long()
        while low + 1 < high:
            middle = (low + high) // 2
            if self.deadline.is_satisfiable(solver, x <= middle, question=question):
                high = solver.model()[x].as_long()
            else:
                low = middle
        return high
