"""Time to the first database of random blocks, for the three encodings: python benchmarks/reconstruction.py

All times are of one run, one thread and the same blocks, each block going through all encodings before
the next is drawn; so their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import z3

from course_lib.progress import progress
from course_lib.reconstruction import random_block, reconstruct

ENCODINGS = ("head-counts", "direct", "index-vectors")
LIMIT = 60  # seconds for a block, small or large


@dataclass(frozen=True)
class Times:
    """Seconds to the first database, block by block; of a block that took too long, the seconds given to it."""

    seconds: tuple[float, ...]
    solved: tuple[bool, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def is_lower_bound(self) -> bool:
        """Whether the median block was given up: then the median is more than the number says."""
        return sum(self.solved) <= len(self.solved) // 2


def time_blocks(n: int, seeds: Sequence[int], encodings: Sequence[str], timeout: float) -> dict[str, Times]:
    """Rebuild random blocks of n people, every block by every encoding."""
    found: dict[str, list] = {encoding: [] for encoding in encodings}
    for seed in progress(seeds, f"n = {n}"):
        _, table = random_block(n, seed)
        for encoding in encodings:
            found[encoding].append(reconstruct(table, encoding, timeout))
    return {
        encoding: Times(tuple(r.seconds for r in results), tuple(r.status == "consistent" for r in results))
        for encoding, results in found.items()
    }


def small_blocks(sizes: Sequence[int], n_blocks: int, timeout: float) -> list[str]:
    """All encodings, in Markdown: medians over the blocks, and how many times slower than head counts."""
    lines = [
        f"Median seconds to the first database, {n_blocks} blocks a size (given up after {timeout:g} s)",
        "",
        "| people | head-counts | direct | index-vectors | direct ÷ head-counts | index-vectors ÷ head-counts |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for n in sizes:
        times = time_blocks(n, range(n_blocks), ENCODINGS, timeout)
        seconds = [f"{'> ' * t.is_lower_bound}{t.median:.3f}" for t in times.values()]
        slower = [
            f"{'> ' * times[encoding].is_lower_bound}{times[encoding].median / times['head-counts'].median:.1f}"
            for encoding in ENCODINGS[1:]
        ]
        lines.append(f"| {' | '.join([str(n), *seconds, *slower])} |")
    return lines


def large_blocks(sizes: Sequence[int], n_blocks: int) -> list[str]:
    """Head counts alone, in Markdown."""
    lines = [
        f"Head counts alone, {n_blocks} blocks a size",
        "",
        f"| people | rebuilt within {LIMIT} s | median seconds | slowest |",
        "|---:|---:|---:|---:|",
    ]
    for n in sizes:
        (times,) = time_blocks(n, range(n_blocks), ["head-counts"], LIMIT).values()
        slowest = f"{'' if all(times.solved) else '> '}{max(times.seconds):.2f}"
        lines.append(f"| {n} | {sum(times.solved)} of {n_blocks} | {times.median:.2f} | {slowest} |")
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer, smaller blocks: under a minute")
    quick = parser.parse_args(arguments).quick
    print(f"Python {platform.python_version()}, Z3 {z3.get_version_string()}, {platform.machine()}, one thread\n")
    if quick:
        print("\n".join(small_blocks([7, 10], n_blocks=3, timeout=30)), end="\n\n")
        print("\n".join(large_blocks([50], n_blocks=3)))
    else:
        print("\n".join(small_blocks([7, 10, 12], n_blocks=5, timeout=LIMIT)), end="\n\n")
        print("\n".join(large_blocks([50, 100], n_blocks=10)))


if __name__ == "__main__":
    main()
