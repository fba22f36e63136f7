"""The whole recipe, from records to a report, in a folder where it can be interrupted and resumed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.job import Job
from course_lib.membership.lira import LiRA
from course_lib.membership.metrics import (
    Roc,
    advantage,
    auc,
    balanced_accuracy,
    per_class_report,
    precision_recall,
    roc,
    tpr_at_fpr,
)
from course_lib.membership.networks import network
from course_lib.membership.plans import ShadowPlan
from course_lib.membership.recipe import Prepared, prepare, seeds_of
from course_lib.membership.rmia import RMIA
from course_lib.membership.runfolder import RunFolder, default_folder
from course_lib.membership.settings import AttackSettings, Settings, ShadowSettings, VictimSettings, optimizer_of
from course_lib.membership.shadow_attack import ShadowAttack
from course_lib.membership.simple_attacks import Confidence, Entropy, GapAttack, LossThreshold, ModifiedEntropy
from course_lib.membership.training import choose_engine, row_cross_entropy, train_shadows
from course_lib.plotting import plot_roc

SIMPLE = {
    "gap": GapAttack, "loss": LossThreshold, "confidence": Confidence, "entropy": Entropy,
    "modified_entropy": ModifiedEntropy,
}  # fmt: skip
FALSE_ALARMS = (0.01, 0.001)


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a run found.

    Parameters
    ----------
    folder : where everything lies.
    accuracies : of victim and shadows, on the records they trained on and on their non-members, in [0, 1].
    attacks : for each attack its measures, as the functions of these names give them; None where a
        false-positive rate is finer than one non-member.

    Examples
    --------
    >>> RunReport(Path("runs/digits"), {"victim_test": 0.93}, []).folder.name
    'digits'
    """

    folder: Path
    accuracies: dict[str, float]
    attacks: list[dict[str, Any]]


def run_recipe(settings: Settings, say: Callable[[str], None] = lambda line: None) -> RunReport:
    """Run the shadow-model attack from records to report (Shokri et al. 2017, Section V).

    Data are prepared, the victim and the shadows trained, the attacks fitted on the shadows' outputs and
    tried on the victim's records. Each phase that is finished in the folder is not done again, each part of
    the shadows neither, so the same call goes on where it was interrupted. Left in the folder:
    ``settings.json``, ``sets.npz`` (who is in which set), ``victim`` and ``shadows`` (bundles),
    ``epochs.csv``, ``report.json``, ``report.csv``, ``classes.csv``, ``scores.npz``, ``roc.png``.

    Parameters
    ----------
    settings : from `resolve_settings`.
    say : takes a line of news, such as ``print``.

    Returns
    -------
    RunReport.

    Raises
    ------
    ValueError
        if the folder holds another run, artefacts to be reused differ from what is asked, or for data as in
        `split_victim_shadow`, `ShadowPlan` and `train_shadows`.
    FileNotFoundError
        if the data are not there.

    Examples
    --------
    >>> import tempfile
    >>> from course_lib.membership import resolve_settings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     few = ["victim.epochs=2", "shadow.epochs=2", "shadow.n_models=2", "attack.names=gap,loss"]
    ...     report = run_recipe(resolve_settings(["data.name=breast_cancer", *few, f"run.folder={folder}"]))
    >>> [attack["attack"] for attack in report.attacks]
    ['gap', 'loss']
    """
    folder = RunFolder(Path(settings.run.folder or default_folder(settings)), settings)
    say(f"run folder: {folder.path}")
    prepared = prepare(settings)
    folder.keep_data(prepared)
    split = prepared.split
    say(
        f"{settings.data.name}: {len(prepared.y)} records in {len(prepared.classes)} classes; victim "
        f"{len(split.victim_in)} in, {len(split.victim_out)} out; pools of {len(split.shadow_in_pool)} and "
        f"{len(split.shadow_out_pool)}"
    )
    victim = _victim(folder, settings, prepared, say)
    shadows = _shadows(folder, settings, prepared, say)
    folder.write_csv("epochs.csv", [*_epochs("victim", victim), *_epochs("shadow", shadows)])
    return _attack(folder, settings, prepared, victim, shadows, say)


