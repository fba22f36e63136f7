"""What is supported gives what Python gives; what is not is refused by line and name."""

import importlib.util
from itertools import product

import pytest
import z3

from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.errors import (
    EmptyDomain,
    LoopBound,
    SpecificationError,
    UnsupportedConstruct,
)
from course_lib.minimisation.program import program
from course_lib.minimisation.values import ILLEGAL, concrete

SMALL = range(-7, 8)


def function_of(text, folder, name="f"):
    """The function that a module's text defines, imported from a file."""
    path = folder / f"module_{name}_{abs(hash(text))}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def table(gamma):
    """The result that Γ gives for each input, legal or not."""
    solver, found = z3.SimpleSolver(), {}
    for values in product(*(domain.values() for domain in gamma.program.domains.values())):
        solver.push()
        solver.add([v == x for v, x in zip(gamma.variables.values(), values, strict=True)])
        assert solver.check() == z3.sat
        legal = concrete(gamma.precondition, solver.model())
        found[values] = concrete(gamma.result, solver.model()) if legal else ILLEGAL
        solver.pop()
    return found


def outputs(function, program):
    """What Python gives for each input."""
    found = {}
    for values in product(*(domain.values() for domain in program.domains.values())):
        try:
            found[values] = function(*values)
        except AssertionError:
            found[values] = ILLEGAL
    return found


def agree(text, domains, folder, **options):
    """Python, Program.run and Γ give the same table, for the text and for the function."""
    function = function_of(text, folder)
    for given in (text, function):
        read = program(given, domains, **({"entry": "f"} if given is text else {}), **options)
        true = outputs(function, read)
        assert {values: read.result(values) for values in true} == true
        assert table(characterise(read)) == true


SUPPORTED = {
    "arithmetic": "return x + 2 * y - -x * 3 + +y",
    "abs, min, max": "return abs(x) + min(x, y, 2) * 10 + max(x, y) * 100",
    "bools are numbers": "return True + x * (y > 0) + (x == True) + abs(y > 1) + (-(x > 1))",
    "bool equals int": "return (x > y) == 1",
    "chained comparison": "return -3 < x <= y != 2 < 5",
    "and or values": "return (x and y, x or y, x and 'yes', x or None, not x)",
    "short circuit": "return x != 0 and 12 // x == y or 3",
    "ternary": "return x // y if y else -1",
    "truth of an int": "if x:\n  return 1\n return 0",
    "elif": "if x > 3:\n  r = 'high'\n elif x > 0:\n  r = 'low'\n elif y:\n  r = y\n else:\n  r = None\n return r",
    "assignments": "a = b = x\n a += y\n b -= 1\n b *= 2\n a //= 3\n b %= 5\n a, b = b, a\n return a, b",
    "annotations": "a: int = x\n b: int\n b = y\n return a - b",
    "nested unpacking": "(a, b), c = (x, y), 3\n return c, b, a",
    "tuples": "return x, (y > 0, None), 'word', ()",
    "equal tuples": "return (x, 1) == (y, True), (x, 1) != (1, x), (x,) == x, 'a' == 'a'",
    "strings": "s = 'up' if x > y else 'down'\n return s == 'up', s != 'down', not s",
    "none": "s = None if x > y else x\n if s == None:\n  return 'none'\n return s + 1",
    "constant divisors": "return x // 3, x % 3, x // -3, x % -3, x // 1, x % -1, 7 // 2, -7 % 3",
    "unknown divisors": "return x // (abs(y) + 1), x % (abs(y) + 1), 9 // (2 * y + 1), 9 % (2 * y + 1)",
    "negative divisors": "return x // (-abs(y) - 1), x % (-abs(y) - 1)",
    "for": "s = 0\n for i in range(4):\n  s += i * x\n return s, i",
    "for with unknown bounds": "s = 0\n for i in range(x, y):\n  s += i\n return s",
    "for with a step": "s = 0\n for i in range(x, y, -2):\n  s += i\n return s",
    "for with an unknown step": "s = 0\n for i in range(0, x, 2 * y + 1):\n  s += 1\n return s",
    "for keeps its counter": "for i in range(3):\n  x += i\n  i = 7\n return x, i",
    "for over a bool": "s = 0\n for i in range(x > 0):\n  s += 5\n return s",
    "while": "n = 0\n while x > 0:\n  x -= y * y + 1\n  n += 1\n return n, x",
    "early return": "for i in range(5):\n  if i * i > x:\n   return i\n return None",
    "break": "n = 0\n while x < 7:\n  x += 1\n  if x == y:\n   break\n  n += x\n return n, x",
    "continue": "n = 0\n while x < 7:\n  x += 1\n  if x % 2:\n   continue\n  n += 1\n return n, x",
    "nested loops": "n = 0\n for i in range(3):\n  for j in range(i):\n   if j == x:\n    break\n   n += y\n return n",
    "falls off its end": "if x > 2:\n  return x",
    "bare return": "if x > 2:\n  return\n return x",
    "no statement": "pass",
    "unreachable code": "return x\n y = 1 // 0\n return y",
    "infeasible branch": "if x > 100:\n  return 1 // 0\n return x",
    "docstring and names": "'''Doc.'''\n 'also a string'\n x\n return x",
    "precondition": "'''Doc.'''\n assert x > y, f'{x} too small'\n assert y\n return x // y",
    "later assert": "y = x * x\n assert y >= 0, 'never'\n return y",
    "reassigned input": "x = x + 1\n x = x * 2\n return x",
}


