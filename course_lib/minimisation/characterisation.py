"""The symbolic characterisation Γ of a program: what its result is, on which inputs, as one formula."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

import z3

from course_lib.minimisation.deadline import Deadline, thorough_solver
from course_lib.minimisation.errors import (
    EmptyDomain,
    SpecificationError,
    UnsupportedConstruct,
    WeakInvariant,
    shown_inputs,
)
from course_lib.minimisation.executor import Executor, Path
from course_lib.minimisation.syntax import walk
from course_lib.minimisation.values import (
    UNBOUND,
    UNKNOWN,
    Choice,
    Value,
    as_formula,
    both,
    choices,
    concrete,
    is_bool,
    is_number,
    merged,
    same,
    substituted,
    truth,
)

if TYPE_CHECKING:
    from course_lib.minimisation.program import Program
    from course_lib.minimisation.tree import Tree


N_TRIED = 10  # random inputs on which loops with an invariant are run


@dataclass(frozen=True, eq=False)
class Leaf:
    r"""One way through a program, from its first statement to a return.

    Parameters
    ----------
    conditions : what an input meets to go this way, in the order of the branches; the domains and the
        precondition are not repeated.
    store : local variable -> its value at the end, over the inputs' z3 constants.
    result : what is returned; take it apart with ``same``.
    lines : lines of the file that were run.
    returned : the local variable that is returned, where the statement names one.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> text = "def level(age):\n if age < 18:\n  return 'child'\n return 'adult'"
    >>> for leaf in characterise(program(text, {"age": range(0, 126)})).leaves:
    ...     print(leaf.path_condition, leaf.store, leaf.result, leaf.lines)
    a < 18 {'age': a} child (2, 3)
    a >= 18 {'age': a} adult (2, 4)
    """

    conditions: tuple[z3.BoolRef, ...]
    store: dict[str, Value]
    result: Value
    lines: tuple[int, ...]
    returned: str | None = None

    @property
    def path_condition(self) -> z3.BoolRef:
        """The conjunction of the conditions."""
        return as_formula(both(*self.conditions))


@dataclass(frozen=True, eq=False)
class Characterisation:
    """Γ = domains ∧ precondition ∧ ⋁ over leaves (path condition ∧ store), Definition 8.

    Parameters
    ----------
    program : what is characterised.
    variables : input -> the z3 constant (Int or Bool) that stands for its unknown value.
    domain : every input lies in its domain.
    precondition : the leading asserts hold.
    leaves : the ways through the program; each legal input goes exactly one.
    auxiliary : unknowns that are no inputs: variables of loops with an invariant, results of functions
        with a specification. Each input determines the result all the same; that was proved.

    Examples
    --------
    >>> from course_lib.minimisation import examples
    >>> from course_lib.minimisation.program import program
    >>> gamma = characterise(program(examples.benefit_level, examples.DOMAINS["benefit_level"]))
    >>> gamma
    0 ≤ s ≤ 100000 ∧ ((s < 10000 ∧ salary = s ∧ benefits) ∨ (s ≥ 10000 ∧ salary = s ∧ ¬benefits))
    >>> [(leaf.path_condition, leaf.result) for leaf in gamma.leaves]
    [(s < 10000, True), (s >= 10000, False)]
    """

    program: Program
    variables: dict[str, z3.ExprRef]
    domain: z3.BoolRef
    precondition: z3.BoolRef
    leaves: tuple[Leaf, ...]
    auxiliary: tuple[z3.ExprRef, ...] = ()

    @cached_property
    def result(self) -> Value:
        """The leaves' results merged into one value."""
        return merged([(both(*leaf.conditions), leaf.result) for leaf in self.leaves])

    @cached_property
    def covered(self) -> z3.BoolRef:
        """Some leaf's path condition holds; true of every legal input unless there are auxiliary unknowns."""
        return z3.Or([leaf.path_condition for leaf in self.leaves]) if self.auxiliary else z3.BoolVal(True)

    @property
    def formula(self) -> z3.BoolRef:
        """Γ as a formula: local variables are z3 constants of their own names, the result is ``return``.

        Values that are no numbers stand as z3 strings, tuples place by place (``return[0]``).

        Examples
        --------
        >>> from course_lib.minimisation.program import program
        >>> characterise(program("def half(n): return n // 2", {"n": range(10)})).formula
        And(0 <= n₀, n₀ <= 9, n == n₀, return == n₀/2)
        """
        ways = [both(*leaf.conditions, *_stored(leaf)) for leaf in self.leaves]
        given = [part for part in (self.domain, self.precondition) if not z3.is_true(part)]
        parts = [child for part in given for child in (part.children() if z3.is_and(part) else [part])]
        outcome = as_formula(ways[0]) if len(ways) == 1 else z3.Or(ways)
        return z3.And(*parts, *(outcome.children() if z3.is_and(outcome) else [outcome]))

    def show_tree(self) -> Tree:
        """The tree of the paper's Figure 6, drawn in a notebook and as text elsewhere.

        Examples
        --------
        >>> from course_lib.minimisation import examples
        >>> from course_lib.minimisation.program import program
        >>> characterise(program(examples.benefit_level, examples.DOMAINS["benefit_level"])).show_tree()
        benefit_level(salary = s), 0 ≤ s ≤ 100000
        ├─ s < 10000
        │  └─ salary = s ∧ benefits, returns True
        └─ s ≥ 10000
           └─ salary = s ∧ ¬benefits, returns False
        """
        from course_lib.minimisation.tree import Tree

        return Tree(self)

    def __repr__(self) -> str:
        from course_lib.minimisation.tree import gamma_text

        return gamma_text(self)


