"""`python -m course_lib.reconstruction`: what it prints, and how it ends."""

import subprocess
import sys

import pytest

from course_lib.reconstruction import Schema, Statistic, acm_block
from course_lib.reconstruction.__main__ import main, report
from course_lib.reconstruction.tables import PublishedTable

HEADER = """
[schema]
age = {from = 0, to = 125}
sex = ["F", "M"]

[[statistic]]
name = "all"
count = 4
mean = 30
"""
WOMEN = '[[statistic]]\nname = "women"\nwhere = {sex = "F"}\ncount = 3\nmean = 30\nmedian = 30\n'
MEN = '[[statistic]]\nname = "men"\nwhere = {sex = "M"}\ncount = 1\nmean = 30\n'
EXTREMES = '[[statistic]]\nname = "ages"\nwhere = {sex = "F"}\nminimum = 30\n'


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command on a file with this text; returns status, output lines and error text."""

    def on(text, *options):
        path = tmp_path / "table.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        status = main([str(path), *options])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return on


def test_the_example_is_rebuilt_by_the_command_itself():
    done = subprocess.run(
        [sys.executable, "-m", "course_lib.reconstruction", "--example"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "14 statistics about 7 people, 7 of them suppressed."
    assert lines[2] == "One database fits. These are the people:"
    assert [line.split() for line in lines[3:]] == [
        ["age", "sex", "race", "marital"],
        *([str(value) for value in record] for record in truth()),
    ]


def truth():
    return [
        (8, "F", "B", "S"),
        (18, "M", "W", "S"),
        (24, "F", "W", "S"),
        (30, "M", "W", "M"),
        (36, "F", "B", "M"),
        (66, "F", "B", "M"),
        (84, "M", "B", "M"),
    ]


def test_a_file_with_one_database(run):
    status, lines, err = run(HEADER + WOMEN + MEN + EXTREMES)
    assert (status, err) == (0, "")
    assert lines == [
        "4 statistics about 4 people, 0 of them suppressed.",
        "",
        "One database fits. These are the people:",
        "age  sex",
        "30   F",
        "30   F",
        "30   F",
        "30   M",
    ]


def test_a_file_with_many_databases_says_what_is_certain(run):
    status, lines, _ = run(HEADER + WOMEN + MEN)
    # Women of 30 - k, 30 and 30 + k, for k from 0 to 30; one of 30 and the man are in all.
    assert status == 0
    assert lines[2:] == [
        "31 databases fit; these 2 of 4 records are in every one of them:",
        "age  sex",
        "30   F",
        "30   M",
    ]


def test_nothing_certain_is_said_so(run):
    _, lines, _ = run(HEADER, "--limit", "50")
    assert lines[2:] == ["at least 50 databases fit; no record is in every one of them."]


def test_a_contradictory_file_names_the_figures_that_conflict(run):
    status, lines, err = run(HEADER + WOMEN.replace("30", "31") + MEN)
    assert (status, err) == (0, "")
    assert lines[2] == "No database fits. These figures conflict, and would not if any one were left out:"
    assert lines[3:] == ["all.mean", "women.mean", "men.mean"]


def test_structural_zeros_that_leave_nobody_are_named(run):
    _, lines, _ = run("structural_zeros = [{sex = ['F', 'M']}]\n" + HEADER)
    assert lines[2:] == ["No database fits: the structural zeros leave no record possible."]


def test_time_that_is_up_claims_nothing(run):
    status, lines, _ = run(HEADER.replace("count = 4", "count = 400"), "--timeout", "0.2", "--limit", "1000000")
    assert status == 0 and len(lines) == 3
    assert lines[2].startswith("Undecided after 0.2 s: at least ")
    assert lines[2].endswith(" databases fit. Nothing is claimed to be certain.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\xff\x00garbage", "not a TOML file: "),
        ("[schema\n", "not a TOML file: "),
        ("", "the file has no 'schema'"),
        ("schema = 3\nstatistic = 4\n", "[schema] holds column = values, not 3"),
        (HEADER + WOMEN.replace("count = 3", "count = 5"), "statistic women: count 5 is above n = 4"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_one_line_and_status_1(run, text, says):
    status, lines, err = run(text)
    assert (status, lines) == (1, [])
    assert err.count("\n") == 1 and f"table.toml: {says}" in err


def test_a_file_or_folder_that_is_none_ends_with_one_line(tmp_path, capsys):
    for path in (tmp_path / "none.toml", tmp_path):
        assert main([str(path)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith(f"{path}: ")


@pytest.mark.parametrize(("option", "value"), [("--limit", "0"), ("--timeout", "0"), ("--timeout", "nan")])
def test_a_limit_or_a_time_of_nothing_is_refused(capsys, option, value):
    assert main(["--example", option, value]) == 1
    assert f"example: {option[2:]} is a" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--example", "table.toml"], ["--limit", "many", "--example"]])
def test_a_command_line_that_makes_no_sense_is_explained(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: python -m course_lib.reconstruction" in capsys.readouterr().err


def test_a_report_stops_counting_at_its_limit():
    lines = report(acm_block().without("3B"), limit=5)
    assert lines[2] == "at least 5 databases fit; this one of 7 records is in every one of them:"
    assert lines[-1].split() == ["8", "F", "B", "S"]


def test_a_report_on_nobody():
    nobody = PublishedTable(Schema(age=range(3)), [Statistic("all", count=0)])
    assert report(nobody)[2:] == ["One database fits. These are the people:"]
