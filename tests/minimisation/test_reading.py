"""Functions, texts and domains: what a program is read from, and what state it must not have."""

import functools
import linecache
import random
from math import gcd
from pathlib import Path

import pytest
from test_constructs import function_of

from course_lib.minimisation.domains import Domain
from course_lib.minimisation.errors import EmptyDomain, LoopBound, SpecificationError, UnsupportedConstruct
from course_lib.minimisation.program import Specification, invariant, program
from course_lib.minimisation.values import ILLEGAL

X = {"x": range(-5, 6)}
LIMIT = 3
NAME = "high"
COUNTER = 0
SETTINGS = {"limit": 3}


def bump():
    global COUNTER
    COUNTER += 1


def below_limit(x):
    return NAME if x < LIMIT else None


def reads_state(x):
    return x + COUNTER


def reads_settings(x):
    return x + SETTINGS


def calls_chance(x):
    return randint(0, x)


randint = random.randint


def default(x, y=1):
    return x + y


@functools.lru_cache
def cached(x):
    return x


@functools.wraps(below_limit)
def wrapper(x):
    return 7


def decorate(function):
    return lambda x: function(x) + 1


@decorate
def decorated(x):
    return x


def helper(n):
    return n * 2


def calls_helper(x):
    return helper(n=x) + 1


def uses_gcd(x):
    return gcd(x, 4)


class Holder:
    def method(self, x):
        return x

    @staticmethod
    def plain(x):
        return x + 1


def own_abs(x):
    return abs(x)


def line_of(function):
    return function.__code__.co_firstlineno


def test_a_function_is_read_from_its_file():
    read = program(below_limit, X)
    assert [read.run(x=2), read.run(x=3)] == ["high", None]
    assert read.function is below_limit
    assert read.first_line == line_of(below_limit)
    assert read.source.startswith("def below_limit(x):")
    assert (read.name, read.size, read.domains) == ("below_limit", 11, {"x": Domain(-5, 5)})


def test_other_functions_of_the_module_are_called():
    assert program(calls_helper, X).run(x=3) == 7


def test_a_function_inside_a_function_is_read():
    def local(x):
        """Its text is indented,
        and this line is not."""
        return x + 1

    assert program(local, X).run(x=3) == 4


@pytest.mark.parametrize(
    ("function", "construct", "offset"),
    [
        (reads_state, "hidden state", 1),
        (reads_settings, "hidden state", 1),
        (calls_chance, "call of randint", 1),
        (default, "default argument", 0),
        (uses_gcd, "call of gcd", 1),
    ],
)
def test_hidden_state_and_the_like_are_refused(function, construct, offset):
    with pytest.raises(UnsupportedConstruct) as refused:
        program(function, X)
    assert (refused.value.line, refused.value.construct) == (line_of(function) + offset, construct)


def test_a_lambda_is_refused():
    with pytest.raises(UnsupportedConstruct, match="lambda"):
        program(lambda x: x, X)


NOT_PLAIN = [cached, wrapper, decorated, len, Holder().method, Holder, Holder.plain, functools.partial(helper, 1)]


@pytest.mark.parametrize("thing", NOT_PLAIN)
def test_what_is_not_a_plain_function_is_refused(thing):
    with pytest.raises(UnsupportedConstruct):
        program(thing, X)


def test_a_closure_is_refused_and_a_local_function_called():
    offset = 3

    def shift(x):
        return x + offset

    def twice(x):
        return shift_by_one(shift_by_one(x))

    def shift_by_one(x):
        return x + 1

    with pytest.raises(UnsupportedConstruct) as refused:
        program(shift, X)
    assert refused.value.construct == "closure"
    assert program(twice, X).run(x=1) == 3


def test_a_rebound_builtin_is_seen(monkeypatch):
    monkeypatch.setitem(globals(), "abs", len)
    with pytest.raises(UnsupportedConstruct, match="call of abs"):
        program(own_abs, X)


def test_a_constant_is_frozen_when_the_program_is_read(monkeypatch):
    read = program(below_limit, X)
    monkeypatch.setitem(globals(), "LIMIT", 100)
    assert read.run(x=4) is None
    assert program(below_limit, X).run(x=4) == "high"


