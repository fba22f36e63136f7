"""Loops by their invariants: proved at the entry and through the body, and refused where they say too little."""

import inspect

import pytest
import z3
from test_constructs import agree, table

from course_lib.minimisation import characterisation, examples
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.copies import Gamma, agrees
from course_lib.minimisation.errors import LoopBound, SpecificationError, UnsupportedConstruct, WeakInvariant
from course_lib.minimisation.program import Specification, program
from course_lib.minimisation.values import same

X = {"x": range(0, 200)}
IMPORT = "from course_lib.minimisation.program import invariant\n\n\n"


def counting(invariant, before="i = 0", body="i += 1", after="return i", guard="i < x"):
    """A program whose loop starts on line 6 of its text."""
    return f"{IMPORT}def f(x):\n {before}\n while {guard}:\n  invariant({invariant})\n  {body}\n {after}\n"


def quantified(formula):
    """Whether a formula holds a quantifier."""
    waiting = [formula]
    while waiting:
        term = waiting.pop()
        if z3.is_quantifier(term):
            return True
        waiting.extend(term.children())
    return False


def line_of_while(function):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if line.strip().startswith("while"))


LOYALTY = [examples.loyalty(flights) for flights in range(101)]


def test_loyalty_has_17_classes():
    assert len(set(LOYALTY)) == 17
    assert [LOYALTY.index(points) for points in sorted(set(LOYALTY), key=LOYALTY.index)] == [0, *range(11, 26), 30]


def test_loyalty_unrolled():
    gamma = characterise(program(examples.loyalty, examples.DOMAINS["loyalty"]))
    assert list(table(gamma).values()) == LOYALTY
    assert len(gamma.leaves) == 13 and gamma.auxiliary == ()


def test_loyalty_by_its_nonlinear_invariant():
    gamma = characterise(program(examples.loyalty_invariant, examples.DOMAINS["loyalty_invariant"]))
    assert len(gamma.leaves) == 4 and len(gamma.auxiliary) == 2
    assert not quantified(gamma.formula)
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered)
    for flights, points in enumerate(LOYALTY):
        solver.push()
        solver.add(gamma.variables["flights"] == flights)
        assert solver.check() == z3.sat
        solver.add(gamma.result != points)
        assert solver.check() == z3.unsat
        solver.pop()


def test_a_weak_invariant_of_loyalty_is_refused_not_made_coarse():
    with pytest.raises(WeakInvariant, match="leaves the result open") as refused:
        characterise(program(examples.loyalty_weak, examples.DOMAINS["loyalty_weak"]))
    assert refused.value.line == line_of_while(examples.loyalty_weak)
    assert 20 <= refused.value.inputs["flights"] < 30


def test_what_the_weak_invariant_would_have_cost(monkeypatch):
    """With the result left open, inputs that some loop state makes equal count as one class: 11, not 17."""
    monkeypatch.setattr(characterisation, "_require_determined", lambda gamma, executor: None)
    gamma = characterise(program(examples.loyalty_weak, examples.DOMAINS["loyalty_weak"]))
    other, solver = Gamma.of(gamma).at("'"), z3.Solver()
    solver.add(agrees(gamma, other))
    solver.add(gamma.variables["flights"] == 20, other.variables["flights"] == 29)
    assert solver.check() == z3.sat and LOYALTY[20] != LOYALTY[29]


def test_an_invariant_replaces_unrolling():
    text = counting("0 <= i <= x and s == 2 * i", "i, s = 0, 0", "i, s = i + 1, s + 2", "return s")
    gamma = characterise(program(text, X))
    assert len(gamma.leaves) == 1
    with pytest.raises(LoopBound, match="line 6"):
        characterise(program(text.replace("  invariant(0 <= i <= x and s == 2 * i)\n", ""), X))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("i > 0", "does not hold when the loop is reached"),
        ("i == 0", "does not preserve its invariant i == 0"),
        ("i < 150", "does not preserve its invariant i < 150"),
        ("10 // i > 0", "division by zero"),
    ],
)
def test_false_invariants_are_refused(stated, message):
    with pytest.raises(SpecificationError, match=message) as refused:
        characterise(program(counting(stated), X))
    assert refused.value.line == (7 if "//" in stated else 6)
    assert set(refused.value.inputs) == {"x"}


