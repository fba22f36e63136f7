"""A shifted cut point in an emitted module is refuted with a counterexample, every one of them."""

import ast

import pytest

from course_lib.minimisation import best_distributed, examples, program, verify

PROGRAMS = {
    name: (getattr(examples, name), domains)
    for name, domains in examples.DOMAINS.items()
    if name not in ("loyalty_weak", "unneeded", "add", "minimum", "integer_division")
} | {
    "stairs": ("def stairs(x): return x // 40", {"x": range(0, 400)}),
    "weekdays": ("def weekdays(day): return day % 7 < 5", {"day": range(3, 400)}),
    "halves": ("def halves(x): return x % 100 < 50", {"x": range(-250, 1000)}),
    "mirror": ("def mirror(x): return abs(x)", {"x": range(-9, 10)}),
    "points": ("def points(x): return 1 if x == 7 else 2 if x == 11 else 0", {"x": range(0, 20)}),
    "roots": (
        "def roots(x):\n    root = 0\n    while (root + 1) * (root + 1) <= x: root += 1\n    return root * 2 % 13",
        {"x": range(0, 150)},
    ),
    "squares": (
        "def squares(x):\n    if x * x <= 4: return x * x\n    return (x - 3) * (x + 2) % 11",
        {"x": range(-9, 12)},
    ),
    "large": ("def large(x, y): return (x > 123456) + 2 * (y > x)", {"x": range(0, 10**6), "y": range(0, 3)}),
}


def constants(source):
    """Places (line, first column, last column) and values of the whole numbers in the body of ``partition``."""
    tree = ast.parse(source)
    partition = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "partition")
    found = []
    for statement in partition.body[1:]:
        part = (
            statement.test if isinstance(statement, ast.If) and isinstance(statement.body[0], ast.Raise) else statement
        )
        found += [
            (node.lineno, node.col_offset, node.end_col_offset, node.value)
            for node in ast.walk(part)
            if isinstance(node, ast.Constant) and type(node.value) is int
        ]
    return found


def shifted(source, place, by):
    line, first, last, value = place
    lines = source.splitlines(keepends=True)
    text = lines[line - 1].encode()
    lines[line - 1] = (text[:first] + str(value + by).encode() + text[last:]).decode()
    return "".join(lines)


def mutants(dm, name):
    source = dm[name].source()
    for place in constants(source):
        for by in (-1, 1):
            changed = shifted(source, place, by)
            if "% 0" not in changed and "// 0" not in changed:  # these raise for every value
                yield f"{place} by {by}", changed


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_shifted_constant_is_refuted_with_a_counterexample(name):
    p = program(*PROGRAMS[name])
    dm = best_distributed(p)
    assert verify(p, dm).correct == "proved"
    n_mutants = 0
    for input_ in dm:
        for what, source in mutants(dm, input_):
            n_mutants += 1
            claim = verify(p, dm.with_source(input_, source)).correct
            assert claim == "refuted", (input_, what, claim.reason)
            assert claim.counterexample, (input_, what)
    if any(local.partition.cuts() and not local.partition.is_bool for local in dm.locals.values()):
        assert n_mutants >= 2


def test_the_counterexample_is_a_value_that_is_sent_wrongly():
    p = program(examples.benefit_level, examples.DOMAINS["benefit_level"])
    dm = best_distributed(p)
    source = dm["salary"].source()
    late = verify(p, dm.with_source("salary", source.replace("< 10000 ", "< 10001 ")))
    assert late.correct.counterexample == {"salary": 10000}
    early = verify(p, dm.with_source("salary", source.replace("< 10000 ", "< 9999 ")))
    assert early.correct.counterexample == {"salary": 9999}
    assert (late.best, early.best) == ("refuted", "refuted")


@pytest.mark.parametrize("bound", ["0 <= salary <= 99999", "1 <= salary <= 100000", "0 <= salary <= 100001"])
def test_a_shifted_range_check_is_refuted(bound):
    p = program(examples.benefit_level, examples.DOMAINS["benefit_level"])
    dm = best_distributed(p)
    changed = dm["salary"].source().replace("0 <= salary <= 100000", bound)
    assert verify(p, dm.with_source("salary", changed)).correct == "refuted"


def test_a_finer_minimiser_is_correct_but_not_best():
    p = program(examples.benefit_level, examples.DOMAINS["benefit_level"])
    finer = program(
        "def finer(salary): return (salary >= 10000) + (salary >= 50000)", examples.DOMAINS["benefit_level"]
    )
    text = best_distributed(finer)["salary"].source()
    certificate = verify(p, best_distributed(p).with_source("salary", text))
    assert (certificate.correct, certificate.idempotent, certificate.best) == ("proved", "proved", "refuted")
    assert certificate.best.counterexample == {"salary": (10000, 50000)}


def test_representatives_outside_their_class_are_refuted():
    p = program(examples.credit, examples.DOMAINS["credit"])
    dm = best_distributed(p)
    swapped = dm["tax"].source().replace("(1, 3)[k]", "(3, 1)[k]")
    certificate = verify(p, dm.with_source("tax", swapped))
    assert (certificate.correct, certificate.idempotent) == ("refuted", "refuted")


def test_another_representative_of_the_same_class_is_still_best():
    p = program(examples.credit, examples.DOMAINS["credit"])
    dm = best_distributed(p)
    other = dm["tax"].source().replace("(1, 3)[k]", "(2, 3)[k]")
    certificate = verify(p, dm.with_source("tax", other))
    assert [certificate.correct, certificate.idempotent, certificate.best] == ["proved"] * 3
