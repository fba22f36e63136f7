"""Every page keeps to the template; a planted fault is found by its check."""

from pathlib import Path

import pytest
import template
from course_pages import ROOT, chapters, notebook_pages
from template import CHAPTER_CHECKS, NOTEBOOK_CHECKS

GOOD = (Path(__file__).parent / "good_chapter.md").read_text(encoding="utf-8")
GOOD_EXERCISES = "\n\n".join(
    f"## Exercise {number}: count ({kind}, 5 minutes, easy)\n\n:::{{dropdown}} Hint\nLook.\n:::\n\n"
    f"```{{code-cell}}\nchecks.exercise_{number}(...)\n```"
    for number, kind in enumerate(template.EXERCISE_KINDS, start=1)
)


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_there_are_chapters():
    assert chapters()


@pytest.mark.parametrize("check", CHAPTER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", chapters(), ids=name)
def test_chapter(path, check):
    assert check(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", chapters(), ids=name)
def test_chapter_links_its_exercises(path):
    assert template.link_problems(path.read_text(encoding="utf-8"), name(path)) == []


@pytest.mark.parametrize("path", chapters(), ids=name)
def test_chapter_has_its_parts_elsewhere(path):
    inside = path.relative_to(ROOT / "book")
    for wanted in (
        ROOT / "solutions" / inside,
        ROOT / "exercises" / inside,
        ROOT / "course_lib" / "checks" / f"{path.stem}.py",
        ROOT / "tests" / "exercises" / f"test_{path.stem}.py",
        ROOT / "course_lib" / inside.parent / "__init__.py",
        ROOT / "tests" / inside.parent,
    ):
        assert wanted.exists(), f"{name(path)} needs {name(wanted)}"


@pytest.mark.parametrize("check", NOTEBOOK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", notebook_pages(), ids=name)
def test_notebook_page(path, check):
    assert check(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in notebook_pages() if path.is_relative_to(ROOT / "book")], ids=name)
def test_book_page_asserts_its_claims(path):
    assert template.assert_problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "exercises").rglob("*.md")) + sorted((ROOT / "solutions").rglob("*.md")), ids=name
)
def test_exercises_and_solutions(path):
    assert template.exercise_problems(path.read_text(encoding="utf-8")) == []


def test_the_good_chapter_has_no_problem():
    assert [problem for check in (*CHAPTER_CHECKS, *NOTEBOOK_CHECKS) for problem in check(GOOD)] == []
    assert template.assert_problems(GOOD) == []
    assert template.link_problems(GOOD, "book/part/chapter.md") == []
    assert template.exercise_problems(GOOD_EXERCISES) == []


LONG_CELL = "```{code-cell}\n" + "1\n" * 13 + "```\n"


@pytest.mark.parametrize(
    ("check", "old", "new", "problem"),
    [
        ("heading", "## Story", "### Story", "heading missing: Story"),
        ("heading", "## Summary", "## In short", "heading not in the template: In short"),
        (
            "heading",
            "## Story",
            "## Threat model\n\n## Story",
            "the headings are not in the template's order",
        ),
        ("glance", "- count,\n", "", "lists 2 things"),
        ("glance", "**You need** nothing.", "", "you need"),
        ("glance", "**Reading time** 5 minutes", "", "reading"),
        ("glance", "**Paper** {cite:t}`source`", "", "cites no paper"),
        ("prediction", ":::{admonition} Predict\nAnd now?\n:::", "And now?", "1 predictions"),
        (
            "prediction",
            "```{code-cell}\nassert two == 2\ntwo\n```\n\n```{code-cell}\n:tags: [book-only]",
            "```{note}",
            "no code cell answers",
        ),
        ("cell", "We round.", LONG_CELL, "has 13 lines"),
        ("cell", "round(1.6)", "print(" + "1" * 80 + ")", "has 87 characters"),
        ("cell", ":tags: [book-only]\n", "", "glue outside"),
        ("cell", "assert two == 2", ":tags: [timing]\nassert two == 2", "timing holds an assert"),
        ("cell", "We round.", "```{code-cell}\n1\n```", "no sentence between"),
        ("assert", "assert two == 2\n", "", "no cell holds an assert"),
        ("alt", "alt: Two bars of one height.", "width: 10", "no mystnb.image.alt"),
        ("alt", "We round.", ":::{figure} x.png\n:::", "a figure without alt"),
        ("alt", "We round.", "::::{note}\n:::{figure} x.png\n:::\n::::", "a figure without alt"),
        ("alt", "We round.", "![](x.png)", "an image without alt"),
        ("number", "We round.", "The share is 0.81.", "'0.81' is neither glued"),
        ("number", "We round.", ":::{note}\nThat is 81 % of all.\n:::", "'81 %' is neither glued"),
        ("section", "```{code-cell}\n3\n```", "", "Where it fails: no code cell"),
        ("section", "```{code-cell}\nround(1.6)\n```", "", "Defence: no code cell"),
        ("section", "| {glue:text}`two` |", "| 2 |", "The paper and us"),
        ("section", "The law says so {cite:p}`source`.", "", "Threat model"),
        ("section", "- Three.\n", "", "Summary"),
        ("wording", "We round.", "We simply round.", "'simply'"),
    ],
)
def test_a_planted_fault_is_found(check, old, new, problem):
    assert old in GOOD
    found = getattr(template, f"{check}_problems")(GOOD.replace(old, new, 1))
    assert any(problem in line for line in found), found


def test_a_chapter_without_a_link_to_its_exercises_is_found():
    assert template.link_problems(GOOD, "book/part/other.md") == ["Exercises: no link to exercises/part/other"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("## Exercise 4", "### Exercise 4", "3 exercises"),
        ("(by hand, 5 minutes, easy)", "(by hand)", "is not like"),
        ("(defend,", "(code,", "no exercise of the kind 'defend'"),
        (":::{dropdown} Hint", ":::{note} Hint", "exercise 1: 0 folded hints"),
        ("checks.exercise_2(", "checks.exercise_1(", "exercise 2: no cell calls its check"),
    ],
)
def test_a_planted_fault_in_exercises_is_found(old, new, problem):
    assert old in GOOD_EXERCISES
    found = template.exercise_problems(GOOD_EXERCISES.replace(old, new, 1))
    assert any(problem in line for line in found), found
