"""The data preparation of the whole recipe: records, the victim's split, the shadows' plan, every seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.membership.plans import ShadowPlan, Split, split_victim_shadow
from course_lib.membership.settings import DataSettings, Settings

PURPOSES = ("data", "split", "plan", "victim", "shadow", "attack")


@dataclass(frozen=True, eq=False)
class Prepared:
    """What training needs.

    Parameters
    ----------
    X : (n_records, ...) float32.
    y : (n_records,) int64, 0..K-1.
    classes : (K,) int64, the data's own number of each class; others than 0..K-1 where classes were chosen.
    split : who is the victim's and who the shadows'.
    plan : which shadow trains on what.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from course_lib.membership import resolve_settings
    >>> one = prepare(resolve_settings(["data.name=breast_cancer"]))
    >>> replace(one, y=1 - one.y).fingerprint == one.fingerprint
    False
    """

    X: np.ndarray
    y: np.ndarray
    classes: np.ndarray
    split: Split
    plan: ShadowPlan

    @property
    def fingerprint(self) -> str:
        """Letters that change with any record or label."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.X, self.y, self.classes):
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()


def seeds_of(seed: int) -> dict[str, int]:
    """A seed for each purpose, so that no two streams of random numbers coincide.

    >>> seeds = seeds_of(0)
    >>> len(seeds) == len(set(seeds.values())) == len(PURPOSES), seeds == seeds_of(0), seeds == seeds_of(1)
    (True, True, False)
    """
    words = np.random.SeedSequence(seed).generate_state(len(PURPOSES))
    return {purpose: int(word) for purpose, word in zip(PURPOSES, words, strict=True)}


def prepare(settings: Settings) -> Prepared:
    """Records, split and plan of these settings.

    On CIFAR-10: of the 50,000 training images 1,500 a class for the victim, the other 35,000 halved into the
    shadows' two pools, the 10,000 test images as the victim's non-members.

    Raises
    ------
    ValueError
        if a class has too few records, a pool is smaller than ``shadow.set_size``, or nobody is left to be
        the victim's non-members.
    FileNotFoundError
        if the data are not there and are not to be fetched.

    Examples
    --------
    >>> from course_lib.membership import resolve_settings
    >>> prepared = prepare(resolve_settings(["data.name=breast_cancer", "shadow.n_models=8"]))
    >>> prepared.X.shape, len(prepared.split.victim_in), prepared.plan.membership.shape
    ((569, 30), 120, (8, 569))
    """
    seeds = seeds_of(settings.run.seed)
    X, y, n_test = load(settings.data, seeds["data"])
    in_test = np.arange(len(y)) >= len(y) - n_test
    X, y, in_test, classes = _of_classes(settings.data.classes, X, y, in_test)
    out_per_class = settings.victim.out_per_class
    test = np.flatnonzero(in_test)
    if not out_per_class and not len(test):
        raise ValueError(
            f"{settings.data.name} has no test set: give the victim non-members with victim.out_per_class=30"
        )
    split = split_victim_shadow(y, settings.victim.per_class, seeds["split"], out_per_class, test, X)
    shadow = settings.shadow
    if shadow.plan == "half_sampling":
        plan = ShadowPlan.half_sampling(len(y), shadow.n_models, seeds["plan"])
    else:
        plan = ShadowPlan.disjoint_pools(split, shadow.n_models, shadow.set_size, seeds["plan"], len(y))
    return Prepared(X, y, classes, split, plan)


def load(settings: DataSettings, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Records float32, labels int64, and how many of the last ones are the data's own test set.

    Parameters
    ----------
    settings : which data; ``name`` is one of ``LOADERS``.
    seed : of records that are drawn; only ``"purchase"`` draws any.

    Returns
    -------
    (n_records, ...) float32, (n_records,) int64, and a number of records.

    Raises
    ------
    FileNotFoundError
        if the data are not there and are not to be fetched.
    ValueError
        if a file holds no X or no y.

    Examples
    --------
    >>> X, y, n_test = load(DataSettings(name="digits"), seed=0)
    >>> X.shape, str(X.dtype), n_test
    ((1797, 1, 8, 8), 'float32', 0)
    """
    return LOADERS[settings.name](settings, seed)


def _of_classes(chosen: tuple[int, ...], X, y, in_test):
    """The records of the chosen classes, numbered anew from 0; the classes' own numbers last."""
    there = np.unique(y)
    classes = np.unique(chosen).astype(np.int64) if chosen else there
    if missing := sorted(set(classes.tolist()) - set(there.tolist())):
        raise ValueError(f"data.classes names class {missing[0]}; the data have {there.min()} to {there.max()}")
    if len(classes) < 2:
        raise ValueError("data.classes leaves one class, and nothing to classify: choose two or more")
    keep = np.isin(y, classes)
    if keep.all():
        return X, np.searchsorted(classes, y), in_test, classes
    return X[keep], np.searchsorted(classes, y[keep]), in_test[keep], classes


def _purchase(settings: DataSettings, seed: int):
    from course_lib.datasets import purchase_like

    X, y = purchase_like(settings.n, n_classes=settings.n_classes, flip=settings.flip, seed=seed, prototype_seed=seed)
    return X, y, 0


def _digits(settings: DataSettings, seed: int):
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64), 0


def _breast_cancer(settings: DataSettings, seed: int):
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return X.astype(np.float32), data.target.astype(np.int64), 0


def _cifar10(settings: DataSettings, seed: int):
    from course_lib.datasets import cifar10

    try:
        X, y = cifar10(settings.folder, train=True, download=settings.download)
        X_test, y_test = cifar10(settings.folder, train=False, download=settings.download)
    except FileNotFoundError:
        raise FileNotFoundError(f"no CIFAR-10 in {settings.folder!r}: fetch it with data.download=true") from None
    return np.concatenate([X, X_test]), np.concatenate([y, y_test]), len(y_test)


def _file(settings: DataSettings, seed: int):
    path = Path(settings.path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {settings.path!r}: data.path names an .npz of X and y")
    with np.load(path, allow_pickle=False) as arrays:
        if missing := sorted({"X", "y"} - set(arrays.files)):
            raise ValueError(f"{path} holds no {' and no '.join(missing)}; save it with np.savez(path, X=X, y=y)")
        X, y = arrays["X"], arrays["y"]
        n_test = 0
        if "X_test" in arrays.files:
            X, y = np.concatenate([X, arrays["X_test"]]), np.concatenate([y, arrays["y_test"]])
            n_test = len(arrays["y_test"])
    return X.astype(np.float32), y, n_test


LOADERS: dict[str, Callable[[DataSettings, int], tuple[np.ndarray, np.ndarray, int]]] = {
    "purchase": _purchase,
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "cifar10": _cifar10,
    "file": _file,
}
