"""The certificate of a monolithic minimiser, from its representatives."""

from __future__ import annotations

from itertools import islice
from random import Random

import z3

from course_lib.minimisation.behaviour import Behaviour, all_inputs
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
    """
    if minimiser.status == "incomplete":
        unknown = Claim("unknown", reason=minimiser.reason)
        return Certificate(unknown, unknown, unknown, 0, deadline.seconds)
    run, names = Behaviour(program), list(program.domains)
    outputs: dict = {}
    best = Claim("proved")
    for values in minimiser.representatives:
        output = run(values)
        if output in outputs and best == "proved":
            best = Claim("refuted", {"inputs": (outputs[output], values)}, "the same output")
        outputs.setdefault(output, values)
    moved = next((values for values in minimiser.representatives if minimiser(values) != values), None)
    n_runs, wrong, open_reason = 0, None, ""
    try:
        for n_runs, values in enumerate(_inputs(program), 1):
            if n_runs & 255 == 0:
                deadline.check("the runs of the program")
            output = run(values)
            if output != ILLEGAL and (output not in outputs or run(minimiser(values)) != output):
                wrong = values
                break
        if wrong is None:
            wrong = _uncovered(program, outputs, deadline)
    except Undecided as error:
        open_reason = error.reason
    correct = Claim("proved")
    if wrong is not None:
        correct = Claim("refuted", dict(zip(names, wrong, strict=True)), "no representative has this output")
    elif open_reason:
        correct = Claim("unknown", reason=open_reason)
    idempotent = Claim("proved") if moved is None else Claim("refuted", dict(zip(names, moved, strict=True)))
    if correct != "proved":
        best = Claim(str(correct), correct.counterexample, "it is no minimiser" if wrong else open_reason)
    return Certificate(correct, idempotent, best, n_runs, deadline.seconds)


def _inputs(program: Program):
    if program.size <= ALL:
        return all_inputs(program)
    return islice(_seeded(program), SEEDED)


def _seeded(program: Program, seed: int = 0):
    random = Random(seed)
    while True:
        drawn = ((random.randint(d.first, d.last), d.is_bool) for d in program.domains.values())
        yield tuple(bool(x) if is_bool else x for x, is_bool in drawn)


def _uncovered(program: Program, outputs: dict, deadline: Deadline) -> tuple | None:
    """A legal input of Γ whose output is no representative's, or None: there is none."""
    gamma = Gamma.of(characterise(program, timeout=deadline.left()))
    solver = quick_solver()
    solver.add(gamma.whole.domain, gamma.whole.precondition, gamma.whole.covered)
    solver.add([z3.Not(same(gamma.whole.result, output)) for output in outputs])
    if not deadline.is_satisfiable(solver, "is there an output without a representative"):
        return None
    return tuple(concrete(variable, solver.model()) for variable in gamma.variables.values())
