"""Every notebook page has been measured and keeps to its budget, and an overrun is found."""

import os
import subprocess
import sys
import textwrap

import measure_pages
import nbformat
import notebook_budget
import pytest
from course_pages import ROOT, notebook_pages
from measure_pages import Measurement, budget_problems, measure, page_of, read_table, write_table

ROWS = read_table((ROOT / measure_pages.TABLE).read_text(encoding="utf-8"))
GOOD = Measurement("book/a.md", 10.0, 9.0, 300)


def test_every_page_is_measured_and_within_the_budget():
    assert budget_problems(ROWS, [path.relative_to(ROOT).as_posix() for path in notebook_pages()]) == []


def test_the_page_shows_the_table():
    assert (ROOT / measure_pages.PAGE).read_text(encoding="utf-8") == page_of(ROWS), "run `make measure`"


def test_the_table_is_read_as_it_is_written():
    assert read_table(write_table([GOOD])) == [GOOD]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Measurement("book/a.md", 61.0, 9.0, 300), "61.0 s, the budget is 60 s"),
        (Measurement("book/a.md", 10.0, 61.0, 300), "61.0 s, the budget is 60 s"),
        (Measurement("book/a.md", 10.0, 9.0, 1010), "1010 MB, the budget is 1000 MB"),
        (Measurement("book/b.md", 10.0, 9.0, 300), "not measured"),
    ],
)
def test_an_overrun_is_found(row, problem):
    assert budget_problems([GOOD], ["book/a.md"]) == []
    assert problem in budget_problems([row], ["book/a.md"])[0]


PAGE = """\
---
jupytext: {}
---
# Work

```{code-cell}
block = bytearray(200_000_000)
end = __import__("time").process_time() + 1
while __import__("time").process_time() < end:
    pass
```
"""


def test_the_kernels_time_and_memory_are_measured(tmp_path):
    (tmp_path / "_config.yml").write_text("repository: {url: https://example.org/o/r}\n")
    page = tmp_path / "book" / "work.md"
    page.parent.mkdir()
    page.write_text(PAGE)
    row = measure(page, tmp_path)
    assert row.page == "book/work.md"
    assert 1 <= row.cpu_seconds < 20
    assert 200 <= row.peak_megabytes < 600
    page.write_text(PAGE.replace("pass", "raise ValueError('no')"))
    with pytest.raises(RuntimeError, match="does not run"):
        measure(page, tmp_path)


@pytest.mark.parametrize(("limit", "status"), [("180", 0), ("0", 1)])
def test_nbval_fails_a_notebook_over_the_budget(tmp_path, limit, status):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1"), nbformat.v4.new_code_cell("2")])
    for name in ("a.ipynb", "b.ipynb"):  # what fails one does not reach the next
        nbformat.write(notebook, tmp_path / name)
    (tmp_path / "limit.py").write_text(
        textwrap.dedent(f"""
        import notebook_budget
        notebook_budget.CPU_SECONDS = {limit}
        """)
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "notebook_budget",
        "-p",
        "limit",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, "--nbval-lax", "--nbval-current-env", "-c", os.devnull, "--rootdir", ".", "a.ipynb", "b.ipynb"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), str(tmp_path)])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout
    assert ("s of CPU, more than 0 s" in done.stdout) == bool(status)
    assert ("4 passed, 2 errors" if status else "4 passed") in done.stdout


def test_the_limits_leave_room_for_a_slow_machine():
    assert notebook_budget.overrun(179, 1490) == ""
    limit = notebook_budget.CPU_SECONDS
    assert f"s of CPU, more than {limit:.0f} s" in notebook_budget.overrun(limit + 1, 300)
    assert "MB, more than 1500 MB" in notebook_budget.overrun(1, 1600)