def test_the_state_in_which_an_invariant_breaks_is_shown():
    with pytest.raises(SpecificationError, match=r"for x=\d+ and i=149 before the body"):
        characterise(program(counting("0 <= i < 150"), X))


@pytest.mark.parametrize("stated", ["True", "i >= 0", "i <= x or i > 150"])
def test_weak_invariants_are_refused(stated):
    with pytest.raises(WeakInvariant, match="line 6: the invariant leaves the result open"):
        characterise(program(counting(stated), X))


def test_an_invariant_that_is_weak_where_it_does_not_matter_is_no_fault():
    assert len(characterise(program(counting("True", after="return x"), X)).leaves) == 1


def test_an_obligation_that_the_invariant_does_not_carry():
    with pytest.raises(WeakInvariant, match="line 6: the invariant does not rule out that division by zero"):
        characterise(program(counting("i >= 0", after="return 100 // (2 * x + 1 - i)"), X))
    assert characterise(program(counting("0 <= i <= x", after="return 100 // (2 * x + 1 - i)"), X))


def test_early_return_and_break_in_a_loop_with_an_invariant():
    early = counting("0 <= i <= x and i <= 90", body="if i == 90:\n   return 'many'\n  i += 1")
    gamma = characterise(program(early, X))
    other, solver = Gamma.of(gamma).at("'"), z3.Solver()
    solver.add(gamma.covered, other.covered, gamma.domain, other.domain)
    x, y = gamma.variables["x"], other.variables["x"]
    solver.push()
    solver.add(x == 150, y == 199, z3.Not(results_equal(gamma, other)))
    assert solver.check() == z3.unsat
    solver.pop()
    solver.add(x == 50, y == 60, results_equal(gamma, other))
    assert solver.check() == z3.unsat
    stopped = counting("0 <= i <= x", body="if i == x:\n   break\n  i += 1", guard="True")
    assert len(characterise(program(stopped, X)).leaves) == 1


def results_equal(a, b):
    return same(a.result, b.result)


def test_a_bool_that_a_loop_makes_an_int_is_not_taken_for_a_bool():
    text = counting("0 <= i <= x and b == i", "i, b = 0, False", "i += 1\n  b = i", "return b")
    gamma = characterise(program(text, X))
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered, gamma.variables["x"] == 100, gamma.result != 100)
    assert solver.check() == z3.unsat


def test_what_a_loop_with_an_invariant_cannot_carry():
    with pytest.raises(UnsupportedConstruct, match="not supported on None"):
        characterise(program(counting("0 <= i <= x", "i, s = 0, None", "i += 1\n  s = i"), X))
    with pytest.raises(UnsupportedConstruct, match="not supported on a str"):
        characterise(program(counting("0 <= i <= x", "i, s = 0, 0", "i += 1\n  s = 'x'"), X))
    with pytest.raises(UnsupportedConstruct, match="assigned for the first time inside a loop") as refused:
        characterise(program(counting("0 <= i <= x", body="i += 1\n  s = i", after="return s"), X))
    assert refused.value.line == 10


def test_a_variable_of_the_body_alone_needs_no_value_before():
    text = counting("0 <= i <= x", body="s = i + 1\n  i = s")
    assert len(characterise(program(text, X)).leaves) == 1


