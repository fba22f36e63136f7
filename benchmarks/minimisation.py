"""Seconds to the best classes, for the three methods: python benchmarks/minimisation.py

All times are of one run and one thread, each program going through all methods before the next is
taken; so their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from itertools import product
from random import Random
from statistics import median
from time import perf_counter

import z3

from course_lib.minimisation import Program, best_distributed, discloses_no_more, examples, program, verify
from course_lib.progress import progress

METHODS = ("witness", "exhaustive", "figure7")


def total(n: int) -> Program:
    """x + y with n values each: every value is a class of its own."""
    return program("def total(x, y): return x + y", {"x": range(n), "y": range(n)})


def tariff(n: int) -> Program:
    """One input with n classes of 100 values, cut by a chain of n - 1 comparisons."""
    lines = [f"    if x < {100 * (k + 1)}: return {k}" for k in range(n - 1)]
    return program("\n".join(["def tariff(x):", *lines, f"    return {n - 1}"]), {"x": range(100 * n)})


def household(n: int) -> Program:
    """A tariff of n steps at random cuts of 100,001 incomes, doubled for one of two kinds of household."""
    cuts = sorted(Random(n).sample(range(1, 100_001), n - 1))
    lines = [f"    if income < {cut}: return {k} * (1 + double)" for k, cut in enumerate(cuts)]
    text = "\n".join(["def household(income, double):", *lines, f"    return {n - 1} * (1 + double)"])
    return program(text, {"income": range(100_001), "double": bool})


def ten_inputs() -> Program:
    """Ten inputs of 100,000 values, a threshold each."""
    names = [f"x{i}" for i in range(10)]
    lines = [f"    if {name} < {100 * (i + 1)}: points += 1" for i, name in enumerate(names)]
    text = "\n".join([f"def f({', '.join(names)}):", "    points = 0", *lines, "    return points"])
    return program(text, {name: range(100_000) for name in names})


def three_hundred_classes() -> Program:
    """300 classes of 100,001 values, cut at random."""
    cuts = sorted(Random(0).sample(range(1, 100_001), 299))
    lines = [f"    if x < {cut}: return {k}" for k, cut in enumerate(cuts)]
    return program("\n".join(["def f(x):", *lines, "    return 299"]), {"x": range(100_001)})


LARGE = {
    "benefit level": lambda: program(examples.benefit_level, examples.DOMAINS["benefit_level"]),
    "ten inputs of 100,000 values": ten_inputs,
    "300 classes of 100,001 values": three_hundred_classes,
    "a remainder of 1,000,000 values": lambda: program("def f(x): return x % 7", {"x": range(10**6)}),
    "x == y, 1,000 values each": lambda: program("def f(x, y): return x == y", {n: range(1000) for n in "xy"}),
    "x == y, 10,000 values each": lambda: program("def f(x, y): return x == y", {n: range(10**4) for n in "xy"}),
    "x // y, 10,000 values each": lambda: program("def f(x, y): return x // y", {n: range(1, 10**4) for n in "xy"}),
    "x, 1,000,000,000 values": lambda: program("def f(x): return x", {"x": range(10**9)}),
    "x³ + y³ + z³ == 42, 2,000 values each": lambda: program(
        "def f(x, y, z): return x * x * x + y * y * y + z * z * z == 42", {n: range(-1000, 1000) for n in "xyz"}
    ),
}


def walls(timeout: float) -> list[str]:
    """Large programs by ``method="auto"``, in Markdown: to find the classes, to verify them, or what stops us."""
    lines = [
        f"Seconds with `auto` (given up after {timeout:g} s)",
        "",
        "| program | find | verify | outcome |",
        "|---|---:|---:|---|",
    ]
    for name, make in progress(LARGE.items(), "large programs"):
        p = make()
        dm = best_distributed(p, timeout=timeout)
        shown, outcome = "", next(iter(dm.reasons.values()), "")
        if dm.status == "best":
            certificate = verify(p, dm, timeout)
            shown, outcome = f"{certificate.seconds:.2f}", f"best, verified: {certificate.correct}"
        lines.append(f"| {name} | {dm.seconds:.2f} | {shown} | {outcome} |")
    return lines


def comparisons() -> str:
    """The nine comparisons of mod 2, mod 4 and > 0, in a sentence."""
    start = perf_counter()
    programs = [program(f, {"x": range(-(10**5), 10**5)}) for f in (examples.mod2, examples.mod4, examples.positive)]
    verdicts = [discloses_no_more(f, g) for f, g in product(programs, repeat=2)]
    proved = sum(verdict.status == "proved" for verdict in verdicts)
    return f"mod 2, mod 4 and > 0 compared in {perf_counter() - start:.2f} s: {proved} of 9 hold."


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
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="smaller programs, shorter limits: a minute")
    quick = parser.parse_args(arguments).quick
    print(f"Python {platform.python_version()}, Z3 {z3.get_version_string()}, {platform.machine()}, one thread\n")
    seconds(total(3), "figure7", 1, 60)  # what is loaded once is not timed
    sizes = [3, 10, 30] if quick else [3, 10, 30, 100, 300]
    n_runs = 1 if quick else 3
    print("\n".join(race(total, sizes, n_runs, timeout=60)), end="\n\n")
    print("\n".join(race(tariff, sizes, n_runs, timeout=60)), end="\n\n")
    print("\n".join(race(household, sizes, n_runs, timeout=60)), end="\n\n")
    print("\n".join(walls(timeout=10 if quick else 60)), end="\n\n")
    print(comparisons())


if __name__ == "__main__":
    main()
