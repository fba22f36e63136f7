"""Pull pictures out of one gradient, and write them down with a report.

``python -m course_lib.gradients passive --out DIR`` lets a client compute the gradient of one batch and reads
pictures from it; ``trap`` plants weights first, ``exclusive`` and ``peel`` also find labels and batch size.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib.datasets import as_pictures, pictures
from course_lib.gradients import (
    Gradient,
    client_gradient,
    detect_single,
    extract_rows,
    mlp,
    plant,
    psnr,
    reconstruct_batch,
    reconstruct_exclusive,
    trap_weights,
    tune_trap_scale,
)

ATTACKS = ("passive", "trap", "exclusive", "peel")
# Classes and grey levels of each source.
SOURCES = {
    "digits": (10, 17),
    "photos": (10, 256),
    "fundus": (5, 256),
    "cifar10": (10, 256),
    "mnist": (10, 256),
    "retinamnist": (5, 256),
}
SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
SAME_DB = 60.0  # from here on a picture counts as recovered
FILES = ("report.json", "pictures.png")


@dataclass(frozen=True)
class _Attack:
    """What one run holds: the client's side, and what the server made of the gradient."""

    truth: Tensor
    labels: Tensor
    image_shape: tuple[int, ...]
    found: Tensor
    findings: dict
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 1 where it cannot be done.

    Parameters
    ----------
    arguments : the words after the command's name; None for those of the command line.

    Examples
    --------
    >>> main(["passive", "--batch", "0", "--out", "pictures"])  # said on standard error: --batch is 0
    1
    """
    parser = argparse.ArgumentParser(prog="python -m course_lib.gradients", description=__doc__.split("\n")[0])
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("--data", choices=SOURCES, default="photos", help="whose pictures (photos)")
    parser.add_argument("--batch", type=int, default=8, help="pictures in the client's batch (8)")
    parser.add_argument("--seed", type=int, default=0, help="of pictures and weights (0)")
    parser.add_argument("--neurons", type=int, default=512, help="of the first layer (512)")
    parser.add_argument("--double", action="store_true", help="compute in float64 instead of float32")
    parser.add_argument("--folder", type=Path, default=Path("data"), help="where downloaded data lie (data)")
    parser.add_argument("--download", action="store_true", help="fetch data that are not in the folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures.png and report.json")
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run wrote there")
    options = parser.parse_args(arguments)
    try:
        _require_free(options.out, options.overwrite)
        attack = _run(options)
        report = _score(attack, options)
        _write(attack, report, options.out)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"{options.attack}: {error}".split("\n")[0], file=sys.stderr)
        return 1
    print("\n".join(in_words(report, options.out)))
    return 0


def _run(options: argparse.Namespace) -> _Attack:
    """The client's gradient, and what the attack reads from it."""
    for name in ("batch", "neurons"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} is {getattr(options, name)}; at least 1 is needed")
    if options.seed < 0:
        raise ValueError(f"--seed is {options.seed}; at least 0 is needed")
    n_classes, levels = SOURCES[options.data]
    images, labels = _pictures(options, options.batch, options.seed)
    truth = images.flatten(1)
    sizes = (truth.shape[1], options.neurons, n_classes)
    model = mlp(sizes, options.seed, dtype=torch.float64 if options.double else torch.float32)
    findings = {}
    if options.attack == "trap":
        model, findings["scale"] = _with_traps(model, truth, options)
    gradient = client_gradient(model, truth, labels)
    started = time.perf_counter()
    found, more = _attacked(options.attack, gradient, levels)
    seconds = time.perf_counter() - started
    return _Attack(truth, labels, images.shape[1:], found, findings | more, seconds)


def _pictures(options: argparse.Namespace, n: int, seed: int) -> tuple[Tensor, Tensor]:
    try:
        images, labels = pictures(options.data, n, seed, options.folder, options.download)
    except FileNotFoundError as error:
        message = f"{options.data} is not in {str(options.folder)!r}: add --download, or name its place with --folder"
        raise FileNotFoundError(message) from error
    return torch.from_numpy(images), torch.from_numpy(labels)


def _with_traps(model: nn.Module, truth: Tensor, options: argparse.Namespace) -> tuple[nn.Module, float]:
    """The model with trap weights, tuned on pictures that are not the client's."""
    others = _pictures(options, 4 * options.batch + 4, options.seed + 1)[0].flatten(1)
    others = others[torch.cdist(others, truth).min(1).values > 0]
    scale = tune_trap_scale(others, options.batch, options.neurons, SCALES, options.seed)
    weight = trap_weights(options.neurons, truth.shape[1], scale, seed=options.seed)
    return plant(model, weight), scale


