"""What a run of the whole recipe can be told: keys, types, defaults, and the defaults of each data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from course_lib.membership.networks import NETWORKS
from course_lib.membership.overrides import (
    Key,
    SettingsError,
    file_pairs,
    keys_of,
    overrides,
    pairs_of,
    setting,
    with_values,
)
from course_lib.membership.shadow_attack import FEATURES
from course_lib.membership.training import ENGINES

DATA = ("purchase", "digits", "breast_cancer", "cifar10", "file")
OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
ATTACKS = ("shadow", "gap", "loss", "confidence", "entropy", "modified_entropy", "lira", "rmia")
PLANS = ("disjoint_pools", "half_sampling")


@dataclass(frozen=True)
class DataSettings:
    """Which records: the keys ``data.*``. Values are looked at by `resolve_settings`, not here.

    Examples
    --------
    >>> DataSettings(name="digits").classes  # none chosen: all of them
    ()
    """

    name: str = setting("purchase", "the data set; purchase is synthetic, cifar10 is downloaded, file is yours", DATA)
    classes: tuple[int, ...] = setting((), "keep these classes only; none for all", least=0)
    n: int = setting(6000, "records to draw; purchase only", least=1)
    n_classes: int = setting(50, "classes to draw; purchase only", least=2)
    flip: float = setting(0.3, "chance that a bit differs from its class's, 0 to 0.5; purchase only", least=0)
    folder: str = setting("data", "where cifar-10-batches-py lies or will lie; cifar10 only")
    download: bool = setting(False, "fetch what is not in the folder; cifar10 only")
    path: str = setting("", "an .npz of X (n, …) and y (n,), and X_test and y_test if there are; file only")


@dataclass(frozen=True)
class ModelSettings:
    """An architecture: the keys ``victim.model.*`` and ``shadow.model.*``.

    Examples
    --------
    >>> ModelSettings(widths=(64, 32))
    ModelSettings(arch='mlp', widths=(64, 32))
    """

    arch: str = setting("mlp", "architecture", NETWORKS)
    widths: tuple[int, ...] = setting((), "of its layers; none for the architecture's own", least=1)


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimiser: the keys ``victim.optimizer.*``, ``shadow.optimizer.*`` and ``attack.optimizer.*``.

    Examples
    --------
    >>> OptimizerSettings(name="sgd", lr=0.1, momentum=0.9).weight_decay
    0.0
    """

    name: str = setting("adam", "optimiser", OPTIMIZERS)
    lr: float = setting(0.001, "learning rate", above=0)
    momentum: float = setting(0.0, "for sgd and rmsprop", least=0)
    weight_decay: float = setting(0.0, "squared weights in the loss, or decay for adamw", least=0)


@dataclass(frozen=True)
class VictimSettings:
    """The model under attack: the keys ``victim.*``.

    Examples
    --------
    >>> VictimSettings().per_class, VictimSettings().model.arch
    (20, 'mlp')
    """

    per_class: int = setting(20, "records of each class that train the victim", least=1)
    out_per_class: int = setting(20, "records of each class kept as its non-members, beside any test set", least=0)
    model: ModelSettings = ModelSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    epochs: int = setting(30, "passes over its records", least=1)
    batch_size: int = setting(32, "records in a step", least=1)
    reuse: str = setting("", "take the victim from this run folder and do not train")


@dataclass(frozen=True)
class ShadowSettings:
    """The attacker's models: the keys ``shadow.*``.

    Examples
    --------
    >>> ShadowSettings().n_models, ShadowSettings().plan
    (16, 'disjoint_pools')
    """

    n_models: int = setting(16, "number of shadows", least=1)
    plan: str = setting("disjoint_pools", "pools as in Shokri et al., or random halves as in Carlini et al.", PLANS)
    set_size: int = setting(1000, "records in each shadow's training set, and in its test set; pools only", least=1)
    model: ModelSettings = ModelSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    epochs: int = setting(30, "passes over its records", least=1)
    batch_size: int = setting(32, "records in a step", least=1)
    engine: str = setting("auto", "how shadows are trained", ENGINES)
    chunk: int = setting(16, "shadows trained and saved together; the engine loop saves each", least=1)
    n_jobs: int = setting(1, "processes of the engine joblib; -1 for every core")
    reuse: str = setting("", "take the shadows from this run folder and train none")