@pytest.mark.parametrize(
    ("stated", "body", "message"),
    [
        ("i > 0", "i += 1", "the loop never ends"),
        ("i >= 0", "i += 1", "1,000,000 times"),
    ],
)
def test_loops_that_some_input_never_leaves(stated, body, message):
    text = counting(stated, "i = x", body, "return 1", "i > 0")
    with pytest.raises((SpecificationError, LoopBound), match=message) as refused:
        characterise(program(text, {"x": range(1, 50)}))
    assert refused.value.line == 6


def test_an_invariant_in_a_called_function():
    called = counting("0 <= i <= x").replace("def f", "def count")
    text = f"{called}\n\ndef f(x):\n return count(x) + count(x // 2)\n"
    gamma = characterise(program(text, X, entry="f"))
    solver = z3.Solver()
    x = gamma.variables["x"]
    solver.add(gamma.domain, gamma.covered, gamma.result != x + x / 2)
    assert solver.check() == z3.unsat


def test_a_loop_with_an_invariant_inside_an_unrolled_one():
    text = (
        f"{IMPORT}def f(x):\n s = 0\n for k in range(3):\n  i = 0\n  while i < x:\n   invariant(0 <= i <= x)\n"
        "   i += 1\n  s += i\n return s\n"
    )
    gamma = characterise(program(text, X))
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered, gamma.result != 3 * gamma.variables["x"])
    assert solver.check() == z3.unsat


def test_python_ignores_the_invariant(tmp_path):
    agree("def f(x):\n s = 0\n for i in range(x):\n  s += i\n return s\n", {"x": range(20)}, tmp_path)
    assert examples.loyalty_invariant(25) == examples.loyalty(25) == examples.loyalty_weak(25) == 150


# Specifications --------------------------------------------------------------------------------

ROOT = Specification(("n",), "result >= 0 and result * result <= n < (result + 1) * (result + 1)", "n >= 0")


def with_root(body, specification=ROOT, domain=X):
    return program(f"def f(x):\n {body}\n", domain, specifications={"root": specification})


def test_a_postcondition_stands_for_code():
    gamma = characterise(with_root("return root(x) + 1"))
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered, gamma.variables["x"] == 24, gamma.result != 5)
    assert solver.check() == z3.unsat
    assert len(gamma.auxiliary) == 1


def test_a_call_has_to_meet_the_precondition():
    with pytest.raises(SpecificationError, match="line 2: the call breaks the precondition of root"):
        characterise(with_root("return root(x - 1)"))
    assert characterise(with_root("return root(x - 1) if x > 0 else 0"))


def test_a_postcondition_that_leaves_the_result_open():
    vague = Specification(("n",), "result >= n")
    with pytest.raises(SpecificationError, match="line 2: the specification leaves the result open"):
        characterise(with_root("return root(x)", vague))
    assert characterise(with_root("return root(x) >= x", vague))


def half(n):
    return n // 2


def shares(x):
    return 100 // (half(x) + 1)


def test_an_obligation_that_the_postcondition_does_not_carry():
    def under(promise):
        return characterise(program(shares, X, specifications={"half": Specification(("n",), promise)}))

    with pytest.raises(SpecificationError, match="the specification does not rule out that division by zero") as found:
        under("result <= n")
    assert type(found.value) is SpecificationError
    assert under("n - 1 <= 2 * result <= n")


def test_a_postcondition_that_nothing_meets():
    with pytest.raises(SpecificationError, match="line 2: no result meets the specification"):
        characterise(with_root("return root(x)", Specification(("n",), "result > n and result < n")))


def test_a_postcondition_of_a_bool():
    odd = Specification(("n",), "result == (n % 2 == 1)", returns=bool)
    gamma = characterise(with_root("return not root(x)", odd))
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered, gamma.result == (gamma.variables["x"] % 2 == 1))
    assert solver.check() == z3.unsat


def test_a_precondition_may_not_rest_on_assumptions():
    with pytest.raises(UnsupportedConstruct, match="line 2"):
        characterise(with_root("assert root(x) > 2\n return x"))
