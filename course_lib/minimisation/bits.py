"""How much a program's inputs give away, before and after minimisation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import log2, prod
from typing import Any

from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.minimiser import DistributedMinimiser, Minimiser
from course_lib.minimisation.monolithic import LARGEST, best_monolithic
from course_lib.minimisation.program import Program
from course_lib.minimisation.values import ILLEGAL


def released_bits(
    program: Program,
    minimiser: DistributedMinimiser | Minimiser | None = None,
    prior: Mapping[Any, float] | None = None,
) -> float:
    """The entropy of what is collected, H(m(X)) = −Σ P(m(X) = r) log₂ P(m(X) = r) (Shannon).

    m is deterministic, so this is also what m(X) tells about X.

    Parameters
    ----------
    minimiser : m; None for the raw inputs.
    prior : input -> weight, from 0, with a positive sum. An input is a tuple in parameter order, or the
        value itself where there is one input. None: all legal inputs are equally likely.

    Returns
    -------
    bits, from 0 to log₂ of the number of legal inputs.

    Raises
    ------
    ValueError
        for an incomplete minimiser, a prior on inputs that are not legal, or too many combinations.

    Examples
    --------
    >>> from course_lib.minimisation.distributed import best_distributed
    >>> from course_lib.minimisation.program import program
    >>> either = program("def f(a, b): return a or b", {"a": bool, "b": bool})
    >>> found = None, best_distributed(either), best_monolithic(either)
    >>> [round(released_bits(either, m), 2) for m in found]
    [2.0, 2.0, 0.81]
    """
    if minimiser is not None and minimiser.status == "incomplete":
        raise ValueError(f"an incomplete minimiser releases no known number of bits: {minimiser.explain()}")
    if prior is not None:
        return _entropy(_weights_under(program, minimiser, prior))
    if isinstance(minimiser, Minimiser):
        return _entropy(_class_sizes(program, minimiser))
    if not program.has_preconditions:
        if minimiser is None:
            return log2(program.size)
        return sum(_entropy(minimiser[name].sizes) for name in minimiser)  # independent inputs
    if minimiser is None:
        return log2(sum(_class_sizes(program, best_monolithic(program))))
    return _entropy(_legal_sizes(program, minimiser))


def _entropy(weights) -> float:
    weights = [weight for weight in weights if weight]
    total = sum(weights)
    return sum(weight / total * log2(total / weight) for weight in weights)


def _class_sizes(program: Program, minimiser: Minimiser) -> list[int]:
    """How many legal inputs each class of a monolithic minimiser has."""
    if minimiser.sizes is None:
        counted = best_monolithic(program)
        if counted.sizes is None:
            raise ValueError("the classes are too large to count")
        return counted.sizes
    return minimiser.sizes


def _legal_sizes(program: Program, minimiser: DistributedMinimiser) -> list[int]:
    """How many legal inputs each combination of classes has: all of its inputs are legal, or none is."""
    locals_ = [minimiser[name] for name in minimiser]
    if prod(len(m.representatives) for m in locals_) > LARGEST:
        raise ValueError("the combinations of classes are too many to count")
    run = Behaviour(program)
    combinations = product(*(zip(m.representatives, m.sizes, strict=True) for m in locals_))
    pairs = (tuple(zip(*combination, strict=True)) for combination in combinations)
    return [prod(sizes) for values, sizes in pairs if run(values) != ILLEGAL]


def _weights_under(program: Program, minimiser: DistributedMinimiser | Minimiser | None, prior: Mapping) -> list[float]:
    names = list(program.domains)
    weights: dict[tuple, float] = {}
    for given, weight in prior.items():
        values = given if isinstance(given, tuple) else (given,)
        if len(values) != len(names) or weight < 0:
            raise ValueError(f"prior maps inputs ({', '.join(names)}) to weights from 0, not {given!r} to {weight!r}")
        if program.run(**dict(zip(names, values, strict=True))) == ILLEGAL:
            raise ValueError(f"prior names {given!r}, which breaks the precondition")
        released = values if minimiser is None else minimiser(values)
        weights[released] = weights.get(released, 0) + weight
    if sum(weights.values()) <= 0:
        raise ValueError("prior has no positive weight")
    return list(weights.values())
