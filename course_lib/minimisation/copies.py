"""Γ on other inputs: what comparisons of two runs need of it, and no more.

A comparison needs the result only, so the leaves are first merged into one decision term, and that is
instantiated: at fresh unknowns, at constants, or at another instance's inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import z3

from course_lib.minimisation.characterisation import Characterisation
from course_lib.minimisation.program import Program
from course_lib.minimisation.values import Value, as_formula, merged, same, substituted


@dataclass(frozen=True, eq=False)
class Instance:
    """Γ at some inputs; what ``agrees`` and ``differs`` take.

    Parameters
    ----------
    variables : input -> a z3 term, unknown or not.
    domain, precondition, covered, result : as in Characterisation, at these inputs.
    auxiliary : its own unknowns that are no inputs.

    Examples
    --------
    >>> from course_lib.minimisation.characterisation import characterise
    >>> from course_lib.minimisation.program import program
    >>> half = Gamma.of(characterise(program("def half(n): return n // 2", {"n": range(10)})))
    >>> half.at("'").domain, half.at("'", {"n": 4}).variables
    (And(0 <= n₀', n₀' <= 9), {'n': 4})
    """

    variables: dict[str, z3.ExprRef]
    domain: z3.BoolRef
    precondition: z3.BoolRef
    covered: z3.BoolRef
    result: Value
    auxiliary: tuple[z3.ExprRef, ...]


@dataclass(frozen=True, eq=False)
class Gamma:
    """Γ of a program, ready to be instantiated.

    Parameters
    ----------
    characterisation : where it comes from.

    Examples
    --------
    >>> from course_lib.minimisation.characterisation import characterise
    >>> from course_lib.minimisation.program import program
    >>> gamma = Gamma.of(characterise(program("def f(a, b): return a + b", {"a": range(9), "b": range(9)})))
    >>> gamma.at("'", {"b": 5}).result
    a₀' + 5
    """

    program: Program
    variables: dict[str, z3.ExprRef]
    whole: Instance = field(repr=False)

    @classmethod
    def of(cls, gamma: Characterisation) -> Gamma:
        """From a characterisation."""
        whole = Instance(
            gamma.variables, gamma.domain, gamma.precondition, gamma.covered, decision(gamma), gamma.auxiliary
        )
        return cls(gamma.program, gamma.variables, whole)

    def at(self, suffix: str, inputs: Mapping[str, z3.ExprRef | int | bool] = MappingProxyType({})) -> Instance:
        """An instance whose named inputs are the given terms or values; all other unknowns get the suffix."""
        terms = {n: self._term(n, inputs[n]) if n in inputs else _fresh(v, suffix) for n, v in self.variables.items()}
        auxiliary = tuple(_fresh(unknown, suffix) for unknown in self.whole.auxiliary)
        pairs = [
            *((variable, terms[name]) for name, variable in self.variables.items()),
            *zip(self.whole.auxiliary, auxiliary, strict=True),
        ]

        def new(value: Any) -> Any:
            return substituted(value, pairs)

        whole = self.whole
        return Instance(
            terms, new(whole.domain), new(whole.precondition), new(whole.covered), new(whole.result), auxiliary
        )

    def _term(self, name: str, value: z3.ExprRef | int | bool) -> z3.ExprRef:
        if isinstance(value, z3.ExprRef):
            return value
        return z3.BoolVal(bool(value)) if self.program.domains[name].is_bool else z3.IntVal(int(value))


def _fresh(constant: z3.ExprRef, suffix: str) -> z3.ExprRef:
    return z3.Const(f"{constant}{suffix}", constant.sort())


def agrees(a: Instance, b: Instance) -> z3.BoolRef:
    """Both inputs are in their domains and give the same output; "illegal" is one more output.

    Examples
    --------
    >>> from course_lib.minimisation.characterisation import characterise
    >>> from course_lib.minimisation.program import program
    >>> half = Gamma.of(characterise(program("def half(n): return n // 2", {"n": range(10)})))
    >>> z3.solve(agrees(half.at("'", {"n": 4}), half.at("''")), half.at("''").variables["n"] != 4)
    [n₀'' = 5]
    """
    return _compared(a, b, same(a.result, b.result), True)


def differs(a: Instance, b: Instance) -> z3.BoolRef:
    """Both inputs are in their domains and give different outputs; "illegal" is one more output.

    Examples
    --------
    >>> from course_lib.minimisation.characterisation import characterise
    >>> from course_lib.minimisation.program import program
    >>> gamma = Gamma.of(characterise(program("def half(n): return n // 2", {"n": range(10)})))
    >>> solver = z3.Solver()
    >>> solver.add(differs(gamma.at("'", {"n": 4}), gamma.at("''", {"n": 5})))
    >>> solver.check()
    unsat
    """
    return _compared(a, b, z3.Not(same(a.result, b.result)), False)


def _compared(a: Instance, b: Instance, compared: z3.BoolRef, illegal_alike: bool) -> z3.BoolRef:
    legal = z3.And(a.precondition, b.precondition, a.covered, b.covered, compared)
    if z3.is_true(a.precondition) and z3.is_true(b.precondition):
        return z3.And(a.domain, b.domain, legal)
    refused = z3.And(z3.Not(a.precondition), z3.Not(b.precondition))
    if not illegal_alike:
        refused = z3.Or(
            z3.And(a.precondition, a.covered, z3.Not(b.precondition)),
            z3.And(b.precondition, b.covered, z3.Not(a.precondition)),
        )
    return z3.And(a.domain, b.domain, z3.Or(legal, refused))


class _Node:
    """What follows a number of conditions on the way through a program."""

    def __init__(self) -> None:
        self.branches: dict[int, tuple[z3.BoolRef, _Node]] = {}
        self.value: Value = None
        self.is_leaf = False


def decision(gamma: Characterisation) -> Value:
    """The results of all leaves as one value that decides branch by branch, as the program does.

    Its size is that of the tree. ``Characterisation.result``, which decides leaf by leaf, repeats the
    conditions of all the branches on the way to each.

    Examples
    --------
    >>> from course_lib.minimisation.characterisation import characterise
    >>> from course_lib.minimisation.program import program
    >>> text = "def f(n):\\n  if n < 2: return 7\\n  if n < 4: return 8\\n  return 9"
    >>> decision(characterise(program(text, {"n": range(9)})))
    If(n₀ < 2, 7, If(n₀ < 4, 8, 9))
    """
    nodes = [_Node()]
    for leaf in gamma.leaves:
        node = nodes[0]
        for condition in leaf.conditions:
            key = condition.get_id()
            if key not in node.branches:
                nodes.append(_Node())
                node.branches[key] = condition, nodes[-1]
            node = node.branches[key][1]
        if node.is_leaf:
            return gamma.result
        node.is_leaf, node.value = True, leaf.result
    for node in reversed(nodes):  # children come after their parents
        if node.is_leaf and node.branches:
            return gamma.result
        if len(node.branches) == 1:  # nothing is decided: every input that comes here goes on
            node.value = next(iter(node.branches.values()))[1].value
        elif node.branches:
            node.value = merged((as_formula(condition), child.value) for condition, child in node.branches.values())
    return nodes[0].value
