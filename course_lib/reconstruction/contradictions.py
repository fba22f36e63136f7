"""Why no database fits: a set of published figures that conflict, with none to spare."""

from __future__ import annotations

import z3

from course_lib.deadline import Deadline
from course_lib.reconstruction.direct import People
from course_lib.reconstruction.tables import PublishedTable


def explain_contradiction(table: PublishedTable) -> tuple[str, ...]:
    """An irreducible set of published figures that contradict one another.

    Figures are named "2B.count", "2B.mean", "2B.median", "2B.minimum", "2B.maximum" and
    "2B.suppressed"; a mean or a median brings its own count. The schema, n and the structural zeros
    are background, and never blamed. Irreducible: no database has all the figures named, and if any
    one of them is left out, some database has the others. There may be other such sets.

    Parameters
    ----------
    table : what is published.

    Returns
    -------
    tuple of names in the table's order; ``()`` if the table is consistent, or if the background alone
    is contradictory, in which case ``reconstruct`` still says "contradictory".

    Examples
    --------
    >>> from dataclasses import replace
    >>> from course_lib.reconstruction import acm_block
    >>> acm = acm_block()
    >>> misprint = [replace(s, mean=45) if s.name == "2B" else s for s in acm.statistics]
    >>> conflict = explain_contradiction(replace(acm, statistics=misprint))
    >>> "2B.mean" in conflict, len(conflict) >= 3
    (True, True)
    """
    people = People(table)
    solver = z3.SimpleSolver()
    solver.add(people.background)
    switches = {}
    for name, constraints in people.atoms.items():
        switches[name] = z3.Bool(f"keep {name}")
        solver.add([z3.Implies(switches[name], constraint) for constraint in constraints])

    def conflict_within(names: list[str]) -> list[str] | None:
        """The solver's core of these figures, or None if some database has them all."""
        if Deadline().is_satisfiable(solver, *[switches[name] for name in names]):
            return None
        blamed = {str(switch) for switch in solver.unsat_core()}
        return [name for name in names if str(switches[name]) in blamed]

    conflict = conflict_within(list(switches))
    if conflict is None:
        return ()
    # Deletion: a figure without which the rest still conflicts is not needed.
    for name in list(conflict):
        if name in conflict:
            smaller = conflict_within([other for other in conflict if other != name])
            conflict = conflict if smaller is None else smaller
    return tuple(conflict)
