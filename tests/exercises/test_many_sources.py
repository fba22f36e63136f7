"""The checks of the chapter on many sources, on right, blank and wrong answers, and the paper's claims it tries."""

from itertools import product

import pytest
import z3
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import many_sources as checks
from course_lib.minimisation import best_distributed, best_monolithic, examples, program, released_bits, verify


def guarded(others, inside, alike):
    return z3.ForAll(others, z3.Implies(inside, alike))


def no_others_differ(others, inside, alike):
    return z3.Not(z3.Exists(others, z3.And(inside, z3.Not(alike))))


def there_is(others, inside, alike):
    return z3.Exists(others, z3.And(inside, alike))


def unguarded(others, inside, alike):
    return z3.ForAll(others, z3.And(inside, alike))


def beyond_the_domain(others, inside, alike):
    return z3.ForAll(others, alike)


def never_together(others, inside, alike):
    x = z3.Int("x")
    return z3.And(guarded(others, inside, alike), x < 3)


def merged(second_of_zero, second_of_one):
    """For p(a, b) = a: all of one output to one representative."""
    return {(a, b): (a, (second_of_zero, second_of_one)[a]) for a in (0, 1) for b in (0, 1)}


def early(bureau, office):
    if bureau(lambda n: n >= 2):
        return "refused"
    if not office(lambda n: n == 3):
        return "standard"
    return "preferred" if bureau(lambda n: n == 0) else "standard"


def bureau_first(bureau, office):
    if bureau(lambda n: n >= 2):
        return "refused"
    if bureau(lambda n: n == 1):
        return "standard"
    return "preferred" if office(lambda n: n == 3) else "standard"


def office_too_late(bureau, office):
    rich = office(lambda n: n == 3)
    if bureau(lambda n: n >= 2):
        return "refused"
    return "preferred" if rich and bureau(lambda n: n == 0) else "standard"


def overheard(bureau, office):
    """Works out the value inside the question, and lets the source say nothing."""
    known = []
    bureau(lambda n: known.append(n) is not None)
    office(lambda n: known.append(n) is not None)
    return examples.credit(*known)


def asks_for_values(bureau, office):
    return examples.credit(bureau(lambda n: n), office(lambda n: n))


def asks_for_ever(bureau, office):
    while True:
        bureau(lambda n: True)


def catches_everything(bureau, office):
    try:
        return examples.credit(bureau(lambda n: n), office(lambda n: n))
    except Exception:
        return "refused"


def toll_plan(clock, camera):
    if camera(lambda n: n >= 4) or clock(lambda h: h < 6 or h >= 22):
        return 0
    return 6 if clock(lambda h: 7 <= h < 10 or 16 <= h < 19) else 2


