"""DP-SGD against Opacus, the whole attack against ART: python benchmarks/membership_libraries.py

Needs the extra [bench]; what is not installed is left out. All times are CPU seconds of one run and one
thread, so the ratios mean something, and the seconds less.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from course_lib.datasets import purchase_like
from course_lib.membership import (
    LiRA,
    ShadowAttack,
    ShadowPlan,
    Split,
    auc,
    mlp,
    train_dp,
    train_shadows,
)

SGD = partial(torch.optim.SGD, lr=0.5)
ADAM = partial(torch.optim.Adam, lr=1e-3)
RATE, CLIP, SIGMA, DELTA = 0.05, 1.0, 1.0, 1e-5


def race(ways: dict[str, Callable[[], object]], n_rounds: int) -> dict[str, tuple[float, object]]:
    """Median CPU seconds of each way, round by round through all of them, and what it gave last."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for _ in range(n_rounds):
        for name, way in ways.items():
            start = time.process_time()
            found[name] = way()
            times[name].append(time.process_time() - start)
    return {name: (float(np.median(times[name])), found[name]) for name in ways}


def missing(module: str, package: str) -> list[str]:
    """What to say under a table that has no line of a library."""
    return [] if importlib.util.find_spec(module) else ["", f"Not compared: pip install {package}"]


# DP-SGD


def by_opacus(X: torch.Tensor, y: torch.Tensor, members: torch.Tensor, epochs: int, mode: str) -> float:
    """The same training as its documentation writes it; the epsilon of its accountant."""
    from opacus import PrivacyEngine

    data = torch.utils.data.TensorDataset(X[members], y[members])
    model = mlp(X.shape[1], int(y.max()) + 1)
    engine = PrivacyEngine(accountant="rdp")
    options = {} if mode == "hooks" else {"criterion": nn.CrossEntropyLoss(), "grad_sample_mode": mode}
    made = engine.make_private(
        module=model,
        optimizer=SGD(model.parameters()),
        data_loader=torch.utils.data.DataLoader(data, batch_size=round(RATE * len(data))),
        noise_multiplier=SIGMA,
        max_grad_norm=CLIP,
        **options,
    )
    model, optimizer, criterion, loader = made if len(made) == 4 else (*made[:2], nn.CrossEntropyLoss(), made[2])
    for _ in range(epochs):
        for records, labels in loader:
            optimizer.zero_grad()
            criterion(model(records), labels).backward()
            optimizer.step()
    return engine.get_epsilon(DELTA)


def private_training(quick: bool) -> list[str]:
    """One model and many, in Markdown, a line a way and how many times the CPU time of ours it takes."""
    n, epochs, n_rounds = 4000, 5 if quick else 20, 1 if quick else 5
    X, y = purchase_like(n, n_classes=20)
    plan, steps = ShadowPlan.half_sampling(n, 16, seed=0), round(epochs / RATE)
    train = partial(
        train_dp, X, y, model=partial(mlp, 100, 20), optimizer=SGD, noise_multiplier=SIGMA, clip=CLIP,
        sample_rate=RATE, steps=steps, delta=DELTA,
    )  # fmt: skip
    ways = {"ours, one model": partial(train, plan.subset([0])), "ours, 16 models at once": partial(train, plan)}
    if importlib.util.find_spec("opacus"):
        members = torch.tensor(plan.membership[0])
        for mode in ("hooks", "ghost"):
            way = partial(by_opacus, torch.tensor(X), torch.tensor(y), members, epochs, mode)
            ways[f"Opacus, one model, {mode}"] = way
    race(ways, 1)  # what is set up once is not counted
    times = {}
    for name, (seconds, found) in race(ways, n_rounds).items():
        epsilon = found if isinstance(found, float) else found.epsilon
        times[name] = (seconds / (16 if "16" in name else 1), epsilon)
    single = times["ours, one model"][0]
    return [
        f"DP-SGD of perceptrons 100-64-20 on 2000 records, {steps} steps of about 100; noise {SIGMA:g}, clip {CLIP:g}:",
        "",
        "| way | CPU seconds a model | ÷ ours, one model | ε |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {s:.3f} | {s / single:.2f} | {e:.2f} |" for name, (s, e) in times.items()),
        *missing("opacus", "opacus"),
    ]


