"""From a function or the text of a module to parsed functions; no text is ever run."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any

from course_lib.minimisation import syntax
from course_lib.minimisation.errors import SpecificationError, UnsupportedConstruct
from course_lib.minimisation.parsed import (
    Builtin,
    Constant,
    Function,
    Specification,
    Specified,
    argument_order,
    invariant,
)

PACKAGE = "course_lib.minimisation"
CONSTANTS = (int, bool, str, type(None))


class Reader:
    """Parses an entry function and every function it calls, each once.

    Parameters
    ----------
    specifications : name of a called function -> its Specification, for functions without source.

    Raises
    ------
    UnsupportedConstruct
        for whatever is not modelled, with its line and name.
    SpecificationError
        for text that does not parse, or does not hold the function.

    Examples
    --------
    >>> text = "def half(n): return n // 2\\ndef f(n): return half(n) > 3"
    >>> entry, _, _ = Reader({}).read_text(text, entry="f")
    >>> entry.name, entry.parameters, entry.globals["half"].name
    ('f', ('n',), 'half')
    """

    def __init__(self, specifications: Mapping[str, Specification]) -> None:
        self.specifications = specifications
        self.read: dict[Any, Function | None] = {}  # None: being read, so that a call of it is recursion

    def read_text(self, text: str, entry: str | None) -> tuple[Function, str, int]:
        """The entry of a module's text, the text, and line 1.

        Parameters
        ----------
        text : of a module.
        entry : which function, where it has several.

        Raises
        ------
        SpecificationError
            if the text does not parse, or does not hold the function.
        UnsupportedConstruct
            for whatever is not modelled.
        """
        tree = _parse(textwrap.dedent(text))
        functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        names = [node.name for node in functions]
        if entry is None and len(functions) > 1:
            raise SpecificationError(f"the text has several functions; name one as entry: {', '.join(names)}")
        if not functions or (entry is not None and entry not in names):
            raise SpecificationError(f"the text has no function {entry or ''}".rstrip())
        name = entry or names[0]
        node = next(node for node in functions if node.name == name)
        found = _TextScope(tree).lookup(name, node, True)
        return self.function(*found), text, 1

    def read_function(self, function: Callable, entry: str | None) -> tuple[Function, str, int]:
        """A function object's parse, its text, and its first line in the file.

        Parameters
        ----------
        function : with Python source.
        entry : None, or its name.

        Raises
        ------
        SpecificationError
            for what is no function, or one that its file no longer holds.
        UnsupportedConstruct
            for whatever is not modelled.
        """
        if not callable(function):
            raise SpecificationError(f"a program is a function or a text, not {function!r}")
        if not isinstance(function, FunctionType):
            name = getattr(function, "__name__", type(function).__name__)
            raise UnsupportedConstruct(f"{name!r} is not a function with Python source", construct=name)
        if entry is not None and entry != function.__name__:
            raise SpecificationError(f"entry is for texts; the function is {function.__name__!r}, not {entry!r}")
        node, text, line = _definition(function)
        return self.function(node, _FunctionScope(function)), text, line

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _TextScope | _FunctionScope) -> Function:
        """Parse one function and, by its global names, those it calls.

        Parameters
        ----------
        node : its definition.
        scope : what its global names stand for.

        Raises
        ------
        UnsupportedConstruct, SpecificationError
            as ``read_text`` says.
        """
        if isinstance(node, ast.AsyncFunctionDef):
            raise syntax.refused(node, "async")
        syntax.check(node)
        parameters = syntax.parameters(node)
        local = frozenset(syntax.stored_names(*node.body) | set(parameters))
        key = scope.key(node)
        self.read[key] = None
        names = self._global_names(node, local, scope)
        parsed = Function(node.name, node.lineno, parameters, tuple(node.body), local, names)
        _check_places(parsed)
        scope.require_current(node)
        self.read[key] = parsed
        return parsed

    def _global_names(self, function: ast.FunctionDef, local: frozenset[str], scope: Any) -> dict[str, Any]:
        nodes = list(syntax.walk(*function.body))
        called = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        read = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
        found: dict[str, Any] = {}
        for name in sorted(read, key=lambda name: (name.lineno, name.col_offset)):
            call = called.get(id(name))
            if name.id in local:
                if call:
                    raise syntax.refused(name, f"call of the local variable {name.id}")
                continue
            if name.id not in found:
                found[name.id] = self._resolve(name, call, scope)
            if (call is None) != isinstance(found[name.id], Constant):
                raise syntax.refused(name, f"call of {name.id}" if call else f"{name.id} as a value")
        return found

    def _resolve(self, name: ast.Name, call: ast.Call | None, scope: Any) -> Any:
        """What a global name stands for: a Constant, Builtin, Function or Specified."""
        if call and name.id in self.specifications:
            return self._specified(name, scope.callable(name.id))
        found = scope.lookup(name.id, name, call is not None)
        if not isinstance(found, tuple):
            return found
        node, inner = found
        key = inner.key(node)
        if key in self.read and self.read[key] is None:
            raise UnsupportedConstruct(f"recursion is not supported ({name.id})", name.lineno, "recursion")
        return self.read.get(key) or self.function(node, inner)

    def _specified(self, name: ast.Name, function: Callable | None) -> Specified:
        given = self.specifications[name.id]
        if not isinstance(given, Specification) or given.returns not in (int, bool):
            raise SpecificationError(f"the specification of {name.id!r} is a Specification that returns int or bool")

        def predicate(text: str, parameters: tuple[str, ...]) -> Function:
            tree = _parse(f"def {name.id}({', '.join(parameters)}):\n return ({text}\n)")
            if len(tree.body) != 1 or len(tree.body[0].body) != 1:
                raise SpecificationError(f"the specification of {name.id!r} is not one expression: {text!r}")
            for node in ast.walk(tree):
                if hasattr(node, "lineno"):
                    node.lineno = node.end_lineno = name.lineno
            return self.function(tree.body[0], _TextScope(tree))

        parameters = tuple(given.parameters)
        before = predicate(given.precondition, parameters)
        after = predicate(given.postcondition, (*parameters, "result"))
        return Specified(name.id, parameters, before, after, given.returns, function)


def _check_places(function: Function) -> None:
    """``range`` stands in the head of a ``for`` only, ``invariant`` at the start of a ``while`` only."""
    nodes = list(syntax.walk(*function.body))
    ranges = {id(node.iter) for node in nodes if isinstance(node, ast.For)}
    starts = [node.body[0] for node in nodes if isinstance(node, ast.While)]
    invariants = {id(start.value) for start in starts if isinstance(start, ast.Expr)}
    for node in sorted((n for n in nodes if isinstance(n, ast.Call)), key=lambda n: (n.lineno, n.col_offset)):
        if function.calls(node, "range") and (id(node) not in ranges or not 1 <= len(node.args) <= 3):
            raise syntax.refused(node, "range", "only 'for name in range(…)' is")
        if id(node) in ranges and not function.calls(node, "range"):
            raise syntax.refused(node, "for", "only 'for name in range(…)' is")
        if function.calls(node, "invariant") and (id(node) not in invariants or len(node.args) != 1 or node.keywords):
            raise syntax.refused(node, "invariant", "it is the first statement of a while, with one condition")
        _check_arguments(function, node)


def _check_arguments(function: Function, call: ast.Call) -> None:
    callee = function.globals[call.func.id]
    if not isinstance(callee, Builtin):
        argument_order(call, callee.name, callee.parameters)
    elif callee.name == "abs" and len(call.args) != 1:
        raise syntax.refused(call, "abs", "it takes one number")
    elif callee.name in ("min", "max") and len(call.args) < 2:
        raise syntax.refused(call, callee.name, "it takes two numbers or more")


def _no_meaning(node: ast.AST, name: str, called: bool) -> UnsupportedConstruct:
    """The error for a global name that is neither a readable function nor a constant."""
    if called:
        return syntax.refused(node, f"call of {name}", "its source is not at hand; give it a Specification")
    return syntax.refused(node, "hidden state", "only whole numbers, bools, strings and None are constants")


class _FunctionScope:
    """What the global names of a function object stand for."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function

    def key(self, node: ast.AST) -> Any:
        return self.function

    def require_current(self, node: ast.FunctionDef) -> None:
        """Refuse a file that was edited after the function was loaded, as far as that shows."""
        code = self.function.__code__
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)} | {a.arg for a in node.args.args}
        used = {*code.co_names, *code.co_varnames, *code.co_freevars}
        lines = {line for _, _, line in code.co_lines() if line is not None}
        if not used <= names or not lines <= set(range(node.lineno, node.end_lineno + 1)):
            raise SpecificationError(f"the file no longer holds the {node.name}() that was loaded", node.lineno)

    def callable(self, name: str) -> Callable | None:
        found = self._value(name)
        return found if callable(found) else None

    def _value(self, name: str) -> Any:
        cells = dict(zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True))
        if name in cells:
            try:
                return cells[name].cell_contents
            except ValueError:
                return NotImplemented
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        return self.function.__builtins__.get(name, NotImplemented)

    def lookup(self, name: str, node: ast.AST, called: bool) -> Any:
        value = self._value(name)
        if value is NotImplemented:
            raise UnsupportedConstruct(f"the name {name!r} is not defined", node.lineno, name)
        if value is invariant:
            return Builtin("invariant")
        known = next((b for b in syntax.BUILTINS if value is getattr(builtins, b)), None)
        if known:
            return Builtin(known)
        if isinstance(value, FunctionType):
            return _definition(value)[0], _FunctionScope(value)
        if name in self.function.__code__.co_freevars:
            raise syntax.refused(node, "closure", "pass the value as an input")
        if type(value) in CONSTANTS:
            if _is_rebound(name, self.function.__globals__):
                raise syntax.refused(node, "hidden state", f"a function rebinds {name}")
            return Constant(value)
        raise _no_meaning(node, name, called)


