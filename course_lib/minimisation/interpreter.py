"""Run a parsed program on one input, by walking its tree: the reference that proofs are compared with.

Each node becomes one small Python closure over the store, so that a hundred thousand runs take a second
or two. It shares no code with the symbolic executor.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from course_lib.minimisation.errors import LoopBound, SpecificationError, UnsupportedConstruct
from course_lib.minimisation.parsed import Builtin, Function, Specified, argument_order
from course_lib.minimisation.values import ILLEGAL

MOST_ITERATIONS = 1_000_000
ARITHMETIC = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}
COMPARISONS = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
BUILTINS = {"abs": abs, "min": min, "max": max}
BREAK, CONTINUE = object(), object()

Store = dict[str, Any]
Expression = Callable[[Store], Any]
Step = Callable[[Store], Any]  # None, BREAK, CONTINUE, or a returned value inside a tuple


class Interpreter:
    """Turns functions into closures, each once.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> half = program("def half(n):\\n assert n >= 0\\n return n // 2", {"n": range(-5, 6)}).entry
    >>> interpreter = Interpreter()
    >>> interpreter.result(half, (5,)), interpreter.result(half, (-1,))
    (2, ILLEGAL)
    """

    def __init__(self) -> None:
        self._bodies: dict[Function, Step] = {}
        self._preconditions: dict[Function, list[Expression]] = {}

    def result(self, function: Function, values: tuple[Any, ...]) -> Any:
        """What the entry function returns, or ILLEGAL where a leading assert fails."""
        if function not in self._preconditions:
            builder = _Builder(self, function)
            self._preconditions[function] = [builder.expression(a.test) for a in function.leading_asserts]
        store = dict(zip(function.parameters, values, strict=True))
        if not all(condition(store) for condition in self._preconditions[function]):
            return ILLEGAL
        return self._run(function, function.statements, store)

    def call(self, function: Function, values: tuple[Any, ...]) -> Any:
        """What a called function returns; all of its asserts have to hold."""
        return self._run(function, function.body, dict(zip(function.parameters, values, strict=True)))

    def _run(self, function: Function, body: tuple[ast.stmt, ...], store: Store) -> Any:
        if function not in self._bodies:
            self._bodies[function] = _Builder(self, function).block(body)
        returned = self._bodies[function](store)
        return None if returned is None else returned[0]

    def specified(self, callee: Specified, values: tuple[Any, ...], line: int) -> Any:
        """The result that a specification promises: the function's own, if there is one."""
        if not self.call(callee.precondition, values):
            raise SpecificationError(f"the call breaks the precondition of {callee.name}", line)
        if callee.function is None:
            return _promised(callee, values, line)
        result = callee.function(*values)
        _require_numbers(f"the result of {callee.name}", line, result)
        if not self.call(callee.postcondition, (*values, result)):
            raise SpecificationError(f"{callee.name}{values} is {result}, against its postcondition", line)
        return result


def _promised(callee: Specified, values: tuple[Any, ...], line: int) -> Any:
    """The only result that meets the postcondition, found by the solver."""
    from course_lib.minimisation.executor import promised_results

    results = promised_results(callee, values)
    if len(results) != 1:
        raise SpecificationError(f"the postcondition of {callee.name}{values} leaves the result open", line)
    return results[0]


def _require_numbers(construct: str, line: int, *values: Any) -> None:
    for value in values:
        if type(value) is not int and type(value) is not bool:
            kind = "None" if value is None else f"a {type(value).__name__}"
            raise UnsupportedConstruct(f"{construct!r} is not supported on {kind}", line, construct)


