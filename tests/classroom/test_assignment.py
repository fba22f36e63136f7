"""Assignments for nbgrader: what the notebooks hold, and, slowly, what nbgrader makes of them."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tomllib

import nbformat
import pytest
from course_index import Course
from course_pages import ROOT, code_cells
from export_assignment import AssignmentError, assignment, failures, main, write

COURSE = Course(ROOT)
CHAPTERS = [page[len("solutions/") : -len(".md")] for page in COURSE.pages if page.startswith("solutions/")]
CHAPTER = "reconstruction/rebuilding_a_block"
SEED = 7
REGION = re.compile(r"^ *### BEGIN (SOLUTION|HIDDEN TESTS)$.*?^ *### END \1$\n?", re.DOTALL | re.MULTILINE)


def marks(cell):
    return cell.metadata.get("nbgrader", {})


def released(notebook):
    """The code that students get, as nbgrader cuts it."""
    return [REGION.sub("", cell.source).strip() for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_students_get_the_code_of_the_exercise_page(chapter):
    notebook = assignment(chapter, COURSE, seed=SEED)
    page = [line for cell in code_cells(COURSE.pages[f"exercises/{chapter}.md"]) for line in cell.body]
    expected = [f"seed = {SEED}" if line == "seed = 0" else line for line in page]
    assert [line for line in "\n".join(released(notebook)).split("\n") if line] == [line for line in expected if line]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_is_marked_once(chapter):
    notebook = assignment(chapter, COURSE, seed=SEED)
    minutes = dict(re.findall(r"^## Exercise (\d+): .*, (\d+) minutes,", COURSE.pages[f"solutions/{chapter}.md"], re.M))
    graded = {marks(cell)["grade_id"]: cell for cell in notebook.cells if marks(cell).get("grade")}
    points = {name: str(marks(cell)["points"]) for name, cell in graded.items()}
    assert points == {f"exercise-{number}": of for number, of in minutes.items()}
    for name, cell in graded.items():
        assert marks(cell)["locked"] and not marks(cell)["solution"]
        shown, hidden = cell.source.split("### BEGIN HIDDEN TESTS\n")
        assert re.fullmatch(rf"checks\.{name.replace('-', '_')}\(\w+, seed=seed\)\n", shown)
        # The hidden lines trust neither the name `checks` nor the name `seed`.
        assert f"seed={SEED})" in hidden and "checks." not in hidden.replace("course_lib.checks", "")
        assert 'assert verdict.state == "right"' in hidden


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_metadata_are_those_of_nbgrader(chapter):
    notebook = assignment(chapter, COURSE, explain=3)
    nbformat.validate(notebook)
    known = [cell for cell in notebook.cells if marks(cell)]
    names = [marks(cell)["grade_id"] for cell in known]
    assert len(names) == len(set(names))
    for cell in known:
        assert marks(cell)["schema_version"] == 3 and marks(cell)["cell_type"] == cell.cell_type
        assert {key: type(marks(cell)[key]) for key in ("grade", "solution", "locked", "task")} == dict.fromkeys(
            ("grade", "solution", "locked", "task"), bool
        )
        assert ("points" in marks(cell)) == marks(cell)["grade"]
        assert ("### BEGIN SOLUTION" in cell.source) == marks(cell)["solution"]
        if cell.cell_type == "markdown":  # nbgrader refuses words that are a solution and not marked
            assert marks(cell)["grade"] and marks(cell)["solution"]
    # No code cell is left for a student to change unseen, none asks a network, no link leads nowhere.
    assert [cell for cell in notebook.cells if cell.cell_type == "code" and not marks(cell)] == []
    assert "pip" not in "\n".join(released(notebook))
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"\]\((?!https?:)[^)]*\)", words) == []


def test_a_person_marks_the_reasoning_of_an_exercise_by_hand():
    notebook = assignment(CHAPTER, COURSE, explain=4)
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "markdown" and marks(cell)]
    assert (marks(cell)["grade_id"], marks(cell)["points"]) == ("exercise-1-reasoning", 4)
    assert "That makes 30 triples" in cell.source
    assert "30 triples" not in REGION.sub("", cell.source)


def test_a_person_marks_what_no_check_marks():
    page = f"solutions/{CHAPTER}.md"
    course = Course(ROOT)
    course.pages = {**COURSE.pages, page: COURSE.pages[page].replace("checks.exercise_3(ages, seed=seed)\n", "")}
    notebook = assignment(CHAPTER, course)
    (cell,) = [cell for cell in notebook.cells if marks(cell).get("grade_id") == "exercise-3-reasoning"]
    assert marks(cell)["points"] == 15 and marks(cell)["grade"] and marks(cell)["solution"]


def test_only_the_exercises_that_were_asked_for():
    notebook = assignment(CHAPTER, COURSE, exercises=[2, 4])
    graded = [marks(cell)["grade_id"] for cell in notebook.cells if marks(cell).get("grade")]
    assert graded == ["exercise-2", "exercise-4"]
    assert "## Exercise 3" not in "\n".join(cell.source for cell in notebook.cells)
    assert notebook.cells[0].source.startswith("# Exercises: Rebuilding a block")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruction/gone"], "there is no solutions/reconstruction/gone.md; the chapters are "),
        ([CHAPTER, "--exercises", "2,9"], f"{CHAPTER} has no exercise 9: it has 1, 2, 3, 4, 5"),
        ([CHAPTER, "--exercises", "two"], "--exercises takes numbers such as 1,2,4, not 'two'"),
    ],
)
def test_refuses(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--to", str(tmp_path), "--unchecked"]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_picture():
    page = f"solutions/{CHAPTER}.md"
    course = Course(ROOT)
    course.pages = {
        **COURSE.pages,
        page: COURSE.pages[page].replace("A row says:", "![A row](../../book/_static/landing.png)"),
    }
    with pytest.raises(AssignmentError, match=f"^{CHAPTER}: the picture 'A row' does not travel"):
        assignment(CHAPTER, course)


def test_keeps_a_notebook_that_an_instructor_has_changed(tmp_path):
    notebook = assignment(CHAPTER, COURSE)
    path = write(notebook, tmp_path, "week", CHAPTER)
    assert path == tmp_path / "source" / "week" / "rebuilding_a_block.ipynb"
    assert write(notebook, tmp_path, "week", CHAPTER) == path
    settings = tmp_path / "nbgrader_config.py"
    settings.write_text("mine")
    path.write_text("changed", encoding="utf-8")
    with pytest.raises(AssignmentError, match="is there already and differs; --force replaces it"):
        write(notebook, tmp_path, "week", CHAPTER)
    write(notebook, tmp_path, "week", CHAPTER, force=True)
    assert nbformat.read(path, as_version=4).cells == notebook.cells
    assert settings.read_text() == "mine"


def test_worked_answers_that_earn_nothing_are_named(tmp_path):
    cells = [
        nbformat.v4.new_code_cell("answer = 1"),
        nbformat.v4.new_code_cell("left_out", metadata={"nbgrader": {"grade": False, "grade_id": "given"}}),
        nbformat.v4.new_code_cell("assert answer == 1", metadata={"nbgrader": {"grade": True, "grade_id": "a"}}),
        nbformat.v4.new_code_cell("assert answer == 2, 'no'", metadata={"nbgrader": {"grade": True, "grade_id": "b"}}),
    ]
    assert failures(nbformat.v4.new_notebook(cells=cells), tmp_path) == [
        "given: NameError: name 'left_out' is not defined",
        "b: AssertionError: no",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_worked_answers_earn_full_marks_with_another_seed(chapter):
    assert failures(assignment(chapter, COURSE, seed=SEED), ROOT) == []


# With nbgrader ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nbgrader(tmp_path_factory):
    """A function that runs nbgrader in a folder; in an environment of its own where this one has none."""
    scripts = sysconfig.get_path("scripts")
    if importlib.util.find_spec("nbgrader") is None:
        home = tmp_path_factory.mktemp("nbgrader") / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (wanted,) = [r for r in project["optional-dependencies"]["classroom"] if r.startswith("nbgrader")]
        scripts = str(home / "bin")
        installed = subprocess.run([f"{scripts}/python", "-m", "pip", "install", "--quiet", wanted])
        if installed.returncode:
            pytest.skip("nbgrader is not here and cannot be installed: pip install -e '.[classroom]'")
        # What the notebooks import lies in this environment.
        (site,) = home.glob("lib/python*/site-packages")
        (site / "course.pth").write_text("\n".join([str(ROOT), sysconfig.get_path("purelib")]))

    def run(folder, *arguments):
        environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
        environment["JUPYTER_CONFIG_DIR"] = environment["JUPYTER_DATA_DIR"] = str(folder)
        done = subprocess.run(
            [f"{scripts}/nbgrader", *arguments], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return run


def submit(folder, student, change):
    """Hand in the released notebook after ``change`` has been at its cells."""
    name = CHAPTER.split("/")[-1]
    notebook = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = change(marks(cell).get("grade_id", ""), cell.source)
    path = folder / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_nbgrader_gives_right_answers_full_marks_and_wrong_ones_fewer(nbgrader, tmp_path):
    name = CHAPTER.split("/")[-1]
    assert main([CHAPTER, "--to", str(tmp_path), "--seed", str(SEED), "--explain", "5"]) == 0
    source = nbformat.read(tmp_path / "source" / name / f"{name}.ipynb", as_version=4)
    worked = {marks(cell)["grade_id"]: cell.source for cell in source.cells if marks(cell).get("solution")}
    nbgrader(tmp_path, "generate_assignment", name)
    text = (tmp_path / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in text and "HIDDEN" not in text and "verdict" not in text

    def right(name, source):
        return worked.get(name, source)

    def some_wrong(name, source):
        if name.startswith("exercise-1-"):
            return source.replace("answer = ...", "answer = (1, 2)")
        return source if name.startswith("exercise-2-") else worked.get(name, source)

    def cheating(name, source):
        """Write over the line that marks, and over the seed."""
        return "pass" if re.fullmatch(r"exercise-\d", name) else source.replace(f"seed = {SEED}", "seed = 0")

    for student, change in [("right", right), ("wrong", some_wrong), ("cheat", cheating), ("blank", lambda _, s: s)]:
        submit(tmp_path, student, change)
    nbgrader(tmp_path, "autograde", name, "--create")
    nbgrader(tmp_path, "export", "--to", "marks.csv")
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    # Five points of 65 wait for a person, who reads the reasoning of exercise 1.
    assert {student: float(row["max_score"]) for student, row in rows.items()} == dict.fromkeys(rows, 65)
    scores = {student: float(row["score"]) for student, row in rows.items()}
    assert scores == {"right": 60, "wrong": 35, "cheat": 0, "blank": 0}
