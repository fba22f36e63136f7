"""The closed form against two optimisers, and what extraction costs: python benchmarks/gradients.py

All times are of one run and one thread, each gradient going through all methods before the next is
taken; so their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch

from course_lib.datasets import digit_images, photo_crops
from course_lib.gradients import (
    Gradient,
    activation_pattern,
    client_gradient,
    detect_single,
    extract_rows,
    extract_single,
    extraction_metrics,
    gaussian_weights,
    invert_gradient,
    mlp,
    psnr,
)
from course_lib.progress import progress

GRID = ((200, 500, 1000, 3000), (20, 50, 100, 200))
QUICK_GRID = ((200, 500), (20, 50))


def best_seconds(call: Callable[[], object]) -> float:
    """Seconds of a short call: the best of five series, each long enough to be timed."""
    timer = timeit.Timer(call)
    n, _ = timer.autorange()
    return min(timer.repeat(5, n)) / n


def one_row(weight_grad: torch.Tensor, bias_grad: torch.Tensor) -> torch.Tensor:
    """x = (dL/dw) / (dL/db) in the row with the largest bias gradient: the closed form and nothing else."""
    row = bias_grad.abs().argmax()
    return weight_grad[row] / bias_grad[row]


def race(seeds: Sequence[int]) -> list[str]:
    """One digit's gradient, read off in closed form and looked for by both optimisers, in Markdown."""
    images, labels = (torch.from_numpy(part) for part in digit_images(max(seeds) + 1, seed=0))
    closed = {"one row": one_row, "all rows, least squares": extract_single}
    seconds: dict[str, list[float]] = {name: [] for name in [*closed, "dlg", "cosine"]}
    decibels: dict[str, list[float]] = {name: [] for name in seconds}
    for seed in progress(seeds, "closed form against optimisers"):
        picture, label = images[seed : seed + 1].flatten(1), labels[seed : seed + 1]
        model = mlp([64, 100, 10], seed=seed)
        sent: Gradient = client_gradient(model, picture, label)
        layer = sent.weight_grads[0], sent.bias_grads[0]
        for name, extract in closed.items():
            seconds[name].append(best_seconds(lambda extract=extract, layer=layer: extract(*layer)))
            decibels[name].append(min(psnr(picture[0], extract(*layer)), 999.0))
        for method in ("dlg", "cosine"):
            found = invert_gradient(model, sent, method, seed=seed)
            seconds[method].append(found.seconds)
            decibels[method].append(psnr(picture, found.inputs))
    lines = [
        f"One digit, [64, 100, 10], float32: medians of {len(seeds)} gradients (999 dB: equal to the last bit). Each "
        "optimiser has up to 4 starts",
        "",
        "| method | seconds | PSNR (dB) | lowest PSNR (dB) | times slower than one row |",
        "|:--|---:|---:|---:|---:|",
    ]
    for name in seconds:
        slower = median(t / c for t, c in zip(seconds[name], seconds["one row"], strict=True))
        lines.append(
            f"| {name} | {median(seconds[name]):.2g} | {median(decibels[name]):.0f} | {min(decibels[name]):.0f} "
            f"| {slower:,.0f} |"
        )
    return lines


def extraction(neurons: Sequence[int], batches: Sequence[int]) -> list[str]:
    """Seconds to divide all rows of a gradient and to tell which are pictures, in Markdown."""
    lines = [
        "Rows of 3 x 32 x 32 crops: milliseconds to extract, and to tell which are pictures",
        "",
        "| neurons | batch | rows | extract_rows (ms) | detect_single (ms) | the client's own gradient (ms) |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    images, labels = (torch.from_numpy(part) for part in photo_crops(max(batches), seed=0))
    inputs = images.flatten(1)
    for n_neurons in progress(neurons, "extraction"):
        model = mlp([inputs.shape[1], n_neurons, 10])
        for size in batches:
            batch = inputs[:size], labels[:size]
            sent = client_gradient(model, *batch)
            rows = extract_rows(sent)
            times = [
                1000 * best_seconds(call)
                for call in (
                    lambda sent=sent: extract_rows(sent),
                    lambda rows=rows: detect_single(rows),
                    lambda model=model, batch=batch: client_gradient(model, *batch),
                )
            ]
            shown = " | ".join(f"{t:.1f}" for t in times)
            lines.append(f"| {n_neurons} | {size} | {len(rows.inputs)} | {shown} |")
    return lines


def recall_grid(neurons: Sequence[int], batches: Sequence[int], crops: int = 400) -> list[list[float]]:
    """Recall of a passive server for each number of neurons and batch size, by forward passes only."""
    inputs = torch.from_numpy(photo_crops(crops, seed=0)[0]).flatten(1)
    recalls = []
    for n_neurons in neurons:
        layer = torch.nn.Linear(inputs.shape[1], n_neurons)
        layer.weight.data, layer.bias.data = gaussian_weights(n_neurons, inputs.shape[1]), torch.zeros(n_neurons)
        pattern = activation_pattern(layer, inputs)
        row = []
        for size in batches:
            scores = [extraction_metrics(part).recall for part in pattern.split(size) if len(part) == size]
            row.append(sum(scores) / len(scores))
        recalls.append(row)
    return recalls


def peak_memory(quick: bool) -> list[str]:
    """Peak memory of the grid in a process of its own, beside that of the imports alone, in Markdown."""
    peaks = {}
    for what in ("nothing", "grid"):
        command = [sys.executable, __file__, "--alone", what, *(["--quick"] if quick else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[what] = json.loads(done.stdout)
    neurons, batches = QUICK_GRID if quick else GRID
    lines = [
        "Recall of a passive server, N(0, .5) weights, 400 crops; the whole grid in one process",
        "",
        f"| neurons | {' | '.join(f'batch {size}' for size in batches)} |",
        f"|---:|{'---:|' * len(batches)}",
    ]
    for n_neurons, row in zip(neurons, peaks["grid"]["recalls"], strict=True):
        lines.append(f"| {n_neurons} | {' | '.join(f'{recall:.2f}' for recall in row)} |")
    grid, base = peaks["grid"]["mib"], peaks["nothing"]["mib"]
    return [*lines, "", f"Peak memory {grid:.0f} MiB, of which imports {base:.0f} MiB."]


def alone(what: str, quick: bool) -> None:
    """Run one thing in this process and print its peak memory."""
    recalls = recall_grid(*(QUICK_GRID if quick else GRID)) if what == "grid" else []
    print(json.dumps({"mib": peak_mib(), "recalls": recalls}))


def peak_mib() -> float:
    """This process's peak memory. On Linux, getrusage counts that of the parent before it started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM")) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(arguments: list[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer gradients, smaller grids: under a minute")
    parser.add_argument("--alone", choices=["nothing", "grid"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.alone:
        return alone(options.alone, options.quick)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, one thread\n")
    race(range(1))  # what is loaded once is not timed
    print("\n".join(race(range(3) if options.quick else range(12))), end="\n\n")
    print("\n".join(extraction(*(QUICK_GRID if options.quick else GRID))), end="\n\n")
    print("\n".join(peak_memory(options.quick)))


if __name__ == "__main__":
    main()