def _attacked(attack: str, gradient: Gradient, levels: int) -> tuple[Tensor, dict]:
    """Pictures, and what else the attack says; nothing here knows the client's batch."""
    if attack in ("passive", "trap"):
        rows = extract_rows(gradient).inputs
        grid = (rows[detect_single(rows, levels)] * (levels - 1)).round()
        return torch.unique(grid, dim=0) / (levels - 1), {"rows": len(rows)}
    result = reconstruct_exclusive(gradient) if attack == "exclusive" else reconstruct_batch(gradient, levels=levels)
    return result.inputs, {
        "labels": result.labels.tolist(),
        "batch_size": result.batch_size,
        "complete": result.complete,
        "reason": result.reason,
    }


def _score(attack: _Attack, options: argparse.Namespace) -> dict:
    """The report: what was done and found, held against the client's batch.

    `psnr_db` holds a number for each of its pictures, 999 where the nearest one found is equal to it.
    """
    nearest = _nearest(attack)
    recovered = [near is not None and near[1] >= SAME_DB for near in nearest]
    used = {near[0] for near, ok in zip(nearest, recovered, strict=True) if ok}
    report = {
        "attack": options.attack,
        "data": options.data,
        "batch": options.batch,
        "seed": options.seed,
        "neurons": options.neurons,
        "dtype": "float64" if options.double else "float32",
        "found": len(attack.found),
        "recovered": sum(recovered),
        "false": len(attack.found) - len(used),
        "psnr_db": [None if near is None else round(min(near[1], 999.0), 1) for near in nearest],
        "seconds": round(attack.seconds, 4),
        **attack.findings,
    }
    if "labels" in attack.findings:
        right = [
            ok and attack.findings["labels"][near[0]] == label
            for near, ok, label in zip(nearest, recovered, attack.labels.tolist(), strict=True)
        ]
        report["labels_right"] = sum(right)
    return report


def _nearest(attack: _Attack) -> list[tuple[int, float] | None]:
    """For each of the client's pictures: the place of the nearest found one, and its PSNR in decibels."""
    if not len(attack.found):
        return [None] * len(attack.truth)
    # By differences: the shortcut by products, that torch takes for many rows, loses half of the digits.
    distances = torch.cdist(attack.truth.double(), attack.found.double(), compute_mode="donot_use_mm_for_euclid_dist")
    places = distances.argmin(1).tolist()
    return [(place, psnr(x, attack.found[place])) for place, x in zip(places, attack.truth, strict=True)]


def _require_free(folder: Path, overwrite: bool) -> None:
    there = [name for name in FILES if (folder / name).exists()]
    if there and not overwrite:
        raise ValueError(f"{folder / there[0]} is there already: give another --out, or --overwrite")


def _write(attack: _Attack, report: dict, folder: Path) -> None:
    """The report, and the client's pictures above what was recovered of each (grey: nothing)."""
    import matplotlib

    matplotlib.use("agg")  # a file is written; no window is opened
    import matplotlib.pyplot as plt

    from course_lib.plotting import plot_image_grid

    folder.mkdir(parents=True, exist_ok=True)
    shown = torch.full_like(attack.truth, 0.5)
    for place, near in enumerate(_nearest(attack)):
        if near is not None and near[1] >= SAME_DB:
            shown[place] = attack.found[near[0]].to(shown)
    columns = min(len(shown), 16)
    rows = [part for pair in zip(attack.truth.split(columns), shown.split(columns), strict=True) for part in pair]
    blank = columns - len(rows[-1])
    rows = [torch.cat([row, torch.ones(blank, row.shape[1])]) if len(row) < columns else row for row in rows]
    axes = plot_image_grid(as_pictures(torch.cat(rows), attack.image_shape), columns=columns, size=0.9)
    axes[0].figure.savefig(folder / "pictures.png", dpi=100, bbox_inches="tight")
    plt.close(axes[0].figure)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def in_words(report: dict, folder: Path) -> list[str]:
    """The report as lines of plain text.

    Examples
    --------
    >>> report = {"recovered": 3, "batch": 8, "false": 0, "seconds": 0.01, "scale": 0.9}
    >>> in_words(report, Path("out"))[0]
    '3 of 8 pictures recovered, 0 false ones, in 0.01 s.'
    """
    lines = [
        f"{report['recovered']} of {report['batch']} pictures recovered, {report['false']} false ones, "
        f"in {report['seconds']:.2g} s."
    ]
    if "scale" in report:
        lines.append(f"Trap weights with scale {report['scale']:g}, tuned on other pictures.")
    if "complete" in report:
        size = report["batch_size"]
        lines.append(f"Labels right: {report['labels_right']}. Batch size: {'unknown' if size is None else size}.")
        lines.append(f"Shown to be complete: {'yes' if report['complete'] else 'no'} ({report['reason']}).")
    return [*lines, f"See {folder / 'pictures.png'} (sent above, recovered below) and {folder / 'report.json'}."]


if __name__ == "__main__":
    sys.exit(main())
