"""The checks of *What does a program need to know?* on right, blank and wrong answers."""

import numpy as np
import pytest
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import what_a_program_needs as checks
from course_lib.minimisation import best_distributed, best_monolithic, discloses_no_more, examples, program, verify


def classes_of_tickets(seed):
    found = best_distributed(program(checks.ticket_price(seed), {"age": checks.AGES}))["age"]
    return len(found.classes), found.sizes[found.representatives.index(found(checks.ASKED_AGE))]


def counterexample(f, g, values):
    first = {}
    for v in values:
        u = first.setdefault(g(v), v)
        if f(u) != f(v):
            return u, v
    return ()


def or_none(f, g, values):
    return counterexample(f, g, values) or None


def by_all_pairs(f, g, values):
    pairs = [[u, v] for u in values for v in values if g(u) == g(v) and f(u) != f(v)]
    return np.array(pairs[-1]) if pairs else []


def other_order(f, g, values):
    return counterexample(g, f, values)


def any_difference(f, g, values):
    return next(((u, v) for u in values for v in values if f(u) != f(v)), ())


def folded(seed=0):
    source = checks.locker_source(seed)
    return best_distributed(program(source, {"number": checks.LOCKERS}))["number"]


def in_the_corridors_order(number):
    return 985 + number % 5


def over_split(seed):
    minimise = checks.colleagues_minimiser(seed)
    return lambda salary: minimise(salary) == 10_001


def rebate(energy):
    if energy < 1500:
        return 0
    if energy < 3000:
        return 40
    return 90 if energy < 4500 else 150


def rebate_by_quotient(energy):
    band = energy // 1500
    return 0 if band == 0 else 40 if band == 1 else 90 if band == 2 else 150


def one_too_low(energy):
    return 0 if energy < 1499 else 40 if energy < 3000 else 90 if energy < 4500 else 150


def still_divides(energy):
    return 0 if energy / 1500 < 1 else 40 if energy / 1500 < 2 else 90 if energy / 1500 < 3 else 150


def with_a_dictionary(energy):
    bands = {0: 0, 1: 40, 2: 90}
    return bands[energy // 1500] if energy < 4500 else 150


def another_name(use):
    return rebate(use)


def unwritten(energy): ...


def rebate_text(seed):
    unit = int(checks.refused_source(seed).split("/ ")[1].split(")")[0])
    cuts = [f"    if energy < {k * unit}:\n        return {paid}" for k, paid in ((1, 0), (2, 40), (3, 90))]
    return "\n".join(["def rebate(energy):", *cuts, "    return 150"])


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(3, 68), [3, 68.0], np.array([3, 68])],
            wrong=[
                Because((68, 3), "other order"),
                Because((4, 56), "runs of ages"),
                Because((121, 1), "identity"),
                Because((2, 68), "one class for each output"),
                Because((3, 56), "Who else"),
                Because((3, 67), "off by one"),
                Because((3, 47), "not in it"),
                Because((3, 12), "Which ages"),
                (3,),
                3,
                "3, 68",
                (3.5, 68),
            ],
        ),
        Examples(right=[classes_of_tickets(5)], wrong=[(3, 68), (4, 68), (3, 1)], keywords={"seed": 5}),
    ],
    "exercise_2": [
        Examples(
            right=[counterexample, or_none, by_all_pairs],
            wrong=[
                Because(lambda f, g, values: (), "you return none"),
                Because(other_order, "refutes the other order"),
                Because(any_difference, "g tells"),
                Because(lambda f, g, values: (0, 0), "neither"),
                Because(lambda f, g, values: (0, 1000), "not among the values"),
                Because(lambda f, g, values: (1, 2, 3), "2 numbers"),
                Because(lambda f: (), "TypeError"),
                lambda f, g, values: True,
                (0, 2),
            ],
        ),
        Examples(
            right=[counterexample, by_all_pairs],
            wrong=[other_order, any_difference, lambda f, g, values: (0, 2)],
            keywords={"seed": 5},
        ),
    ],
    "exercise_3": [
        Examples(
            right=[folded(), in_the_corridors_order, lambda n: np.int64(100 + n % 5)],
            wrong=[
                Because(lambda n: n % 5, "no locker"),
                Because(lambda n: 100 + (n - 100) % 15, "as many corridors"),
                Because(lambda n: n, "as many corridors"),
                Because(lambda n: 100 + n % 6, "another corridor"),
                Because(lambda n: 100, "another corridor"),
                Because(lambda n: n + 5 if n < 995 else n - 5, "twice"),
                lambda n: str(n),
                100,
            ],
        ),
        Examples(
            right=[folded(4)],
            wrong=[lambda n: n, lambda n: 100, lambda n: n % 100],
            keywords={"seed": 4},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[
                over_split(0),
                lambda s: checks.colleagues_minimiser()(s) != 10_000,
                lambda s: s >= 61_800 or s == 10_001,
            ],
            wrong=[
                Because(lambda s: s < 10_000, "what the benefit tells"),
                Because(lambda s: True, "the same of everybody"),
                Because(lambda s: s >= 61_800, "does not survive"),
                Because(lambda s: s > 50_000, "does not survive"),
                Because(lambda s: s, "True or False"),
                Because(lambda s: s // (s - 8740) > 0, "ZeroDivisionError"),
                61_800,
            ],
        ),
        Examples(
            right=[over_split(5)],
            wrong=[lambda s: s < 10_000, lambda s: s >= 61_800, lambda s: False],
            keywords={"seed": 5},
        ),
    ],
    "exercise_5": [
        Examples(
            right=[rebate, rebate_by_quotient, rebate_text(0)],
            wrong=[
                Because(still_divides, "refused"),
                Because(with_a_dictionary, "refused"),
                Because(checks.refused_source(), "refused"),
                Because(one_too_low, "For an energy of 1499"),
                Because(another_name, "cannot be read"),
                Because("def rebate(energy): return 1 // energy", "division by zero"),
                Because("def rebate(energy) return 0", ""),
                Because(lambda energy: energy / 0, "ZeroDivisionError"),
                150,
            ],
        ),
        Examples(right=[rebate_text(5)], wrong=[rebate, still_divides, 150], keywords={"seed": 5}),
    ],
}

