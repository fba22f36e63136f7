"""Every check of the course is put through right, blank and wrong answers."""

import ast
import importlib
import pkgutil

import pytest
import verdicts
from course_pages import ROOT

import course_lib.checks

MODULES = [module.name for module in pkgutil.iter_modules(course_lib.checks.__path__) if module.name != "answers"]


@pytest.mark.parametrize("name", MODULES)
def test_the_checks_of_a_chapter_are_tested(name):
    module = importlib.import_module(f"course_lib.checks.{name}")
    assert len(verdicts.checks_of(module)) >= 4
    path = ROOT / "tests" / "exercises" / f"test_{name}.py"
    assert path.exists(), f"course_lib.checks.{name} needs {path.relative_to(ROOT)}"
    # verdict_tests refuses a table that leaves out a check, so that it is called is enough.
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    used = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "verdict_tests"]
    assert used, f"{path.name} does not call verdict_tests"


@pytest.mark.parametrize("name", MODULES)
def test_the_public_names_are_the_checks(name):
    module = importlib.import_module(f"course_lib.checks.{name}")
    assert sorted(module.__all__) == sorted(verdicts.checks_of(module))


@pytest.mark.parametrize("name", MODULES)
def test_the_exercises_call_every_check(name):
    module = importlib.import_module(f"course_lib.checks.{name}")
    pages = list((ROOT / "exercises").rglob(f"{name}.md"))
    assert len(pages) == 1, f"there must be one exercise page {name}.md"
    text = pages[0].read_text(encoding="utf-8")
    assert [check for check in verdicts.checks_of(module) if f"{check}(" not in text] == []
