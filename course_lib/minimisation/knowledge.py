"""What an output tells of an input, and which of two programs tells less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.minimisation.behaviour import Behaviour, Disagreement, all_inputs
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.copies import Gamma, agrees, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.errors import SpecificationError, Undecided
from course_lib.minimisation.program import Program, program
from course_lib.minimisation.signatures import cut_by
from course_lib.minimisation.values import concrete

LISTED = 100_000  # inputs up to which knowledge is a set
SMALL = 20_000  # inputs up to which running two programs is as quick as asking the solver


@dataclass(frozen=True)
class Verdict:
    """Whether f ⊑ g.

    Parameters
    ----------
    holds : True or False, or None where it stayed open.
    counterexample : two inputs, as dicts, that g gives one output and f two; None if there are none.
    status : "proved", "refuted" or "unknown".
    reason : what stayed open.

    Examples
    --------
    >>> Verdict(False, ({"x": 0}, {"x": 2}), "refuted").holds
    False
    """

    holds: bool | None
    counterexample: tuple[dict, dict] | None
    status: str
    reason: str = ""


def knowledge(f: Callable | str | Program, u: Any, domains: Mapping[str, Any] | None = None) -> set | list[tuple]:
    """What an observer of f(u) knows of u: K(f, u) = {v | f(u) = f(v)} (Definition 1).

    Parameters
    ----------
    f : a function, its source, or a Program.
    u : an input: a tuple in parameter order or a dict, or the value itself where there is one input.
    domains : as for ``program``; not needed for a Program.

    Returns
    -------
    set of the inputs v, as tuples, or as values where there is one input. With more than 100,000 values
    of a single input: the list of inclusive (first, last) runs of v.

    Raises
    ------
    ValueError
        for an input outside the domains, or more than 100,000 inputs of several variables.

    Examples
    --------
    >>> sorted(knowledge("def f(x): return x % 4", 2, {"x": range(0, 12)}))
    [2, 6, 10]
    >>> knowledge("def f(s): return s < 10000", 5, {"s": range(0, 1_000_000)})
    [(0, 9999)]
    """
    p = _program(f, domains)
    names = list(p.domains)
    given = u if isinstance(u, Mapping) else dict(zip(names, u if isinstance(u, tuple) else (u,), strict=True))
    run = Behaviour(p)
    if set(given) != set(names):
        raise SpecificationError(f"an input of {p.name} is {', '.join(names)}, not {u!r}")
    values = tuple(domain.member(name, given[name]) for name, domain in p.domains.items())
    output = run(values)
    if p.size <= LISTED:
        alike = (v for v in all_inputs(p) if run(v) == output)
        return {v[0] for v in alike} if len(names) == 1 else set(alike)
    if len(names) > 1:
        raise SpecificationError(f"{p.size:,} inputs are too many to list; narrow the domains of {p.name}")
    partition = cut_by(Gamma.of(characterise(p)), names[0], [{}], Deadline())
    return partition.classes[partition.label(int(values[0]))]


def discloses_no_more(
    f: Callable | str | Program,
    g: Callable | str | Program,
    domains: Mapping[str, Any] | None = None,
    timeout: float | None = None,
) -> Verdict:
    """Whether f ⊑ g: K(g, u) ⊆ K(f, u) for all u, equivalently ker f ⊇ ker g (Definition 2).

    An input that breaks a precondition has the output "illegal".

    Parameters
    ----------
    f, g : functions of the same inputs, their sources, or Programs.
    domains : as for ``program``; not needed for Programs.
    timeout : seconds, or None.

    Returns
    -------
    Verdict. Its counterexample has been run: g gives the two inputs one output, f gives them two.

    Raises
    ------
    ValueError
        if the two have different inputs or domains.

    Examples
    --------
    >>> mod2, mod4 = "def f(x): return x % 2", "def f(x): return x % 4"
    >>> discloses_no_more(mod2, mod4, {"x": range(-50, 51)}).holds
    True
    >>> discloses_no_more(mod4, mod2, {"x": range(0, 3)}).counterexample
    ({'x': 0}, {'x': 2})
    """
    deadline = Deadline(timeout)
    p, q = _program(f, domains), _program(g, domains)
    if dict(p.domains) != dict(q.domains):
        raise SpecificationError(f"{p.name} and {q.name} must have the same inputs and domains")
    try:
        if p.size <= SMALL and not (p.has_assumptions or q.has_assumptions):
            pair = _pair_by_running(p, q, deadline)
        else:
            pair = _pair_by_proof(p, q, deadline)
    except Undecided as error:
        return Verdict(None, None, "unknown", error.reason)
    return Verdict(True, None, "proved") if pair is None else Verdict(False, pair, "refuted")


def _program(f: Callable | str | Program, domains: Mapping[str, Any] | None) -> Program:
    if isinstance(f, Program):
        return f
    if domains is None:
        raise SpecificationError("domains are needed: a dict from input to range or bool")
    return program(f, domains)


def _pair_by_running(p: Program, q: Program, deadline: Deadline) -> tuple[dict, dict] | None:
    """The first input, and an earlier one, with one output of q and two of p."""
    run_p, run_q = Behaviour(p), Behaviour(q)
    names = list(p.domains)
    seen: dict = {}
    for values in deadline.watch(all_inputs(p), "the runs of both programs"):
        ordered = tuple(values[names.index(name)] for name in q.domains)
        output = run_p(values)
        earlier, earlier_output = seen.setdefault(run_q(ordered), (values, output))
        if earlier_output != output:
            return dict(zip(names, earlier, strict=True)), dict(zip(names, values, strict=True))
    return None


def _pair_by_proof(p: Program, q: Program, deadline: Deadline) -> tuple[dict, dict] | None:
    """Two inputs with one output of q and two of p, or None: Z3 has proved that there are none."""
    of_p, of_q = (Gamma.of(characterise(program, timeout=deadline.left("its characterisation"))) for program in (p, q))
    first, second = of_p.at("'"), of_p.at("''")
    solver = quick_solver()
    solver.add(differs(first, second), agrees(of_q.at("'q", first.variables), of_q.at("''q", second.variables)))
    if not deadline.is_satisfiable(solver, question=f"does {p.name} tell apart what {q.name} does not"):
        return None
    model = solver.model()
    pair = tuple({name: concrete(x, model) for name, x in copy.variables.items()} for copy in (first, second))
    if p.run(**pair[0]) == p.run(**pair[1]) or q.run(**pair[0]) != q.run(**pair[1]):
        raise Disagreement(f"the proof and the programs disagree at {pair}")
    return pair
