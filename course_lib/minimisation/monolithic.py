"""Find best monolithic minimisers: one class for each output (Proposition 3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import z3

from course_lib.minimisation import exhaustive
from course_lib.minimisation.behaviour import Behaviour, Disagreement, all_inputs
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.distributed import best_distributed, is_small
from course_lib.minimisation.errors import EmptyDomain, Undecided
from course_lib.minimisation.minimiser import DistributedMinimiser, Minimiser
from course_lib.minimisation.program import Program
from course_lib.minimisation.values import ILLEGAL, concrete, same

METHODS = ("auto", "exhaustive", "witness", "outputs")
LARGEST = 200_000  # combinations of representatives that are run one by one
OUTPUTS = 1000  # outputs that Z3 is asked for one by one


def best_monolithic(program: Program, method: str = "auto", timeout: float | None = None) -> Minimiser:
    """The best monolithic minimiser of a program (Definition 6; it exists, Theorem 2).

    Two legal inputs are in one class iff their outputs are equal; a class's representative is its
    lexicographically smallest input. Since dm(v) ≤ v in every place and p(dm(v)) = p(v) for a best
    distributed dm, only combinations of its representatives need be run.

    Parameters
    ----------
    method : "exhaustive" (all inputs are run), "witness" (combinations of the representatives of a best
        distributed minimiser are run), "outputs" (Z3 is asked for one output after the other), or
        "auto": the first of these that suits.
    timeout : seconds for everything, or None.

    Raises
    ------
    ValueError
        for an unknown method or a timeout that is not above 0.
    MinimisationError
        (a ValueError) for programs that are not supported or break their own rules.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> m = best_monolithic(program("def f(s): return s < 10000", {"s": range(0, 100_001)}))
    >>> m.status, m.representatives, m.outputs
    ('best', [(0,), (10000,)], [True, False])
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(map(repr, METHODS))}")
    deadline = Deadline(timeout)
    if method == "auto" and is_small(program):
        method = "exhaustive"
    try:
        if method == "exhaustive":
            exhaustive.require_few(program)
            if program.has_assumptions:
                characterise(program, timeout=timeout)
            return _by_running(program, method, all_inputs(program), None, deadline)
        if method in ("auto", "witness"):
            dm = best_distributed(program, "witness", timeout)
            n = prod(len(dm[name].representatives) for name in dm.locals)
            if dm.status == "best" and n <= LARGEST:
                inputs = product(*(dm[name].representatives for name in program.domains))
                return _by_running(program, "witness", inputs, dm, deadline)
            if method == "witness":
                reason = f"{n:,} combinations are too many to run" if dm.status == "best" else dm.explain()
                return Minimiser(program, "incomplete", method, [], [], reason=reason, seconds=deadline.seconds)
        return _by_outputs(program, deadline)
    except Undecided as error:
        return Minimiser(program, "incomplete", method, [], [], reason=error.reason, seconds=deadline.seconds)


def _by_running(
    program: Program, method: str, inputs: Iterator[tuple], dm: DistributedMinimiser | None, deadline: Deadline
) -> Minimiser:
    """Run inputs in lexicographic order; the first with an output stands for it."""
    run = Behaviour(program)
    first: dict = {}
    sizes: dict = {}
    weights = None
    if dm is not None:
        weights = product(*(dm[name].sizes for name in program.domains))
    for values in deadline.watch(inputs, "the runs of the program"):
        weight = 1 if weights is None else prod(next(weights))
        output = run(values)
        if output != ILLEGAL:
            first.setdefault(output, values)
            sizes[output] = sizes.get(output, 0) + weight
    return _minimiser(program, method, first, list(sizes.values()), deadline)


def _by_outputs(program: Program, deadline: Deadline) -> Minimiser:
    """Ask Z3 for an input with an output not seen yet, then for the smallest such input, until there is none."""
    gamma = Gamma.of(characterise(program, timeout=deadline.left("its characterisation")))
    run = Behaviour(program)
    new = quick_solver()
    new.add(gamma.whole.domain, gamma.whole.precondition, gamma.whole.covered)
    first: dict = {}
    while deadline.is_satisfiable(new, question="is there a further output"):
        if len(first) == OUTPUTS:
            raise Undecided(f"{program.name} has more than {OUTPUTS:,} outputs, too many to ask for one by one")
        values = _values(gamma, new.model())
        output = run(values)
        if output in first or output == ILLEGAL:
            raise Disagreement(f"Γ has another output at {values} than the program, which gives {output!r}")
        first[output] = _smallest(gamma, output, deadline)
        new.add(z3.Not(same(gamma.whole.result, output)))
    in_order = dict(sorted(first.items(), key=lambda item: item[1]))
    return _minimiser(program, "outputs", in_order, None, deadline)


def _values(gamma: Gamma, model: z3.ModelRef) -> tuple:
    return tuple(concrete(variable, model) for variable in gamma.variables.values())


def _smallest(gamma: Gamma, output: object, deadline: Deadline) -> tuple:
    """The lexicographically smallest input with this output: input by input, by bisection."""
    solver = quick_solver()
    solver.add(gamma.whole.domain, gamma.whole.precondition, gamma.whole.covered, same(gamma.whole.result, output))
    question = f"the smallest input with output {output!r}"
    if not deadline.is_satisfiable(solver, question=question):
        raise Disagreement(f"no input of Γ gives {output!r}, but the program does")
    values = _values(gamma, solver.model())
    for place, (name, variable) in enumerate(gamma.variables.items()):
        number = z3.If(variable, 1, 0) if z3.is_bool(variable) else variable
        low, high = gamma.program.domains[name].first, int(values[place])
        while low < high:
            middle = (low + high) // 2
            if deadline.is_satisfiable(solver, number <= middle, question=question):
                values = _values(gamma, solver.model())
                high = int(values[place])
            else:
                low = middle + 1
        solver.add(number == high)
    return values


def _minimiser(program: Program, method: str, first: dict, sizes: list[int] | None, deadline: Deadline) -> Minimiser:
    if not first:
        raise EmptyDomain(f"no input of {program.name} meets its precondition", program.first_line)
    return Minimiser(program, "best", method, list(first.values()), list(first), sizes, seconds=deadline.seconds)