def _definition(function: FunctionType) -> tuple[ast.FunctionDef, str, int]:
    """The tree of a function with the line numbers of its file, its text, and its first line."""
    name = function.__code__.co_name
    if hasattr(function, "__wrapped__"):
        raise UnsupportedConstruct("'decorator' is not supported", function.__code__.co_firstlineno, "decorator")
    if name == "<lambda>":
        raise UnsupportedConstruct("'lambda' is not supported", function.__code__.co_firstlineno, "lambda")
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        raise UnsupportedConstruct(f"{name!r} has no source that can be read", construct=name) from None
    text = "".join(lines)
    # An indented function is parsed inside an ``if``: dedenting could change a string of several lines.
    indented = text[:1].isspace()
    tree = _parse("if True:\n" + text if indented else text)
    node = tree.body[0].body[0] if indented else tree.body[0]
    ast.increment_lineno(node, first - 1 - indented)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != name:
        raise SpecificationError(f"the file no longer holds the function {name!r} that was loaded", first)
    loaded = function.__code__.co_varnames[: function.__code__.co_argcount]
    if isinstance(node, ast.FunctionDef) and not node.decorator_list and syntax.parameters(node) != loaded:
        raise SpecificationError(f"the file no longer holds the function {name!r} that was loaded", first)
    return node, textwrap.dedent(text), first


