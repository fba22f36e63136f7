"""Peeling against optimisation on the same batch, and its cost as batches grow: python benchmarks/exclusivity.py

All times are CPU seconds of one run and one thread, each gradient going through all methods before the next is
taken; so their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch

from course_lib.datasets import photo_crops
from course_lib.gradients import (
    Gradient,
    activation_pattern,
    client_gradient,
    invert_gradient,
    match_reconstruction,
    mlp,
    pattern_bound,
    psnr,
    reconstruct_batch,
    reconstruct_exclusive,
)
from course_lib.progress import progress

GROWTH = ((1000, 32), (1000, 64), (1000, 100), (1000, 200), (2000, 200))


def batch(size: int, sizes: Sequence[int], seed: int, dtype: torch.dtype = torch.float32) -> tuple:
    """A model, a batch of 28 x 28 colour crops, and their gradient."""
    pictures, labels = photo_crops(size, 28, seed)
    inputs = torch.from_numpy(pictures).flatten(1).to(dtype)
    labels = torch.from_numpy(labels) % sizes[-1]
    model = mlp(sizes, seed=seed, dtype=dtype)
    return model, inputs, labels, client_gradient(model, inputs, labels)


def timed(call: Callable[[], object]) -> tuple[object, float]:
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def nearest_db(truth: torch.Tensor, found: torch.Tensor) -> float:
    """Mean over the true pictures of the PSNR to the nearest found one; 300 dB counts as exact."""
    if not len(found):
        return 0.0
    return sum(min(300.0, max(psnr(x, f) for f in found)) for x in truth) / len(truth)


def race(size: int, seeds: Sequence[int], dlg_steps: int, cosine_steps: int) -> list[str]:
    """One batch, float64: peeling, the published attack and both optimisers, which are given the labels."""
    seconds: dict[str, list[float]] = {}
    decibels: dict[str, list[float]] = {}
    for seed in progress(seeds, "peeling against optimisers"):
        model, inputs, labels, sent = batch(size, (2352, 512, 5), seed, torch.float64)
        methods: dict[str, Callable[[], torch.Tensor]] = {
            "peeling": lambda sent=sent: reconstruct_batch(sent).inputs,
            "two neurons each": lambda sent=sent: reconstruct_exclusive(sent).inputs,
        }
        for method, steps in {"dlg": dlg_steps, "cosine": cosine_steps}.items():
            methods[method] = lambda m=model, s=sent, y=labels, method=method, steps=steps: invert_gradient(
                m, s, method, labels=y, steps=steps, restarts=1, batch_size=len(y)
            ).inputs.flatten(1)
        for name, call in methods.items():
            found, cost = timed(call)
            seconds.setdefault(name, []).append(cost)
            decibels.setdefault(name, []).append(nearest_db(inputs, found))
    lines = [
        f"Batches of {size} photographs, [2352, 512, 5], float64: medians of {len(seeds)} batches (300 dB counts as "
        "exact, an empty answer as 0)",
        "",
        "| method | CPU seconds | PSNR (dB) | times slower than peeling |",
        "|:--|---:|---:|---:|",
    ]
    for name in seconds:
        slower = median(t / p for t, p in zip(seconds[name], seconds["peeling"], strict=True))
        lines.append(f"| {name} | {median(seconds[name]):.2g} | {median(decibels[name]):.0f} | {slower:,.1f} |")
    return lines


def growth(cases: Sequence[tuple[int, int]], seeds: Sequence[int]) -> list[str]:
    """CPU seconds, share recovered and pattern bound as neurons and batch grow, float32 with levels."""
    lines = [
        f"Photographs in 8 bits, [2352, N, 10], float32: means of {len(seeds)} batches",
        "",
        "| neurons | batch | CPU seconds | rounds | share recovered | pattern bound | complete |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for neurons, size in progress(cases, "growth"):
        rows = []
        for seed in seeds:
            model, inputs, labels, sent = batch(size, (2352, neurons, 10), seed)
            found, cost = timed(lambda sent=sent: reconstruct_batch(sent, levels=256))
            share = match_reconstruction(inputs, labels, found).recovered().double().mean().item()
            bound = pattern_bound(activation_pattern(model, inputs))
            rounds = int(found.rounds.max()) if len(found) else 0
            rows.append((cost, rounds, share, bound, float(found.complete)))
        cost, rounds, share, bound, complete = (sum(column) / len(rows) for column in zip(*rows, strict=True))
        lines.append(
            f"| {neurons} | {size} | {cost:.2f} | {rounds:.0f} | {share:.3f} | {bound:.3f} | {complete:.1f} |"
        )
    return lines


def peak_megabytes(neurons: int, size: int) -> float:
    """Peak memory of one attack, in a process of its own."""
    command = [sys.executable, __file__, "--memory", str(neurons), str(size)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def attack_once(neurons: int, size: int) -> None:
    sent: Gradient = batch(size, (2352, neurons, 10), 0)[3]
    reconstruct_batch(sent, levels=256)
    print(own_peak_megabytes())


def own_peak_megabytes() -> float:
    """Peak memory of this process; getrusage would hand on that of the process which started it."""
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller batches: under a minute")
    parser.add_argument("--memory", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.memory:
        return attack_once(*options.memory)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, one thread\n")
    reconstruct_batch(batch(2, (2352, 64, 5), 0)[3])  # what is loaded once is not timed
    quick = options.quick
    print("\n".join(race(8, range(1 if quick else 3), 30 if quick else 200, 100 if quick else 400)), end="\n\n")
    print("\n".join(growth(GROWTH[:2] if quick else GROWTH, range(1 if quick else 3))), end="\n\n")
    print("| neurons | batch | peak memory of the process (MB) |\n|---:|---:|---:|")
    for neurons, size in GROWTH[:1] if quick else ((1000, 100), (1000, 200), (2000, 200)):
        print(f"| {neurons} | {size} | {peak_megabytes(neurons, size):.0f} |")
    return None


if __name__ == "__main__":
    main()