def _victim(folder: RunFolder, settings: Settings, prepared: Prepared, say) -> ShadowBundle:
    if folder.has("victim"):
        say("victim: finished before")
        return folder.load("victim")
    if settings.victim.reuse:
        say(f"victim: taken from {settings.victim.reuse}")
        bundle = folder.borrow("victim", settings.victim.reuse, settings, prepared)
    else:
        say("victim: training")
        plan = ShadowPlan.victim(prepared.split, len(prepared.y))
        seed = seeds_of(settings.run.seed)["victim"]
        bundle = train_shadows(prepared.X, prepared.y, plan, **_training(settings.victim, prepared), seed=seed)
    folder.save("victim", bundle)
    return bundle


def _shadows(folder: RunFolder, settings: Settings, prepared: Prepared, say) -> ShadowBundle:
    if folder.has("shadows"):
        say(f"shadows: all {prepared.plan.n_models} finished before")
    elif settings.shadow.reuse:
        say(f"shadows: taken from {settings.shadow.reuse}")
        folder.save("shadows", folder.borrow("shadows", settings.shadow.reuse, settings, prepared))
    else:
        parts = [_part(folder, settings, prepared, models, say) for models in _parts(settings, prepared)]
        folder.save("shadows", ShadowBundle.join([folder.load(part) for part in parts]))
    folder.drop("parts")
    return folder.load("shadows")


def _parts(settings: Settings, prepared: Prepared) -> Iterator[range]:
    """Shadows that are finished and saved together: a chunk where they are trained together, else one."""
    shadow, n_models = settings.shadow, prepared.plan.n_models
    engine = shadow.engine
    if engine == "auto":
        recipe = _training(shadow, prepared)
        job = Job(
            prepared.X, prepared.y, prepared.plan, recipe["model"], recipe["optimizer"], row_cross_entropy, 1, 1, 0
        )
        engine = choose_engine(job, job.fresh_model(0))
    size = 1 if engine == "loop" else shadow.chunk
    return (range(n_models)[first : first + size] for first in range(0, n_models, size))


def _part(folder: RunFolder, settings: Settings, prepared: Prepared, models: range, say) -> str:
    """Train these shadows unless they are finished; the name of their bundle."""
    name = f"parts/{models.start:04d}-{models.stop - 1:04d}"
    which = f"shadows {models.start + 1} to {models.stop} of {prepared.plan.n_models}"
    if folder.has(name):
        say(f"{which}: finished before")
        return name
    say(f"{which}: training")
    shadow = settings.shadow
    bundle = train_shadows(
        prepared.X, prepared.y, prepared.plan.subset(models), **_training(shadow, prepared), engine=shadow.engine,
        chunk=shadow.chunk, n_jobs=shadow.n_jobs, seed=seeds_of(settings.run.seed)["shadow"],
    )  # fmt: skip
    folder.save(name, bundle)
    return name


def _training(settings: VictimSettings | ShadowSettings, prepared: Prepared) -> dict[str, Any]:
    shape = prepared.X.shape[1:]
    return {
        "model": network(settings.model.arch, shape, len(prepared.classes), settings.model.widths or None),
        "optimizer": optimizer_of(settings.optimizer),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
    }


def _epochs(phase: str, bundle: ShadowBundle) -> Iterator[dict[str, Any]]:
    for model, losses in enumerate(bundle.losses):
        for epoch, loss in enumerate(losses, start=1):
            yield {"phase": phase, "model": model, "epoch": epoch, "loss": float(loss)}


def _attack(folder, settings: Settings, prepared: Prepared, victim, shadows, say) -> RunReport:
    """Fit and try the attacks, and write what they find."""
    split, y = prepared.split, prepared.y
    records = np.concatenate([split.victim_in, split.victim_out])
    member = np.arange(len(records)) < len(split.victim_in)
    rows, labels = victim.logits[0][records], y[records]
    scores, attacks, classes = {}, [], []
    for name in settings.attack.names:
        say(f"attack: {name}")
        attack, has_border = make_attack(name, settings)
        if name in ("lira", "rmia"):
            attack.fit(shadows, y, records=records)
        else:
            attack.fit(shadows, y)
        scores[name] = found = attack.score(rows, labels, records=records)
        threshold = 0.0 if has_border else None
        attacks.append({"attack": name, **measures(found[member], found[~member], threshold)})
        report = per_class_report(found[member], labels[member], found[~member], labels[~member], threshold)
        classes += [
            {"attack": name, **_plain(asdict(one)), "label": int(prepared.classes[one.label])} for one in report
        ]
    accuracies = _accuracies("victim", victim, y) | _accuracies("shadows", shadows, y)
    _draw(folder, {name: roc(found[member], found[~member]) for name, found in scores.items()}, int((~member).sum()))
    folder.write_arrays("scores.npz", records=records, member=member, label=labels, **scores)
    folder.write_csv("classes.csv", classes)
    folder.write_csv("report.csv", attacks)
    folder.write_json("report.json", {"accuracies": accuracies, "attacks": attacks, "classes": classes})
    return RunReport(folder.path, accuracies, attacks)


