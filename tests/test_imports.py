"""What loads what: the package alone loads nothing heavy, the Z3 parts need z3 only, and
imports point down."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import course_lib

PACKAGE = Path(course_lib.__file__).parent
HEAVY = ["numpy", "torch", "torchvision", "pandas", "matplotlib", "scipy", "sklearn", "skimage", "tqdm"]
SHARED = {"data", "datasets", "deadline", "display", "plotting", "progress"}
FOLDERS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
PARTS = sorted(FOLDERS - SHARED - {"checks", "capstone"})  # the capstone stands above them
# These run in the browser, where there is nothing but z3.
Z3_ONLY = [part for part in ("reconstruction", "minimisation") if part in PARTS]


def run(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def without_heavy(code):
    """Run code where none of the heavy packages can be imported."""
    return run(f"import sys\nfor name in {HEAVY}: sys.modules[name] = None\n" + textwrap.dedent(code))


def test_the_package_alone_loads_nothing_heavy():
    loaded = run("import sys, course_lib; print(*sys.modules)")
    assert not {name.split(".")[0] for name in loaded} & {*HEAVY, "z3"}


@pytest.mark.parametrize("module", ["datasets", "deadline", "progress", "display"])
def test_the_shared_modules_load_nothing_heavy(module):
    loaded = run(f"import sys, course_lib.{module}; print(*sys.modules)")
    assert not {name.split(".")[0] for name in loaded} & {*HEAVY, "z3"}


def test_the_guard_of_these_tests_bites():
    with pytest.raises(AssertionError, match="numpy"):
        without_heavy("import numpy")


@pytest.mark.parametrize("part", Z3_ONLY)
def test_a_z3_part_loads_without_the_heavy_packages(part):
    without_heavy(f"import course_lib, course_lib.{part}, course_lib.datasets, course_lib.progress")


def test_a_table_is_read_and_rebuilt_without_the_heavy_packages():
    rows = without_heavy(
        """
        from course_lib.datasets import data_file
        from course_lib.reconstruction import acm_block, reconstruct
        assert data_file("acm_block_statistics.csv").read_text().startswith("statistic,")
        print(len(reconstruct(acm_block()).database.rows))
        """
    )
    assert rows == ["7"]


def modules(folder):
    return sorted(folder.rglob("*.py"))


def imported(path, everywhere=True):
    """Names that a module imports; at its top level only, unless `everywhere`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else top_level(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            base = package[: len(package) - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def top_level(node):
    """Statements that run at import: not those inside functions, nor those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from top_level(child)


@pytest.mark.parametrize("part", Z3_ONLY)
def test_a_z3_part_imports_z3_and_the_standard_library_at_module_level(part):
    allowed = sys.stdlib_module_names | {"z3", "course_lib"}
    foreign = {
        f"{path.name}: {name}"
        for path in modules(PACKAGE / part)
        for name in imported(path, everywhere=False)
        if name.split(".")[0] not in allowed
    }
    assert foreign == set()


def upward(path):
    """Imports of a module that point up or sideways."""
    place = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    uses = {name.split(".")[1] for name in imported(path) if name.startswith("course_lib.")}
    if place in PARTS:
        return uses - SHARED - {place}
    if place == "capstone":
        return uses - SHARED - set(PARTS) - {"capstone"}
    if place == "checks":
        return uses - SHARED - set(PARTS) - {"capstone", "checks"}
    return uses - SHARED


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    assert upward(path) == set()


def test_an_upward_import_is_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "course_lib")
    planted = tmp_path / "course_lib" / "datasets.py"
    planted.parent.mkdir()
    planted.write_text("def late():\n    from course_lib.reconstruction import reconstruct\n")
    assert upward(planted) == {"reconstruction"}
    planted.write_text("from .reconstruction import reconstruct\n")
    assert upward(planted) == {"reconstruction"}
    part = tmp_path / "course_lib" / "gradients" / "late.py"
    part.parent.mkdir()
    part.write_text("from course_lib.capstone import publish\n")
    assert upward(part) == {"capstone"}


def test_nothing_but_the_guard_imports_torchvision():
    assert [p.name for p in modules(PACKAGE) if any(n.startswith("torchvision") for n in imported(p))] == []
