"""Create .venv and install the course into it, unless that has been done already.

    python3 tools/setup_environment.py [--extras book,test]

Every `make` target that needs the packages calls this first. It runs on whatever
`python3` a machine has, so it keeps to syntax and modules that an old Python can
read, and says in one line what is missing.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST_PYTHON = (3, 11)
FREE_GIGABYTES = 3  # the packages take about 2 GB, more with a CUDA build of torch
STAMP = "course-stamp.json"
PROBE = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON!r})"


class Problem(Exception):
    """What is wrong with this machine, in one line that says what to do."""


def show(version):
    return ".".join(map(str, version))


def fingerprint(root, packages_for):
    """What the installed packages depend on: the two files, the extras and the place."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read() + b"\0")
    return {"files": digest.hexdigest(), "extras": sorted(packages_for), "root": os.path.realpath(root)}


def read_stamp(venv):
    """The fingerprint of the last complete installation, or an empty one."""
    try:
        with open(os.path.join(venv, STAMP), encoding="utf-8") as file:
            stamp = json.load(file)
        return stamp if isinstance(stamp, dict) else {}
    except (OSError, ValueError):
        return {}


def is_usable(venv):
    """True when the environment's own Python starts, is new enough and has pip."""
    python = os.path.join(venv, "bin", "python")
    if not os.path.exists(python):  # also false for a link to a Python that has gone
        return False
    return subprocess.call([python, "-c", PROBE], stderr=subprocess.DEVNULL) == 0


def check_machine(root, version=None):
    """Raise Problem unless this Python can make an environment here."""
    version = version or sys.version_info[:3]
    if tuple(version[:2]) < OLDEST_PYTHON:
        raise Problem(
            f"Python {show(OLDEST_PYTHON)} or newer is needed, and {sys.executable} is {show(version)}. "
            "If a newer one is installed, name it: make PYTHON=python3.12"
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Problem(
                f"This Python has no '{module}' module, which makes virtual environments. "
                "On Debian or Ubuntu: sudo apt install python3-venv"
            )
    free = shutil.disk_usage(root).free / 1e9
    if free < FREE_GIGABYTES:
        raise Problem(f"The packages need {FREE_GIGABYTES} GB of free disk space, and {root} has {free:.1f} GB.")


def run(command, what):
    """Run a command with its output shown; on failure raise Problem."""
    if subprocess.call(command) != 0:
        raise Problem(f"{what} failed; its own messages stand above.")


def set_up(root, extras):
    """Make `root`/.venv hold the course and these extras. True when something was installed."""
    venv = os.path.join(root, ".venv")
    python = os.path.join(venv, "bin", "python")
    stamp = read_stamp(venv)
    # An extra once installed stays: `make lab` followed by `make book` reinstalls nothing.
    wanted = fingerprint(root, set(extras) | set(stamp.get("extras", [])))
    usable = is_usable(venv)
    if usable and stamp == wanted:
        return False

    moved = stamp.get("root", wanted["root"]) != wanted["root"]  # its scripts name the old place
    if not usable or moved:
        check_machine(root)
        print("Creating .venv ...", flush=True)
        run([sys.executable, "-m", "venv", "--clear", venv], "Creating .venv")
    stamp_path = os.path.join(venv, STAMP)
    if os.path.exists(stamp_path):
        os.remove(stamp_path)  # from here until the end the environment counts as half-made
    print("Installing the packages (about 2 GB, some minutes the first time) ...", flush=True)
    target = "{}[{}]".format(root, ",".join(wanted["extras"]))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(pip + ["-e", target, "-c", os.path.join(root, "constraints.txt")], "pip")
    with open(stamp_path, "w", encoding="utf-8") as file:
        json.dump(wanted, file)
    return True


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Create .venv and install the course into it.")
    parser.add_argument("--extras", default="book,test", help="extras of pyproject.toml, with commas between")
    extras = parser.parse_args(arguments).extras.split(",")
    try:
        set_up(ROOT, extras)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
