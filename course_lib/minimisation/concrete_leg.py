"""Run the real function against the emitted source: the leg of the certificate that needs no solver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from course_lib.minimisation.behaviour import Behaviour, all_inputs, random_inputs
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.domains import Domain
from course_lib.minimisation.emitted import Module
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.program import Program
from course_lib.minimisation.signatures import Witness

ALL = 2**17  # inputs up to which all are run; 0..100000 is a common domain
SEEDED = 1000
QUESTION = "the runs of the program against the source"
CUTS = 10_000  # cuts of one input whose sides are run; of more, a seeded choice


@dataclass(frozen=True)
class Runs:
    """What the runs have shown.

    Parameters
    ----------
    n_runs : inputs on which the function and the source were compared.
    all_inputs : whether these were all there are.
    wrong : an input that the source maps to another output, or refuses, or None.
    unstable : an input of which m(m(v)) ≠ m(v), or None.

    Examples
    --------
    >>> Runs(n_runs=121, all_inputs=True).wrong is None  # all inputs were run, and none was wrong
    True
    """

    n_runs: int
    all_inputs: bool
    wrong: dict | None = None
    unstable: dict | None = None


def compare(
    program: Program,
    modules: dict[str, Module],
    cuts: dict[str, Sequence[int]],
    witnesses: dict[str, Sequence[Witness]],
    deadline: Deadline,
) -> Runs:
    """Run all inputs, or those where a slip would show: both sides of every cut, and seeded ones.

    All of up to ALL inputs are run if that takes no more than half of the time.

    Parameters
    ----------
    program : its function is called, or its text walked.
    modules : input -> the module that minimises it.
    cuts : input -> values at which its classes are said to begin; those of the source are added.
    witnesses : input -> values of the others at which its classes are said to be told apart.
    deadline : for all runs.

    Raises
    ------
    Undecided
        when the time is up.

    Examples
    --------
    >>> from course_lib.minimisation.distributed import best_distributed
    >>> from course_lib.minimisation.emitted import read_module
    >>> from course_lib.minimisation.program import program
    >>> old = program("def old(age): return age >= 65", {"age": range(0, 121)})
    >>> early = read_module(best_distributed(old)["age"].source().replace("< 65", "< 64"))
    >>> compare(old, {"age": early}, {"age": [65]}, {"age": [{}]}, Deadline()).wrong
    {'age': 64}
    """
    if program.size <= ALL:
        left = deadline.left(QUESTION)
        with suppress(Undecided):
            all_of_them = all_inputs(program)
            found = _compared(program, modules, all_of_them, deadline if left is None else deadline.part(left / 2))
            return replace(found, all_inputs=found.wrong is None)
    telling = islice(_telling_inputs(program, modules, cuts, witnesses), ALL)
    return _compared(program, modules, telling, deadline)


def _compared(program: Program, modules: dict[str, Module], inputs: Iterable[tuple], deadline: Deadline) -> Runs:
    run = Behaviour(program)
    mapped = [_Memo(modules[name], domain) for name, domain in program.domains.items()]
    outputs: dict[tuple, object] = {}
    wrong = unstable = None
    n_runs = 0
    for values in deadline.watch(inputs, QUESTION):
        n_runs += 1
        minimised = tuple([memo[x] for memo, x in zip(mapped, values, strict=True)])
        if minimised not in outputs:
            outputs[minimised] = run(minimised) if all(x is not None for x in minimised) else REFUSES
            if unstable is None and tuple([memo[x] for memo, x in zip(mapped, minimised, strict=True)]) != minimised:
                unstable = dict(zip(program.domains, values, strict=True))
        if outputs[minimised] is REFUSES or run(values) != outputs[minimised]:
            wrong = dict(zip(program.domains, values, strict=True))
            break
    return Runs(n_runs, False, wrong, unstable)


REFUSES = object()


class _Memo(dict):
    """What a module's ``minimise`` returns, each value walked once; None where that is no value of the domain."""

    def __init__(self, module: Module, domain: Domain) -> None:
        super().__init__({None: None})
        self.module, self.domain = module, domain

    def __missing__(self, x: int) -> int | bool | None:
        try:
            found: int | bool | None = self.module(int(x))
        except (ValueError, IndexError):
            found = None
        if found not in self.domain:
            found = None
        self[x] = bool(found) if self.domain.is_bool and found is not None else found
        return self[x]


def _telling_inputs(
    program: Program,
    modules: dict[str, Module],
    cuts: dict[str, Sequence[int]],
    witnesses: dict[str, Sequence[Witness]],
    seed: int = 0,
) -> Iterator[tuple]:
    """Inputs where a slip would show: both sides of a cut, the others at a witness; and seeded ones."""
    random, names = Random(seed), list(program.domains)
    drawn = random_inputs(program, seed)
    yield from islice(drawn, SEEDED)
    for name in names:
        domain = program.domains[name]
        starts = sorted({*cuts[name], *modules[name].cuts()})
        starts = [domain.first, domain.last + 1, *random.sample(starts, min(CUTS, len(starts)))]
        sides = {x for cut in starts for x in (cut - 1, cut)}
        inside = [bool(x) if domain.is_bool else x for x in sorted(sides) if x in domain]
        for others in [*witnesses.get(name, ()), dict(zip(names, next(drawn), strict=True))]:
            for x in inside:
                yield tuple(x if n == name else others[n] for n in names)
