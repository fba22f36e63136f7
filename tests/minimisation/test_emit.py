"""Emitted modules, imported as anyone would import them, against the partition they stand for."""

import ast
import importlib.util
import random

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.minimisation.classes import Partition
from course_lib.minimisation.emit import module_source
from course_lib.minimisation.emitted import read_module
from course_lib.minimisation.errors import UnsupportedConstruct
from course_lib.minimisation.folding import fold, segments


def imported(source, folder, name="emitted"):
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def partition_of(labels, first=0):
    return Partition.of_labels(range(first, first + len(labels)), labels)


def check(partition, folder):
    """The module, imported and read back, computes the partition and refuses everything else."""
    source = module_source("x", partition, "f")
    module, read = imported(source, folder), read_module(source)
    x = z3.Int("x")
    term = read.term(x)
    first, last = partition.runs[0].first, partition.runs[-1].last
    for value in range(first, last + 1):
        label = partition.label(value)
        expected = partition.representatives[label]
        assert module.partition(value) == read.partition(value) == label, source
        assert module.minimise(value) == read(value) == expected, source
        assert z3.simplify(z3.substitute(term, (x, z3.IntVal(value)))).as_long() == expected, source
    n = len(partition.representatives)
    assert [module.representative(k) for k in range(n)] == partition.representatives == read.range()
    for wrong in (first - 1, last + 1, "3", None, 2.5):
        with pytest.raises(ValueError, match="x must be"):
            module.minimise(wrong)
    for wrong in (-1, n):
        with pytest.raises(ValueError, match="k must be"):
            module.representative(wrong)
    return source


