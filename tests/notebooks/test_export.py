"""Pages become notebooks that Colab and JupyterLab show as they are meant.

Here the exporter is tested. That the notebooks run is tested by nbval, which ``make test``
calls on the whole exported tree.
"""

import importlib.util
import json
import re
import subprocess
import sys

import nbformat
import pytest
from course_index import Course
from course_pages import ROOT, PageError, notebook_pages
from export_notebooks import export, main, save
from plain_markdown import NO_VALUE

PAGE = "book/part/two.md"
HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""


@pytest.fixture
def course(tmp_path):
    """A course of one notebook page, one plain page, a picture and a reference."""
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://example.org/o/r\n  branch: notebooks\n")
    part = tmp_path / "book" / "part"
    part.mkdir(parents=True)
    (part / "one.md").write_text(HEADER + "(first)=\n# Page one\n")
    (part / "picture.png").write_bytes(b"")
    (tmp_path / "book" / "notation.md").write_text("(symbols)=\n# Notation\n")
    (tmp_path / "book" / "references.bib").write_text(
        "@article{lovelace1843, author = {Lovelace, Ada}, title = {Notes}, year = 1843, doi = {10.1/x}}\n"
        "@book{three, author = {A, B and C, D and von E, F}, title = {T}, year = 2001}\n"
    )
    return Course(tmp_path)


def markdown(text, course):
    """The plain Markdown of a page with this text after its header."""
    notebook = export(HEADER + text, PAGE, course)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        (":::{note}\nLook.\n:::", "> **Note**\n>\n> Look."),
        ("```{warning} Mind\nthe gap.\n```", "> **Warning**\n>\n> Mind\n> the gap."),
        (
            ":::{admonition} Predict\n:class: predict\nHow many?\n\n1 or 2\n:::",
            "> **Predict**\n>\n> How many?\n>\n> 1 or 2",
        ),
        ("::::{note}\n:::{tip}\nIn.\n:::\n::::", "> **Note**\n>\n> > **Tip**\n> >\n> > In."),
        (":::{dropdown} Hint\nTry *1*.\n:::", "<details>\n<summary>Hint</summary>\n\nTry *1*.\n\n</details>"),
        (
            ":::{figure} picture.png\n:alt: A bar\n\nThe finding.\n:::",
            "![A bar](picture.png)\n\nThe finding.",
        ),
        (":::{figure} /book/part/picture.png\n:alt: A bar\n:::", "![A bar](picture.png)"),
        ("```{math}\n:label: mean\nx = 1\n```", "$$\nx = 1\n$$"),
        (
            ":::{button-link} ../lab/index.html\n:color: primary\nOpen the lab\n:::",
            "[Open the lab](../lab/index.html)",
        ),
        ("See {cite:t}`lovelace1843`.", "See [Lovelace (1843)](https://doi.org/10.1/x)."),
        (
            "So {cite:p}`lovelace1843,three`.",
            "So ([Lovelace, 1843](https://doi.org/10.1/x); A et al., 2001).",
        ),
        ("{cite}`three`", "A et al. (2001)"),
        ("{term}`suppression` and {term}`members <member>`", "suppression and members"),
        ("{doc}`one`, {doc}`here <../notation>`", "[Page one](one.ipynb), [here](../notation.md)"),
        ("{ref}`first` {ref}`the symbols <symbols>`", "[Page one](one.ipynb) [the symbols](../notation.md)"),
        (
            "[one](one.md#first) [](../notation.md) [#](#first)",
            "[one](one.ipynb) [Notation](../notation.md) [#](one.ipynb)",
        ),
        ("![A bar](/book/part/picture.png)", "![A bar](picture.png)"),
        ("{download}`data <picture.png>`", "[data](picture.png)"),
        ("{math}`x^2` and $\\frac{{a}}{b}$", "$x^2$ and $\\frac{{a}}{b}$"),
        ("(two)=\n# Two\n\n{ref}`two`", None),
        ("% a comment\nText", "Text"),
        ("See {doc}`the\nother <one>`.\n\nNext\n\nand", "See [the other](one.ipynb).\n\nNext\n\nand"),
        ("A ` alone\n\n{term}`x` and ` again", "A ` alone\n\nx and ` again"),
        ("`{doc}` is code, ``{{ so }}`` is this", "`{doc}` is code, ``{{ so }}`` is this"),
        ("```python\n{ref}`x` :::{note}\n```", "```python\n{ref}`x` :::{note}\n```"),
        ("[`code`](one.md) and {doc}`of {x} <one>`", "[`code`](one.ipynb) and [of {x}](one.ipynb)"),
    ],
)
def test_becomes_plain_markdown(myst, plain, course):
    if plain is None:
        (course.root / PAGE).write_text(HEADER + myst)
        plain = "# Two\n\nTwo"
    assert markdown(myst, course) == plain


