"""CPU seconds of shadow training by engine, and of scoring: python benchmarks/membership.py

All times are of one run and one thread, each round going through all ways before the next begins; so
their ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import numpy as np
import torch
from scipy.stats import norm
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset, TensorDataset

from course_lib.datasets import purchase_like
from course_lib.membership import (
    RMIA,
    LiRA,
    ShadowBundle,
    ShadowPlan,
    mlp,
    scaled_confidence,
    simple_cnn,
    train_shadows,
)
from course_lib.progress import progress

ADAM = partial(torch.optim.Adam, lr=1e-3, fused=True)
BATCH_SIZE = 32


def cpu_seconds() -> float:
    """User and system time of this process and of the ones it has waited for."""
    return time.process_time() + sum(os.times()[2:4])  # the children's in hundredths of a second


def stop_processes() -> None:
    """End joblib's processes, so that their time is counted."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def race(ways: dict[str, Callable[[], object]], n_rounds: int) -> dict[str, float]:
    """Median CPU seconds of each way; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in progress(range(n_rounds + 1), "rounds"):
        for name, way in ways.items():
            start = cpu_seconds()
            way()
            times[name].append(cpu_seconds() - start)
    return {name: median(found[1:]) for name, found in times.items()}


# Shadow training


def tuned_loop(X, y, plan, model, epochs) -> None:
    """What a careful person writes: tensors ready, batches by index, the fused optimiser."""
    for members in torch.tensor(plan.membership):
        network, indices = model(), members.nonzero()[:, 0]
        optimizer = ADAM(network.parameters())
        for _ in range(epochs):
            for batch in indices[torch.randperm(len(indices))].split(BATCH_SIZE):
                optimizer.zero_grad()
                cross_entropy(network(X[batch]), y[batch]).backward()
                optimizer.step()


def loader_loop(X, y, plan, model, epochs) -> None:
    """What tutorials show: a DataLoader over a subset, the optimiser as it comes."""
    for members in torch.tensor(plan.membership):
        network, data = model(), Subset(TensorDataset(X, y), members.nonzero()[:, 0].tolist())
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(epochs):
            for records, labels in DataLoader(data, BATCH_SIZE, shuffle=True):
                optimizer.zero_grad()
                cross_entropy(network(records), labels).backward()
                optimizer.step()


def perceptron_ways(n_models: int, epochs: int) -> dict[str, Callable[[], object]]:
    """Ways to train perceptrons 100-64-20 on halves of 2000 records."""
    X, y = purchase_like(2000, n_classes=20)
    plan = ShadowPlan.half_sampling(len(X), n_models, seed=0)
    model = partial(mlp, 100, 20)
    train = partial(train_shadows, X, y, plan, model, ADAM, epochs, BATCH_SIZE)
    loop_arguments = (torch.tensor(X), torch.tensor(y), plan, model, epochs)
    return {
        "batched, chunks of 16": partial(train, "batched"),
        "batched, chunks of 32": partial(train, "batched", chunk=32),
        "vmap": partial(train, "vmap"),
        "loop": partial(train, "loop"),
        "a tuned loop": partial(tuned_loop, *loop_arguments),
        "a DataLoader loop": partial(loader_loop, *loop_arguments),
    }


def in_processes(n_models: int, epochs: int) -> None:
    """The same training in two processes of joblib's, which start and end with it."""
    X, y = purchase_like(2000, n_classes=20)
    plan = ShadowPlan.half_sampling(len(X), n_models, seed=0)
    train_shadows(X, y, plan, partial(mlp, 100, 20), ADAM, epochs, BATCH_SIZE, "joblib", n_jobs=2)
    stop_processes()


def perceptrons(quick: bool) -> list[str]:
    """All ways, in Markdown, a line a way and how many times the CPU time of batched it takes."""
    n_models, epochs, n_rounds = (16, 5, 1) if quick else (32, 5, 3)
    ways = perceptron_ways(n_models, epochs) | {"two processes": partial(in_processes, n_models, epochs)}
    times = race(ways, n_rounds)
    fastest = times["batched, chunks of 16"]
    return [
        f"{n_models} perceptrons 100-64-20, {epochs} epochs of 1000 records, batches of {BATCH_SIZE}:",
        "",
        "| way | CPU seconds | ÷ batched |",
        "|---|---:|---:|",
        *(f"| {name} | {seconds:.2f} | {seconds / fastest:.1f} |" for name, seconds in times.items()),
    ]


