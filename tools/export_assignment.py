"""Write nbgrader assignments from solution pages.

    python tools/export_assignment.py reconstruction/rebuilding_a_block --to FOLDER
    python tools/export_assignment.py PART/CHAPTER PART/CHAPTER --to FOLDER --name exam --seed 7 --exercises 1,2,4

FOLDER becomes a course of nbgrader: its settings, and source/NAME/CHAPTER.ipynb with the worked
answers between marks that nbgrader takes out. Before anything is written the worked answers are
run and must earn full marks. A check answers in the student's page; the line that marks it
names the seed itself and is hidden.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from course_index import Course
from course_pages import ROOT, PageError
from derive_exercises import replace_marked
from export_notebooks import export

SETTINGS = """\
# Written by tools/export_assignment.py; yours to change.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "privacy_attacks"
c.ClearSolutions.code_stub = {"python": "# your own lines"}  # nothing that stops the page
c.ClearSolutions.text_stub = "Write your answer here."
c.ExecutePreprocessor.timeout = 120  # seconds a cell may take
"""
HEADING = re.compile(r"## Exercise (?P<number>\d+): .+ \((?P<kind>[a-z ]+), (?P<minutes>\d+) minutes, [a-z]+\)")
_CHECK = re.compile(r"^checks\.exercise_(?P<number>\d+)\((?P<answer>\w+), seed=seed\)$")
_SEED = re.compile(r"^seed = \d+$", re.MULTILINE)
_RELATIVE_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?![a-z][a-z0-9+.-]*:)[^()\s]*\)")


class AssignmentError(ValueError):
    """An assignment that cannot be made as asked; the message says what to change."""


@dataclass
class Assignment:
    """One chapter's exercises as a notebook of nbgrader, built cell by cell."""

    chapter: str  # PART/NAME
    seed: int
    exercises: Collection[int] | None  # None: all
    explain: int  # points for the reasoning of an exercise by hand; 0 for none
    cells: list = field(default_factory=list)
    points: dict[int, int] = field(default_factory=dict)  # exercise -> points of its check
    heading: re.Match | None = None
    worked: list[str] = field(default_factory=list)  # words of the present exercise's solution

    @property
    def number(self) -> int:
        """The exercise that is being read; 0 before the first."""
        return int(self.heading["number"]) if self.heading else 0

    @property
    def wanted(self) -> bool:
        return not self.number or self.exercises is None or self.number in self.exercises

    def add(self, kind: str, source: str, grade_id: str = "", **marks) -> None:
        """Append a cell; with a ``grade_id`` nbgrader knows it."""
        cell = nbformat.v4.new_code_cell(source) if kind == "code" else nbformat.v4.new_markdown_cell(source)
        cell.id = f"cell-{len(self.cells):03d}"
        if grade_id:
            settings = {"grade": False, "solution": False, "locked": False, "task": False, **marks}
            cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": grade_id, "cell_type": kind, **settings}
        self.cells.append(cell)

    def words(self, source: str, is_solution: bool) -> None:
        """Take a Markdown cell, which may end one exercise and begin the next."""
        if is_solution:
            self.worked.append(source)
            return
        for piece in re.split(r"^(?=## )", source, flags=re.MULTILINE):
            if piece.startswith("## "):
                self.close()
                self.heading = HEADING.match(piece)
            if piece.strip() and self.wanted:
                self.add("markdown", _without_relative_links(piece.strip(), self.chapter))

    def code(self, source: str, is_solution: bool) -> None:
        """Take a code cell: given, worked, or worked and checked."""
        if not self.wanted:
            return
        name = f"exercise-{self.number}-{len(self.cells)}"
        if is_solution:
            self.add("code", "\n".join(_region(source.split("\n"))), name, solution=True)
            return
        lines = source.split("\n")
        check = _CHECK.match(lines[-1])
        body = replace_marked(lines[:-1] if check else lines, 1, self.chapter, _blank_then_worked)
        answer = "\n".join(body).strip("\n")
        if answer:
            has_region = "### BEGIN SOLUTION" in answer
            given = {"solution": True} if has_region else {"locked": True}
            self.add("code", _SEED.sub(f"seed = {self.seed}", answer), name, **given)
        if check:
            self.check(check)

    def check(self, check: re.Match) -> None:
        """The cell that shows the verdict, and marks it in lines that students do not see."""
        module, function = self.chapter.split("/")[-1], f"exercise_{check['number']}"
        self.points[self.number] = int(self.heading["minutes"])
        hidden = [
            f"from course_lib.checks import {module}",
            f"verdict = {module}.{function}({check['answer']}, seed={self.seed})",
            'assert verdict.state == "right", verdict',
        ]
        source = "\n".join([check[0], "### BEGIN HIDDEN TESTS", *hidden, "### END HIDDEN TESTS"])
        marks = {"grade": True, "locked": True, "points": self.points[self.number]}
        self.add("code", source, f"exercise-{self.number}", **marks)

    def close(self) -> None:
        """End an exercise: what no check marks, a person does."""
        if self.heading and self.wanted:
            points = self.explain if self.heading["kind"] == "by hand" else 0
            if self.number not in self.points:
                points = int(self.heading["minutes"])
            if points:
                worked = "\n\n".join(self.worked) or "No words in the solution."
                source = "**How did you find it?**\n\n" + "\n".join(_region(worked.split("\n")))
                marks = {"grade": True, "solution": True, "points": points}
                self.add("markdown", source, f"exercise-{self.number}-reasoning", **marks)
        self.heading, self.worked = None, []


