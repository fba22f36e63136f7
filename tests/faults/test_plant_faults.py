"""Planted faults: which are found, how they are drawn, and that a survivor is told from the rest."""

import ast
import json

import plant_faults
import pytest
from plant_faults import Fault, drawn, equivalents, faults_of, planted, suites_of, verdict

MODULE = '''\
"""Ages."""


def is_adult(age: int) -> bool:
    """Whether somebody may vote.

    >>> is_adult(40), is_adult(5)
    (True, False)
    """
    return age >= 18
'''
NOTICING = "from course_lib.ages import is_adult\n\ndef test_the_border():\n    assert is_adult(18)\n"


@pytest.fixture
def tree(tmp_path):
    """A package of one module, and a test of it that misses nothing about 18 but much about 17."""
    for name, text in {"course_lib/__init__.py": "", "course_lib/ages.py": MODULE,
                       "tests/test_ages.py": NOTICING}.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x < 3", {"x <= 3", "x < 4"}),
        ("x is None", {"x is not None"}),
        ("y = -x", {"y = (x)"}),
        ("y = x + z", {"y = ((x) - (z))"}),
        ("y = x[0]", {"y = x[1]"}),
        ("y = True", {"y = False"}),
        ("y = 'a' + x", set()),
        ("def f(x: int = 2) -> list[3]: pass", {"def f(x: int = 3) -> list[3]: pass"}),
        ("y = f'{x:.3f}'", set()),
        ("y = 'ä', 1", {"y = 'ä', 2"}),
    ],
)
def test_the_faults_of_a_line(before, after):
    assert {planted(before, fault) for fault in faults_of("m.py", before)} == after


def test_every_fault_of_the_library_is_still_python_and_changes_it():
    faults = drawn(plant_faults.ROOT, seed=0, count=200)
    assert len({fault.name for fault in faults}) == 200
    for fault in faults:
        sound = (plant_faults.ROOT / fault.path).read_text(encoding="utf-8")
        assert ast.dump(ast.parse(planted(sound, fault))) != ast.dump(ast.parse(sound)), fault.name


def test_the_seed_fixes_the_faults_and_fewer_are_the_first_of_more():
    root = plant_faults.ROOT
    forty = drawn(root, seed=3, count=40)
    assert forty == drawn(root, seed=3, count=40) != drawn(root, seed=4, count=40)
    assert forty[:5] == drawn(root, seed=3, count=5)
    assert {fault.kind for fault in forty} == {"comparison", "constant", "sign", "index"}


def test_an_edit_of_one_module_leaves_the_other_faults_in_their_order(tree):
    before = drawn(tree, seed=1, count=40)
    (tree / "course_lib/ages.py").write_text(
        '"""Ages."""\n\nVOTES = "yes"\n' + MODULE.split('"""\n', 1)[1], encoding="utf-8"
    )
    (tree / "course_lib/other.py").write_text("y = 1\n", encoding="utf-8")
    after = [fault for fault in drawn(tree, seed=1, count=40) if fault.path.endswith("ages.py")]
    assert [fault.name for fault in after] == [fault.name for fault in before]
    assert [fault.line for fault in after] != [fault.line for fault in before]


def test_faults_that_read_alike_are_counted():
    assert [(fault.line, fault.count) for fault in faults_of("m.py", "y = 1\nz = 1\n")] == [(1, 1), (2, 2)]


def test_each_fault_is_run_against_tests_that_exist():
    for fault in drawn(plant_faults.ROOT, seed=0, count=200):
        own, whole = suites_of(plant_faults.ROOT, fault)
        assert own and any(path.startswith("tests/") for path in whole), fault.name


def test_a_fault_that_the_tests_see_is_noticed_and_one_they_miss_survives(tree):
    seen, missed = (fault for fault in faults_of("course_lib/ages.py", MODULE))
    assert (seen.kind, missed.new) == ("comparison", "19")
    missed = Fault(missed.path, missed.line, missed.column, "constant", "18", "17", 1)
    assert verdict(tree, seen) == "noticed"
    assert verdict(tree, missed) == "survived"
    assert (tree / "course_lib/ages.py").read_text(encoding="utf-8") == MODULE


def test_a_fault_that_stops_pytest_itself_is_noticed(tree):
    (tree / "course_lib/ages.py").write_text(
        MODULE + "\n\nif __name__ == 'main':\n    raise SystemExit(2)\n", encoding="utf-8"
    )
    stopping = [fault for fault in faults_of("course_lib/ages.py", (tree / "course_lib/ages.py").read_text())][-2]
    assert stopping.new == "__name__ != 'main'"
    assert verdict(tree, stopping) == "noticed"
    broken = Fault("course_lib/ages.py", 10, 11, "comparison", "age >= 18", "1 / 0 > 1", 1)
    (tree / "tests/conftest.py").write_text("from course_lib.ages import is_adult\n\nis_adult(1)\n", encoding="utf-8")
    assert verdict(tree, broken) == "noticed"
    (tree / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="pytest did not run on"):
        verdict(tree, stopping)


def test_code_that_has_changed_since_is_not_overwritten():
    with pytest.raises(ValueError, match="m.py:1 no longer reads '3'"):
        planted("x < 4", Fault("m.py", 1, 4, "constant", "3", "4", 1))


def test_a_second_run_goes_on_where_the_first_stopped(tree, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(plant_faults, "ROOT", tree)
    monkeypatch.setattr(plant_faults, "verdict", lambda copy, fault: asked.append(fault) or "survived")
    assert plant_faults.main(["--seed", "1", "--count", "1"]) == 1
    assert plant_faults.main(["--seed", "1"]) == 1
    assert len(asked) == len(set(asked)) == 2
    assert len(json.loads((tree / "_build" / "faults-1.json").read_text(encoding="utf-8"))) == 2
    said = capsys.readouterr().out
    assert "2 faults, 2 not noticed, 0 of these equivalent" in said and said.count("WANTS A TEST") == 3
    argued = (
        f'[[fault]]\npath = "{f.path}"\nold = "{f.old}"\nnew = "{f.new}"\ncount = {f.count}\nwhy = "So."\n'
        for f in asked
    )
    (tree / plant_faults.EQUIVALENT).parent.mkdir(parents=True, exist_ok=True)
    (tree / plant_faults.EQUIVALENT).write_text("".join(argued))
    assert plant_faults.main(["--seed", "1"]) == 0
    assert "So." in capsys.readouterr().out


def test_a_fault_that_is_argued_away_can_still_be_planted():
    for (path, *change), why in equivalents(plant_faults.ROOT).items():
        source = (plant_faults.ROOT / path).read_text(encoding="utf-8")
        assert any([fault.old, fault.new, fault.count] == change for fault in faults_of(path, source)), (path, change)
        assert why.endswith(".")