def convolutions(quick: bool) -> list[str]:
    """vmap against the loop by size of image, in Markdown."""
    n_rounds, n_records = (1, 128) if quick else (3, 512)
    lines = [
        f"16 convolutional networks (8 and 16 filters), 1 epoch of {n_records // 2} images:",
        "",
        "| image | loop, CPU seconds | vmap, CPU seconds | loop ÷ vmap |",
        "|---|---:|---:|---:|",
    ]
    for channels, side in ((1, 8), (1, 16), (3, 16), (3, 32)):
        times = race(convolution_ways((channels, side, side), n_records), n_rounds)
        ratio = times["loop"] / times["vmap"]
        lines.append(f"| {channels} x {side} x {side} | {times['loop']:.2f} | {times['vmap']:.2f} | {ratio:.2f} |")
    return lines


def convolution_ways(shape: Sequence[int], n_records: int) -> dict[str, Callable[[], object]]:
    """Both ways to train small convolutional networks on random images."""
    X = torch.rand(n_records, *shape, generator=torch.Generator().manual_seed(0))
    plan = ShadowPlan.half_sampling(n_records, 16, seed=0)
    model = partial(simple_cnn, shape, 10, (8, 16, 32))
    y = torch.arange(n_records) % 10
    return {name: partial(train_shadows, X, y, plan, model, ADAM, 1, BATCH_SIZE, name) for name in ("loop", "vmap")}


# Scoring


def every_pair(ratios: np.ndarray) -> np.ndarray:
    """RMIA's score as the paper states it, all pairs compared: n^2 comparisons, a thousand rows at a time."""
    rows = (part[:, None] >= ratios for part in np.array_split(ratios, max(1, len(ratios) // 1000)))
    return np.concatenate([dominates.mean(axis=1) for dominates in rows])


def record_by_record(phi: np.ndarray, membership: np.ndarray, target: np.ndarray) -> np.ndarray:
    """LiRA as published code computes it: a pair of normal densities for each record in turn."""
    sides = {True: phi - phi, False: phi - phi}
    for side, spread in sides.items():
        for r in range(phi.shape[1]):
            mine = membership[:, r] == side
            spread[mine, r] = phi[mine, r] - phi[mine, r].mean()
    freedom = {side: (membership == side).sum() - phi.shape[1] for side in sides}
    sigma = {side: np.sqrt((spread**2).sum() / freedom[side]) for side, spread in sides.items()}
    scores = []
    for r in range(phi.shape[1]):
        logs = [
            norm.logpdf(target[r], phi[membership[:, r] == side, r].mean(), sigma[side]) for side in (True, False)
        ]
        scores.append(logs[0] - logs[1])
    return np.array(scores)


def scoring(quick: bool) -> list[str]:
    """Both attacks against their direct computation, in Markdown; the scores are compared as well."""
    lines = [
        "Scores of n records from 32 shadow models and 10 classes, for LiRA fitting included:",
        "",
        "| attack | n | direct, CPU seconds | ours | direct ÷ ours | largest difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for n in (2000, 8000) if quick else (2000, 8000, 32_000):
        draw = np.random.default_rng(0)
        y, plan = draw.integers(10, size=n), ShadowPlan.half_sampling(n, 32, seed=0)
        logits = draw.normal(size=(33, n, 10)).astype(np.float32)
        bundle, target = ShadowBundle(logits[1:], plan.membership), logits[0]

        def direct_lira(y=y, plan=plan, logits=logits):
            phi = np.stack([scaled_confidence(rows, y) for rows in logits])
            return record_by_record(phi[1:], plan.membership, phi[0])

        def our_lira(y=y, bundle=bundle, target=target):
            return LiRA().fit(bundle, y).score(target, y)

        robust = RMIA().fit(bundle, y)
        pairs = partial(lambda attack, *rows: every_pair(attack.ratios(*rows)), robust, target, y)
        for name, direct, ours in (("LiRA", direct_lira, our_lira), ("RMIA", pairs, partial(robust.score, target, y))):
            apart = abs(direct() - ours()).max()
            times = race({"direct": direct, "ours": ours}, 1 if quick else 3)
            ratio = times["direct"] / max(times["ours"], 1e-9)
            seconds = f"{times['direct']:.3f} | {times['ours']:.3f}"
            lines.append(f"| {name} | {n:,} | {seconds} | {ratio:.0f} | {apart:.0e} |")
    return lines


SECTIONS = (perceptrons, convolutions, scoring)


def main(arguments: list[str] | None = None) -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer models and rounds: under a minute")
    quick = parser.parse_args(arguments).quick
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, one thread\n")
    for section in SECTIONS:
        print("\n".join(section(quick)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