def characterise(program: Program, timeout: float | None = None) -> Characterisation:
    """Γ of a program, by symbolic execution.

    Parameters
    ----------
    timeout : seconds, or None for no limit.

    Raises
    ------
    EmptyDomain
        if no input meets the leading asserts.
    LoopBound
        if a loop without an invariant may run more than ``max_unroll`` times.
    SpecificationError
        for an input on which the program would raise an exception, and for an invariant that does not
        hold when its loop is reached, or is not preserved.
    WeakInvariant
        if the invariants leave the result open.
    UnsupportedConstruct
        for an operation on a string, None or a tuple that is modelled for numbers only.
    Undecided
        if the solver cannot settle one of these questions, or the time is up.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> characterise(program("def share(n): return 100 // n", {"n": range(-3, 4)}))
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.SpecificationError: line 1: division by zero in '//', for n=0
    """
    try:
        return _characterised(program, Deadline(timeout))
    except RecursionError:
        raise UnsupportedConstruct("an expression is nested too deeply", program.entry.line, "nesting") from None


def _characterised(program: Program, deadline: Deadline) -> Characterisation:
    symbols = _symbols_for(program)
    variables = {name: domain.variable(symbols[name]) for name, domain in program.domains.items()}
    inside = [domain.constraint(variables[name]) for name, domain in program.domains.items()]
    known = both(*(part for whole in inside if not z3.is_true(whole) for part in whole.children()))
    executor = Executor(variables, program.max_unroll, deadline, lambda inputs: program.run(**inputs))
    path = Path(program.entry, () if known is True else (known,), dict(variables))
    precondition = _assumed_asserts(program, executor, path)
    start = len(path.conditions)
    ends = executor.run(program.entry.statements, path)
    returned = {
        node.lineno: node.value.id
        for node in walk(*program.entry.body)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)
    }
    leaves = []
    for end in ends:
        lines = tuple(end.lines)
        name = returned.get(lines[-1]) if lines else None
        local = name if name in end.store else None
        leaves.append(Leaf(end.conditions[start:], end.store, end.result, lines, local))
    gamma = Characterisation(
        program, variables, as_formula(known), precondition, tuple(leaves), tuple(executor.auxiliary)
    )
    if executor.auxiliary:
        _require_determined(gamma, executor)
        _require_an_end(gamma, executor)
    return gamma


def _symbols_for(program: Program) -> dict[str, str]:
    """How the unknown value of each input is written: salary = s, or x₀ where the letter is taken."""
    first = [name[0] for name in program.domains]
    free = {c for c in first if first.count(c) == 1} - program.entry.locals
    return {name: name[0] if name[0] in free else f"{name}₀" for name in program.domains}


