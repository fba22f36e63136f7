"""The wheel: pure Python, with its tables, and enough by itself with z3 and nothing else."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KINDS = {".csv", ".md", ".mplstyle", ".toml"}
DATA = {p.name for p in (ROOT / "course_lib" / "data").iterdir() if p.suffix in KINDS}

# What someone who installed the package does first, without the checkout beside it.
USE = """
import sys
from pathlib import Path
import course_lib
from course_lib.datasets import data_file, data_files
assert Path(course_lib.__file__).is_relative_to(sys.argv[1]), course_lib.__file__
for name in data_files():
    assert data_file(name).read_text(encoding="utf-8").count("\\n") > 1, name
from course_lib.reconstruction import acm_block, acm_truth, census_block, reconstruct
assert reconstruct(acm_block()).database == acm_truth()
assert reconstruct(census_block()).status == "consistent"
from course_lib.checks import rebuilding_a_block
print(len(data_files()), rebuilding_a_block.exercise_1(...).state)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "course_lib", source / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # With setuptools at hand nothing is downloaded.
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("setuptools") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation, "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_is_pure_python(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        suffixes = {Path(name).suffix for name in archive.namelist() if name.startswith("course_lib/")}
    assert suffixes <= {".py", *KINDS}


def test_it_holds_the_package_and_nothing_beside_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"course_lib"}
    held = {Path(name).name for name in names if name.startswith("course_lib/data/")}
    assert held >= DATA
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "course_lib").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def test_its_licence_is_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


@pytest.fixture
def empty(tmp_path):
    """The Python of an environment that holds nothing, not even pip."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    return venv / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(python, *what):
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    done = subprocess.run([*command, *map(str, what)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def copy_z3(python):
    """What an installer would lay down, file by file, so that no registry is needed."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([str(python), "-c", ask], text=True).strip())
    for file in importlib.metadata.files("z3-solver"):
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), site / file)


def use(python, folder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(python), "-c", USE, str(folder)]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    tables, state = done.stdout.split(maxsplit=1)
    assert int(tables) >= 3 and state.strip() == "not attempted"


def test_with_z3_alone_it_loads_its_tables_and_checks_an_answer(wheel, empty, tmp_path):
    install(empty, wheel)
    copy_z3(empty)
    use(empty, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("z3", [importlib.metadata.version("z3-solver"), "4.16.0.0"])
def test_the_same_with_z3_from_the_registry(wheel, empty, tmp_path, z3):
    install(empty, wheel, f"z3-solver=={z3}")
    use(empty, tmp_path)
