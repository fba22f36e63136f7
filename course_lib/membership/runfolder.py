"""The folder of a run: what it was told, what it has finished, and nothing of any other run."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.membership.bundle import ARRAYS, ShadowBundle
from course_lib.membership.overrides import SettingsError, flat
from course_lib.membership.recipe import Prepared, seeds_of
from course_lib.membership.settings import ONLY, Settings, shown

# Where things lie, or how many work on them, changes no result.
PLACES = ("run.folder", "data.folder", "data.download", "shadow.n_jobs")


class RunFolder:
    """A folder that holds one run; opened again with the same settings, the run goes on.

    Parameters
    ----------
    path : the folder; made if it is not there.
    settings : of the run.

    Raises
    ------
    ValueError
        if the folder holds a run with other settings or other versions, or files that are no run.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     run = RunFolder(Path(place) / "run", Settings())
    ...     [file.name for file in run.path.iterdir()], run.has("victim")
    (['settings.json'], False)
    """

    def __init__(self, path: Path, settings: Settings):
        self.path = path
        told = {
            "settings": meaning(settings),
            "seeds": seeds_of(settings.run.seed),
            "versions": {name: version(name) for name in ("torch", "numpy")},
        }
        if (path / "settings.json").exists():
            _require_same(path, json.loads((path / "settings.json").read_text(encoding="utf-8")), told)
        elif path.exists() and any(path.iterdir()):
            raise SettingsError(f"{path} holds files but no run: choose another run.folder")
        else:
            path.mkdir(parents=True, exist_ok=True)
            self.write_json("settings.json", told)

    def keep_data(self, prepared: Prepared) -> None:
        """Write who is in which set, or compare with what is written.

        Raises
        ------
        ValueError
            if the run was begun on other records.
        """
        if (self.path / "sets.npz").exists():
            _require_same_sets(self.path, prepared, prepared.plan.n_models, "run.folder")
        else:
            self.write_arrays("sets.npz", **_sets_of(prepared), fingerprint=np.array(prepared.fingerprint))

    def has(self, name: str) -> bool:
        """Whether a bundle of this name is finished."""
        return (self.path / name / ARRAYS).is_file()

    def load(self, name: str) -> ShadowBundle:
        """A finished bundle of this name."""
        return ShadowBundle.load(self.path / name)

    def save(self, name: str, bundle: ShadowBundle) -> None:
        """Write a bundle; what an interruption left half-written is replaced."""
        bundle.save(self.path / name, overwrite=True)

    def drop(self, name: str) -> None:
        """Remove a folder of bundles that another has taken in."""
        shutil.rmtree(self.path / name, ignore_errors=True)

    def borrow(self, name: str, source: str, settings: Settings, prepared: Prepared) -> ShadowBundle:
        """The victim or the shadows of another run, of which the same would come out here.

        Parameters
        ----------
        name : "victim" or "shadows".
        source : the folder of the other run.
        settings, prepared : of this run.

        Raises
        ------
        ValueError
            if that run is not finished so far, or differs in its data or in a setting of this phase.
        """
        key, other = f"{name.rstrip('s')}.reuse", Path(source)
        if not (other / "settings.json").is_file() or not (other / name / ARRAYS).is_file():
            raise SettingsError(f"{key}: {source} holds no finished {name}; name a run folder that does")
        told = json.loads((other / "settings.json").read_text(encoding="utf-8"))["settings"]
        phase = {n: v for n, v in meaning(settings).items() if n.split(".")[0] == key.split(".")[0]}
        for one, value in phase.items():
            enough = one == "shadow.n_models" and told.get(one, 0) >= value
            if one != key and told.get(one) != value and not enough:
                theirs = shown(told.get(one))
                raise SettingsError(
                    f"{key}: {source} was run with {one}={theirs}, not {shown(value)}: give it here too"
                )
        n_models = prepared.plan.n_models
        _require_same_sets(other, prepared, n_models if name == "shadows" else 0, key)
        bundle = ShadowBundle.load(other / name)
        return bundle.subset(range(n_models)) if name == "shadows" else bundle

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of this name, whole or not at all; NaN is refused."""
        text = json.dumps(value, indent=2, allow_nan=False)
        self._replace(name, lambda file: file.write(text + "\n"))

    def write_csv(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write a CSV file of this name, whole or not at all; the first row names the columns."""
        def write(file):
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

        self._replace(name, write)

    def write_arrays(self, name: str, **arrays: np.ndarray) -> None:
        """Write an .npz of this name, whole or not at all."""
        partial = self.path / f"{name}.part"
        with open(partial, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(partial, self.path / name)

    def _replace(self, name: str, write) -> None:
        """A file appears whole or not at all."""
        partial = self.path / f"{name}.part"
        with open(partial, "w", encoding="utf-8", newline="") as file:
            write(file)
        os.replace(partial, self.path / name)


def meaning(settings: Settings) -> dict[str, Any]:
    """The settings that decide the results, by dotted name; places, and keys that mean nothing here, are left out.

    Examples
    --------
    >>> from course_lib.membership.settings import resolve_settings
    >>> meaning(resolve_settings(["run.folder=elsewhere"])) == meaning(resolve_settings())
    True
    >>> meaning(resolve_settings(["run.seed=1"])) == meaning(resolve_settings())
    False
    """
    values = flat(settings)
    idle = {key for key, (other, value) in ONLY.items() if values[other] != value}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in idle and name not in PLACES
    }


def default_folder(settings: Settings) -> Path:
    """``runs/DATA-LETTERS``: the same settings lead to the same folder, others to another.

    >>> default_folder(Settings()) == default_folder(Settings()), default_folder(Settings()).parent.name
    (True, 'runs')
    """
    text = json.dumps(meaning(settings), sort_keys=True)
    return Path("runs") / f"{settings.data.name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def _sets_of(prepared: Prepared) -> dict[str, np.ndarray]:
    """Indices of the four sets, and the plan."""
    names = ("victim_in", "victim_out", "shadow_in_pool", "shadow_out_pool")
    split = {name: getattr(prepared.split, name) for name in names}
    return split | {"membership": prepared.plan.membership, "used": prepared.plan.used, "classes": prepared.classes}


def _require_same(path: Path, before: dict, now: dict) -> None:
    for group in ("settings", "versions"):
        for name in before[group] | now[group]:
            old, new = before[group].get(name), now[group].get(name)
            if old != new:
                raise SettingsError(
                    f"{path} holds a run with {name}={shown(old)}, not {shown(new)}: choose another run.folder"
                )


def _require_same_sets(path: Path, prepared: Prepared, n_models: int, key: str) -> None:
    """The other run has these records, this split and, for its first models, this plan."""
    with np.load(path / "sets.npz", allow_pickle=False) as before:
        same = str(before["fingerprint"]) == prepared.fingerprint and all(
            np.array_equal(before[name][:n_models] if name in ("membership", "used") else before[name], now)
            for name, now in _first(_sets_of(prepared), n_models).items()
        )
    if not same:
        raise SettingsError(f"{key}: {path} was run on other records or another split; use the same data and seed")


def _first(sets: dict[str, np.ndarray], n_models: int) -> dict[str, np.ndarray]:
    return {n: a[:n_models] if n in ("membership", "used") else a for n, a in sets.items()}
