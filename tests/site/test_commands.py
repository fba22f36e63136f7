"""The Makefile and the script of continuous integration."""

import os
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE)
INTERNAL = {"setup"}


def make(*arguments):
    if which("make") is None:
        pytest.skip("make is not installed; the README lists the commands behind each target")
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=outer,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_help_is_the_default_and_lists_every_target():
    shown = make()
    assert shown == make("help")
    listed = re.findall(r"^  make (\S+) +\S.*$", shown, re.MULTILINE)
    assert sorted(listed) == sorted(set(TARGETS) - INTERNAL)
    wanted = "book test test-slow serve lab notebooks exercises measure claims bench clean help"
    assert set(wanted.split()) <= set(listed)


def test_every_tool_that_the_makefile_names_exists():
    tools = re.findall(r"tools/\w+\.py", MAKEFILE)
    assert [tool for tool in set(tools) if not (ROOT / tool).is_file()] == []


def test_make_test_ends_with_one_pytest_run_over_everything():
    commands = make("--dry-run", "test").splitlines()
    assert [command for command in commands if "pytest" in command] == commands[-1:]
    for part in (
        "tests",
        "course_lib",
        "book",
        "exercises",
        "solutions",
        "--nbval-lax",
        '-m "not slow"',
        "-rs",
    ):
        assert part in commands[-1]
    assert "-n 5" in make("--dry-run", "test", "WORKERS=5")


def test_the_server_listens_on_this_machine_only():
    assert "--bind 127.0.0.1" in make("--dry-run", "serve")


def test_continuous_integration_calls_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make test")
