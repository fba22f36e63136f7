"""Solvers that keep to a time limit, and the limit as this part has it: "undecided" is one of its errors."""

from __future__ import annotations

import z3

from course_lib import deadline
from course_lib.minimisation.errors import Undecided


class Deadline(deadline.Deadline):
    """A time limit shared by many solver calls and loops, as in ``course_lib.deadline``; raises ``Undecided``.

    Examples
    --------
    >>> x, solver = z3.Int("x"), quick_solver()
    >>> solver.add(x > 1)
    >>> Deadline(timeout=10).is_satisfiable(solver, question="is there a number above 1")
    True
    """

    undecided = Undecided


def quick_solver() -> z3.Solver:
    """An empty solver for many small questions: no preprocessing, and no Gröbner bases.

    Z3 cannot be interrupted while it computes a Gröbner basis, which may take a minute beyond any timeout.

    Examples
    --------
    >>> quick_solver().check()
    sat
    """
    return _without_groebner(z3.SimpleSolver())


def thorough_solver() -> z3.Solver:
    """A solver that prepares each question; it computes no Gröbner bases either.

    Examples
    --------
    >>> thorough_solver().check()
    sat
    """
    return _without_groebner(z3.Solver())


def _without_groebner(solver: z3.Solver) -> z3.Solver:
    solver.set("arith.nl.grobner", False)
    return solver