@pytest.mark.parametrize("body", SUPPORTED.values(), ids=SUPPORTED)
def test_what_is_supported_gives_what_python_gives(body, tmp_path):
    agree(f"def f(x, y):\n {body}\n", {"x": SMALL, "y": range(-3, 4)}, tmp_path)


def test_bool_inputs(tmp_path):
    agree("def f(a, b):\n return a + b, a and b, a or 2, -a, a == b, a < b, a == 1\n", {"a": bool, "b": bool}, tmp_path)


@pytest.mark.parametrize("operator", ["//", "%"])
def test_floors_and_remainders_for_all_signs(operator, tmp_path):
    text = f"def f(x, y):\n assert y != 0\n return x {operator} y\n"
    agree(text, {"x": range(-13, 14), "y": range(-6, 7)}, tmp_path)


@pytest.mark.parametrize("divisor", [*range(-5, 0), *range(1, 6)])
def test_floors_and_remainders_by_constants(divisor, tmp_path):
    text = f"def f(x):\n return x // {divisor}, x % {divisor}, {divisor} // (3 * x + 1)\n"
    agree(text, {"x": range(-20, 21)}, tmp_path)


HELPERS = """
LIMIT = 3


def clamp(low, n, high):
    if n < low:
        return low
    if n > high:
        return high
    return n


def describe(n):
    if n > LIMIT:
        return "big", n
    return "small", None


def safe(n):
    assert n != 0
    for i in range(3):
        if i == n:
            return i
    return 12 // n


"""
CALLS = {
    "by position and by name": "return clamp(0, x, 4), clamp(high=4, low=y, n=x)",
    "merged results": "kind, n = describe(x)\n return kind == 'big', n == x, kind",
    "a call inside a call": "return clamp(clamp(-1, y, 1), x, LIMIT)",
    "the caller's conditions hold inside": "if x > 0:\n  return safe(x)\n return safe(x - 1) if x < 0 else y",
    "a call as a statement": "describe(x)\n return y",
}


@pytest.mark.parametrize("body", CALLS.values(), ids=CALLS)
def test_calls(body, tmp_path):
    agree(f"{HELPERS}def f(x, y):\n {body}\n", {"x": SMALL, "y": range(-3, 4)}, tmp_path)


def test_a_function_may_bear_a_builtins_name(tmp_path):
    agree("def min(a, b):\n return a + b\n\n\ndef f(x):\n return min(x, 3)\n", {"x": SMALL}, tmp_path)