@dataclass(frozen=True)
class AttackSettings:
    """The attacks on the victim: the keys ``attack.*``.

    Examples
    --------
    >>> AttackSettings().names
    ('shadow', 'gap', 'loss', 'lira', 'rmia')
    """

    names: tuple[str, ...] = setting(
        ("shadow", "gap", "loss", "lira", "rmia"), "attacks to run, in this order", ATTACKS
    )
    features: str = setting("posteriors", "what the models of the shadow attack see", FEATURES)
    route: str = setting("predicted", "whose model judges a row", ("predicted", "true"))
    layers: tuple[int, ...] = setting((64,), "hidden layers of the shadow attack's models", least=1)
    optimizer: OptimizerSettings = OptimizerSettings(lr=0.01)
    epochs: int = setting(30, "passes over the rows of the largest class", least=1)
    batch_size: int = setting(64, "rows of each class in a step", least=1)


@dataclass(frozen=True)
class RunSettings:
    """Where and from which seed: the keys ``run.*``.

    Examples
    --------
    >>> RunSettings(seed=7)
    RunSettings(folder='', seed=7)
    """

    folder: str = setting("", "where results go; none for runs/DATA-LETTERS, the letters made from the settings")
    seed: int = setting(0, "of everything drawn: data, split, weights, batches", least=0)


@dataclass(frozen=True)
class Settings:
    """All settings of a run; `resolve_settings` makes them.

    Parameters
    ----------
    data : which records.
    victim : the model under attack.
    shadow : the attacker's models.
    attack : the attacks on the victim.
    run : where, and from which seed.

    Examples
    --------
    >>> Settings().shadow.optimizer.lr
    0.001
    """

    data: DataSettings = DataSettings()
    victim: VictimSettings = VictimSettings()
    shadow: ShadowSettings = ShadowSettings()
    attack: AttackSettings = AttackSettings()
    run: RunSettings = RunSettings()


KEYS: dict[str, Key] = keys_of(Settings)

# Other spellings of a part of a key; "" is left out, so SHADOW.TRAIN.SET_SIZE is shadow.set_size.
ALIASES = {"alpha": "lr", "train": "", "optimiser": "optimizer", "architecture": "arch", "num_models": "n_models"}

# What differs from the defaults above for a data set; the file and the command line win over these.
PRESETS: dict[str, dict[str, Any]] = {
    "purchase": {},
    "digits": {"victim.per_class": 50, "victim.out_per_class": 30, "shadow.set_size": 400},
    "breast_cancer": {"victim.per_class": 60, "victim.out_per_class": 40, "shadow.set_size": 120},
    "cifar10": {
        "victim.per_class": 1500, "victim.out_per_class": 0, "shadow.set_size": 15_000,
        "victim.model.arch": "simple_cnn", "shadow.model.arch": "simple_cnn",
        "victim.batch_size": 128, "shadow.batch_size": 128,
    },
    "file": {"victim.per_class": 50, "victim.out_per_class": 30, "shadow.set_size": 400},
}  # fmt: skip

# Keys that mean something for one value of another key only.
ONLY = {
    "data.n": ("data.name", "purchase"), "data.n_classes": ("data.name", "purchase"),
    "data.flip": ("data.name", "purchase"), "data.folder": ("data.name", "cifar10"),
    "data.download": ("data.name", "cifar10"), "data.path": ("data.name", "file"),
    "shadow.set_size": ("shadow.plan", "disjoint_pools"),
}  # fmt: skip