@pytest.mark.parametrize(
    ("myst", "line", "name"),
    [
        ("Text\n\n:::{margin}\nx\n:::", 13, "'margin'"),
        (":::{note}\nText\n\n```{table} T\n```\n:::", 14, "'table'"),
        ("```{glue:figure} key\n```", 11, "'glue:figure'"),
        ("```{eval-rst}\nx\n```", 11, "'eval-rst'"),
        ("A\nb {numref}`x`", 12, "'numref'"),
        (":::{note}\n\n{abbr}`x`\n:::", 13, "'abbr'"),
        (":::{admonition} Predict\n```{code-cell}\n1\n```\n:::", 11, "code-cell"),
        ("::::{note}\n:::{tip}\n```{code-cell}\n1\n```\n:::\n::::", 11, "code-cell"),
        ("- item\n\n  ```{note}\n  x\n  ```", 13, "left margin"),
        (":::{figure} picture.png\n:::", 11, "alt text"),
        (":::{figure} gone.png\n:alt: x\n:::", 11, "no file book/part/gone.png"),
        ("Text\n{doc}`gone`", 12, "no page book/part/gone.md"),
        ("{ref}`gone`", 11, "no label 'gone'"),
        ("[x](gone.md)", 11, "no page book/part/gone.md"),
        ("{cite}`gone1999`", 11, "'gone1999'"),
        ("{{ name }}", 11, "a substitution"),
        ("A[^1]", 11, "a footnote"),
        ("{doc}`the\nother <one>` $a\n+ b$\n[^1]", 14, "a footnote"),
        ("`a\nb` [x](gone.md)", 12, "no page"),
        ("[x](one.md){.red}", 11, "an attribute list"),
        (":::\nx\n:::", 11, "a directive's name"),
        (":::{note}\nx", 11, "never closed"),
    ],
)
def test_refuses_what_is_outside_the_set(myst, line, name, course):
    with pytest.raises(PageError, match=f"^{re.escape(PAGE)}:{line}: .*{re.escape(name)}"):
        export(HEADER + myst, PAGE, course)


def glue(course, page, **values):
    path = course.values / f"{page}.glue.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: {"data": {"text/plain": value}} for key, value in values.items()}))


def test_glue_is_the_value_of_the_last_build(course):
    glue(course, "book/part/two", share="0.8123", town="'Aarhus'", chart="<Figure size>")
    glue(course, "book/part/one", n="7")
    text = "{glue:text}`share:.1f` {glue:text}`town` {glue}`share` {glue:text}`one.md::n:s`"
    assert markdown(text, course) == "0.8 Aarhus 0.8123 7"
    with pytest.raises(PageError, match="needs a format: 'one.md::n:s'"):
        markdown("{glue:text}`one.md::n`", course)
    with pytest.raises(PageError, match="needs its suffix: 'one.md::n'"):
        markdown("{glue:text}`one::n:s`", course)
    with pytest.raises(PageError, match="'chart' is no text"):
        markdown("{glue}`chart`", course)


def test_glue_before_any_build_says_so(course):
    assert markdown("{glue:text}`share:.1f`", course) == NO_VALUE


CELLS = """\
# Two

```{code-cell}
---
tags: [hide-input]
mystnb:
  image: {alt: A bar}
---
1 + 1
```

```{code-cell}
:tags: [book-only]
from myst_nb import glue
```

+++ {"tags": ["book-only"]}

Only in the book.

+++

After.
"""