UNSUPPORTED = {
    "return x / 2": "/",
    "return x ** 2": "**",
    "return x & 1": "&",
    "return x << 1": "<<",
    "return ~x": "~",
    "return x is 3": "is",
    "return x is not None": "is not",
    "return x in (1, 2)": "in",
    "return x + 1.5": "float constant",
    "return b'x'": "bytes constant",
    "return ...": "...",
    "return f'{x}'": "f-string",
    "return {1: x}": "dict",
    "return [x]": "list",
    "return {x}": "set",
    "return (1, x)[0]": "subscript",
    "return x.real": "attribute",
    "return x.bit_length()": "attribute call",
    "return random.randint(0, x)": "attribute call",
    "return type(x)": "call of type",
    "return int(x)": "call of int",
    "print(x)\n return x": "call of print",
    "return (lambda: x)()": "call of an expression",
    "y = lambda: x\n return 1": "lambda",
    "return [i for i in range(x)]": "comprehension",
    "if (y := x) > 1:\n  return y": ":=",
    "return max(x)": "max",
    "return max(x, 1, key=abs)": "max with keywords",
    "return min(*x)": "*",
    "return min(x, **x)": "min with keywords",
    "a, *b = x, 1, 2\n return a": "*",
    "for i in (1, 2):\n  x += i\n return x": "for",
    "for i, j in range(3):\n  x += i\n return x": "for",
    "for i in range(3):\n  x += 1\n else:\n  x = 2\n return x": "for … else",
    "while x > 0:\n  x -= 1\n else:\n  x = 2\n return x": "while … else",
    "r = range(x)\n return 1": "range",
    "invariant(x > 0)\n return x": "invariant",
    "f = abs\n return 1": "abs as a value",
    "y = x; return y(1)": "call of the local variable y",
    "return UNKNOWN": "UNKNOWN",
    "return f(x - 1)": "recursion",
    "try:\n  return x\n except ValueError:\n  return 0": "try",
    "raise ValueError": "raise",
    "with x:\n  return 1": "with",
    "import random\n return 1": "import",
    "from random import randint\n return 1": "import",
    "global C\n return 1": "global",
    "del x\n return 1": "del",
    "def g():\n  return x\n return g()": "nested function",
    "class A:\n  pass\n return 1": "class",
    "match x:\n  case 1:\n   return 1": "match",
    "yield x": "yield",
    "assert x, (y := 3)\n return x": ":=",
    "return x + 'a'": "+",
    "return 'a' * x": "*",
    "return 'a' < 'b'": "<",
    "return -None": "-",
    "return (1,) + (x,)": "+",
}


@pytest.mark.parametrize("body", UNSUPPORTED, ids=UNSUPPORTED.values())
def test_what_is_not_supported_is_refused_by_line_and_name(body):
    with pytest.raises(UnsupportedConstruct) as refused:
        characterise(program(f"# a comment\n\ndef f(x):\n {body}\n", {"x": SMALL}))
    assert (refused.value.line, refused.value.construct) == (4, UNSUPPORTED[body])
    assert str(refused.value).startswith("line 4: ")


@pytest.mark.parametrize(
    ("parameters", "construct"),
    [
        ("x, *rest", "*args"),
        ("x, **rest", "**kwargs"),
        ("x, y=1", "default argument"),
        ("*, x", "keyword-only parameter"),
        ("x, /", "positional-only parameter"),
    ],
)
def test_parameters_that_are_refused(parameters, construct):
    with pytest.raises(UnsupportedConstruct) as refused:
        program(f"def f({parameters}):\n return x\n", {"x": SMALL})
    assert (refused.value.line, refused.value.construct) == (1, construct)


def test_the_first_fault_by_line_is_named():
    with pytest.raises(UnsupportedConstruct, match="line 3") as refused:
        program("def f(x):\n y = x\n z = y / 2\n return x is z\n", {"x": SMALL})
    assert refused.value.construct == "/"


FAULTS = {
    "return 10 // x": (2, "division by zero in '//'", {"x": 0}),
    "return 10 % (x - 3)": (2, "division by zero in '%'", {"x": 3}),
    "y = x\n y //= x + 7\n return y": (3, "division by zero", {"x": -7}),
    "y = x * x\n assert y != 25 or x > 0\n return y": (3, "the assert fails: y != 25 or x > 0", {"x": -5}),
    "if x < 7:\n  y = 1\n return y": (4, "'y' is read before it is assigned", {"x": 7}),
    "for i in range(x):\n  pass\n return i + 8 if x < 1 else 0": (4, "'i' is read", None),
    "for i in range(0, 3, x):\n  pass\n return x": (2, "step of the range is zero", {"x": 0}),
    "a, b = (1, 2) if x > -7 else (1, 2, 3)\n return a": (2, "not 2 values to unpack", {"x": -7}),
    "a, b = x\n return a": (2, "not 2 values to unpack", None),
}