def _assumed_asserts(program: Program, executor: Executor, path: Path) -> z3.BoolRef:
    """Assume the leading asserts, one after the other; refuse them if no input is left."""
    held = []
    for statement in program.entry.leading_asserts:
        line = statement.lineno
        condition = truth(executor.evaluate(statement.test, path))
        if executor.auxiliary:
            raise UnsupportedConstruct("a precondition has to be computed without assumptions", line, "assert")
        held.append(condition)
        path.assume(condition)
        path.model = executor.model("is any input legal", line, path.conditions)
        if path.model is None:
            raise EmptyDomain("no input meets the asserts up to here", line)
    return as_formula(both(*held))


def _require_an_end(gamma: Characterisation, executor: Executor) -> None:
    """Refuse a loop that some input never leaves, as far as that shows: it is undecidable.

    An invariant says nothing of an end. The solver gets a second, and a few inputs are run.
    """
    endless = z3.ForAll(list(gamma.auxiliary), z3.Not(gamma.covered))
    solver = thorough_solver()
    solver.set("timeout", min(1000, executor.deadline.milliseconds("do the loops end")))
    solver.add(gamma.domain, gamma.precondition, endless)
    if solver.check() == z3.sat:
        inputs = {name: concrete(variable, solver.model()) for name, variable in gamma.variables.items()}
        kind, line = next(iter(executor.auxiliary.values()))
        what = "the loop never ends" if kind is WeakInvariant else "no result meets the specification"
        raise SpecificationError(f"{what}, for {shown_inputs(inputs)}", line, inputs=inputs)
    if not gamma.program.can_run:
        return
    chance = Random(0)
    domains = gamma.program.domains.values()
    tried = [[d.first for d in domains], [d.last for d in domains]]
    tried += [[chance.randint(d.first, d.last) for d in domains] for _ in range(N_TRIED)]
    for values in tried:
        executor.deadline.check("do the loops end")
        gamma.program.run(**dict(zip(gamma.program.domains, values, strict=True)))


def _require_determined(gamma: Characterisation, executor: Executor) -> None:
    """One query without quantifiers: can two runs on the same input give different results?"""
    pairs = [(unknown, z3.Const(f"{unknown}'", unknown.sort())) for unknown in gamma.auxiliary]
    other_covered, other_result = substituted(gamma.covered, pairs), substituted(gamma.result, pairs)
    question = "does Γ determine the result"
    both_run = [gamma.domain, gamma.precondition, gamma.covered, other_covered]
    kind, line = next(iter(executor.auxiliary.values()))
    found = executor.model(question, line, [*both_run, z3.Not(same(gamma.result, other_result))])
    if found is None:
        return
    inputs = {name: concrete(variable, found) for name, variable in gamma.variables.items()}
    results = concrete(gamma.result, found), concrete(other_result, found)
    what = "invariant" if kind is WeakInvariant else "specification"
    reason = f"the {what} leaves the result open: {results[0]} or {results[1]}, for {shown_inputs(inputs)}"
    raise kind(f"{reason}; say more about the variables that change", line, inputs=inputs)


def _stored(leaf: Leaf) -> list[z3.BoolRef]:
    """The store of a leaf and its result as equations, variable by variable."""
    equations = [e for name, value in leaf.store.items() for e in _equations(name, value)]
    return equations + ([] if leaf.returned else _equations("return", leaf.result))


def _equations(name: str, value: Value) -> list[z3.BoolRef]:
    if value is UNBOUND or value is UNKNOWN:
        return []
    if isinstance(value, tuple):
        return [e for i, part in enumerate(value) for e in _equations(f"{name}[{i}]", part)]
    if isinstance(value, Choice):
        return [z3.Implies(as_formula(g), z3.And(_equations(name, case))) for g, case in choices(value)]
    if is_bool(value):
        variable = z3.Bool(name)
        return [variable == value] if isinstance(value, z3.ExprRef) else [variable if value else z3.Not(variable)]
    if is_number(value):
        return [z3.Int(name) == value]
    return [z3.String(name) == z3.StringVal(str(value))]