test_right, test_wrong, test_blank, test_any_answer, test_no_answer_in_a_reason = verdict_tests(checks, EXAMPLES)


def test_a_function_left_blank_is_not_attempted():
    for check in (checks.exercise_2, checks.exercise_3, checks.exercise_4, checks.exercise_5):
        assert check(unwritten).state in ("not attempted", "wrong")
    assert checks.exercise_3(unwritten).state == checks.exercise_4(unwritten).state == "not attempted"
    assert checks.exercise_2(lambda f, g, values: ...).state == "not attempted"
    assert checks.exercise_5(unwritten).state == "not attempted"


@pytest.mark.parametrize("seed", range(12))
def test_every_seed_has_its_answer(seed):
    assert checks.exercise_1(classes_of_tickets(seed), seed=seed).state == "right"
    assert checks.exercise_2(counterexample, seed=seed).state == "right"
    assert checks.exercise_3(folded(seed), seed=seed).state == "right"
    assert checks.exercise_4(over_split(seed), seed=seed).state == "right"
    assert checks.exercise_5(rebate_text(seed), seed=seed).state == "right"


@pytest.mark.parametrize("seed", range(12))
def test_the_lockers_classes_repeat_more_often_than_the_modulus_says(seed):
    modulus = int(checks.locker_source(seed).split()[-1])
    assert len(folded(seed).classes) < modulus
    assert "%" in folded(seed).source() and len(folded(seed).source().splitlines()) < 30


def test_the_colleagues_minimiser_minimises_and_is_not_best():
    for seed in (0, 1, 2):
        minimise = checks.colleagues_minimiser(seed)
        level = examples.benefit_level
        for salary in (0, 1, 9_999, 10_000, 10_001, 10_002, 29_999, 61_799, 61_800, 80_000, 100_000):
            assert level(minimise(salary)) == level(salary)
            assert minimise(minimise(salary)) == minimise(salary)
        assert {minimise(salary) for salary in range(0, 100_001, 7)} == {0, 10_000, 10_001}
        with pytest.raises(ValueError, match="0 to 100000"):
            minimise(100_001)


# What the chapter says of the paper ------------------------------------------------------------


def of_examples(name):
    return program(getattr(examples, name), examples.DOMAINS[name])


def test_benefit_level_has_two_classes_cut_below_10000():
    benefits = of_examples("benefit_level")
    minimiser = best_distributed(benefits)
    assert minimiser["salary"].classes == [[(0, 9_999)], [(10_000, 100_000)]]
    assert set(str(verify(benefits, minimiser)).split("\n")[:3]) == {
        "correct: proved", "idempotent: proved", "best: proved",
    }  # fmt: skip


def test_of_three_inputs_that_are_read_one_is_needed():
    found = best_distributed(of_examples("unneeded"))
    assert [name for name in found if len(found[name].classes) > 1] == ["x1"]


def test_or_has_two_classes():
    found = best_monolithic(of_examples("or_"))
    assert found.representatives == [(False, False), (False, True)]


def test_one_of_six_ordered_pairs_holds():
    programs = {"mod2": examples.mod2, "mod4": examples.mod4, "positive": examples.positive}
    holding = [
        (f, g)
        for f in programs
        for g in programs
        if f != g and discloses_no_more(programs[f], programs[g], examples.DOMAINS["mod2"]).holds
    ]
    assert holding == [("mod2", "mod4")]
