"""Plant small faults in ``course_lib``, one at a time, and see whether the tests notice.

    python tools/plant_faults.py --seed 1            forty faults (`make faults SEED=1`)
    python tools/plant_faults.py --seed 1 --count 5  the first five of them

Faults are drawn by the seed from the comparisons, constants, signs and indices of the code.
Each is planted in a copy of the tree and run against the tests of the faulted part only. The
verdicts stand in ``_build/faults-SEED.json``; run the command again and it goes on where it
stopped. A fault that no test notices is a survivor: it wants a new test, or, if it changes
nothing that matters, a reason in ``tests/faults/equivalent.toml``.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from course_pages import ROOT

PACKAGE = "course_lib"
EQUIVALENT = Path("tests") / "faults" / "equivalent.toml"
TIMEOUT_SECONDS = 900
COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
SIGNS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}


@dataclass(frozen=True)
class Fault:
    """One change of one place in the code."""

    path: str  # from the root
    line: int  # from 1
    column: int  # in bytes, from 0
    kind: str  # comparison, constant, sign or index
    old: str
    new: str
    count: int  # 1 for the first place of the module that reads like this, 2 for the second

    @property
    def name(self) -> str:
        """What tells this fault from every other, whatever is edited above it."""
        return f"{self.path} {self.kind}: {self.old} -> {self.new}" + f" ({self.count})" * (self.count > 1)


def faults_of(path: str, source: str) -> list[Fault]:
    """Every fault that can be planted in a module, in the order of its text.

    >>> [fault.name for fault in faults_of("m.py", "def f(x):\\n    return x[0] < 3 or x[1] < 3")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['m.py index: 0 -> 1', 'm.py index: 1 -> 2', 'm.py comparison: x[0] < 3 -> x[0] <= 3', 'm.py constant: 3 -> 4',
     'm.py comparison: x[1] < 3 -> x[1] <= 3', 'm.py constant: 3 -> 4 (2)']
    """
    tree = ast.parse(source)
    indices = {node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    found = []
    lines = source.splitlines()
    for node in _running_code(tree):
        kind, new = _changed(node, node in indices)
        if kind and node.lineno == node.end_lineno:
            old = lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()
            found.append((node.lineno, kind != "index", node.col_offset, kind, old, new))
    alike: Counter = Counter()
    faults = []
    for line, _, column, *change in sorted(found):
        alike[tuple(change)] += 1
        faults.append(Fault(path, line, column, *change, alike[tuple(change)]))
    return faults


def _running_code(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run: not annotations, which nothing reads, nor the texts of f-strings."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.JoinedStr | ast.arg) or (isinstance(child, ast.AnnAssign) and child.value is None):
            continue
        if isinstance(tree, ast.FunctionDef) and child is tree.returns:
            continue
        yield child
        yield from _running_code(child)


def _changed(node: ast.AST, is_index: bool) -> tuple[str, str]:
    """The kind of fault this node can take and its faulty text, or two empty texts."""
    match node:
        case ast.Compare(ops=[operator], left=left, comparators=[right]) if type(operator) in COMPARISONS:
            return "comparison", f"{ast.unparse(left)} {COMPARISONS[type(operator)]} {ast.unparse(right)}"
        case ast.Constant(value=bool(value)):
            return "constant", str(not value)
        case ast.Constant(value=int() | float() as value):
            return ("index" if is_index else "constant"), repr(value + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "sign", f"({ast.unparse(operand)})"
        case ast.BinOp(op=operator, left=left, right=right) if type(operator) in SIGNS and not _is_text(left, right):
            return "sign", f"(({ast.unparse(left)}) {SIGNS[type(operator)]} ({ast.unparse(right)}))"
    return "", ""


def _is_text(*nodes: ast.AST) -> bool:
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return any(isinstance(node, ast.JoinedStr) for node in nodes) or any(isinstance(text, str) for text in texts)


def planted(source: str, fault: Fault) -> str:
    """The module's text with the fault in it.

    >>> planted("y = 1 + x", Fault("m.py", 1, 4, "constant", "1", "2", 1))
    'y = 2 + x'
    """
    lines = source.splitlines(keepends=True)
    line = lines[fault.line - 1].encode()
    end = fault.column + len(fault.old.encode())
    if line[fault.column : end].decode() != fault.old:
        raise ValueError(f"{fault.path}:{fault.line} no longer reads {fault.old!r}: start over with another seed")
    lines[fault.line - 1] = (line[: fault.column] + fault.new.encode() + line[end:]).decode()
    return "".join(lines)


def drawn(root: Path, seed: int, count: int) -> list[Fault]:
    """The first `count` faults in an order drawn by the seed, in which the kinds take turns.

    Each fault has its own lot, so that an edit of one module leaves the order of the others as it was.
    """
    by_kind: dict[str, list[Fault]] = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        for fault in faults_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")):
            by_kind.setdefault(fault.kind, []).append(fault)
    for kind in sorted(by_kind):
        by_kind[kind].sort(key=lambda fault: hashlib.sha256(f"{seed} {fault.name}".encode()).digest())
    turns = zip_longest(*(by_kind[kind] for kind in sorted(by_kind)))
    return [fault for turn in turns for fault in turn if fault][:count]


def suites_of(root: Path, fault: Fault) -> list[list[str]]:
    """The tests and doctests of the faulted module, which notice most; then those of its whole part.

    A chapter's checks know nothing of each other's: there the first are all.
    """
    part, module = Path(fault.path).parts[1].removesuffix(".py"), Path(fault.path).stem
    folder = "exercises" if part == "checks" else part
    own = [fault.path, f"tests/{folder}/test_{module}.py"]
    whole = [f"{PACKAGE}/{part}", f"tests/{folder}"] if (root / PACKAGE / part).is_dir() else [f"tests/test_{part}.py"]
    if part == "checks" and (root / own[1]).exists():
        whole = own
    return [[path for path in suite if (root / path).exists()] for suite in (own, whole)]


def verdict(tree: Path, fault: Fault) -> str:
    """What the tests say of the fault: "noticed", "survived", or "noticed, by running too long"."""
    module = tree / fault.path
    sound = module.read_text(encoding="utf-8")
    module.write_text(planted(sound, fault), encoding="utf-8")
    try:
        own, whole = suites_of(tree, fault)
        noticed = _fails(tree, own, fault) or (whole != own and _fails(tree, whole, fault))
    except subprocess.TimeoutExpired:
        return "noticed, by running too long"
    finally:
        module.write_text(sound, encoding="utf-8")
    return "noticed" if noticed else "survived"


def _fails(tree: Path, suite: Sequence[str], fault: Fault) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *suite]
    done = subprocess.run(
        command, cwd=tree, env=_environment(tree), capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    # 5: the module has no test of its own; 4: pytest was called wrongly, or a fault broke a conftest.py.
    if done.returncode == 4 and "while loading conftest" not in done.stderr:
        raise RuntimeError(f"pytest did not run on {fault.name}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode not in (0, 5)


def _environment(tree: Path) -> dict[str, str]:
    """The environment of the tests, without options that were meant for another run of pytest."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return {**kept, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}


def equivalents(root: Path) -> dict[tuple[str, str, str, int], str]:
    """Why a fault that no test notices changes nothing that matters, by its file, old and new text and count."""
    table = root / EQUIVALENT
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["fault"] if table.exists() else []
    return {(row["path"], row["old"], row["new"], row.get("count", 1)): row["why"] for row in rows}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Plant small faults in course_lib and see whether the tests notice.")
    parser.add_argument("--seed", type=int, required=True, help="which faults are drawn")
    parser.add_argument("--count", type=int, default=40, help="how many (40)")
    chosen = parser.parse_args(arguments)
    report = ROOT / "_build" / f"faults-{chosen.seed}.json"
    report.parent.mkdir(exist_ok=True)
    known = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    tree = report.with_suffix("")
    shutil.rmtree(tree, ignore_errors=True)
    ignored = shutil.ignore_patterns("_build", ".venv", ".git", "*.ipynb", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=ignored)
    faults = drawn(ROOT, chosen.seed, chosen.count)
    for place, fault in enumerate(faults, start=1):
        if fault.name not in known:
            known[fault.name] = {**asdict(fault), "verdict": verdict(tree, fault)}
            report.write_text(json.dumps(known, indent=1), encoding="utf-8")
        print(f"{place:3} {known[fault.name]['verdict']:9} {fault.name}", flush=True)
    shutil.rmtree(tree)
    reasons = equivalents(ROOT)
    survivors = [fault for fault in faults if known[fault.name]["verdict"] == "survived"]
    argued = [reasons.get((fault.path, fault.old, fault.new, fault.count)) for fault in survivors]
    equivalent = len(survivors) - argued.count(None)
    print(f"{len(faults)} faults, {len(survivors)} not noticed, {equivalent} of these equivalent")
    for fault, why in zip(survivors, argued, strict=True):
        print(f"{fault.path}:{fault.line} {fault.old} -> {fault.new}: {why or 'WANTS A TEST'}")
    return 1 if None in argued else 0


if __name__ == "__main__":
    sys.exit(main())
