"""Exercise pages are what their solution pages say, and nothing of a solution is left in them."""

import doctest
import importlib
import shutil

import pytest
from course_pages import ROOT, PageError
from derive_exercises import derive, differences, main

HEADER = "---\njupytext: {}\ntitle: 'Solutions: counting'\n---\n"


def cell(*lines):
    """A page with one code cell of these lines."""
    return "# Solutions: a\n\n```{code-cell}\n" + "\n".join(lines) + "\n```\n"


def derived_cell(*lines):
    text = derive(cell(*lines))
    return text.split("```{code-cell}\n")[1].split("\n```")[0].split("\n")


@pytest.mark.parametrize(
    ("solution", "exercise"),
    [
        (["# solution: count", "answer = 7"], ["answer = ...  # count"]),
        (
            ["# solution: count", "n = 3", "answer = n + 4", "# end solution", "answer"],
            ["n = ...  # count", "answer"],
        ),
        (["# solution: both", "low, high = 1, 2"], ["low, high = ..., ...  # both"]),
        (["# solution: one", "x: int = 1"], ["x = ...  # one"]),
        (["# solution: double it", "def f(x):", "    return 2 * x"], ["def f(x):", "    ...  # double it"]),
        (
            [
                "# solution: double it",
                "def f(",
                "    x,",
                "):",
                '    """Double."""',
                "    return 2 * x",
                "# end solution",
                "f(1)",
            ],
            ["def f(", "    x,", "):", '    """Double."""', "    ...  # double it", "f(1)"],
        ),
        (
            ["def f(x):", "    # solution: double it", "    return 2 * x", "f(1)"],
            ["def f(x):", "    return ...  # double it", "f(1)"],
        ),
        (
            ["import a", "", "# solution: one", "x = 1", "# end solution", "# solution: two", "y = 2"],
            ["import a", "", "x = ...  # one", "y = ...  # two"],
        ),
        (["x = 1  # a remark on the solution"], ["x = 1  # a remark on the solution"]),
    ],
)
def test_marked_lines_become_a_blank(solution, exercise):
    assert derived_cell(*solution) == exercise


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# solution", "x = 1"], "must say what to write"),
        (["# solution: show", "print(1)"], "no assignment, function or return"),
        (["# solution: nothing"], "no assignment, function or return"),
        (["# solution: broken", "x = ("], "no Python on their own"),
        (["x = 1", "# end solution"], "without '# solution'"),
    ],
)
def test_unclear_marks_are_refused_by_file_and_line(lines, message):
    with pytest.raises(PageError, match=rf"^page:\d+: .*{message}"):
        derive(cell(*lines))


PAGE = (
    HEADER
    + """\
(solutions-counting)=
# Solutions: counting

## Exercise 1

```{code-cell}
:tags: [solution]
secret = 47
```

```{code-cell}
import secrets
```

+++ {"tags": ["solution"]}

The secret is 47.

:::{note}
47 again.
:::

+++

## Exercise 2

Go on.

+++ {"tags": ["solution"]}

It is 48.

```{code-cell}
# solution: count
answer = 48
```

Last words.
"""
)


def test_a_whole_page():
    text = derive(PAGE, "solutions/part/counting.md")
    assert "title: 'Exercises: counting'" in text
    assert "# Exercises: counting" in text
    assert "(exercises-counting)=" in text
    assert "% Derived from solutions/part/counting.md" in text
    assert "47" not in text and "48" not in text
    for kept in (
        "## Exercise 1",
        "import secrets",
        "## Exercise 2\n\nGo on.",
        "answer = ...  # count",
        "Last words.",
    ):
        assert kept in text
    assert "\n\n\n" not in text


def test_a_page_without_its_heading_is_refused():
    with pytest.raises(PageError, match="# Solutions: "):
        derive("# Counting\n")


@pytest.fixture
def course(tmp_path):
    """A course with one page of solutions and the page derived from it."""
    page = tmp_path / "solutions" / "part" / "counting.md"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE)
    assert main(["--root", str(tmp_path)]) == 0
    return tmp_path


def test_check_passes_on_what_was_derived(course):
    assert main(["--root", str(course), "--check"]) == 0


def test_a_hand_edited_exercise_is_found(course, capsys):
    page = course / "exercises" / "part" / "counting.md"
    page.write_text(page.read_text().replace("Go on.", "Go back."))
    assert main(["--root", str(course), "--check"]) == 1
    assert "-Go back." in capsys.readouterr().out


def test_an_exercise_without_a_solution_is_found_and_removed(course):
    shutil.copy(course / "exercises/part/counting.md", course / "exercises/part/old.md")
    assert main(["--root", str(course), "--check"]) == 1
    assert main(["--root", str(course)]) == 0
    assert not (course / "exercises/part/old.md").exists()


def test_a_missing_exercise_is_found(course):
    (course / "exercises/part/counting.md").unlink()
    assert main(["--root", str(course), "--check"]) == 1


def test_the_exercises_are_what_the_solutions_say():
    assert "\n".join(differences(ROOT)) == "", "run `make exercises`"


@pytest.mark.parametrize("module", ["claims", "course_pages", "derive_exercises", "measure_pages", "notebook_budget"])
def test_examples_in_the_tools(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted and not result.failed