@pytest.mark.parametrize("body", FAULTS)
def test_faults_are_shown_by_an_input(body):
    line, message, inputs = FAULTS[body]
    read = program(f"def f(x):\n {body}\n", {"x": SMALL})
    with pytest.raises(SpecificationError, match=f"line {line}") as refused:
        characterise(read)
    assert message in str(refused.value)
    assert inputs is None or refused.value.inputs == inputs
    with pytest.raises(SpecificationError, match=f"line {line}"):  # and the input does show it
        read.run(**refused.value.inputs)


def test_a_fault_inside_a_call_has_the_line_of_the_called_function():
    text = "def g(n):\n assert n > 0\n return n\n\n\ndef f(x):\n return g(x)\n"
    with pytest.raises(SpecificationError, match="line 2: the assert fails: n > 0, for x="):
        characterise(program(text, {"x": SMALL}, entry="f"))


def test_no_legal_input():
    with pytest.raises(EmptyDomain, match="line 3: no input meets the asserts"):
        characterise(program("def f(x):\n assert x > 0\n assert x < 0\n return x\n", {"x": SMALL}))


def test_a_body_of_thousands_of_statements(tmp_path):
    body = " x = x + 1\n" * 5000
    text = f"def f(x):\n{body} return x\n"
    read = program(text, {"x": range(3)})
    assert read.run(x=2) == 5002
    assert table(characterise(read)) == {(0,): 5000, (1,): 5001, (2,): 5002}


def test_long_chains(tmp_path):
    agree("def f(x):\n return " + " + ".join(["x"] * 1500) + "\n", {"x": range(3)}, tmp_path)
    branches = "".join(f" elif x == {i}:\n  return {i % 3}\n" for i in range(1, 120))
    agree(f"def f(x):\n if x == 0:\n  return 5\n{branches} return x\n", {"x": range(0, 130)}, tmp_path)


def test_nesting_that_python_itself_can_hardly_read_is_refused():
    with pytest.raises(UnsupportedConstruct, match="nested too deeply"):
        characterise(program(f"def f(x):\n return {'-' * 3000}x\n", {"x": range(3)}))


def test_many_branches_in_a_row_are_merged():
    names = [f"x{i}" for i in range(14)]
    body = "".join(f" if {name} > {i}:\n  score += {i}\n" for i, name in enumerate(names))
    text = f"def f({', '.join(names)}):\n score = 0\n{body} return score > 40\n"
    gamma = characterise(program(text, {name: range(100_000) for name in names}))
    assert len(gamma.leaves) <= 80
    solver = z3.SimpleSolver()
    solver.add([variable == 0 for variable in gamma.variables.values()])
    assert solver.check() == z3.sat
    assert concrete(gamma.result, solver.model()) is False


@pytest.mark.parametrize("loop", ["for i in range(x)", "while x > 0"])
def test_a_loop_that_runs_too_often_is_refused_with_its_line(loop):
    body = f" s = 0\n {loop}:\n  s += 1\n  x -= 1\n return s\n"
    with pytest.raises(LoopBound, match="line 3: the loop may run more than 64 times") as refused:
        characterise(program(f"def f(x):\n{body}", {"x": range(66)}))
    assert refused.value.inputs == {"x": 65}
    assert len(characterise(program(f"def f(x):\n{body}", {"x": range(65)})).leaves) == 65
    assert len(characterise(program(f"def f(x):\n{body}", {"x": range(66)}, max_unroll=65)).leaves) == 66


def test_a_loop_without_end_is_refused():
    with pytest.raises(LoopBound, match="line 2"):
        characterise(program("def f(x):\n while True:\n  x += 1\n return x\n", {"x": SMALL}))