def _is_rebound(name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether a function of this module assigns the global name."""
    members = list(namespace.values())
    members += [m for c in members if isinstance(c, type) for m in vars(c).values()]
    waiting = [f.__code__ for f in members if isinstance(f, FunctionType) and f.__globals__ is namespace]
    while waiting:
        code = waiting.pop()
        waiting.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
        if name in code.co_names and any(
            step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") and step.argval == name
            for step in dis.get_instructions(code)
        ):
            return True
    return False


class _TextScope:
    """What the global names of a module's text stand for, as far as its statements say."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.bindings: dict[str, list[ast.AST]] = {}
        self.rebound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
        self.star: ast.AST | None = None
        for statement in tree.body:
            self._bind(statement)

    def _bind(self, statement: ast.AST) -> None:
        waiting = [statement]
        while waiting:
            node = waiting.pop()
            for name in _bound_by(node):
                self.bindings.setdefault(name, []).append(statement)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                self.star = None if node.module == PACKAGE else node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                waiting.extend(ast.iter_child_nodes(node))

    def key(self, node: ast.AST) -> Any:
        return id(node)

    def require_current(self, node: ast.FunctionDef) -> None:
        """A text is what it says."""

    def callable(self, name: str) -> None:
        return None

    def lookup(self, name: str, node: ast.AST, called: bool) -> Any:
        places = self.bindings.get(name, [])
        if name in self.rebound or len(places) > 1:
            raise syntax.refused(node, "hidden state", f"{name} is bound more than once")
        if not places:
            if self.star:
                raise syntax.refused(self.star, "import *")
            if name in syntax.BUILTINS or name == "invariant":
                return Builtin(name)
            if hasattr(builtins, name):
                raise syntax.refused(node, f"call of {name}")
            raise UnsupportedConstruct(f"the name {name!r} is not defined", node.lineno, name)
        place = places[0]
        if isinstance(place, ast.FunctionDef | ast.AsyncFunctionDef):
            return place, self
        if isinstance(place, ast.ImportFrom) and (place.module or "").startswith(PACKAGE):
            names = {alias.asname or alias.name: alias.name for alias in place.names}
            if names.get(name) == "invariant":
                return Builtin("invariant")
        target = place.targets[0] if isinstance(place, ast.Assign) else getattr(place, "target", None)
        if isinstance(place, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and place.value:
            try:
                value = ast.literal_eval(place.value)
            except (ValueError, TypeError, RecursionError):
                value = NotImplemented
            if type(value) in CONSTANTS:
                return Constant(value)
        raise _no_meaning(node, name, called)


def _bound_by(node: ast.AST) -> list[str]:
    """Names that a node itself binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.alias):
        return [(node.asname or node.name).split(".")[0]]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return [node.rest] if isinstance(node, ast.MatchMapping) and node.rest else []


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise SpecificationError(f"the text is not Python: {error.msg}", error.lineno) from None
    except (ValueError, MemoryError) as error:
        raise SpecificationError(f"the text is not Python: {error}") from None