def _draw(folder: RunFolder, curves: dict[str, Roc], n_non_members: int) -> None:
    """The curves as ``roc.png``, down to the power of ten below one false alarm."""
    smallest = 10.0 ** math.floor(-math.log10(n_non_members))
    axes = Figure(figsize=(6.4, 4.4)).subplots()
    plot_roc(curves, [rate for rate in FALSE_ALARMS if rate > smallest], min(smallest, 0.1), ax=axes)
    axes.figure.savefig(folder.path / "roc.png", dpi=150, bbox_inches="tight")


def make_attack(name: str, settings: Settings):
    """The attack of this name, and whether a score of 0 is its own border between in and out.

    Parameters
    ----------
    name : one of ``course_lib.membership.settings.ATTACKS``.
    settings : of the run. LiRA and RMIA are online under half sampling only: shadows of disjoint pools have
        never seen the victim's records.

    Returns
    -------
    An attack with ``fit`` and ``score``, and a bool.

    Examples
    --------
    >>> attack, has_border = make_attack("lira", Settings())
    >>> attack.mode, has_border
    ('offline', False)
    """
    chosen: AttackSettings = settings.attack
    if name == "shadow":
        seed, optimizer = seeds_of(settings.run.seed)["attack"], optimizer_of(chosen.optimizer)
        attack = ShadowAttack(
            chosen.features, chosen.route, chosen.layers, optimizer, chosen.epochs, chosen.batch_size, seed
        )
        return attack, True
    if name in SIMPLE:
        return SIMPLE[name](), True
    # Shadows of disjoint pools have never seen the victim's records.
    online = settings.shadow.plan == "half_sampling"
    mode = "online" if online else "offline"
    return (LiRA(mode), online) if name == "lira" else (RMIA(mode), False)


def measures(members: np.ndarray, non_members: np.ndarray, threshold: float | None) -> dict[str, Any]:
    """The numbers of one attack; without a threshold of its own, at the best one for these very scores.

    Parameters
    ----------
    members, non_members : (n,) scores, higher for members.
    threshold : from here on a record is called a member; None for the best in hindsight.

    Returns
    -------
    dict by measure; None for what these scores cannot tell.

    Raises
    ------
    ValueError
        if a side is empty or a score is NaN or infinite.

    Examples
    --------
    >>> found = measures(np.array([3.0, 2.0]), np.array([1.0, 0.0]), threshold=1.5)
    >>> found["auc"], found["balanced_accuracy"], found["threshold"]
    (1.0, 1.0, 'learnt on shadows')
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be measured is None in the report
        precision, recall = precision_recall(members, non_members, threshold)
        found = {
            "auc": auc(members, non_members),
            **{f"tpr_at_{rate:g}_fpr": tpr_at_fpr(members, non_members, rate) for rate in FALSE_ALARMS},
            "threshold": "best in hindsight" if threshold is None else "learnt on shadows",
            "balanced_accuracy": balanced_accuracy(members, non_members, threshold),
            "precision": precision,
            "recall": recall,
            "advantage": advantage(members, non_members, threshold),
        }
    return _plain(found)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN as None, which JSON can hold."""
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def _accuracies(who: str, bundle: ShadowBundle, y: np.ndarray) -> dict[str, float]:
    right = bundle.logits.argmax(axis=2) == y
    outside = bundle.used & ~bundle.membership
    return {f"{who}_train": float(right[bundle.membership].mean()), f"{who}_test": float(right[outside].mean())}
