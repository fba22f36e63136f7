"""The certificate of a monolithic minimiser, from its representatives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import z3

from course_lib.minimisation.behaviour import Behaviour, all_inputs, random_inputs
from course_lib.minimisation.certificate import Certificate, Claim
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.concrete_leg import ALL, SEEDED
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.minimiser import Minimiser
from course_lib.minimisation.program import Program
from course_lib.minimisation.values import ILLEGAL, concrete, same


def certificate(program: Program, minimiser: Minimiser, deadline: Deadline) -> Certificate:
    """All three legs; see ``verify``.

    m sends a legal input to the representative whose output is the input's. So p ∘ m = p iff every output
    is some representative's; m ∘ m = m iff m leaves each representative as it is; and m is best iff the
    representatives' outputs differ (Proposition 3: p is injective on the range of m).

    Parameters
    ----------
    program, minimiser : the minimiser is checked by its outputs and their representatives.
    deadline : for everything; what is open by then is "unknown".

    Raises
    ------
    SpecificationError
        where the program breaks its own rules.

    Examples
    --------
    >>> from course_lib.minimisation.monolithic import best_monolithic
    >>> from course_lib.minimisation.program import program
    >>> both = program("def both(a, b): return a and b", {"a": bool, "b": bool})
    >>> found = certificate(both, best_monolithic(both), Deadline(timeout=60))
    >>> print(found.correct, found.idempotent, found.best)
    proved proved proved
    """
    if minimiser.status == "incomplete":
        unknown = Claim("unknown", reason=minimiser.reason)
        return Certificate(unknown, unknown, unknown, 0, deadline.seconds)
    names = list(program.domains)
    try:
        found = _faults(program, minimiser, deadline)
    except Undecided as error:
        unknown = Claim("unknown", reason=error.reason)
        return Certificate(unknown, unknown, unknown, 0, deadline.seconds)
    correct = idempotent = best = Claim("proved")
    if found.moved is not None:
        idempotent = Claim("refuted", dict(zip(names, found.moved, strict=True)))
    if found.wrong is not None:
        correct = Claim("refuted", dict(zip(names, found.wrong, strict=True)), "no representative has this output")
        best = Claim("refuted", correct.counterexample, "it is no minimiser")
    elif found.open_reason:
        correct = best = Claim("unknown", reason=found.open_reason)
    elif found.alike is not None:
        best = Claim("refuted", {"inputs": found.alike}, "the same output")
    return Certificate(correct, idempotent, best, found.n_runs, deadline.seconds)


@dataclass
class _Faults:
    """What speaks against a minimiser: none of it where nothing was found."""

    alike: tuple[tuple, tuple] | None = None  # two representatives of one output
    moved: tuple | None = None  # a representative that is not its own
    wrong: tuple | None = None  # a legal input whose output is no representative's
    open_reason: str = ""
    n_runs: int = 0


def _faults(program: Program, minimiser: Minimiser, deadline: Deadline) -> _Faults:
    run, found = Behaviour(program), _Faults()
    sent = dict(zip(minimiser.outputs, minimiser.representatives, strict=True))
    gives = {r: run(r) for r in deadline.watch(minimiser.representatives, "the runs of the representatives")}
    first: dict = {}
    for values, output in gives.items():
        if first.setdefault(output, values) != values and found.alike is None:
            found.alike = first[output], values
        if sent.get(output) != values and found.moved is None:
            found.moved = values
    try:
        for values in deadline.watch(_inputs(program), "the runs of the program"):
            found.n_runs += 1
            output = run(values)
            if output != ILLEGAL and (output not in sent or gives[sent[output]] != output):
                found.wrong = values
                return found
        found.wrong = _uncovered(program, first, deadline)
    except Undecided as error:
        found.open_reason = error.reason
    return found


def _inputs(program: Program):
    if program.size <= ALL:
        return all_inputs(program)
    return islice(random_inputs(program), SEEDED)


def _uncovered(program: Program, outputs: dict, deadline: Deadline) -> tuple | None:
    """A legal input of Γ whose output is no representative's, or None: there is none."""
    gamma = Gamma.of(characterise(program, timeout=deadline.left("its characterisation")))
    solver = quick_solver()
    solver.add(gamma.whole.domain, gamma.whole.precondition, gamma.whole.covered)
    solver.add([z3.Not(same(gamma.whole.result, output)) for output in outputs])
    if not deadline.is_satisfiable(solver, question="is there an output without a representative"):
        return None
    return tuple(concrete(variable, solver.model()) for variable in gamma.variables.values())
