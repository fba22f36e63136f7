"""The set-up tool: what it refuses, what it repairs, and that a second run does nothing."""

import ast
import json
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import setup_environment
from setup_environment import Problem, check_machine, is_usable, set_up


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout in which the commands are recorded instead of run."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]")
    (root / "constraints.txt").write_text("numpy==1.0")
    commands = []

    def record(command, what):
        commands.append("pip" if "pip" in command else "venv")
        (root / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (root / ".venv" / "bin" / "python").touch()

    monkeypatch.setattr(setup_environment, "run", record)
    monkeypatch.setattr(setup_environment, "is_usable", lambda venv: Path(venv, "bin", "python").exists())
    monkeypatch.setattr(setup_environment, "check_machine", lambda root: None)

    def steps(extras=("book", "test")):
        commands.clear()
        set_up(str(root), extras)
        return list(commands)

    steps.root = root
    return steps


def test_second_run_does_nothing(checkout):
    assert checkout() == ["venv", "pip"]
    assert checkout() == []


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_into_the_same_environment(checkout, changed):
    checkout()
    (checkout.root / changed).write_text("changed")
    assert checkout() == ["pip"]
    assert checkout() == []


def test_an_extra_is_added_once_and_stays(checkout):
    checkout()
    assert checkout(["book", "test", "dev"]) == ["pip"]
    assert checkout(["book", "test", "dev"]) == []
    assert checkout() == []


def test_a_broken_environment_is_made_anew(checkout):
    checkout()
    (checkout.root / ".venv" / "bin" / "python").unlink()
    assert checkout() == ["venv", "pip"]


def test_a_moved_checkout_gets_a_new_environment(checkout):
    checkout()
    stamp = checkout.root / ".venv" / setup_environment.STAMP
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "root": "/the/old/place"}))
    assert checkout() == ["venv", "pip"]


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_an_unreadable_stamp_counts_as_none(checkout, content):
    checkout()
    (checkout.root / ".venv" / setup_environment.STAMP).write_text(content)
    assert checkout() == ["pip"]


def test_a_failed_installation_is_tried_again(checkout, monkeypatch):
    checkout()
    (checkout.root / "constraints.txt").write_text("numpy==2.0")
    recording = setup_environment.run

    def fail(command, what):
        raise Problem(what)

    monkeypatch.setattr(setup_environment, "run", fail)
    with pytest.raises(Problem, match="pip"):
        checkout()
    monkeypatch.setattr(setup_environment, "run", recording)
    (checkout.root / "constraints.txt").write_text("numpy==1.0")  # as at the last success
    assert checkout() == ["pip"]


def test_half_made_environments_are_not_usable(tmp_path):
    assert not is_usable(str(tmp_path / "missing"))
    (tmp_path / "link" / "bin").mkdir(parents=True)
    (tmp_path / "link" / "bin" / "python").symlink_to(tmp_path / "python-that-was-removed")
    assert not is_usable(str(tmp_path / "link"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "no-pip")], check=True)
    assert not is_usable(str(tmp_path / "no-pip"))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "whole")], check=True)
    assert is_usable(str(tmp_path / "whole"))


def test_an_old_python_is_refused(tmp_path):
    with pytest.raises(Problem, match=r"Python 3\.11 or newer is needed, and .* is 3\.9\.2"):
        check_machine(str(tmp_path), version=(3, 9, 2))
    check_machine(str(tmp_path), version=(3, 11, 0))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_refused(tmp_path, monkeypatch, module):
    find = setup_environment.importlib.util.find_spec
    monkeypatch.setattr(
        setup_environment.importlib.util, "find_spec", lambda name: None if name == module else find(name)
    )
    with pytest.raises(Problem, match=f"no '{module}' module.*apt install python3-venv"):
        check_machine(str(tmp_path))


def test_a_full_disk_is_refused(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        setup_environment.shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**9, 10**9)
    )
    with pytest.raises(Problem, match=r"3 GB of free disk space, and .* has 1\.0 GB"):
        check_machine(str(tmp_path))


def test_a_problem_is_one_line_and_exit_code_1(monkeypatch, capsys):
    def refuse(root, extras):
        raise Problem("no disk")

    monkeypatch.setattr(setup_environment, "set_up", refuse)
    assert setup_environment.main([]) == 1
    assert capsys.readouterr() == ("", "no disk\n")


def test_an_old_python_can_read_the_tool():
    source = Path(setup_environment.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    with pytest.raises(SyntaxError):
        ast.parse("if (a := 1): pass", feature_version=(3, 7))