# The whole attack


def our_attack(X, y, split: Split, epochs: int, n_models: int) -> dict[str, np.ndarray]:
    """Shadows, attacks, scores of the victim's records, from nothing."""
    logits = victim_logits(X, y, split, epochs)
    records = np.concatenate([split.victim_in, split.victim_out])
    plan = ShadowPlan.disjoint_pools(split, n_models, 1000, seed=0, n_records=len(y))
    bundle = train_shadows(X, y, plan, partial(mlp, X.shape[1], 50), ADAM, epochs, 32)
    attack, lira = ShadowAttack().fit(bundle, y), LiRA("offline").fit(bundle, y, records=records)
    rows, labels = logits[records], y[records]
    return {
        "ours, Shokri by class": attack.score(rows, labels),
        "ours, LiRA offline": lira.score(rows, labels, records=records),
    }


def victim_logits(X, y, split: Split, epochs: int) -> np.ndarray:
    """The victim's outputs: the same model for every way."""
    plan = ShadowPlan.victim(split, len(y))
    return train_shadows(X, y, plan, partial(mlp, X.shape[1], 50), ADAM, epochs, 32).logits[0]


def art_attack(X, y, split: Split, epochs: int, n_models: int, with_softmax: bool) -> np.ndarray:
    """ART's shadows and its neural attack, with the settings it comes with; scores of the victim's records."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox, ShadowModels
    from art.estimators.classification import PyTorchClassifier

    class Classifier(PyTorchClassifier):
        def fit(self, x, y, **options):
            super().fit(x, y, batch_size=32, nb_epochs=epochs)

        def predict(self, x, **options):
            outputs = super().predict(x, batch_size=512)
            return softmax(outputs, axis=1) if with_softmax else outputs

    outputs = victim_logits(X, y, split, epochs)
    model = mlp(X.shape[1], 50)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    template = Classifier(model, nn.CrossEntropyLoss(), (X.shape[1],), 50, optimizer=optimizer)
    pool = np.concatenate([split.shadow_in_pool, split.shadow_out_pool])
    shadows = ShadowModels(template, num_shadow_models=n_models, random_state=0)
    inside, outside = shadows.generate_shadow_dataset(X[pool], np.eye(50, dtype=np.float32)[y[pool]])
    attack = MembershipInferenceBlackBox(template, attack_model_type="nn")
    attack.fit(*inside[:2], *outside[:2], inside[2], outside[2])
    records = np.concatenate([split.victim_in, split.victim_out])
    rows = softmax(outputs[records], axis=1) if with_softmax else outputs[records]
    return attack.infer(X[records], y[records], pred=rows, probabilities=True).ravel()


def whole_attack(quick: bool) -> list[str]:
    """From records to scores, in Markdown: CPU seconds and AUC."""
    n_models, epochs = (2, 10) if quick else (16, 30)
    X, y = purchase_like(4000)
    split = Split(np.arange(1000), np.arange(1000, 2000), np.arange(2000, 3000), np.arange(3000, 4000))
    our_attack(X, y, split, 1, 2)
    ((seconds, scores),) = race(
        {"ours": partial(our_attack, X, y, split, epochs, n_models)}, 1 if quick else 3
    ).values()
    rows = [(name, seconds, found) for name, found in scores.items()]
    if importlib.util.find_spec("art"):
        torch.manual_seed(0)
        ways = {
            f"ART, neural, fed {'posteriors' if w else 'logits'}": partial(art_attack, X, y, split, epochs, n_models, w)
            for w in (False, True)
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows += [(name, spent, found) for name, (spent, found) in race(ways, 1).items()]
    return [
        f"Victim of 1000 records and 50 classes, {n_models} shadows of 1000, {epochs} epochs, attack, 2000 scores:",
        "",
        "| attack | CPU seconds, all in all | ÷ ours | AUC |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {s:.1f} | {s / seconds:.1f} | {auc(f[:1000], f[1000:]):.3f} |" for name, s, f in rows),
        *missing("art", "adversarial-robustness-toolbox"),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps and shadows")
    quick = parser.parse_args(arguments).quick
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, one thread\n")
    for section in (private_training, whole_attack):
        print("\n".join(section(quick)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