def _region(lines: Sequence[str], indent: str = "") -> list[str]:
    return [f"{indent}### BEGIN SOLUTION", *lines, f"{indent}### END SOLUTION"]


def _blank_then_worked(blank: list[str], worked: list[str], indent: str) -> list[str]:
    return [*blank, *_region(worked, indent)]


def _without_relative_links(text: str, chapter: str) -> str:
    """Links to other pages become their words: the student's folder holds none of them."""
    for match in _RELATIVE_LINK.finditer(text):
        if match["image"]:
            raise AssignmentError(f"{chapter}: the picture {match['text']!r} does not travel with an assignment")
    return _RELATIVE_LINK.sub(lambda match: match["text"], text)


def assignment(
    chapter: str,
    course: Course,
    seed: int = 0,
    exercises: Collection[int] | None = None,
    explain: int = 0,
) -> nbformat.NotebookNode:
    """The source notebook of nbgrader for one chapter's exercises.

    Parameters
    ----------
    chapter : ``PART/NAME``, as under ``solutions/``.
    seed : the number that the exercises and their checks are drawn from.
    exercises : their numbers; None for all.
    explain : points that a person gives for the reasoning of each exercise by hand; 0 for none.

    Raises
    ------
    AssignmentError
        for a chapter without solutions, a number that is no exercise of it, or a picture in its text.
    """
    page = f"solutions/{chapter}.md"
    if page not in course.pages:
        known = ", ".join(p[len("solutions/") : -3] for p in course.pages if p.startswith("solutions/"))
        raise AssignmentError(f"there is no {page}; the chapters are {known}")
    building = Assignment(chapter, seed, exercises, explain)
    for cell in export(course.pages[page], page, course).cells:
        tags = cell.metadata.get("tags", [])
        if "install" in tags:  # a classroom has the course already, and perhaps no network
            continue
        take = building.words if cell.cell_type == "markdown" else building.code
        source = re.sub(r"^# Solutions: ", "# Exercises: ", cell.source)
        take(source, "solution" in tags)
    building.close()
    there = {int(n) for n in re.findall(r"^## Exercise (\d+):", course.pages[page], re.MULTILINE)}
    if unknown := set(exercises or ()) - there:
        raise AssignmentError(f"{chapter} has no exercise {min(unknown)}: it has {_list(there)}")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=building.cells, metadata={"kernelspec": kernel})
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def failures(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Run a source notebook with its worked answers; say which cells stop, marked ones among them, and why."""
    import nbclient

    ran = nbformat.from_dict(notebook)
    nbclient.NotebookClient(
        ran, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    ).execute()
    found = []
    for cell in ran.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.get("id"))
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        found += [f"{name}: {error.ename}: {error.evalue}" for error in errors]
    return found


def _list(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def write(notebook: nbformat.NotebookNode, folder: Path, name: str, chapter: str, force: bool = False) -> Path:
    """Write ``source/NAME/CHAPTER.ipynb`` under the course's folder, and settings where there are none.

    Raises
    ------
    AssignmentError
        if another notebook stands there and ``force`` is not given.
    """
    path = folder / "source" / name / f"{chapter.split('/')[-1]}.ipynb"
    content = nbformat.writes(notebook) + "\n"
    if path.exists() and not force and path.read_text(encoding="utf-8") != content:
        raise AssignmentError(f"{path} is there already and differs; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    settings = folder / "nbgrader_config.py"
    if not settings.exists():
        settings.write_text(SETTINGS, encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Write an assignment; 1 and the reason when it cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="+", metavar="PART/CHAPTER", help="one notebook each")
    parser.add_argument("--to", type=Path, required=True, help="the folder of the nbgrader course")
    parser.add_argument("--name", help="of the assignment (default: the first chapter's)")
    parser.add_argument("--seed", type=int, default=0, help="0 gives the numbers of the published solutions")
    parser.add_argument("--exercises", help="numbers with commas between (default: all)")
    parser.add_argument("--explain", type=int, default=0, metavar="POINTS", help="for the reasoning, by hand")
    parser.add_argument("--unchecked", action="store_true", help="write without running the worked answers")
    parser.add_argument("--force", action="store_true", help="replace a notebook that differs")
    options = parser.parse_args(arguments)
    try:
        _write_all(options)
    except (AssignmentError, PageError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write_all(options: argparse.Namespace) -> None:
    try:
        numbers = [int(n) for n in options.exercises.split(",")] if options.exercises else None
    except ValueError:
        raise AssignmentError(f"--exercises takes numbers such as 1,2,4, not {options.exercises!r}") from None
    course, made = Course(ROOT), {}
    for chapter in options.chapters:
        made[chapter] = assignment(chapter, course, options.seed, numbers, options.explain)
        if not options.unchecked and (found := failures(made[chapter], ROOT)):
            advice = "leave these out (--exercises), take another --seed, or mend the notebook after --unchecked"
            raise AssignmentError("\n".join([f"{chapter}: the worked answers fail here; {advice}", *found]))
    name = options.name or options.chapters[0].split("/")[-1]
    for chapter, notebook in made.items():
        path = write(notebook, options.to, name, chapter, options.force)
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
        print(f"{path}: {points} points")
    print(f"Next, in {options.to}: nbgrader generate_assignment {name}")


if __name__ == "__main__":
    raise SystemExit(main())