def resolve_settings(words: Sequence[str] = (), file: str | Path | None = None) -> Settings:
    """Settings from a command line and a TOML file.

    The command line wins over the file, the file over the defaults of the data set.

    Parameters
    ----------
    words : ``"shadow.n_models=16"``, or ``"SHADOW.N_MODELS", "16"``, in any order.
    file : TOML with tables as in ``[shadow.model]``, or the ``settings.json`` of a run; None for none.

    Returns
    -------
    Settings.

    Raises
    ------
    ValueError
        for an unknown key (the nearest is named), a value of another type or beyond its limits, a key that
        is given twice, and one that means nothing for this data set or plan.

    Examples
    --------
    >>> settings = resolve_settings(["shadow.model.arch=simplecnn", "SHADOW.OPTIMIZER.ALPHA", "0.01"])
    >>> settings.shadow.model.arch, settings.shadow.optimizer.lr
    ('simple_cnn', 0.01)
    >>> resolve_settings(["shadow.n_model=4"])
    Traceback (most recent call last):
    course_lib.membership.overrides.SettingsError: there is no setting 'shadow.n_model': did you mean shadow.n_models?
    """
    of_file = overrides(file_pairs(file), KEYS, ALIASES) if file is not None else {}
    given = of_file | overrides(pairs_of(words), KEYS, ALIASES)
    name = given.get("data.name", Settings().data.name)
    settings = with_values(Settings(), PRESETS[name] | given)
    _check_together(settings, given)
    return settings


def _check_together(settings: Settings, given: dict[str, Any]) -> None:
    """What one setting asks of another."""
    for key, (other, value) in ONLY.items():
        part, field_name = other.split(".")
        has = getattr(getattr(settings, part), field_name)
        if key in given and has != value:
            raise SettingsError(f"{key} is for {other}={value} only, and {other} is {has}: leave it out")
    if settings.data.name == "file" and not settings.data.path:
        raise SettingsError("data.name is file: say which with data.path=FILE.npz")
    if settings.data.flip > 0.5:
        raise SettingsError(f"data.flip is at most 0.5, not {settings.data.flip}")
    names = settings.attack.names
    if not names or len(set(names)) < len(names):
        raise SettingsError(f"attack.names is {shown(names)}: name at least one attack, and each once")
    if "lira" in names and settings.shadow.n_models < 2:
        raise SettingsError("lira needs two shadows for a variance: raise shadow.n_models or leave it out")
    for phase in (settings.victim, settings.shadow, settings.attack):
        optimizer_of(phase.optimizer)


def optimizer_of(settings: OptimizerSettings) -> partial:
    """A function of the parameters that makes this optimiser.

    Parameters
    ----------
    settings : which optimiser, and with what.

    Returns
    -------
    a ``partial`` that takes parameters.

    Raises
    ------
    SettingsError
        if it has no momentum and one is set.

    Examples
    --------
    >>> import torch
    >>> optimizer_of(OptimizerSettings(name="sgd", lr=0.5))([torch.zeros(1, requires_grad=True)]).defaults["lr"]
    0.5
    """
    options = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.momentum and settings.name not in ("sgd", "rmsprop"):
        raise SettingsError(f"{settings.name} has no momentum to set: take sgd or rmsprop, or leave it out")
    if settings.momentum:
        options["momentum"] = settings.momentum
    return partial(OPTIMIZERS[settings.name], **options)


def settings_help() -> str:
    """All keys with types, defaults and what they are for, as lines of text: two a key.

    Examples
    --------
    >>> print("\\n".join(settings_help().splitlines()[-2:]))
      run.seed  (int)
          of everything drawn: data, split, weights, batches [default 0]
    """
    lines = []
    for key in KEYS.values():
        kind = " | ".join(key.choices) if key.choices else key.type_name
        if key.choices and key.type_name.endswith("…"):
            kind = f"some of {', '.join(key.choices)}"
        others = [f"{name}: {shown(preset[key.name])}" for name, preset in PRESETS.items() if key.name in preset]
        default = "; ".join([f"default {shown(key.default)}", *others])
        lines += [f"  {key.name}  ({kind})", f"      {key.about} [{default}]"]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A value as the command line takes it.

    >>> shown((64, 32)), shown(True), shown("")
    ('64,32', 'true', 'none')
    """
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else "none"
