"""Fig. 7 of the paper: the classes of an input by quantifier elimination, one after the other.

    while Γ has a value of input i that no class covers:
        take one, v; form Γ ∧ Γ[i'/i] ∧ i' = v, eliminate quantifiers: the class of v; store it, exclude it

Which quantifier is eliminated, the printed figure does not say. "There are other inputs with equal outputs"
(the existential reading) is wrong on OR. Right is: "for all other inputs in their domains, the outputs are
equal", that is, there are none in their domains with different ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import z3

from course_lib.minimisation.classes import Partition
from course_lib.minimisation.copies import Gamma, agrees, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.piecewise import UNKNOWN, Evaluator, Piece, TooManyPieces, identity, pointwise

READINGS = ("repaired", "existential")
LISTED = 20_000  # values looked at one by one where a class has no piecewise form


def classes_by_figure7(gamma: Gamma, name: str, deadline: Deadline, reading: str = "repaired") -> Partition:
    """The classes of one input by Fig. 7.

    Parameters
    ----------
    gamma, name : of the program, and which input.
    deadline : for all questions to the solver.
    reading : "repaired" (for all other inputs) or "existential" (there are other inputs), which is wrong.

    Returns
    -------
    Partition of the input's domain.

    Raises
    ------
    Undecided
        if Z3 cannot eliminate the quantifiers, or the time is up.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> gamma = Gamma.of(characterise(program("def f(a, b): return a or b", {"a": bool, "b": bool})))
    >>> for reading in READINGS:  # with b True, a does not matter; with b False, it does
    ...     print(classes_by_figure7(gamma, "a", Deadline(timeout=60), reading).classes)
    [[(False, False)], [(True, True)]]
    [[(False, True)]]
    """
    variable = gamma.variables[name]
    domain = gamma.program.domains[name]
    solver = quick_solver()
    solver.add(domain.constraint(variable))
    formulas: list[z3.BoolRef] = []
    while deadline.is_satisfiable(solver, question=f"{name}: is there a value in no class yet"):
        value = solver.model().eval(variable, model_completion=True)
        formula = class_of(gamma, name, value, deadline, reading)
        formulas.append(formula)
        solver.add(z3.Not(formula))
    return _partition(gamma, name, formulas, deadline)


def class_of(gamma: Gamma, name: str, value: z3.ExprRef, deadline: Deadline, reading: str = "repaired") -> z3.BoolRef:
    """The class of one value, as a quantifier-free formula over the input's variable.

    Parameters
    ----------
    gamma, name, value : of the program, which input, and a value of it as a z3 term.
    deadline : for the elimination and its check.
    reading : as for ``classes_by_figure7``.

    Raises
    ------
    Undecided
        if Z3 cannot eliminate the quantifiers, or what it gives fails its check, or the time is up.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> gamma = Gamma.of(characterise(program("def f(n): return n // 2", {"n": range(10)})))
    >>> formula = class_of(gamma, "n", z3.IntVal(4), Deadline(timeout=60))
    >>> [n for n in range(10) if z3.is_true(z3.simplify(z3.substitute(formula, (gamma.variables["n"], z3.IntVal(n)))))]
    [4, 5]
    """
    variable = gamma.variables[name]
    first = gamma.at("'", {name: variable})
    others = {n: unknown for n, unknown in first.variables.items() if n != name}
    second = gamma.at("''", {**others, name: value})
    relation = z3.simplify(differs(first, second) if reading == "repaired" else agrees(first, second))
    # Loop variables are quantified with the other inputs, each copy's apart.
    bound = [*others.values(), *first.auxiliary, *second.auxiliary]
    projected = _project(bound, relation, variable, deadline, f"{name}: the class of {value}")
    formula = z3.Not(projected) if reading == "repaired" else projected
    if not z3.is_true(z3.simplify(z3.substitute(formula, (variable, value)))):
        raise Undecided(f"{name}: quantifier elimination lost {value} from its own class")
    if reading == "repaired":
        _certify(formula, relation, gamma, name, value, deadline)
    return formula


def _project(
    bound: Sequence[z3.ExprRef], relation: z3.BoolRef, variable: z3.ExprRef, deadline: Deadline, question: str
) -> z3.BoolRef:
    """∃ bound: relation, without the quantifier."""
    bound = [b for b in bound if _occurs(b, relation)]
    # From version 5 on, qe2 answers True to whatever has no quantifier: such goals never reach it.
    if not bound:
        return relation
    for tactic in ("qe2", "qe"):
        attempt = z3.TryFor(z3.Tactic(tactic), deadline.milliseconds(question))
        try:
            result = z3.simplify(attempt(z3.Exists(list(bound), relation)).as_expr())
        except z3.Z3Exception:
            deadline.check(question)
            continue
        if _free_constants(result) <= {variable.decl().name()}:
            return result
    raise Undecided(f"{question}: Z3 cannot eliminate the quantifiers")


def _occurs(constant: z3.ExprRef, formula: z3.ExprRef) -> bool:
    return constant.decl().name() in _free_constants(formula)


def _free_constants(formula: z3.ExprRef) -> set[str]:
    """Names of all constants; a quantifier counts as one."""
    found, seen, stack = set(), set(), [formula]
    while stack:
        node = stack.pop()
        if node.get_id() in seen:
            continue
        seen.add(node.get_id())
        if z3.is_quantifier(node):
            found.add("a quantifier")
        elif z3.is_app(node):
            if node.num_args() == 0 and node.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                found.add(node.decl().name())
            stack += node.children()
    return found


def _certify(
    formula: z3.BoolRef, relation: z3.BoolRef, gamma: Gamma, name: str, value: z3.ExprRef, deadline: Deadline
) -> None:
    """The class holds no value that the program tells apart from ``value``: checked on the original relation.

    That it misses none is checked at the end, on the representatives.
    """
    solver = quick_solver()
    domain = gamma.program.domains[name]
    solver.add(formula, relation, domain.constraint(gamma.variables[name]))
    if deadline.is_satisfiable(solver, question=f"{name}: does the class of {value} hold too much"):
        raise Undecided(f"{name}: quantifier elimination gave a class of {value} that is too large")


def _partition(gamma: Gamma, name: str, formulas: list[z3.BoolRef], deadline: Deadline) -> Partition:
    """The runs of the classes; a value belongs to the first formula that holds."""
    domain = gamma.program.domains[name]
    variable = gamma.variables[name]
    first, last = domain.first, domain.last
    known = [Piece(0, 0, (False,)), Piece(1, 1, (True,))] if domain.is_bool else identity(first, last)
    evaluate = Evaluator({variable.decl().name(): known}, first, last, deadline)
    try:
        labels = pointwise(_first_true, *map(evaluate, formulas), deadline=deadline)
    except TooManyPieces:
        labels = [Piece(first, last, (UNKNOWN,))]
    runs = []
    for piece in labels:
        if piece.entries[0] is not UNKNOWN and len(piece.entries) == 1:
            runs.append((piece.first, piece.last, piece.entries[0]))
            continue
        if piece.last - piece.first >= LISTED and UNKNOWN in piece.entries:
            raise Undecided(f"{name}: the classes have no simple form, and the domain is too large to list")
        for x in range(piece.first, piece.last + 1):
            deadline.check(f"{name}: the runs of its classes")
            label = piece.entries[x % len(piece.entries)]
            runs.append((x, x, _look(formulas, variable, domain, x) if label is UNKNOWN else label))
    return Partition.of_runs(runs, domain.is_bool)


def _first_true(*entries: bool | None) -> int | None:
    for label, holds in enumerate(entries):
        if holds is UNKNOWN:
            return UNKNOWN
        if holds:
            return label
    return UNKNOWN


def _look(formulas, variable, domain, x) -> int:
    value = z3.BoolVal(bool(x)) if domain.is_bool else z3.IntVal(x)
    holds = (z3.is_true(z3.simplify(z3.substitute(formula, (variable, value)))) for formula in formulas)
    return next(label for label, true in enumerate(holds) if true)