class _Builder:
    """Closures for the nodes of one function."""

    def __init__(self, interpreter: Interpreter, function: Function) -> None:
        self.interpreter, self.function = interpreter, function

    # Expressions: store -> value

    def expression(self, node: ast.expr) -> Expression:
        return getattr(self, f"_{type(node).__name__.lower()}")(node)

    def _constant(self, node: ast.Constant) -> Expression:
        value = node.value
        return lambda store: value

    def _name(self, node: ast.Name) -> Expression:
        name, line = node.id, node.lineno
        if name not in self.function.locals:
            value = self.function.globals[name].value
            return lambda store: value

        def read(store: Store) -> Any:
            try:
                return store[name]
            except KeyError:
                raise SpecificationError(f"the variable {name!r} is read before it is assigned", line) from None

        return read

    def _tuple(self, node: ast.Tuple) -> Expression:
        parts = [self.expression(part) for part in node.elts]
        return lambda store: tuple([part(store) for part in parts])

    def _binop(self, node: ast.BinOp) -> Expression:
        # A sum of a thousand terms leans left a thousand deep: walk down that side without recursion.
        spine: list[ast.BinOp] = []
        inner: ast.expr = node
        while isinstance(inner, ast.BinOp):
            spine.append(inner)
            inner = inner.left
        first = self.expression(inner)
        rest = [(_arithmetic(step.op, step.lineno), self.expression(step.right)) for step in reversed(spine)]
        if len(rest) == 1:
            [(apply, right)] = rest
            return lambda store: apply(first(store), right(store))

        def chain(store: Store) -> Any:
            value = first(store)
            for apply, right in rest:
                value = apply(value, right(store))
            return value

        return chain

    def _unaryop(self, node: ast.UnaryOp) -> Expression:
        operand, line = self.expression(node.operand), node.lineno
        if isinstance(node.op, ast.Not):
            return lambda store: not operand(store)
        sign, apply = ("-", operator.neg) if isinstance(node.op, ast.USub) else ("+", operator.pos)

        def signed(store: Store) -> Any:
            value = operand(store)
            _require_numbers(sign, line, value)
            return apply(value)

        return signed

    def _boolop(self, node: ast.BoolOp) -> Expression:
        parts = [self.expression(part) for part in node.values]
        last = parts.pop()
        stops_at = isinstance(node.op, ast.Or)

        def decide(store: Store) -> Any:
            for part in parts:
                value = part(store)
                if bool(value) is stops_at:
                    return value
            return last(store)

        return decide

    def _compare(self, node: ast.Compare) -> Expression:
        first, line = self.expression(node.left), node.lineno
        rest = [(*COMPARISONS[type(o)], self.expression(c)) for o, c in zip(node.ops, node.comparators, strict=True)]

        def compare(store: Store) -> bool:
            left = first(store)
            for sign, apply, part in rest:
                right = part(store)
                if sign not in ("==", "!="):
                    _require_numbers(sign, line, left, right)
                if not apply(left, right):
                    return False
                left = right
            return True

        return compare

    def _ifexp(self, node: ast.IfExp) -> Expression:
        test, yes, no = (self.expression(part) for part in (node.test, node.body, node.orelse))
        return lambda store: yes(store) if test(store) else no(store)

    def _call(self, node: ast.Call) -> Expression:
        callee, line, interpreter = self.function.globals[node.func.id], node.lineno, self.interpreter
        arguments = [self.expression(argument) for argument in [*node.args, *(k.value for k in node.keywords)]]
        if isinstance(callee, Builtin):
            apply, name = BUILTINS[callee.name], callee.name

            def builtin(store: Store) -> Any:
                values = [argument(store) for argument in arguments]
                _require_numbers(name, line, *values)
                return apply(*values)

            return builtin
        order = argument_order(node, callee.name, callee.parameters)
        if isinstance(callee, Specified):
            return lambda store: interpreter.specified(callee, _ordered(arguments, order, store), line)
        return lambda store: interpreter.call(callee, _ordered(arguments, order, store))

    # Statements: store -> None, BREAK, CONTINUE or (returned value,)

    def block(self, statements: list[ast.stmt] | tuple[ast.stmt, ...]) -> Step:
        steps = [getattr(self, f"_{type(s).__name__.lower()}")(s) for s in statements if not isinstance(s, ast.Pass)]
        if len(steps) == 1:
            return steps[0]

        def run(store: Store) -> Any:
            for step in steps:
                signal = step(store)
                if signal is not None:
                    return signal
            return None

        return run

    def _expr(self, node: ast.Expr) -> Step:
        value = self.expression(node.value)

        def evaluate(store: Store) -> None:
            value(store)

        return evaluate

    def _assign(self, node: ast.Assign) -> Step:
        value = self.expression(node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id

            def assign(store: Store) -> None:
                store[name] = value(store)

            return assign

        def assign_all(store: Store) -> None:
            given = value(store)
            for target in node.targets:
                _unpack(target, given, store)

        return assign_all

    def _annassign(self, node: ast.AnnAssign) -> Step:
        if node.value is None:
            return lambda store: None
        return self._assign(ast.Assign([node.target], node.value, lineno=node.lineno))

    def _augassign(self, node: ast.AugAssign) -> Step:
        name, apply = node.target.id, _arithmetic(node.op, node.lineno)
        old, value = self._name(node.target), self.expression(node.value)

        def assign(store: Store) -> None:
            store[name] = apply(old(store), value(store))

        return assign

    def _assert(self, node: ast.Assert) -> Step:
        condition, text, line = self.expression(node.test), ast.unparse(node.test), node.lineno

        def check(store: Store) -> None:
            if not condition(store):
                raise SpecificationError(f"the assert fails: {text}", line)

        return check

    def _return(self, node: ast.Return) -> Step:
        if node.value is None:
            return lambda store: (None,)
        value = self.expression(node.value)
        return lambda store: (value(store),)

    def _break(self, node: ast.Break) -> Step:
        return lambda store: BREAK

    def _continue(self, node: ast.Continue) -> Step:
        return lambda store: CONTINUE

    def _if(self, node: ast.If) -> Step:
        # A chain of elif is nested as deep as it is long: collect it without recursion.
        branches = [(self.expression(node.test), self.block(node.body))]
        while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            node = node.orelse[0]
            branches.append((self.expression(node.test), self.block(node.body)))
        otherwise = self.block(node.orelse) if node.orelse else None

        def branch(store: Store) -> Any:
            for test, block in branches:
                if test(store):
                    return block(store)
            return otherwise(store) if otherwise else None

        return branch

    def _for(self, node: ast.For) -> Step:
        bounds, line = [self.expression(bound) for bound in node.iter.args], node.lineno
        name, body = node.target.id, self.block(node.body)

        def loop(store: Store) -> Any:
            values = [bound(store) for bound in bounds]
            _require_numbers("range", line, *values)
            if len(values) == 3 and values[2] == 0:
                raise SpecificationError("the step of the range is zero", line)
            for i, value in enumerate(range(*values)):
                if i == MOST_ITERATIONS:
                    raise LoopBound(f"the loop has run {MOST_ITERATIONS:,} times", line)
                store[name] = value
                signal = body(store)
                if signal is BREAK:
                    return None
                if signal is not None and signal is not CONTINUE:
                    return signal
            return None

        return loop

    def _while(self, node: ast.While) -> Step:
        test, line, stated = self.expression(node.test), node.lineno, self.function.invariant_of(node)
        holds = self.expression(stated) if stated else None
        body = self.block(node.body[1:] if stated else node.body)

        def loop(store: Store) -> Any:
            for _ in range(MOST_ITERATIONS):
                if not test(store):
                    return None
                if holds and not holds(store):
                    raise SpecificationError("the invariant does not hold", line)
                signal = body(store)
                if signal is BREAK:
                    return None
                if signal is not None and signal is not CONTINUE:
                    return signal
            raise LoopBound(f"the loop has run {MOST_ITERATIONS:,} times: does it end?", line)

        return loop


def _arithmetic(op: ast.operator, line: int) -> Callable[[Any, Any], Any]:
    sign, apply = ARITHMETIC[type(op)]

    def checked(left: Any, right: Any) -> Any:
        _require_numbers(sign, line, left, right)
        try:
            return apply(left, right)
        except ZeroDivisionError:
            raise SpecificationError(f"division by zero in {sign!r}", line) from None

    return checked


def _ordered(arguments: list[Expression], order: tuple[int, ...], store: Store) -> tuple[Any, ...]:
    values = [argument(store) for argument in arguments]
    return tuple([values[i] for i in order])


def _unpack(target: ast.expr, value: Any, store: Store) -> None:
    if isinstance(target, ast.Name):
        store[target.id] = value
        return
    if not isinstance(value, tuple) or len(value) != len(target.elts):
        raise SpecificationError(f"there are not {len(target.elts)} values to unpack", target.lineno)
    for part, inner in zip(target.elts, value, strict=True):
        _unpack(part, inner, store)