@pytest.mark.parametrize(
    "later",
    [
        "def f(x):\n    return x + 1\n",
        "def f(y):\n    return y + 1\n",
        "def g(x):\n    return x + 1\n",
        "\n\n\ndef f(x):\n    return x + 1\n",
    ],
)
def test_a_file_that_was_edited_since(later, tmp_path):
    text = "STEP = 1\n\n\ndef f(x):\n    return x + STEP\n"
    function = function_of(text, tmp_path)
    assert program(function, X).run(x=1) == 2
    path = Path(function.__code__.co_filename)
    path.write_text("STEP = 1\n\n\n" + later)
    linecache.clearcache()
    with pytest.raises(SpecificationError, match="no longer holds|has no source"):
        program(function, X)


def test_neither_function_nor_text():
    with pytest.raises(SpecificationError, match="a program is a function or a text, not 3"):
        program(3, X)


TEXT = "LIMIT = 3\nNEGATIVE: int = -2\n\n\ndef g(n):\n    return n < LIMIT\n\n\ndef f(x):\n    return g(x + NEGATIVE)\n"


def test_a_text_with_several_functions():
    assert program(TEXT, X, entry="f").run(x=4) is True
    assert program(TEXT, {"n": range(5)}, entry="g").run(n=4) is False
    with pytest.raises(SpecificationError, match="name one as entry: g, f"):
        program(TEXT, X)
    with pytest.raises(SpecificationError, match="the text has no function h"):
        program(TEXT, X, entry="h")


def test_an_indented_text():
    assert program("\n    def f(x):\n        return x\n    ", X).entry.line == 2


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("LIMIT = 3\nLIMIT = 4\ndef f(x): return x < LIMIT", "hidden state"),
        ("LIMIT = 3\nLIMIT += 1\ndef f(x): return x < LIMIT", "hidden state"),
        ("for LIMIT in range(3): pass\ndef f(x): return x < LIMIT", "hidden state"),
        ("LIMIT = 3\ndef g():\n global LIMIT\n LIMIT = 4\ndef f(x): return x < LIMIT", "hidden state"),
        ("LIMIT = [3]\ndef f(x): return x < LIMIT", "hidden state"),
        ("LIMIT = 0.5\ndef f(x): return x < LIMIT", "hidden state"),
        ("LIMIT = int(input())\ndef f(x): return x < LIMIT", "hidden state"),
        ("if True:\n LIMIT = 3\ndef f(x): return x < LIMIT", "hidden state"),
        ("from random import randint\ndef f(x): return randint(0, x)", "call of randint"),
        ("from os import *\ndef f(x): return min(x, 3)", "import *"),
        ("import random\ndef f(x): return abs(random)", "hidden state"),
        ("min = max\ndef f(x): return min(x, 3)", "call of min"),
        ("def g(x): return 1\ndef g(x): return 2\ndef f(x): return g(x)", "hidden state"),
        ("def g(x): return f(x)\ndef f(x): return g(x)", "recursion"),
        ("@staticmethod\ndef f(x): return x", "decorator"),
        ("async def f(x): return x", "async"),
    ],
)
def test_texts_that_are_refused(text, construct):
    with pytest.raises(UnsupportedConstruct) as refused:
        program(text, X, entry="f")
    assert refused.value.construct == construct
    assert refused.value.line is not None


def test_text_that_is_not_python():
    with pytest.raises(SpecificationError, match="line 2: the text is not Python"):
        program("def f(x):\n return (\n", X)
    with pytest.raises(SpecificationError, match="no function"):
        program("x = 1", X)


@pytest.mark.parametrize("call", ["g(x)", "g(x, 1, 2)", "g(x, m=1)", "g(x, n=1)", "g(1, 2, n=3)"])
def test_calls_that_do_not_fit(call):
    with pytest.raises(SpecificationError, match="line 2: .* cannot be called as"):
        program(f"def f(x):\n return {call}\ndef g(n, k): return n", X, entry="f")


# Domains ---------------------------------------------------------------------------------------

IDENTITY = "def f(x): return x"


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({}, "line 1: no domain is given for 'x'"),
        ({"y": range(3)}, "line 1: no domain is given for 'x'"),
        ({"x": range(3), "y": bool}, "line 1: there is no input 'y'; the inputs are x"),
        ({"x": range(0, 10, 2)}, "the domain of 'x' must have step 1"),
        ({"x": [1, 2]}, "the domain of 'x' is a range or bool, not"),
        ({"x": int}, "the domain of 'x' is a range or bool, not"),
        ([range(3)], "domains is a dict"),
    ],
)
def test_domains_that_do_not_fit(domains, message):
    with pytest.raises(SpecificationError, match=message):
        program(IDENTITY, domains)


def test_an_empty_domain():
    with pytest.raises(EmptyDomain, match="the domain of 'x' is empty"):
        program(IDENTITY, {"x": range(3, 3)})


