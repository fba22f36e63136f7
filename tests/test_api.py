"""The API reference names every public name, and no other."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import course_lib

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(course_lib.__file__).parent
PAGES = ROOT / "book" / "api"
SHARED = ("datasets", "deadline", "display", "plotting", "progress")
PARTS = sorted({p.parent.name for p in PACKAGE.glob("*/__init__.py")} - {"data", "checks", *SHARED})
CHECKS = sorted(p.stem for p in (PACKAGE / "checks").glob("*.py") if not p.stem.startswith("_"))
AUTO = re.compile(r"^\.\. auto(?P<kind>\w+):: (?P<name>[\w.]+)(?P<options>(?:\n +:.*)*)", re.MULTILINE)
SCOPE = re.compile(r"^\.\. currentmodule:: ([\w.]+)", re.MULTILINE)


def documented(page):
    """Full names that a page documents."""
    text = page.read_text(encoding="utf-8")
    scope = SCOPE.search(text)
    names = set()
    for entry in AUTO.finditer(text):
        name = entry["name"]
        if entry["kind"] == "module":
            assert ":members:" in entry["options"], f"{page.name}: {name} is shown without its members"
            names |= {f"{name}.{public}" for public in public_names(name)}
        else:
            names.add(name if name.startswith("course_lib.") else f"{scope[1]}.{name}")
    return names


def public_names(module):
    module = importlib.import_module(module)
    assert hasattr(module, "__all__"), f"{module.__name__} does not say what is public: give it __all__"
    # A module among the names is a namespace of examples: the page tells of it in its text.
    return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]


@pytest.mark.parametrize("part", PARTS)
def test_a_page_names_every_public_name_of_its_part(part):
    assert documented(PAGES / f"{part}.md") == {
        f"course_lib.{part}.{name}" for name in public_names(f"course_lib.{part}")
    }


def test_the_shared_modules_are_documented():
    expected = {f"course_lib.{module}.{name}" for module in SHARED for name in public_names(f"course_lib.{module}")}
    assert documented(PAGES / "shared.md") == expected


def test_every_chapters_checks_are_documented():
    modules = {match["name"] for match in AUTO.finditer((PAGES / "checks.md").read_text(encoding="utf-8"))}
    assert {f"course_lib.checks.{name}" for name in CHECKS} <= modules


def test_the_index_links_to_every_page():
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES.glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_an_undocumented_name_is_seen(tmp_path):
    page = tmp_path / "part.md"
    page.write_text("```{eval-rst}\n.. currentmodule:: course_lib.datasets\n.. autofunction:: data_file\n```\n")
    assert documented(page) == {"course_lib.datasets.data_file"}
    assert "torchvision" in set(public_names("course_lib.datasets")) - {"data_file"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_public_function_and_class_shows_an_example():
    """Those of any module but the checks, exported or not: their docstring holds a doctest."""
    bare = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if "checks" in path.parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and ">>>" not in (ast.get_docstring(node) or ""):
                bare.append(f"{path.relative_to(PACKAGE)}: {node.name}")
    assert bare == []
