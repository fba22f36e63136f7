"""Γ itself: its text, its formula, its tree, and the comparison of two runs."""

import time
from itertools import product

import pytest
import z3

from course_lib.minimisation import examples
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.copies import Gamma, agrees, differs
from course_lib.minimisation.errors import MinimisationError, Undecided
from course_lib.minimisation.program import program
from course_lib.minimisation.values import ILLEGAL, same


def gamma_of(name):
    return characterise(program(getattr(examples, name), examples.DOMAINS[name]))


def text_gamma(text, **domains):
    return characterise(program(text, domains))


@pytest.mark.parametrize("name", sorted(set(examples.DOMAINS) - {"loyalty_weak"}))
def test_every_worked_program_is_characterised(name):
    gamma = gamma_of(name)
    function = getattr(examples, name)
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.covered)
    corners = product(*({d.first, d.last, (d.first + d.last) // 2} for d in gamma.program.domains.values()))
    for corner in corners:
        values = [bool(x) if d.is_bool else x for x, d in zip(corner, gamma.program.domains.values(), strict=True)]
        solver.push()
        solver.add([v == x for v, x in zip(gamma.variables.values(), values, strict=True)])
        solver.add(z3.Not(same(gamma.result, function(*values))))
        assert solver.check() == z3.unsat
        solver.pop()


def test_gamma_of_the_benefit_level_reads_as_in_the_paper():
    gamma = gamma_of("benefit_level")
    assert repr(gamma) == (
        "0 ≤ s ≤ 100000 ∧ ((s < 10000 ∧ salary = s ∧ benefits) ∨ (s ≥ 10000 ∧ salary = s ∧ ¬benefits))"
    )
    s, salary, benefits = z3.Int("s"), z3.Int("salary"), z3.Bool("benefits")
    ways = z3.Or(z3.And(s < 10000, salary == s, benefits), z3.And(s >= 10000, salary == s, z3.Not(benefits)))
    assert gamma.formula.eq(z3.And(z3.IntVal(0) <= s, s <= 100000, ways))
    first = gamma.program.entry.statements[0].lineno
    assert [leaf.lines for leaf in gamma.leaves] == [
        tuple(first + k for k in lines) for lines in ([0, 1, 4], [0, 3, 4])
    ]


def test_the_tree_of_the_benefit_level():
    tree = gamma_of("benefit_level").show_tree()
    assert repr(tree).splitlines() == [
        "benefit_level(salary = s), 0 ≤ s ≤ 100000",
        "├─ s < 10000",
        "│  └─ salary = s ∧ benefits, returns True",
        "└─ s ≥ 10000",
        "   └─ salary = s ∧ ¬benefits, returns False",
    ]
    drawn = tree._repr_html_()
    assert drawn.count("<text") == 5 and drawn.count("<path") == 4
    assert 'role="img"' in drawn and 'aria-label="Ways through benefit_level: 2 leaves"' in drawn
    assert "s &lt; 10000" in drawn


@pytest.mark.parametrize("name", sorted(set(examples.DOMAINS) - {"loyalty_weak"}))
def test_every_tree_can_be_shown(name):
    gamma = gamma_of(name)
    assert repr(gamma.show_tree()).count("returns") == len(gamma.leaves)
    assert gamma.show_tree()._repr_html_().startswith("<div")
    assert z3.is_bool(gamma.formula)


def test_a_result_that_is_no_variable_stands_as_return():
    gamma = text_gamma("def f(n):\n return n // 2, 'half', None", n=range(4))
    assert repr(gamma) == "0 ≤ n₀ ≤ 3 ∧ n = n₀ ∧ return = (n₀ div 2, 'half', None)"
    assert "return[0]" in str(gamma.formula)


def test_an_infeasible_branch_is_no_leaf():
    assert len(gamma_of("unneeded").leaves) == 1


def test_the_conditions_of_the_leaves_part_the_legal_inputs():
    gamma = text_gamma(
        "def f(x, y):\n assert x != y\n if x > 3 and y:\n  return 1\n while x > 0:\n  x -= 2\n return x",
        x=range(-9, 10),
        y=range(-9, 10),
    )
    conditions = [leaf.path_condition for leaf in gamma.leaves]
    solver = z3.Solver()
    solver.add(gamma.domain, gamma.precondition)
    solver.push()
    solver.add(z3.Not(z3.Or(conditions)))
    assert solver.check() == z3.unsat
    solver.pop()
    solver.add(z3.AtLeast(*conditions, 2))
    assert solver.check() == z3.unsat


def test_symbols_of_the_inputs():
    def names(text, **domains):
        return {name: str(variable) for name, variable in text_gamma(text, **domains).variables.items()}

    assert names("def f(salary): return salary", salary=range(3)) == {"salary": "s"}
    assert names("def f(salary):\n s = salary\n return s", salary=range(3)) == {"salary": "salary₀"}
    both = {"tax": range(3), "total": range(3)}
    assert names("def f(tax, total): return tax", **both) == {"tax": "tax₀", "total": "total₀"}
    assert names("def f(x): return x", x=bool) == {"x": "x₀"}


# Two runs --------------------------------------------------------------------------------------

PAIRS = [
    "def f(x, y):\n return x % 3, y > 0",
    "def f(x, y):\n assert x > y\n return x * y",
    "def f(x, y):\n assert x\n assert 6 // x > y\n return 'same'",
    "def f(x, y):\n return None if x else y",
    "def f(x, y):\n return x == 1 if y else x",
    "def f(x, y):\n for i in range(x):\n  if i == y:\n   return i\n return -1",
]


@pytest.mark.parametrize("text", PAIRS)
def test_differs_and_agrees_are_what_running_shows(text):
    read = program(text, {"x": range(-2, 4), "y": range(-1, 3)})
    gamma = Gamma.of(characterise(read)).whole
    other = Gamma.of(characterise(read)).at("'")
    questions = {}
    for name, formula in (("differs", differs(gamma, other)), ("agrees", agrees(gamma, other))):
        questions[name] = z3.SimpleSolver()
        questions[name].add(formula)
    inputs = list(product(*(domain.values() for domain in read.domains.values())))
    outputs = {values: read.result(values) for values in inputs}
    unknowns = [*gamma.variables.values(), *other.variables.values()]
    for u, v in product(inputs, repeat=2):
        # In Python 1 == True, and the sentinel for illegal equals itself only.
        expected = "agrees" if outputs[u] == outputs[v] else "differs"
        for name, solver in questions.items():
            here = [variable == x for variable, x in zip(unknowns, (*u, *v), strict=True)]
            solver.push()
            solver.add(here)
            assert (solver.check() == z3.sat) == (name == expected), (u, v, outputs[u], outputs[v])
            solver.pop()
    assert ILLEGAL in outputs.values() or "assert" not in text


def test_a_copy_has_unknowns_of_its_own():
    whole = Gamma.of(gamma_of("loyalty_invariant"))
    gamma, copy = whole.whole, whole.at("'")
    mine = {str(unknown) for unknown in (*gamma.variables.values(), *gamma.auxiliary)}
    copied = {str(unknown) for unknown in (*copy.variables.values(), *copy.auxiliary)}
    assert copied == {f"{name}'" for name in mine}
    same_input = whole.at("'", gamma.variables)
    assert same_input.variables["flights"].eq(gamma.variables["flights"])
    assert not same_input.auxiliary[0].eq(gamma.auxiliary[0])
    for question, answer in ((differs, z3.unsat), (agrees, z3.sat)):
        solver = z3.Solver()
        solver.add(question(gamma, copy), gamma.variables["flights"] == 27, copy.variables["flights"] == 28)
        assert solver.check() == answer


# Time ------------------------------------------------------------------------------------------

HARD = """
def f(x, y, z):
    a = x * x * x + y * y * y
    b = z * z * z
    assert a != b + 3 or x * y * z % 7 == 4
    return 1 if a * y % 11 == b * x % 13 else 0
"""


def test_the_time_limit_is_kept_and_nothing_is_guessed():
    domains = {name: range(2, 10**6) for name in "xyz"}
    start = time.process_time()
    with pytest.raises(MinimisationError) as refused:
        text = HARD.replace("    assert", "    y = y\n    assert")
        characterise(program(text, domains), timeout=1.5)
    assert isinstance(refused.value, Undecided) and refused.value.line is not None
    assert time.process_time() - start < 1.5 * 1.2 + 0.5


def test_ten_inputs_of_a_hundred_thousand_values():
    names = [f"x{i}" for i in range(10)]
    body = "".join(f"    if {name} >= {1000 * (i + 1)}:\n        score += {i}\n" for i, name in enumerate(names))
    text = f"def f({', '.join(names)}):\n    score = 0\n{body}    return score >= 20\n"
    start = time.process_time()
    characterise(program(text, {name: range(100_000) for name in names}))
    assert time.process_time() - start < 3 * 5


@pytest.mark.parametrize("timeout", [0, -1, "soon"])
def test_timeouts_that_are_refused(timeout):
    with pytest.raises(ValueError, match="timeout"):
        characterise(program("def f(x): return x", {"x": range(3)}), timeout=timeout)
