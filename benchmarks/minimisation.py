"""Seconds to the best classes, for the three methods: python benchmarks/minimisation.py

All times are of one run and one thread, each program going through all methods before the next is
taken; so their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from statistics import median

import z3

from course_lib.minimisation import Program, best_distributed, program
from course_lib.progress import progress

METHODS = ("witness", "exhaustive", "figure7")


def total(n: int) -> Program:
    """x + y with n values each: every value is a class of its own."""
    return program("def total(x, y): return x + y", {"x": range(n), "y": range(n)})


def tariff(n: int) -> Program:
    """One input with n classes of 100 values, cut by a chain of n - 1 comparisons."""
    lines = [f"    if x < {100 * (k + 1)}: return {k}" for k in range(n - 1)]
    return program("\n".join(["def tariff(x):", *lines, f"    return {n - 1}"]), {"x": range(100 * n)})


def seconds(p: Program, method: str, n_runs: int, timeout: float) -> float | None:
    """The median of the runs; None if one of them is not finished in time."""
    found = [best_distributed(p, method, timeout) for _ in range(n_runs)]
    return median(f.seconds for f in found) if all(f.status == "best" for f in found) else None


def race(make, sizes: Sequence[int], n_runs: int, timeout: float) -> list[str]:
    """All methods on programs of growing size, in Markdown."""
    lines = [
        f"{make.__name__}: median seconds of {n_runs} runs (given up after {timeout:g} s)",
        "",
        f"| classes | {' | '.join(METHODS)} | figure7 ÷ witness |",
        "|---:|---:|---:|---:|---:|",
    ]
    for n in progress(sizes, make.__name__):
        times = {method: seconds(make(n), method, n_runs, timeout) for method in METHODS}
        shown = [f"> {timeout:g}" if t is None else f"{t:.4f}" for t in times.values()]
        ratio = (times["figure7"] or timeout) / times["witness"] if times["witness"] else float("nan")
        lines.append(f"| {n} | {' | '.join(shown)} | {'> ' * (times['figure7'] is None)}{ratio:.0f} |")
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="smaller programs: a few seconds")
    quick = parser.parse_args(arguments).quick
    print(f"Python {platform.python_version()}, Z3 {z3.get_version_string()}, {platform.machine()}, one thread\n")
    seconds(total(3), "figure7", 1, 60)  # what is loaded once is not timed
    sizes = [3, 10, 30] if quick else [3, 10, 30, 100, 300]
    n_runs = 1 if quick else 3
    print("\n".join(race(total, sizes, n_runs, timeout=60)), end="\n\n")
    print("\n".join(race(tariff, sizes, n_runs, timeout=60)))


if __name__ == "__main__":
    main()
