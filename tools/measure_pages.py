"""Measure what every notebook page costs, and write the table the intro page shows.

    python tools/measure_pages.py                   every page (`make measure`)
    python tools/measure_pages.py book/PART/X.md    these pages; the other rows stay

Each page runs in a process of its own on one core. CPU seconds and peak memory are those
of the kernel, which is what a reader's machine has to give. Writes ``book/measurements.csv``
and ``book/measurements.md``.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_pages import ROOT, notebook_pages, split_header

TABLE = Path("book") / "measurements.csv"
PAGE = Path("book") / "measurements.md"
MACHINE = "one core of a server of the early 2020s, without a GPU"
BUDGET_SECONDS = 60.0
BUDGET_MEGABYTES = 1000


@dataclass(frozen=True)
class Measurement:
    """What one page costs."""

    page: str
    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: int


def measure(page: Path, root: Path = ROOT) -> Measurement:
    """Run one page's cells in a fresh process and kernel, and say what they cost."""
    command = [sys.executable, str(Path(__file__).resolve()), "--root", str(root), "--only", str(page)]
    # One thread, as in the book's own build: a page must not need more.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{page} does not run:\n{done.stderr.strip()[-2000:]}")
    return read_table(done.stdout.strip().splitlines()[-1], header=False)[0]


def _measure_here(page: Path, root: Path) -> Measurement:
    """The same in this process: everything its children use is the kernel's."""
    import resource

    import nbclient
    from course_index import Course
    from export_notebooks import export

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    name = page.relative_to(root).as_posix()
    notebook = export(page.read_text(encoding="utf-8"), name, Course(root))
    start = time.perf_counter()
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(page.parent)}}
    ).execute()
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    megabytes = round(used.ru_maxrss * bytes_per_unit / 1e6, -1)
    return Measurement(name, round(wall, 1), round(used.ru_utime + used.ru_stime, 1), int(megabytes))


def read_table(text: str, header: bool = True) -> list[Measurement]:
    """The rows of the table.

    >>> read_table("book/a.md,2.0,1.5,120", header=False)
    [Measurement(page='book/a.md', wall_seconds=2.0, cpu_seconds=1.5, peak_megabytes=120)]
    """
    rows = list(csv.reader(io.StringIO(text)))[1 if header else 0 :]
    return [Measurement(page, float(wall), float(cpu), int(memory)) for page, wall, cpu, memory in rows]


def write_table(rows: Sequence[Measurement]) -> str:
    """The rows as CSV, one a page, sorted.

    >>> write_table([Measurement("book/a.md", 2.0, 1.5, 120)]).splitlines()
    ['page,wall_seconds,cpu_seconds,peak_megabytes', 'book/a.md,2.0,1.5,120']
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Measurement)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in sorted(rows, key=lambda row: row.page))
    return out.getvalue()


def budget_problems(rows: Sequence[Measurement], pages: Sequence[str]) -> list[str]:
    """What is wrong with the table: a page without a row, a row without a page, a budget overrun.

    >>> budget_problems([Measurement("book/a.md", 61.0, 1.5, 120)], ["book/a.md", "book/b.md"])
    ['book/b.md: not measured, run `make measure`', 'book/a.md: 61.0 s, the budget is 60 s']
    """
    measured = {row.page for row in rows}
    problems = [f"{page}: not measured, run `make measure`" for page in pages if page not in measured]
    problems += [f"{row.page}: measured, but there is no such page" for row in rows if row.page not in pages]
    for row in rows:
        seconds = max(row.wall_seconds, row.cpu_seconds)
        if seconds > BUDGET_SECONDS:
            problems.append(f"{row.page}: {seconds} s, the budget is {BUDGET_SECONDS:.0f} s")
        if row.peak_megabytes > BUDGET_MEGABYTES:
            problems.append(f"{row.page}: {row.peak_megabytes} MB, the budget is {BUDGET_MEGABYTES} MB")
    return problems


def page_of(rows: Sequence[Measurement], root: Path = ROOT) -> str:
    """The Markdown page that shows the table."""
    lines = [
        "# What each page costs",
        "",
        "% Written by `make measure` from measurements.csv.",
        "",
        f"Measured on {MACHINE}.",
        "Each page ran in a kernel of its own, whose start is included.",
        f"The budget of a page is {BUDGET_SECONDS:.0f} seconds and 1 GB of memory.",
        "",
        "| Page | Seconds | CPU seconds | Peak memory (MB) |",
        "|:--|--:|--:|--:|",
    ]
    for row in sorted(rows, key=lambda row: (not row.page.startswith("book/"), row.page)):
        link = os.path.relpath(row.page, PAGE.parent).replace(os.sep, "/")
        figures = f"{row.wall_seconds:.1f} | {row.cpu_seconds:.1f} | {row.peak_megabytes}"
        lines.append(f"| [{_title(root / row.page)}]({link}) | {figures} |")
    return "\n".join(lines) + "\n"


def _title(page: Path) -> str:
    if not page.exists():
        return page.stem
    lines = split_header(page.read_text(encoding="utf-8"))[1]
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), page.stem)


def main(arguments: list[str] | None = None) -> int:
    """Measure pages and write the table and its page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="pages to measure (default: all)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--page-only", action="store_true", help="write the page anew from the table, measure nothing")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    if options.only:
        print(write_table([_measure_here(options.only.resolve(), root)]).splitlines()[1])
        return 0
    every = notebook_pages(root)
    wanted = [] if options.page_only else [page.resolve() for page in options.pages] or every
    table = root / TABLE
    rows = {row.page: row for row in read_table(table.read_text(encoding="utf-8"))} if table.exists() else {}
    for page in wanted:
        row = measure(page, root)
        rows[row.page] = row
        print(
            f"{row.page}: {row.wall_seconds} s, {row.cpu_seconds} s of CPU, {row.peak_megabytes} MB",
            flush=True,
        )
    names = [page.relative_to(root).as_posix() for page in every]
    kept = [row for row in rows.values() if row.page in names]
    table.write_text(write_table(kept), encoding="utf-8")
    (root / PAGE).write_text(page_of(kept, root), encoding="utf-8")
    problems = budget_problems(kept, names)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