def unwritten(*_): ...


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(3, 2, 4), [3, 2, 4], (3.0, 2.0, 4.0)],
            wrong=[
                Because((2, 3, 4), "other order"),
                Because((4, 2, 4), "visitors"),
                Because((3, 4, 4), "days"),
                Because((3, 2, 6), "merge more"),
                Because((3, 2, 16), "each output"),
                (3, 2),
                6,
                "3, 2, 4",
            ],
        ),
        Examples(right=[(2, 2, 3)], wrong=[(4, 4, 16), (2, 2, 4), (3, 2, 3)], keywords={"seed": 1}),
    ],
    "exercise_2": [
        Examples(
            right=[guarded, no_others_differ],
            wrong=[
                Because(there_is, "outputs differ"),
                Because(unguarded, "not even"),
                Because(beyond_the_domain, "inside its domain"),
                Because(never_together, "tells them apart"),
                Because(lambda others, inside, alike: alike, ""),
                Because(lambda others, inside, alike: others, "one formula"),
                z3.ForAll,
                True,
            ],
        ),
        Examples(right=[guarded], wrong=[there_is, unguarded, beyond_the_domain], keywords={"seed": 4}),
    ],
    "exercise_3": [
        Examples(
            right=[merged(0, 1), merged(1, 0), lambda a, b: (a, a)],
            wrong=[
                Because(merged(0, 0), "a product"),
                Because(lambda a, b: (a, b), "a product"),
                Because(lambda a, b: (0, b), "output changes"),
                Because(lambda a, b: (a, 1 - b), "m(m("),
                Because({(0, 0): (0, 0), (0, 1): (0, 1), (1, 0): (1, 0), (1, 1): (1, 0)}, "by positions"),
                Because({(0, 0): (0, 0)}, "one entry for each"),
                Because(lambda a, b: a, "pair to a pair"),
                Because(lambda a, b: (a, 7), "no input"),
                0,
            ],
        ),
        Examples(
            right=[lambda a, b: (a, a), lambda a, b: (a, 2 - a)],
            wrong=[lambda a, b: (a, 0), lambda a, b: (a, b), lambda a, b: (0, b)],
            keywords={"seed": 1},
        ),
    ],
    "exercise_4": [
        Examples(
            right=[(1, 0, 0, 0), (1, 1, 1, 0), [True, False, True, True], (1, 1, 0, 1)],
            wrong=[
                Because((1, 0, 0, 1), "1.00"),
                Because((0, 1, 1, 1), "must give 1"),
                Because((1, 1, 0, 0), "no price"),
                Because((1, 1, 1, 1), "no price"),
                (1, 0, 0),
                (2, 0, 0, 0),
                1.189,
                "1000",
            ],
        ),
        Examples(right=[(0, 0, 0, 1), (0, 1, 1, 1)], wrong=[(0, 1, 1, 0), (1, 0, 0, 0), 0], keywords={"seed": 12}),
    ],
    "exercise_5": [
        Examples(
            right=[
                lambda hour, passengers: passengers >= 4,
                lambda hour, passengers: passengers == 4 and hour == 7,
                lambda hour, passengers: 7 <= hour < 10,
            ],
            wrong=[
                Because(lambda hour, passengers: hour == 23, "arrives as"),
                Because(lambda hour, passengers: passengers == 5, "arrives as"),
                Because(lambda hour, passengers: examples.toll(hour, passengers) > 0, "knows your answer"),
                Because(lambda hour, passengers: True, "knows your answer"),
                Because(lambda hour, passengers: hour, "True or False"),
                Because(lambda hour: True, "stops with TypeError"),
                True,
            ],
        ),
        Examples(
            right=[lambda x, y: x < y],
            wrong=[lambda x, y: min(x, y) == 3, lambda x, y: False, lambda x, y: x],
            keywords={"seed": 2},
        ),
    ],
    "exercise_6": [
        Examples(
            right=[early],
            wrong=[
                Because(bureau_first, "1.73 bits"),
                Because(office_too_late, "bits"),
                Because(lambda bureau, office: "refused", "rule's result"),
                Because(overheard, "no source has said"),
                Because(asks_for_values, "yes or no"),
                Because(catches_everything, "yes or no"),
                Because(asks_for_ever, "fifty"),
                "bureau first",
            ],
        ),
        Examples(
            right=[toll_plan], wrong=[early, lambda clock, camera: 0, lambda clock, camera: 6], keywords={"seed": 1}
        ),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


def test_a_function_that_is_still_blank_is_not_attempted():
    for number in (2, 3, 5, 6):
        assert getattr(checks, f"exercise_{number}")(unwritten).state == "not attempted", number


@pytest.mark.parametrize("seed", range(1, 30))
def test_each_price_list_has_fewer_classes_than_combinations(seed):
    rows = list(checks.price_list(seed).values())
    kinds = len({tuple(row.values()) for row in rows})
    days = len({tuple(row[day] for row in rows) for day in checks.DAYS})
    outputs = len({price for row in rows for price in row.values()})
    assert 2 <= kinds <= 3 and 2 <= days <= 3 and outputs < kinds * days
    assert checks.exercise_1((kinds, days, outputs), seed=seed).state == "right"


def as_source(seed):
    """The price list as a program of two numbers."""
    lines = ["def price(visitor, day):"]
    for i, row in enumerate(checks.price_list(seed).values()):
        for j, value in enumerate(row.values()):
            lines += [f"    if visitor == {i} and day == {j}:", f"        return {value}"]
    return "\n".join([*lines, "    return 0"])


@pytest.mark.parametrize("seed", range(4))
def test_exercise_1_against_the_library(seed):
    prices = program(as_source(seed), {"visitor": range(4), "day": range(4)})
    dm, m = best_distributed(prices), best_monolithic(prices)
    answer = (*(len(dm[name].representatives) for name in dm), m.n_classes)
    assert checks.exercise_1(answer, seed=seed).state == "right"


@pytest.mark.parametrize("seed", range(12))
def test_exercise_2_has_a_rule_that_refutes_the_existential_reading(seed):
    assert checks.exercise_2(there_is, seed=seed).state == "wrong"
    assert checks.exercise_2(beyond_the_domain, seed=seed).state == "wrong"
    assert checks.exercise_2(guarded, seed=seed).state == "right"


def test_the_rules_of_exercise_2_are_the_programs_of_the_chapter():
    ratings = {"standard": 0, "preferred": 1, "refused": 2}
    for incidents, tax in product(range(4), range(1, 4)):
        rating = ratings[examples.credit(incidents, tax)]
        assert checks.RULES["credit"].at(incidents, tax) == rating
        assert checks.RULES["credit, seen from the tax office"].at(tax, incidents) == rating


@pytest.mark.parametrize("seed", range(12))
def test_exercise_3_can_be_answered_for_each_seed(seed):
    given = checks.setting(seed)

    def twisted(a, b):
        output = given.output((a, b))
        other = min(output, 1)
        return (output, other) if given.place == 0 else (other, output)

    assert checks.exercise_3(twisted, seed=seed).state == "right"


@pytest.mark.parametrize("outputs", list(product((0, 1), repeat=4)))
def test_the_price_of_a_program_is_the_librarys(outputs):
    p00, p01, p10, p11 = outputs
    source = f"def p(a, b):\n    if a:\n        return {p11} if b else {p10}\n    return {p01} if b else {p00}"
    p = program(source, {"a": bool, "b": bool})
    price = released_bits(p, best_distributed(p)) - released_bits(p, best_monolithic(p))
    assert abs(checks.price(outputs) - price) < 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_exercise_4_can_be_answered_for_each_seed(seed):
    place, output = checks.fixed_output(seed)
    alone = tuple(output if v == place else 1 - output for v in checks.INPUTS)
    assert checks.exercise_4(alone, seed=seed).state == "right"


@pytest.mark.parametrize("seed", range(3))
def test_exercise_5_can_be_answered_for_each_seed(seed):
    collected = checks.collected(seed)
    dm = best_distributed(collected)
    sent = list(product(*(dm[name].representatives for name in dm)))
    first = next(u for u, v in product(sent, repeat=2) if u < v and collected.result(u) == collected.result(v))
    assert checks.exercise_5(lambda a, b: (a, b) == first, seed=seed).state == "right"


def test_the_targets_lie_between_the_monolithic_and_the_distributed_bits():
    for seed in range(2):
        p, target = checks.question(seed)
        assert released_bits(p, best_monolithic(p)) < target < released_bits(p, best_distributed(p))


# The claims of the paper that the chapter tries ------------------------------------------------------


def worked(name):
    return program(getattr(examples, name), examples.DOMAINS[name])


def test_or_sends_everything_and_needs_two_classes():
    either = worked("or_")
    dm, m = best_distributed(either), best_monolithic(either)
    assert all(dm(v) == v for v in product((False, True), repeat=2))
    assert m.n_classes == 2 and m.representatives == [(False, False), (False, True)]


def test_no_hidden_use_gets_through_a_best_monolithic_minimiser():
    """Theorem 1, on all yes-or-no questions about the credit rule's inputs."""
    rule = worked("credit")
    m, dm = best_monolithic(rule), best_distributed(rule)
    inputs = list(product(range(4), range(1, 4)))

    def n_learning(minimiser):
        sent = sorted({minimiser(v) for v in inputs})
        count = 0
        for answers in product((False, True), repeat=len(sent)):
            seen = {(examples.credit(*v), said) for v, said in zip(sent, answers, strict=True)}
            count += len(seen) > 3
        return count * 2 ** (len(inputs) - len(sent))

    assert n_learning(m) == 0
    assert n_learning(dm) == 3584


@pytest.mark.parametrize("name", ["or_", "credit", "toll", "minimum"])
def test_figure_7_is_right_with_its_quantifier_and_wrong_without(name):
    """Theorem 4."""
    p = worked(name)
    repaired = best_distributed(p, method="figure7")
    assert repaired.status == "best" and verify(p, repaired).best == "proved"
    assert verify(p, best_distributed(p, method="figure7", reading="existential")).correct == "refuted"


def idempotent(domain):
    maps = (dict(zip(domain, images, strict=True)) for images in product(domain, repeat=len(domain)))
    return [f for f in maps if all(f[y] == y for y in f.values())]


def test_proposition_4_is_the_test_of_bestness_over_the_range():
    """All distributed minimisers of all programs from {0, 1} x {0, 1, 2} to {0, 1}."""
    first, second = (0, 1), (0, 1, 2)
    inputs = list(product(first, second))
    n_minimisers = over_the_range = as_printed = 0
    for outputs in product((0, 1), repeat=6):
        p = dict(zip(inputs, outputs, strict=True))
        pairs = product(idempotent(first), idempotent(second))
        minimisers = [(f, g) for f, g in pairs if all(p[f[a], g[b]] == p[a, b] for a, b in inputs)]
        kernels = [
            {(u, v) for u, v in product(inputs, repeat=2) if (f[u[0]], g[u[1]]) == (f[v[0]], g[v[1]])}
            for f, g in minimisers
        ]

        def told_apart(xs, ys, p=p):
            return all(any(p[x, w] != p[y, w] for w in second) for x in xs for y in xs if x < y) and all(
                any(p[w, x] != p[w, y] for w in first) for x in ys for y in ys if x < y
            )

        for (f, g), kernel in zip(minimisers, kernels, strict=True):
            best = all(kernel >= other for other in kernels)
            n_minimisers += 1
            over_the_range += best == told_apart(set(f.values()), set(g.values()))
            as_printed += best == told_apart(first, second)
    assert (n_minimisers, over_the_range, as_printed) == (248, 248, 146)