def test_cells_are_kept_dropped_and_marked(course):
    notebook = export(HEADER + CELLS, PAGE, course)
    install, title, code, after = notebook.cells
    assert "git+https://example.org/o/r.git@notebooks" in install.source
    assert (title.source, code.source, after.source) == ("# Two", "1 + 1", "After.")
    assert code.metadata["mystnb"] == {"image": {"alt": "A bar"}}
    assert code.metadata["jupyter"] == {"source_hidden": True}
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    nbformat.validate(notebook)


def test_two_exports_are_equal(course):
    assert nbformat.writes(export(HEADER + CELLS, PAGE, course)) == nbformat.writes(
        export(HEADER + CELLS, PAGE, course)
    )


def test_the_install_cell_does_nothing_where_the_course_is(course, monkeypatch, capsys):
    source = export(HEADER, PAGE, course).cells[0].source
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it ran pip"))
    exec(source, {})
    assert capsys.readouterr() == ("", "")


def test_the_install_cell_leaves_torch_and_numpy_alone(course, monkeypatch):
    commands = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    exec(export(HEADER, PAGE, course).cells[0].source, {})
    assert [command[-2] for command in commands] == ["--no-deps", "--no-deps"]
    assert [command[-1] for command in commands] == ["git+https://example.org/o/r.git@notebooks", "z3-solver"]
    assert {command[0] for command in commands} == {sys.executable}


def test_only_notebook_pages_are_exported(course, capsys):
    assert main(["--root", str(course.root)]) == 0
    assert [path.name for path in course.root.rglob("*.ipynb")] == ["one.ipynb"]
    assert capsys.readouterr().out == "1 notebooks exported\n"


def test_a_refused_page_is_named_and_fails(course, capsys):
    (course.root / PAGE).write_text(HEADER + ":::{margin}\n:::\n")
    assert main(["--root", str(course.root)]) == 1
    assert f"{PAGE}:11: directive 'margin'" in capsys.readouterr().err


def test_a_readers_own_changes_are_kept(course):
    path = course.root / "book/part/two.ipynb"
    notebook = export(HEADER + CELLS, PAGE, course)
    assert save(notebook, path) is None
    assert save(notebook, path) is None
    mine = nbformat.read(path, as_version=4)
    mine.cells[2].source = "my answer"
    nbformat.write(mine, path)
    kept = save(notebook, path)
    assert "my answer" in kept.read_text()
    assert "my answer" not in path.read_text()


def test_the_notebook_of_a_removed_page_goes(course):
    (course.root / PAGE).write_text(HEADER + CELLS)
    main(["--root", str(course.root)])
    (course.root / PAGE).unlink()
    main(["--root", str(course.root)])
    assert [path.name for path in course.root.rglob("*.ipynb")] == ["one.ipynb"]


LEFT_OVER = re.compile(r"^\s*[`:~]{3,}\{|\{[a-z:]+\}`|^\([\w-]+\)=", re.MULTILINE)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The whole course, exported to a folder of its own."""
    folder = tmp_path_factory.mktemp("notebooks")
    assert main(["--to", str(folder)]) == 0
    return folder


def test_every_page_is_exported_and_holds_no_myst(exported):
    paths = sorted(exported.rglob("*.ipynb"))
    assert len(paths) == len(notebook_pages())
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert not LEFT_OVER.search(re.sub(r"`[^`\n]*`", "", prose)), path
        assert not any("myst_nb" in cell.source for cell in notebook.cells), path


def test_every_relative_link_of_the_export_is_found(exported):
    for path in exported.rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type != "markdown":
                continue
            for target in re.findall(r"\]\(([^()\s#]+)", cell.source):
                if re.match(r"^[a-z]+:|^mailto:", target):
                    continue
                inside = (path.parent / target).resolve()
                in_checkout = ROOT / inside.relative_to(exported.resolve())
                assert inside.exists() or in_checkout.exists(), f"{path}: {target}"