LOYALTY = [0] * 11 + list(range(1, 15)) + [15] * 5 + [16] * 71


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ([x // 4 for x in range(100)], "return x // 4"),
        ([x % 5 for x in range(100)], "return x % 5"),
        ([x % 100 < 30 for x in range(500)], "rest = x % 100"),
        (list(range(1000)), "return x"),
        ([min(x, 500) for x in range(2000)], "return min(x, 500)"),
        ([max(x, 70) for x in range(200)], "return max(x - 70, 0)"),
        ([min(max(x, 50), 990) // 7 for x in range(2000)], "// 7"),
        ([x % 4 == 1 if x < 50 else 9 + x // 10 for x in range(100)], "(0, 1, 0, 0)[x % 4]"),
        ([x == 7 for x in range(20)], "if x == 7:"),
        ([0], "return 0"),
        ([0, 1], "return 0 if x == 0 else 1"),
        ([abs(x) for x in range(-90, 91)], "180 - x"),
    ],
)
def test_forms(labels, line, tmp_path):
    assert line in check(partition_of(labels), tmp_path)


def test_a_remainder_of_a_domain_that_starts_elsewhere(tmp_path):
    labels = [x % 7 for x in range(-10, 100)]
    assert "% 7" in check(partition_of(labels, first=-10), tmp_path)


@pytest.mark.parametrize("labels", [[0, 0], [0, 1]])
def test_boolean_inputs(labels, tmp_path):
    partition = Partition.of_labels([0, 1], labels, is_bool=True)
    module = imported(module_source("flag", partition, "f"), tmp_path)
    assert [module.minimise(x) for x in (False, True)] == [False, bool(labels[1])]
    assert type(module.minimise(True)) is bool
    with pytest.raises(ValueError, match="flag must be False or True, not 2"):
        module.minimise(2)


@pytest.mark.parametrize("name", ["partition", "representative", "minimise", "isinstance", "k", "rest", "int"])
def test_inputs_may_have_the_names_the_module_uses(name, tmp_path):
    for i, labels in enumerate([[0, 1, 1, 0], [x % 100 < 30 for x in range(500)]]):
        partition = partition_of(labels)
        module = imported(module_source(name, partition, "f"), tmp_path, f"named_{i}")
        assert [module.minimise(x) for x in range(4)] == [
            partition.representatives[partition.label(x)] for x in range(4)
        ]


@pytest.mark.parametrize(
    ("labels", "body"),
    [
        (LOYALTY, "    if x < 30:\n        return min(max(x - 10, 0), 15)\n    return 16\n"),
        ([abs(x) for x in range(-9, 10)], "    return (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)[x]\n"),
        ([round(x**0.5) for x in range(150)], "    return bisect_right(cuts, x)\n"),
        ([round(x**0.5) % 5 for x in range(150)], "    return labels[bisect_right(cuts, x)]\n"),
        ([round((x % 150) ** 0.5) for x in range(700)], "    return bisect_right(cuts, rest)\n"),
        ([0] * 6 + [1] + [2] * 3 + [1] * 6 + [2] * 3 + [1] * 3 + [0] * 2, "    if x < 19:\n        return 2\n"),
    ],
)
def test_modules_are_what_a_person_would_ship(labels, body, tmp_path):
    source = check(partition_of(labels), tmp_path)
    assert body in source
    assert len(source.split("def partition")[1].split("def representative")[0].splitlines()) < 20
    assert ("from bisect import bisect_right" in source) == ("bisect_right(" in body)


def random_labels(generator):
    n, k = generator.randint(1, 90), generator.randint(1, 9)
    form = generator.choice(["repeated", "sorted", "random", "counting"])
    if form == "repeated":
        pattern = [generator.randrange(k) for _ in range(generator.randint(1, 40))]
        return (pattern * 90)[:n]
    if form == "counting":
        low, high, width = sorted([generator.randint(0, 60), generator.randint(0, 60)]) + [generator.randint(1, 4)]
        return [min(max(x, low), high) // width for x in range(n)]
    labels = [generator.randrange(k) for _ in range(n)]
    return sorted(labels) if form == "sorted" else labels


@pytest.mark.parametrize("seed", range(60))
def test_random_partitions(seed, tmp_path):
    generator = random.Random(seed)
    check(partition_of(random_labels(generator), generator.randint(-20, 20)), tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(-30, 30))
def test_segments_and_folds_hold_for_every_value(labels, first):
    partition = partition_of(labels, first)
    true = [partition.label(x) for x in range(first, first + len(labels))]
    assert [s.label(x) for s in segments(partition.runs) for x in range(s.first, s.last + 1)] == true
    if folded := fold(partition.runs):
        at = {x: run.label for run in folded.runs for x in range(run.first, run.last + 1)}
        assert [at[(x - folded.shift) % folded.period] for x in range(first, first + len(labels))] == true


def test_five_thousand_irregular_runs_are_still_a_module(tmp_path):
    generator = random.Random(0)
    labels = [generator.randrange(300) for _ in range(5000)]
    source = module_source("x", partition_of(labels), "f")
    module, read, partition = imported(source, tmp_path), read_module(source), partition_of(labels)
    for x in range(0, 5000, 50):
        assert module.partition(x) == read.partition(x) == partition.label(x)


SOURCE = module_source("x", partition_of([0] * 5 + [1] * 6 + [2] * 4), "f")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    return representative(partition(x))", "    return partition(x)", "does not minimise by"),
        ("if x < 5:", "if x < limit:", "something other than a whole number"),
        ("if x < 5:", "if x in (1, 2):", "a test that is not understood"),
        ("if x < 5:", "if 0 < x < 5:", "a test that is not understood"),
        ("return 0", "return x ** 2", "an expression that is not understood"),
        ("return 0", "return x // -2", "divides by a number below 1"),
        ("    if x < 5:", "    x = x + 1\n    if x < 5:", "something other than a remainder"),
        ("    if x < 5:", "    print(x)\n    if x < 5:", "a statement that is not understood"),
        ("__all__", "import os\n__all__", "more than its three functions"),
        ("def partition", "@cache\ndef partition", "decorates a function"),
        ("def partition(x: int)", "def partition(x: int, y: int = 0)", "more than one plain argument"),
        ("def representative", "def represent", "does not hold partition"),
        ("not isinstance(x, int) or not", "not", "by a test that is not understood"),
        ("if x < 5:", "if x < :", "is no Python"),
        ("    return 2", "    pass", "a statement that is not understood"),
    ],
)
def test_whatever_is_not_emitted_is_refused(old, new, message):
    assert old in SOURCE
    with pytest.raises(UnsupportedConstruct, match=message):
        read_module(SOURCE.replace(old, new, 1))


TABLED = module_source("x", partition_of([round(x**0.5) % 5 for x in range(150)]), "f")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from bisect import bisect_right", "", "does not import it"),
        ("from bisect import bisect_right", "from cuts import bisect_right", "more than its three functions"),
        ("(1, 3, 7,", "(3, 1, 7,", "a table that is not understood"),
        ("(0, 1, 2,", "(1, 2,", "a table that is not understood"),
        ("(1, 3, 7,", "(1.5, 3, 7,", "something other than a whole number"),
        ("    cuts = (", "    cuts = x = (", "a statement that is not understood"),
        ("    cuts = (", "    x = (", "a table that is not understood"),
        ("    return labels[bisect_right(cuts, x)]", "    return labels[bisect_right(cuts, 3)]", "not understood"),
        ("    return labels[bisect_right(cuts, x)]", "", "a table that is not understood"),
    ],
)
def test_a_table_that_is_not_emitted_is_refused(old, new, message):
    assert old in TABLED
    with pytest.raises(UnsupportedConstruct, match=message):
        read_module(TABLED.replace(old, new, 1))


def test_a_table_is_read_as_python_runs_it(tmp_path):
    """Also with a cut that has moved onto its neighbour, and cuts beyond the domain."""
    for i, cuts in enumerate(["1, 2, 3, 500", "3, 3, 7", "-4, 0, 7"]):
        before, rest = TABLED.split("    cuts = (")
        after = rest.split("    return labels", 1)[1]
        text = f"{before}    cuts = ({cuts})\n    labels = (3, 0, 2, 1, 4)\n    return labels{after}"
        module, read = imported(text, tmp_path, f"moved_{i}"), read_module(text)
        assert [module.partition(x) for x in range(150)] == [read.partition(x) for x in range(150)]


def test_reading_a_module_runs_nothing(tmp_path):
    trap = SOURCE.replace("    if x < 5:", f"    open({str(tmp_path / 'ran')!r}, 'w')\n    if x < 5:")
    with pytest.raises(UnsupportedConstruct):
        read_module(trap)
    assert not (tmp_path / "ran").exists()


def test_sources_are_plain_python_without_imports():
    assert not [n for n in ast.walk(ast.parse(SOURCE)) if isinstance(n, ast.Import | ast.ImportFrom | ast.Attribute)]
