"""Symbolic execution: run a function on all its inputs at once, one path for each way through it.

A statement that branches forks the path; a call, a conditional expression, ``and``, ``or``, min and max
merge their branches into one value. Where a path's conditions do not rule out a division by zero, a
failing assert and the like, the program is refused with an input that shows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import (
    LoopBound,
    MinimisationError,
    SpecificationError,
    WeakInvariant,
    shown_inputs,
)
from course_lib.minimisation.expressions import Expressions
from course_lib.minimisation.parsed import Function, Specified
from course_lib.minimisation.paths import Path, going_on, joined, left
from course_lib.minimisation.syntax import stored_names
from course_lib.minimisation.values import (
    UNBOUND,
    UNKNOWN,
    Condition,
    Value,
    as_int,
    both,
    choices,
    concrete,
    either,
    equal,
    is_bool,
    merged,
    negation,
    truth,
)


class Executor(Expressions):
    """Executes functions over z3 terms; see ``Questions`` for its parameters.

    Examples
    --------
    >>> import z3
    >>> from course_lib.minimisation.program import program
    >>> level = program("def f(n):\\n if n < 10:\\n  n = 10\\n return n", {"n": range(99)}).entry
    >>> n = z3.Int("n")
    >>> ends = Executor({"n": n}, 64, Deadline()).run(level.statements, Path(level, (), {"n": n}))
    >>> [(end.conditions, end.result) for end in ends]
    [((n < 10,), 10), ((n >= 10,), n)]
    """

    # Functions -----------------------------------------------------------------------------------

    def run(self, statements: Sequence[ast.stmt], path: Path) -> list[Path]:
        """The paths through a function's statements; one that falls off the end returns None."""
        return self.block(statements, [path])

    def call(self, function: Function, values: Sequence[Value], path: Path) -> Value:
        """What a called function returns, its paths merged into one value."""
        start = Path(function, path.conditions, dict(zip(function.parameters, values, strict=True)), model=path.model)
        unknowns = len(self.auxiliary)
        cases = [(both(*end.conditions[len(path.conditions) :]), end.result) for end in self.run(function.body, start)]
        if len(self.auxiliary) > unknowns or not cases:
            path.assume(either(*(guard for guard, _ in cases)))
        return merged(cases) if cases else None

    def specified(self, callee: Specified, values: Sequence[Value], path: Path, line: int) -> Value:
        """A result of which the postcondition is all that is known."""
        met = truth(self.call(callee.precondition, values, path))
        self.require(met, path, SpecificationError(f"the call breaks the precondition of {callee.name}", line))
        result = self.unknown(callee.name, callee.returns is bool, SpecificationError, line)
        path.assume(truth(self.call(callee.postcondition, (*values, result), path)))
        return result

    # Statements ----------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], paths: list[Path]) -> list[Path]:
        """Run all paths through the statements, one statement at a time."""
        left: list[Path] = []
        for statement in statements:
            if not paths:
                break
            step, after = getattr(self, f"_{type(statement).__name__.lower()}"), []
            for path in paths:
                path.lines[statement.lineno] = None
                after += step(statement, path)
            left += [path for path in after if path.exit]
            paths = joined([path for path in after if not path.exit])
        return left + paths

    def _pass(self, node: ast.Pass, path: Path) -> list[Path]:
        return [path]

    def _expr(self, node: ast.Expr, path: Path) -> list[Path]:
        self.evaluate(node.value, path)
        return [path]

    def _assign(self, node: ast.Assign, path: Path) -> list[Path]:
        value = self.evaluate(node.value, path)
        for target in node.targets:
            self._bind(target, value, path)
        return [path]

    def _annassign(self, node: ast.AnnAssign, path: Path) -> list[Path]:
        if node.value is not None:
            self._bind(node.target, self.evaluate(node.value, path), path)
        return [path]

    def _augassign(self, node: ast.AugAssign, path: Path) -> list[Path]:
        old = self._name(node.target, path)
        path.store[node.target.id] = self._arithmetic(node.op, old, self.evaluate(node.value, path), path, node.lineno)
        return [path]

    def _bind(self, target: ast.expr, value: Value, path: Path) -> None:
        if isinstance(target, ast.Name):
            path.store[target.id] = value
            return
        n = len(target.elts)
        error = SpecificationError(f"there are not {n} values to unpack", target.lineno)
        fits = self._only(value, lambda case: isinstance(case, tuple) and len(case) == n, path, error)
        for part, inner in zip(target.elts, fits or (None,) * n, strict=True):
            self._bind(part, inner, path)

    def _assert(self, node: ast.Assert, path: Path) -> list[Path]:
        error = SpecificationError(f"the assert fails: {ast.unparse(node.test)}", node.lineno)
        self.require(truth(self.evaluate(node.test, path)), path, error)
        return [path]

    def _return(self, node: ast.Return, path: Path) -> list[Path]:
        path.result = None if node.value is None else self.evaluate(node.value, path)
        path.exit = "return"
        return [path]

    def _break(self, node: ast.Break, path: Path) -> list[Path]:
        path.exit = "break"
        return [path]

    def _continue(self, node: ast.Continue, path: Path) -> list[Path]:
        path.exit = "continue"
        return [path]

    def _if(self, node: ast.If, path: Path) -> list[Path]:
        ended: list[Path] = []
        while True:  # a chain of elif is nested as deep as it is long: follow it without recursion
            yes, no = self.split(path, truth(self.evaluate(node.test, path)))
            ended += self.block(node.body, [yes]) if yes else []
            if no is None:
                return ended
            if not (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
                return ended + self.block(node.orelse, [no])
            node, path = node.orelse[0], no
            path.lines[node.lineno] = None

    def _for(self, node: ast.For, path: Path) -> list[Path]:
        bounds = [self._number(self.evaluate(bound, path), path, "range", node.lineno) for bound in node.iter.args]
        start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        start, stop, step = as_int(start), as_int(stop), as_int(step)
        zero = SpecificationError("the step of the range is zero", node.lineno)
        self.require(negation(equal(step, 0)), path, zero)

        def at(k: int) -> Value:
            return start + k * step if k else start

        def goes_on(path: Path, k: int) -> Condition:
            return either(both(step > 0, at(k) < stop), both(step < 0, at(k) > stop))

        def enter(path: Path, k: int) -> None:
            path.store[node.target.id] = at(k)

        return self._unrolled(node, path, goes_on, enter)

    def _while(self, node: ast.While, path: Path) -> list[Path]:
        stated = path.function.invariant_of(node)
        if stated is not None:
            return self._by_invariant(node, stated, path)
        return self._unrolled(node, path, lambda path, k: truth(self.evaluate(node.test, path)), lambda path, k: None)

    def _unrolled(
        self,
        node: ast.For | ast.While,
        path: Path,
        goes_on: Callable[[Path, int], Condition],
        enter: Callable[[Path, int], None],
    ) -> list[Path]:
        """Run a loop body once more for as long as some input takes it that far."""
        inside, out = [path], []
        for k in range(self.max_unroll + 1):
            ways = [self.split(path, goes_on(path, k)) for path in inside]
            out += [no for _, no in ways if no]
            inside = [yes for yes, _ in ways if yes]
            if k == self.max_unroll:
                self._refuse_another_round(node, inside)
                break
            for path in inside:
                enter(path, k)
            ended = self.block(node.body, inside)
            out += left(ended)
            inside = joined(going_on(ended))
        return out

    def _refuse_another_round(self, node: ast.For | ast.While, paths: list[Path]) -> None:
        reason = f"the loop may run more than {self.max_unroll} times: raise max_unroll or state an invariant"
        for path in paths:
            found = path.model or self.model(reason, node.lineno, path.conditions)
            if found is not None:
                raise LoopBound(reason, node.lineno).at({n: concrete(x, found) for n, x in self.variables.items()})

    def _by_invariant(self, node: ast.While, stated: ast.expr, path: Path) -> list[Path]:
        """Prove the invariant; after the loop it and the failed test are all that is known."""
        line, text = node.lineno, ast.unparse(stated)
        entry = SpecificationError(f"the invariant {text} does not hold when the loop is reached", line)
        self.require(truth(self.evaluate(stated, path)), path, entry)
        names = sorted(stored_names(*node.body[1:]))
        boolean = {name: is_bool(path.store.get(name)) for name in names}
        while True:
            start = {name: self._unknown_for(name, boolean[name], path, line) for name in names}
            some = path.fork(True)  # the state in which some iteration starts
            some.store.update(start)
            some.assume(truth(self.evaluate(stated, some)))
            inside, out = self.split(some, truth(self.evaluate(node.test, some)))
            ended = self.block(node.body[1:], [inside]) if inside else []
            again = going_on(ended)
            widened = {n for n in names if boolean[n] and not all(is_bool(end.store[n]) for end in again)}
            if not widened:
                break
            boolean.update(dict.fromkeys(widened, False))  # a bool that the body makes an int
        kept = SpecificationError(f"the loop does not preserve its invariant {text}", line)
        for end in again:
            for name in names:
                if start[name] is not UNKNOWN:
                    self._number(end.store[name], end, "invariant", line)
            self._require_preserved(truth(self.evaluate(stated, end)), end, kept, start)
        return ([out] if out else []) + left(ended)

    def _unknown_for(self, name: str, boolean: bool, path: Path, line: int) -> Value:
        if any(case is UNBOUND or case is UNKNOWN for _, case in choices(path.store.get(name, UNBOUND))):
            return UNKNOWN
        self._number(path.store[name], path, "invariant", line)
        return self.unknown(name, boolean, WeakInvariant, line)

    def _require_preserved(self, claim: Condition, path: Path, error: MinimisationError, start: dict) -> None:
        found = None if claim is True else self.model(error.reason, error.line, [*path.conditions, negation(claim)])
        if found is not None:
            inputs = {name: concrete(variable, found) for name, variable in self.variables.items()}
            state = {name: concrete(value, found) for name, value in start.items() if value is not UNKNOWN}
            reason = f"{error.reason}, for {shown_inputs(inputs)} and {shown_inputs(state)} before the body"
            raise SpecificationError(reason, error.line, inputs=inputs)


def promised_results(callee: Specified, values: Sequence[Any]) -> list[Any]:
    """Up to two results that meet a specification's postcondition for known arguments.

    Parameters
    ----------
    callee : the function that is known by its specification.
    values : one for each of its parameters.

    Returns
    -------
    list of no, one or two results: none meets the postcondition, one is promised, or it is left open.

    Raises
    ------
    Undecided
        if the solver cannot say in ten seconds.

    Examples
    --------
    >>> from course_lib.minimisation.program import Specification, program
    >>> root = Specification(("n",), "result * result <= n < (result + 1) * (result + 1) and result >= 0")
    >>> p = program("def f(n): return root(n)", {"n": range(99)}, specifications={"root": root})
    >>> promised_results(p.entry.globals["root"], [10])
    [3]
    """
    executor = Executor({}, 64, Deadline(10))
    path = Path(callee.postcondition, (), {})
    result = executor.unknown(callee.name, callee.returns is bool, SpecificationError, callee.postcondition.line)
    path.assume(truth(executor.call(callee.postcondition, (*values, result), path)))
    results: list[Any] = []
    while len(results) < 2:
        others = [negation(equal(result, known)) for known in results]
        model = executor.model(f"what does {callee.name} give", callee.postcondition.line, [*path.conditions, *others])
        if model is None:
            break
        results.append(concrete(result, model))
    return results
