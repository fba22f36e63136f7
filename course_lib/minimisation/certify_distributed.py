"""The certificate of a distributed minimiser, from the text of its modules."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import z3

from course_lib.minimisation.behaviour import Behaviour, Disagreement
from course_lib.minimisation.certificate import Certificate, Claim
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.concrete_leg import Runs, compare
from course_lib.minimisation.copies import Gamma, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.emitted import Module, read_module
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.minimiser import DistributedMinimiser
from course_lib.minimisation.program import Program
from course_lib.minimisation.separation import Inseparable, separating_witnesses
from course_lib.minimisation.values import concrete

PATIENCE = 10  # seconds for a proof of what is known by other means
LONG = 5000  # returns of a module beyond which no solver is asked about it: Z3 would not heed the time


def certificate(program: Program, minimiser: DistributedMinimiser, deadline: Deadline) -> Certificate:
    """All three legs; see ``verify``.

    Parameters
    ----------
    program, minimiser : the minimiser is read back from the text of its modules.
    deadline : for everything; what is open by then is "unknown".

    Raises
    ------
    UnsupportedConstruct
        for a module whose text holds other forms than the library emits.
    SpecificationError
        where the program breaks its own rules.

    Examples
    --------
    >>> from course_lib.minimisation.distributed import best_distributed
    >>> from course_lib.minimisation.program import program
    >>> old = program("def old(age): return age >= 65", {"age": range(0, 121)})
    >>> found = certificate(old, best_distributed(old), Deadline(timeout=60))
    >>> print(found.correct, found.idempotent, found.best)
    proved proved proved
    """
    missing = [name for name in program.domains if name not in minimiser.locals]
    if missing:
        why = minimiser.reasons.get(missing[0], f"it knows no input {missing[0]!r}")
        unknown = Claim("unknown", reason=f"the minimiser is incomplete: {why}")
        return Certificate(unknown, unknown, unknown, 0, deadline.seconds)
    modules = {name: read_module(minimiser[name].source()) for name in program.domains}
    witnesses = {name: minimiser[name].witnesses for name in modules}
    cuts = {name: minimiser[name].partition.cuts() for name in modules}
    open_reason = ""
    try:
        runs = compare(program, modules, cuts, witnesses, deadline)
    except Undecided as error:
        runs, open_reason = Runs(0, False), error.reason
    try:
        gamma: Gamma | None = Gamma.of(characterise(program, timeout=deadline.left("its characterisation")))
    except Undecided as error:
        gamma, open_reason = None, error.reason
    correct = _correct(program, modules, gamma, runs, open_reason, deadline)
    idempotent = _idempotent(program, modules, runs, open_reason, deadline)
    best = _best(program, modules, witnesses, gamma, correct, idempotent, deadline)
    return Certificate(correct, idempotent, best, runs.n_runs, deadline.seconds)


def _correct(
    program: Program,
    modules: dict[str, Module],
    gamma: Gamma | None,
    runs: Runs,
    open_reason: str,
    deadline: Deadline,
) -> Claim:
    """p ∘ m = p, where m answers exactly the values of the domains."""
    if runs.wrong is not None:
        return Claim("refuted", runs.wrong, "the source changes the output, or refuses a value of the domain")
    for name, module in modules.items():
        domain = program.domains[name]
        for x in (domain.first - 1, domain.first, domain.last, domain.last + 1):
            if module.accepts(x) != (x in domain):
                said = "refuses a value of the domain" if x in domain else "answers a value outside the domain"
                return Claim("refuted", {name: x}, f"the source {said}")
    by_runs = Claim("proved", reason="by running all inputs; the proof is open")
    if gamma is None:
        return by_runs if runs.all_inputs else Claim("unknown", reason=open_reason)
    try:
        found = _counterexample(program, modules, gamma, deadline.part(PATIENCE) if runs.all_inputs else deadline)
    except Undecided as error:
        return by_runs if runs.all_inputs else Claim("unknown", reason=error.reason)
    if found is None:
        return Claim("proved") if not open_reason else Claim("unknown", reason=open_reason)
    if _changes_output(program, modules, found):
        return Claim("refuted", found, "the source changes the output")
    return Claim("unknown", found, "the proof fails at an input where the runs show no fault: Γ is not the program")


def _counterexample(
    program: Program, modules: dict[str, Module], gamma: Gamma, deadline: Deadline
) -> dict[str, Any] | None:
    """An input with p(m(v)) ≠ p(v), or None: there is none.

    First one input at a time: if m changes no output on any one input, whatever the others, it changes
    none on all together. Only if that fails, all at once.
    """
    for name, module in modules.items():
        if _is_long(module):
            raise Undecided(f"the module of {name} returns in more than {LONG:,} places, too many to prove it")
    if all(_find(program, modules, [name], gamma, deadline) is None for name in program.domains):
        return None
    return _find(program, modules, list(program.domains), gamma, deadline)


def _is_long(module: Module) -> bool:
    return len(module.partition.pieces) > LONG


def _find(
    program: Program, modules: dict[str, Module], names: list[str], gamma: Gamma, deadline: Deadline
) -> dict[str, Any] | None:
    """An input whose output changes, or that leaves its domain, when the named inputs are minimised."""
    raw = gamma.at("'")
    solver = quick_solver()
    inputs, outside = dict(raw.variables), []
    for name in names:
        domain, x, y = program.domains[name], raw.variables[name], z3.Int(f"minimised {name}")
        solver.add(y == modules[name].term(z3.If(x, 1, 0) if domain.is_bool else x))
        inputs[name] = y != 0 if domain.is_bool else y
        outside.append(z3.Not(z3.And(domain.first <= y, y <= domain.last)))
    solver.add(raw.domain, z3.Or(differs(raw, gamma.at("''", inputs)), *outside))
    if not deadline.is_satisfiable(solver, question=f"does minimising {', '.join(names)} change an output"):
        return None
    return {name: concrete(x, solver.model()) for name, x in raw.variables.items()}


def _changes_output(program: Program, modules: dict[str, Module], inputs: dict[str, Any]) -> bool:
    run = Behaviour(program)
    try:
        minimised = {name: modules[name](int(x)) for name, x in inputs.items()}
    except (ValueError, IndexError):
        return True
    if any(x not in program.domains[name] for name, x in minimised.items()):
        return True
    values = (bool(x) if program.domains[name].is_bool else x for name, x in minimised.items())
    return run(tuple(values)) != run(tuple(inputs.values()))


def _idempotent(
    program: Program, modules: dict[str, Module], runs: Runs, open_reason: str, deadline: Deadline
) -> Claim:
    """m ∘ m = m, input by input."""
    if runs.unstable is not None:
        return Claim("refuted", runs.unstable)
    try:
        for name, module in modules.items():
            unstable = _unstable(program, name, module, deadline)
            if unstable is not None:
                return Claim("refuted", {name: unstable})
    except Undecided as error:
        return Claim("unknown", reason=error.reason)
    return Claim("unknown", reason=open_reason) if open_reason else Claim("proved")


def _unstable(program: Program, name: str, module: Module, deadline: Deadline) -> int | None:
    """A value with m(m(x)) ≠ m(x), or None: by proof, or else by looking at all values that m returns."""
    domain = program.domains[name]
    question = f"{name}: does minimising twice give something else"
    if not _is_long(module):
        x, y = z3.Ints("x minimised")
        solver = quick_solver()
        solver.add(domain.first <= x, x <= domain.last, y == module.term(x), module.term(y) != y)
        with suppress(Undecided):
            if not deadline.part(PATIENCE / 5).is_satisfiable(solver, question=question):
                return None
            return solver.model().eval(x, model_completion=True).as_long()
    return next((value for value in deadline.watch(module.range(), question) if module(value) != value), None)


def _best(
    program: Program,
    modules: dict[str, Module],
    witnesses: dict[str, tuple],
    gamma: Gamma | None,
    correct: Claim,
    idempotent: Claim,
    deadline: Deadline,
) -> Claim:
    """Each two values in the range of each local minimiser are told apart (Proposition 4, repaired)."""
    for claim in (correct, idempotent):
        if claim != "proved":
            reason = "it is no minimiser" if claim == "refuted" else f"whether it minimises is open: {claim.reason}"
            return Claim(str(claim), claim.counterexample, reason)
    if gamma is None:
        return Claim("unknown", reason="the program has no characterisation")
    try:
        for name, module in modules.items():
            values = module.range()
            if program.domains[name].is_bool:
                values = [bool(x) for x in values]
            separating_witnesses(gamma, name, values, witnesses[name], deadline)
    except Inseparable as pair:
        return Claim("refuted", {pair.name: pair.pair}, "never told apart")
    except (Undecided, Disagreement) as error:
        return Claim("unknown", reason=error.reason)
    return Claim("proved")
