"""Witness refinement: find values of the other inputs that tell apart all that can be told apart.

For input i, a set W of witnesses (values w of the other inputs) is complete when no x, x', w exist with
p(x, w) ≠ p(x', w) and p(x, v) = p(x', v) for every v in W. Each such w found is added; when there is none,
the class of x is its signature (p(x, w) for w in W), and the proof of completeness is the proof that the
minimiser is best. No quantifier is eliminated: Z3 proves unsatisfiability, or gives the next witness.
"""

from __future__ import annotations

from itertools import islice

import z3

from course_lib.minimisation.behaviour import Disagreement
from course_lib.minimisation.classes import Partition
from course_lib.minimisation.copies import Gamma, agrees, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.signatures import Witness, cut_by
from course_lib.minimisation.values import concrete

WRITTEN_OUT = 2000  # runs that are written out for the solver; beyond, Γ at the witnesses is shorter


def classes_by_witnesses(gamma: Gamma, name: str, deadline: Deadline) -> tuple[Partition, list[Witness]]:
    """The best classes of one input, with the witnesses that prove each two of them distinct.

    Parameters
    ----------
    gamma, name : of the program, and which input.
    deadline : for runs and questions.

    Raises
    ------
    Undecided
        if Z3 gives up, the time is up, or the classes are too many to list.
    Disagreement
        if the program does not tell apart what the proof does.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> gamma = Gamma.of(characterise(program("def f(a, b): return a and b > 4", {"a": bool, "b": range(9)})))
    >>> classes, witnesses = classes_by_witnesses(gamma, "b", Deadline(timeout=60))
    >>> classes.classes, witnesses
    ([[(0, 4)], [(5, 8)]], [{'a': True}])
    """
    classes, witnesses = cut_by(gamma, name, [], deadline), []
    if len(gamma.variables) == 1:  # there are no other inputs, so one empty witness is all there can be
        classes = cut_by(gamma, name, [{}], deadline)
        return classes, [{}] * (len(classes.representatives) > 1)
    first = gamma.at("'")
    others = {n: variable for n, variable in first.variables.items() if n != name}
    second = gamma.at("''", others)  # the same other inputs for both values: one set of unknowns
    pair = first.variables[name], second.variables[name]
    solver = quick_solver()
    solver.add(differs(first, second))
    question = f"{name}: is there a further pair of values that some other inputs tell apart"
    while max(classes.sizes) > 1:
        solver.push()
        solver.add(_together(gamma, name, classes, witnesses, *pair))
        if not deadline.is_satisfiable(solver, question=question):
            break
        witnesses.append({other: concrete(variable, solver.model()) for other, variable in others.items()})
        solver.pop()
        finer = classes.refined(cut_by(gamma, name, witnesses[-1:], deadline), deadline)
        if len(finer.sizes) == len(classes.sizes):
            raise Disagreement(f"the proof finds values of {name} told apart by {witnesses[-1]}, the runs do not")
        classes = finer
    return classes, witnesses


def _together(
    gamma: Gamma, name: str, classes: Partition, witnesses: list[Witness], x: z3.ExprRef, y: z3.ExprRef
) -> z3.BoolRef:
    """That no witness so far tells x from y: they are in one class."""
    shared = {label for label, size in enumerate(classes.sizes) if size > 1}
    runs = list(islice((run for run in classes.runs if run.label in shared), WRITTEN_OUT + 1))
    if len(runs) > WRITTEN_OUT:
        return z3.And([_agreement(gamma, name, w, i, x, y) for i, w in enumerate(witnesses)])
    inside: dict[int, tuple[list, list]] = {label: ([], []) for label in sorted(shared)}
    numbers = [z3.If(v, 1, 0) if z3.is_bool(v) else v for v in (x, y)]
    for first, last, label in runs:
        for tests, v in zip(inside[label], numbers, strict=True):
            tests.append(z3.And(first <= v, v <= last) if first < last else v == first)
    return z3.Or([z3.And(z3.Or(of_x), z3.Or(of_y)) for of_x, of_y in inside.values()])


def _agreement(gamma: Gamma, name: str, witness: Witness, i: int, x: z3.ExprRef, y: z3.ExprRef) -> z3.BoolRef:
    """That p(x, w) = p(y, w)."""
    return z3.simplify(agrees(gamma.at(f"'{i}", {**witness, name: x}), gamma.at(f"''{i}", {**witness, name: y})))