def test_domains_stand_in_the_order_of_the_parameters():
    read = program("def f(b, a): return a", {"a": range(3), "b": bool})
    assert list(read.domains) == ["b", "a"]
    assert [list(d.values()) for d in read.domains.values()] == [[False, True], [0, 1, 2]]


def test_a_domain_beyond_what_fits_a_machine_word():
    read = program("def f(x): return x // 2", {"x": range(0, 10**30)})
    assert read.run(x=10**29) == 5 * 10**28 and read.size == 10**30


def test_a_program_without_input():
    with pytest.raises(SpecificationError, match="takes no input"):
        program("def f(): return 1", {})


@pytest.mark.parametrize("bound", [0, -1, 2.5, True, None])
def test_max_unroll_is_a_number_from_one(bound):
    with pytest.raises(SpecificationError, match="max_unroll"):
        program(IDENTITY, X, max_unroll=bound)


# Running ---------------------------------------------------------------------------------------


def test_inputs_outside_their_domain_are_refused():
    read = program(IDENTITY, X)
    for inputs in ({"x": 6}, {"x": 1.0}, {"x": "1"}, {"y": 1}, {}, {"x": 1, "y": 2}):
        with pytest.raises(SpecificationError):
            read.run(**inputs)
    assert program(IDENTITY, {"x": bool}).run(x=1) is True
    assert program(IDENTITY, X).run(x=True) == 1


def test_an_illegal_input_has_an_output_of_its_own():
    read = program("def f(x):\n assert x > 0\n assert 10 // x > 2\n return x", X)
    assert [read.run(x=x) for x in (0, 3, 5)] == [ILLEGAL, 3, ILLEGAL]
    assert read.has_preconditions and not program(IDENTITY, X).has_preconditions


def test_a_loop_that_does_not_end_is_left():
    with pytest.raises(LoopBound, match="1,000,000 times"):
        program("def f(x):\n while True: pass", X).run(x=1)


def test_a_false_invariant_is_seen_at_run_time():
    read = program("def f(x):\n while x > 0:\n  invariant(x > 1)\n  x -= 1\n return x", X)
    assert read.run(x=0) == 0
    with pytest.raises(SpecificationError, match="line 2: the invariant does not hold, for x=3"):
        read.run(x=3)


def test_assumptions_are_reported():
    def counts(x):
        while x > 0:
            invariant(x >= 0)
            x -= 1
        return x

    assert program(counts, X).has_assumptions
    assert not program(calls_helper, X).has_assumptions
    calls_it = "def g(x):\n while x > 0:\n  invariant(True)\n  x -= 1\n return x\ndef f(x): return g(x)"
    assert program(calls_it, X, entry="f").has_assumptions


# Specifications --------------------------------------------------------------------------------

GCD = Specification(("a", "b"), "result >= 1 and a % result == 0 and b % result == 0", "a != 0 or b != 0")


def test_a_specified_function_is_run_and_held_to_its_word():
    read = program(uses_gcd, X, specifications={"gcd": GCD})
    assert [read.run(x=x) for x in (-2, 3, 4)] == [2, 1, 4]
    wrong = Specification(("a", "b"), "result > 3")
    with pytest.raises(SpecificationError, match="against its postcondition"):
        program(uses_gcd, X, specifications={"gcd": wrong}).run(x=3)


def test_a_specified_function_without_code_gives_the_promised_result():
    root = Specification(("n",), "result >= 0 and result * result <= n < (result + 1) * (result + 1)", "n >= 0")
    read = program("def f(x): return root(x)", X, specifications={"root": root})
    assert [read.run(x=x) for x in (0, 3, 4)] == [0, 1, 2]
    with pytest.raises(SpecificationError, match="precondition of root"):
        read.run(x=-1)
    vague = Specification(("n",), "result >= n")
    with pytest.raises(SpecificationError, match="leaves the result open"):
        program("def f(x): return root(x)", X, specifications={"root": vague}).run(x=1)


@pytest.mark.parametrize("post", ["result =", "result = 1", "1\nreturn 2", "foo(n)", "m == 1", "n / 2 == 1", "n.real"])
def test_specifications_that_are_refused(post):
    with pytest.raises((SpecificationError, UnsupportedConstruct)):
        program("def f(x): return g(x)", X, specifications={"g": Specification(("n",), post)})


def test_a_specification_of_another_kind():
    with pytest.raises(SpecificationError, match="is a Specification"):
        program("def f(x): return g(x)", X, specifications={"g": "result > 0"})
