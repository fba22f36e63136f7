"""The table of claims is sound, the run bears it out, and a false claim is found."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import claims
import pytest
from claims import (
    Claim,
    Unreached,
    glued_number,
    page_of,
    page_problems,
    read_claims,
    read_unreached,
    table_problems,
    value_problems,
)
from course_pages import ROOT

TABLE = (ROOT / claims.TABLE).read_text(encoding="utf-8")
CLAIMS, UNREACHED = read_claims(TABLE), read_unreached(TABLE)
ONE = Claim(
    id="one",
    source="key",
    says="There is one.",
    page="book/part/chapter.md",
    glue="n",
    test="tests/part/test_chapter.py::test_one",
    paper=7,
    tolerance=1,
)
PAGE = """\
---
jupytext: {}
---
```{code-cell}
assert n == 7
```

```{code-cell}
:tags: [book-only]
glue("n", n, display=False)
```
"""


def row(**changed):
    """The text of a table with one claim; a field set to None is left out."""
    fields = {
        "id": "one",
        "source": "key",
        "says": "so",
        "page": "book/a.md",
        "glue": "n",
        "test": "t",
        "paper": 7,
        **changed,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if value is not None]
    return "\n".join(["[[claim]]", *lines, ""])


def test_the_table_is_sound():
    assert table_problems(CLAIMS, UNREACHED) == []


def test_the_run_bears_out_every_claim(site):
    values = site.parent / "jupyter_execute"
    assert value_problems(CLAIMS, lambda claim: glued_number(claim, values)) == []


@pytest.mark.parametrize("claim", [row for row in UNREACHED if row.page], ids=lambda claim: claim.id)
def test_the_run_gives_a_figure_for_what_is_not_reached(site, claim):
    assert not math.isnan(glued_number(claim, site.parent / "jupyter_execute"))


def test_every_test_of_the_table_can_be_collected():
    named = sorted({claim.test for claim in CLAIMS})
    if not named:
        pytest.skip("the table holds no claim yet")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_false_claim_is_found():
    assert value_problems([ONE], lambda claim: 7.5) == []
    assert value_problems([ONE], lambda claim: 9) == ["claim one: ours is 9, the paper's 7, ± 1"]
    assert value_problems([ONE], lambda claim: math.nan) != []
    assert value_problems([ONE], lambda claim: None) == ["claim one: the run of book/part/chapter.md gave no 'n'"]
    bounded = dataclasses.replace(ONE, paper=None, tolerance=0, low=0.5, high=0.6)
    assert value_problems([bounded], lambda claim: 0.55) == []
    assert value_problems([bounded], lambda claim: 0.4) == [
        "claim one: ours is 0.4, the paper's at least 0.5, at most 0.6"
    ]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_no_claim_holds_for_any_figure(claim):
    assert not claim.agrees(math.nan)
    assert not claim.agrees(1e300)
    assert not (claim.agrees(-1e300) and claim.agrees(1e300))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("jupytext", "other", "there is no notebook page"),
        ('glue("n"', 'glue("m"', "glues no 'n'"),
        (":tags: [book-only]\n", "", "glues no 'n'"),
        ("assert n == 7", "n == 7", "holds no assert"),
    ],
)
def test_a_page_that_does_not_hold_its_claim_is_found(old, new, problem):
    assert page_problems(ONE, PAGE) == []
    assert problem in page_problems(ONE, PAGE.replace(old, new))[0]
    assert page_problems(ONE, None) == ["claim one: there is no notebook page book/part/chapter.md"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (row(glue=None), "claim one: unknown or missing glue"),
        (row(figure=3), "claim one: unknown or missing figure"),
        (row(paper="7"), "claim one: paper must be a number"),
        (row(says=3), "claim one: says must be a text"),
        (row(paper=None), "claim one: give paper, low or high"),
        (row() + row(), "claim one: two claims have this id"),
    ],
)
def test_a_table_with_a_mistake_is_refused(table, message):
    assert read_claims(row())[0].paper == 7
    with pytest.raises(ValueError, match=message):
        read_claims(table)


def test_the_page_takes_our_figure_from_the_run():
    text = page_of([dataclasses.replace(ONE, format=".1f", unit="%")])
    assert "| There is one. | 7 % | {glue:text}`part/chapter.md::n:.1f` % | ± 1 | {doc}`part/chapter` |" in text


def test_what_is_not_reached_stands_apart_with_its_reason():
    tried = Unreached("a", "key", "Ten.", "Too | few.", page="book/part/chapter.md", glue="n", format=".1f")
    text = page_of([ONE], [tried, Unreached("b", "key", "All.", "No data.")]).split("## Not reached")[1]
    assert "| Ten. | {glue:text}`part/chapter.md::n:.1f` | Too \\| few. | {doc}`part/chapter` |" in text
    assert "| All. | not tried | No data. | – |" in text
    assert "Not reached" not in page_of([ONE])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('says = "s"\nsource = "k"', "unreached a: unknown or missing why"),
        ('says = "s"\nsource = "k"\nwhy = "w"\npaper = 3', "unreached a: unknown or missing paper"),
        ('says = "s"\nsource = "k"\nwhy = "w"\nglue = "n"', "unreached a: page and glue belong together"),
    ],
)
def test_a_row_of_the_unreached_with_a_mistake_is_refused(row, message):
    with pytest.raises(ValueError, match=message):
        read_unreached(f'[[unreached]]\nid = "a"\n{row}\n')


def small_course(root: Path) -> Path:
    """A course with one claim that holds."""
    (root / "book" / "part").mkdir(parents=True)
    (root / "book" / "part" / "chapter.md").write_text(PAGE)
    (root / "book" / "references.bib").write_text("@misc{key, title = {T}, year = 2000}\n")
    (root / claims.TABLE).write_text(row(page=ONE.page))
    return root


def test_a_stale_page_is_found(tmp_path, capsys):
    root = str(small_course(tmp_path))
    assert claims.main(["--root", root, "--check"]) == 1
    assert claims.main(["--root", root]) == 0
    assert claims.main(["--root", root, "--check"]) == 0
    with (tmp_path / claims.TABLE).open("a") as table:
        table.write(row(id="two", source="gone", page=ONE.page))
    assert claims.main(["--root", root, "--check"]) == 1
    said = capsys.readouterr().out
    assert "claim two: 'gone' is not in references.bib" in said
    assert "book/claims.md is not what book/claims.toml says" in said


def test_a_glued_number_is_read_from_the_build(tmp_path):
    folder = tmp_path / "book" / "part"
    folder.mkdir(parents=True)
    for text, number in (("7", 7), ("'1,234'", 1234), ("0.25", 0.25)):
        (folder / "chapter.glue.json").write_text(json.dumps({"n": {"data": {"text/plain": text}}}))
        assert glued_number(ONE, tmp_path) == number
    assert glued_number(dataclasses.replace(ONE, glue="m"), tmp_path) is None
