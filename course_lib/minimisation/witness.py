"""Witness refinement: find values of the other inputs that tell apart all that can be told apart.

For input i, a set W of witnesses (values w of the other inputs) is complete when no x, x', w exist with
p(x, w) ≠ p(x', w) and p(x, v) = p(x', v) for every v in W. Each such w found is added; when there is none,
the class of x is its signature (p(x, w) for w in W), and the proof of completeness is the proof that the
minimiser is best. No quantifier is eliminated: Z3 proves unsatisfiability, or gives the next witness.
"""

from __future__ import annotations

import z3

from course_lib.minimisation.characterisation import agrees, differs
from course_lib.minimisation.classes import Partition
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.signatures import Witness, cut_by
from course_lib.minimisation.values import concrete


def classes_by_witnesses(gamma: Gamma, name: str, deadline: Deadline) -> tuple[Partition, list[Witness]]:
    """The best classes of one input, with the witnesses that prove each two of them distinct.

    Raises
    ------
    Undecided
        if Z3 gives up, the time is up, or the classes are too many to list.
    """
    witnesses = complete_witnesses(gamma, name, deadline)
    return cut_by(gamma, name, witnesses, deadline), witnesses


def complete_witnesses(gamma: Gamma, name: str, deadline: Deadline) -> list[Witness]:
    """Witnesses until no two values of the input that they leave together can be told apart."""
    first = gamma.at("'")
    others = {n: variable for n, variable in first.variables.items() if n != name}
    second = gamma.at("''", others)  # the same other inputs for both values: one set of unknowns
    x, y = first.variables[name], second.variables[name]
    solver = z3.SimpleSolver()
    solver.add(differs(first, second))
    witnesses: list[Witness] = []
    question = f"{name}: is there a further pair of values that some other inputs tell apart"
    while deadline.is_satisfiable(solver, question):
        model = solver.model()
        witness = {other: concrete(variable, model) for other, variable in others.items()}
        witnesses.append(witness)
        n = len(witnesses)
        same = agrees(gamma.at(f"'{n}", {**witness, name: x}), gamma.at(f"''{n}", {**witness, name: y}))
        solver.add(z3.simplify(same))
    return witnesses
