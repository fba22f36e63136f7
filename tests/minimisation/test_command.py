"""The command line: a report in plain words, errors in one line, and modules only when proved."""

import subprocess
import sys

import pytest

from course_lib.minimisation.__main__ import main

PROGRAM = '''"""A file that must not be run."""

raise SystemExit("the file was run")


def is_adult(age):
    return age >= 18


def fee(age, member):
    if member:
        return 0
    return 5 if is_adult(age) else 2


def share(total):
    return total / 2


def strict(n):
    return 10 // n
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fees.py"
    path.write_text(PROGRAM.replace("raise SystemExit", "#raise SystemExit"))
    return path


def test_a_report_and_two_modules(file, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [f"{file}:fee", "--domain", "age=0..120", "--domain", "member=bool", "--write", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "age: 2 classes of 121 values. Send\n     0 for 0..17 (18 values)\n    18 for 18..120 (103 values)" in said
    assert "member: each of its 2 values matters. Send it as it is." in said
    assert "correct: proved\nidempotent: proved\nbest: proved" in said
    assert "Bits released: 7.92 raw, 1.61 minimised." in said
    assert sorted(path.name for path in out.iterdir()) == ["minimise_age.py", "minimise_member.py"]


def test_an_input_that_does_not_matter(file, capsys):
    assert main([f"{file}:is_adult", "--domain", "age=18..120"]) == 0
    assert "age: none of its 103 values matters. Send 18, or nothing." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("function", "domain", "said"),
    [
        ("share", "total=0..10", ":17: UnsupportedConstruct: '/' is not supported (total / 2); use // for whole"),
        ("strict", "n=-5..5", ":21: SpecificationError: division by zero in '//', for n=0"),
        ("fee", "age=0..10", ": SpecificationError: "),
        ("nobody", "age=0..10", ": SpecificationError: "),
        ("strict", "n=5..0", ": EmptyDomain: "),
        ("share", "total=0-5", ": --domain 'total=0-5' is not of the form NAME=FIRST..LAST or NAME=bool"),
    ],
)
def test_errors_are_one_line_with_file_and_line(file, capsys, function, domain, said):
    assert main([f"{file}:{function}", "--domain", domain]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(str(file))
    assert said.removeprefix(":") in captured.err
    assert captured.err.count("\n") == 1


LOOPS = """from course_lib.minimisation import invariant


def endless(n):
    i = 0
    while i < n:
        i += 1
    return i


def weak(n):
    i = 0
    while i < n:
        invariant(i >= 0)
        i += 1
    return i


def wrong(n):
    i = 0
    while i < n:
        invariant(i < n)
        i += 1
    return i


def unsure(n):
    half = n // 2
    assert half < 40
    return half
"""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            "endless",
            ":6: LoopBound: the loop may run more than 64 times: raise max_unroll or state an invariant, for ",
        ),
        ("weak", ":13: WeakInvariant: the invariant leaves the result open: "),
        ("wrong", ":21: SpecificationError: the invariant i < n does not hold when the loop is reached, for n=0"),
        ("unsure", ":29: SpecificationError: the assert fails: half < 40, for n="),
    ],
)
def test_errors_of_loops_and_asserts_name_line_and_input(tmp_path, capsys, function, said):
    path = tmp_path / "loops.py"
    path.write_text(LOOPS)
    assert main([f"{path}:{function}", "--domain", "n=0..99", "--write", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{path}{said}"), captured.err
    assert (captured.out, captured.err.count("\n"), (tmp_path / "out").exists()) == ("", 1, False)


def test_a_file_that_does_not_parse_is_one_line(tmp_path, capsys):
    path = tmp_path / "broken.py"
    path.write_text("def f(x):\n    return x +\n")
    assert main([f"{path}:f", "--domain", "x=0..5"]) == 1
    assert capsys.readouterr().err.startswith(f"{path}:2: SpecificationError: ")


def test_a_missing_file_is_one_line(tmp_path, capsys):
    assert main([f"{tmp_path / 'none.py'}:f", "--domain", "x=0..5"]) == 1
    assert capsys.readouterr().err.endswith("none.py: No such file or directory\n")


def test_a_missing_function_name_is_bad_usage(file, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(file)])
    assert caught.value.code == 2
    assert "is not of the form FILE:FUNCTION" in capsys.readouterr().err


def test_what_stays_open_is_said_and_nothing_is_written(tmp_path, capsys):
    path = tmp_path / "cubes.py"
    path.write_text("def cubes(x, y, z):\n    return x * x * x + y * y * y + z * z * z == 42\n")
    domains = [part for name in "xyz" for part in ("--domain", f"{name}=-9999..9999")]
    arguments = [f"{path}:cubes", *domains, "--timeout", "0.5", "--write", str(tmp_path / "out")]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert "undecided after" in said
    assert "No code is written" in said
    assert not (tmp_path / "out").exists()


def test_it_runs_as_a_module_and_does_not_run_the_file(tmp_path):
    path = tmp_path / "fees.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "course_lib.minimisation", f"{path}:is_adult", "--domain", "age=0..120"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "A best minimiser for is_adult" in done.stdout
