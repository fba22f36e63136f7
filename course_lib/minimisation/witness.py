"""Witness refinement: find values of the other inputs that tell apart all that can be told apart.

For input i, a set W of witnesses (values w of the other inputs) is complete when no x, x', w exist with
p(x, w) ≠ p(x', w) and p(x, v) = p(x', v) for every v in W. Each such w found is added; when there is none,
the class of x is its signature (p(x, w) for w in W), and the proof of completeness is the proof that the
minimiser is best. No quantifier is eliminated: Z3 proves unsatisfiability, or gives the next witness.
"""

from __future__ import annotations

import z3

from course_lib.minimisation.characterisation import Characterisation, agrees, differs
from course_lib.minimisation.classes import Partition
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.signatures import Witness, cut_by
from course_lib.minimisation.values import concrete


def classes_by_witnesses(
    characterisation: Characterisation, name: str, deadline: Deadline
) -> tuple[Partition, list[Witness]]:
    """The best classes of one input, with the witnesses that prove each two of them distinct.

    Raises
    ------
    Undecided
        if Z3 gives up, the time is up, or the classes are too many to list.
    """
    witnesses = complete_witnesses(characterisation, name, deadline)
    return cut_by(characterisation, name, witnesses, deadline), witnesses


def complete_witnesses(characterisation: Characterisation, name: str, deadline: Deadline) -> list[Witness]:
    """Witnesses until no two values of the input that they leave together can be told apart."""
    first, second = characterisation.renamed("'"), characterisation.renamed("''")
    x, y = first.variables[name], second.variables[name]
    others = [other for other in first.variables if other != name]
    solver = z3.SimpleSolver()
    # The same other inputs for both values: one set of unknowns.
    solver.add(z3.substitute(differs(first, second), *((second.variables[o], first.variables[o]) for o in others)))
    witnesses: list[Witness] = []
    question = f"{name}: is there a further pair of values that some other inputs tell apart"
    while deadline.is_satisfiable(solver, question):
        model = solver.model()
        witness = {other: concrete(first.variables[other], model) for other in others}
        witnesses.append(witness)
        solver.add(agreement(characterisation, name, witness, x, y, str(len(witnesses))))
    return witnesses


def agreement(
    characterisation: Characterisation, name: str, witness: Witness, x: z3.ExprRef, y: z3.ExprRef, suffix: str
) -> z3.BoolRef:
    """That p(x, w) = p(y, w), with loop variables of its own."""
    copies = [(characterisation.renamed(f"'{suffix}"), x), (characterisation.renamed(f"''{suffix}"), y)]
    pairs = [(copy.variables[name], value) for copy, value in copies]
    for copy, _ in copies:
        pairs += [(copy.variables[other], _constant(value)) for other, value in witness.items()]
    return z3.simplify(z3.substitute(agrees(copies[0][0], copies[1][0]), *pairs))


def _constant(value: int | bool) -> z3.ExprRef:
    return z3.BoolVal(value) if isinstance(value, bool) else z3.IntVal(value)
