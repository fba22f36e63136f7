"""The checks of Loops, invariants, limits on right, blank and wrong answers."""

import inspect
import random

import pytest
import z3
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import loops_and_limits as checks
from course_lib.minimisation import (
    SpecificationError,
    UnsupportedConstruct,
    WeakInvariant,
    best_distributed,
    characterise,
    examples,
    program,
    released_bits,
    verify,
)

WEAK = "status >= 0"
STATED = "0 <= i <= flights - 19 and status == i * flights"


def unwritten(x): ...


def best(text, **domains):
    return best_distributed(program(text, domains))


def one_way(function, x, domain):
    return checks.explore(function, x, domain)[:1]


def every_input(function, x, domain):
    return [([x == value], function(value)) for value in range(61)]


def no_refusal(function, x, domain):
    """Takes every side of every decision, whether an input goes there or not."""
    ways, waiting = [], [[]]
    while waiting:
        plan, taken = waiting.pop(), []

        def decide(condition, plan=plan, taken=taken):
            if len(taken) == len(plan):
                waiting.append([*plan, False])
                plan.append(True)
            taken.append(condition if plan[len(taken)] else z3.Not(condition))
            return plan[len(taken) - 1]

        ways.append((taken, function(checks.Traced(x, decide))))
    return ways


def no_negation(function, x, domain):
    """Notes the condition itself on both sides."""
    ways = checks.explore(function, x, domain)
    return [([c.arg(0) if z3.is_not(c) else c for c in conditions], result) for conditions, result in ways]


def off_by_one(function, x, domain):
    return [(conditions, result + 1) for conditions, result in checks.explore(function, x, domain)]


def conjunctions(function, x, domain):
    ways = checks.explore(function, x, domain)
    return tuple((z3.And([domain, *conditions]), result) for conditions, result in ways)


def honest(x):
    return x // 1 if isinstance(x, bool) else 3 * x


def asks_the_type(x):
    return 1 if type(x) is int else 0


def asks_isinstance(x):
    return x + 1 if isinstance(x, int) else x


def divides(x):
    return x / 2


def by_chance(x, generator=random.Random(0)):  # noqa: B008
    return generator.randrange(10**9)


def nearly(width):
    """Points within the width of what is owed, in as few amounts as the greedy cover needs."""
    amounts = []
    for owed in sorted({examples.loyalty(k) for k in range(101)}):
        if not amounts or owed > amounts[-1] + width:
            amounts.append(owed + width)
    return lambda flights: next(a for a in amounts if abs(a - examples.loyalty(flights)) <= width)


FORM = "def fee(age, months): return 0 if age < 18 else 5 * min(months, 6)"
FEE = best(FORM, age=range(121), months=range(13))
THREE = best(
    "def fee(age, months, km): return 0 if age < 18 else 5 * min(months, 6) + km // 100",
    age=range(121),
    months=range(13),
    km=range(1000),
)

EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(16, 10), [16, 10], (16.0, 10.0)],
            wrong=[
                Because((17, 20), "smallest"),
                Because((17, 10), "counted once"),
                Because((10, 16), "other order"),
                Because((4, 10), "bands"),
                Because((18, 10), "band by band"),
                Because((16, 0), "how many points"),
                16,
                "16, 10",
            ],
        ),
        Examples(right=[(17, 16)], wrong=[(16, 10), (18, 20), (16, 17)], keywords={"seed": 3}),
    ],
    "exercise_2": [
        Examples(
            right=[
                "total == 3 * k",
                "k >= 0 and total == 3 * k",
                "total - 3 * k == 0",
                "0 <= k and k == total // 3 and total % 3 == 0",
            ],
            wrong=[
                Because("total >= 0", "we asked for one from which total follows"),
                Because("True", "we asked for one from which total follows"),
                Because("k <= nights and total == 3 * k", "strong enough"),
                Because("total == 4 * k", "not true"),
                Because("k < nights and total == 3 * k", "not true"),
                Because("total = 3 * k", "one Python condition"),
                Because("open('x')", "not a condition"),
                Because("total / k == 3", "not a condition"),
                3,
            ],
        ),
        Examples(right=["total == 7 * k"], wrong=["total == 3 * k", "k <= nights", 7], keywords={"seed": 4}),
    ],
    "exercise_3": [
        Examples(
            right=[checks.explore, conjunctions],
            wrong=[
                Because(one_way, "no way"),
                Because(every_input, "not for each input"),
                Because(no_refusal, "more than 500 decisions"),
                Because(no_negation, "each input goes exactly one"),
                Because(off_by_one, "differs"),
                Because(lambda function, x, domain: [function(x)], "pair"),
                Because(lambda function, x, domain: 7, "list of pairs"),
                13,
            ],
        ),
        Examples(right=[checks.explore], wrong=[one_way, no_refusal, no_negation], keywords={"seed": 5}),
    ],
    "exercise_4": [
        Examples(
            right=[asks_the_type, asks_isinstance],
            wrong=[
                Because(honest, "right about this one"),
                Because(divides, "whole number"),
                Because(lambda x: abs(x), "refusal"),
                Because(by_chance, "two runs"),
                Because(lambda x: x.bit_length(), "refusal"),
                "type(x)",
            ],
        ),
        Examples(right=[lambda x: int(hasattr(x, "term"))], wrong=[honest, divides, lambda x: 3], keywords={"seed": 4}),
    ],
    "exercise_5": [
        Examples(
            right=[nearly(10)],
            wrong=[
                Because(examples.loyalty, "more than needed"),
                Because(nearly(5), "more than needed"),
                Because(nearly(15), "too much or too little"),
                Because(lambda flights: 0, "too much or too little"),
                Because(lambda flights: examples.loyalty(flights) // 10 * 10, "more than needed"),
                17,
            ],
        ),
        Examples(right=[nearly(15)], wrong=[nearly(10), nearly(20), examples.loyalty], keywords={"seed": 1}),
    ],
    "exercise_6": [
        Examples(
            right=[FEE, THREE],
            wrong=[
                Because(best_distributed(program(examples.credit, examples.DOMAINS["credit"])), "from the course"),
                Because(best("def old(age): return age >= 65", age=range(121)), "asks for more"),
                Because(best("def mine(a, b): return 2 * a + b", a=bool, b=bool), "less than one bit"),
                Because(FEE.with_source("age", FEE["age"].source().replace("18", "19")), "status"),
                Because(program(FORM, {"age": range(121), "months": range(13)}), "best_distributed"),
                FORM,
            ],
        ),
        Examples(right=[THREE], wrong=[Because(FEE, "at least 3"), FORM, 3], keywords={"seed": 1}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


def test_functions_without_a_body_are_not_attempted():
    assert checks.exercise_4(unwritten).state == "not attempted"
    assert checks.exercise_5(unwritten).state == "not attempted"
    assert checks.exercise_3(lambda function, x, domain: ...).state == "not attempted"


@pytest.mark.parametrize("seed", range(12))
def test_exercise_1_by_running_the_scheme(seed):
    namespace = {}
    exec(checks.scheme(seed), namespace)  # noqa: S102
    paid = [namespace["scheme"](flights) for flights in range(101)]
    assert checks.exercise_1((len(set(paid)), paid.index(paid[20])), seed=seed).state == "right"
    assert paid.index(paid[20]) < 20


@pytest.mark.parametrize("seed", range(4))
def test_exercise_2_accepts_what_is_weak_and_refuses_what_is_strong(seed):
    price = checks.price(seed)
    assert checks.exercise_2(f"total == {price} * k", seed=seed).state == "right"
    assert checks.exercise_2(f"k <= nights and total == {price} * k", seed=seed).state == "wrong"


@pytest.mark.parametrize("seed", range(5))
def test_exercise_5_has_an_answer(seed):
    assert checks.exercise_5(nearly(checks.tolerance(seed)), seed=seed).state == "right"


def test_the_engine_agrees_with_the_executor_on_loyalty():
    x = z3.Int("x")
    ways = checks.explore(examples.loyalty, x, z3.And(x >= 0, x <= 100))
    leaves = characterise(program(examples.loyalty, examples.DOMAINS["loyalty"])).leaves
    assert len(ways) == len(leaves) == 13


# The claims of the chapter ----------------------------------------------------------------------


def with_invariant(sentence):
    source = inspect.getsource(examples.loyalty_invariant)
    assert STATED in source
    return program(source.replace(STATED, sentence), examples.DOMAINS["loyalty"])


def classes_by_order(allowed, order):
    left, found = list(order), []
    while left:
        alike = [k for k in left if allowed[k] & allowed[left[0]]]
        found.append(alike)
        left = [k for k in left if k not in alike]
    return found


def test_a_true_invariant_that_says_too_little_gives_wrong_classes():
    # What the sentence leaves open, worked out without a solver: everything from 0 to the cap.
    allowed = {k: set(range(151)) if 20 <= k < 30 else {examples.loyalty(k)} for k in range(101)}
    assert len(classes_by_order(allowed, range(101))) == 11
    assert len(classes_by_order(allowed, [20, *range(20), *range(21, 101)])) == 2
    exact = {k: {examples.loyalty(k)} for k in range(101)}
    assert len(classes_by_order(exact, range(101))) == 17


@pytest.mark.parametrize(
    "sentence",
    [WEAK, "i >= 0 and status == i * flights", "0 <= i <= flights - 19", "i <= flights - 19 and status >= 0"],
)
def test_weak_invariants_are_refused(sentence):
    weak = with_invariant(sentence)
    with pytest.raises(WeakInvariant) as caught:
        best_distributed(weak)
    assert "while" in weak.source.splitlines()[caught.value.line - weak.first_line]


def test_a_false_invariant_is_refused():
    with pytest.raises(SpecificationError, match="does not preserve"):
        characterise(with_invariant("i <= flights - 20"))


@pytest.mark.parametrize("method", ["exhaustive", "witness", "figure7"])
@pytest.mark.parametrize("function", [examples.loyalty, examples.loyalty_invariant])
def test_loyalty_has_17_classes_and_releases_184_hundredths_of_a_bit(function, method):
    p = program(function, examples.DOMAINS["loyalty"])
    found = best_distributed(p, method=method)
    paid = [examples.loyalty(k) for k in range(101)]
    assert found["flights"].representatives == sorted({paid.index(points) for points in paid})
    assert len(found["flights"].classes) == 17 and found.status == "best"
    assert round(released_bits(p), 2) == 6.66 and round(released_bits(p, found), 2) == 1.84
    assert verify(p, found).best == "proved"


def test_an_open_question_is_incomplete_and_in_time():
    cubes = program("def cubes(x, y, z): return x*x*x + y*y*y == z*z*z", dict.fromkeys("xyz", range(1, 10_001)))
    found = best_distributed(cubes, timeout=1)
    assert found.status == "incomplete" and found.seconds < 10
    with pytest.raises(ValueError, match="nothing is written"):
        found.write("never")


def test_programs_that_look_elsewhere_are_refused_by_the_executor():
    for lie in (asks_the_type, asks_isinstance):
        with pytest.raises(UnsupportedConstruct):
            program(lie, {"x": range(10)})


def test_fig_7_gives_the_best_minimiser_of_a_nonlinear_loop():
    by_figure7 = best_distributed(program(examples.loyalty_invariant, examples.DOMAINS["loyalty"]), method="figure7")
    by_running = best_distributed(program(examples.loyalty, examples.DOMAINS["loyalty"]), method="exhaustive")
    assert [by_figure7["flights"](k) for k in range(101)] == [by_running["flights"](k) for k in range(101)]


def test_no_hidden_use_tells_more_inputs_apart_than_the_points_do():
    sent = best_distributed(program(examples.loyalty, examples.DOMAINS["loyalty"]))["flights"]
    assert len({sent(k) for k in range(101)}) == len({examples.loyalty(k) for k in range(101)})
