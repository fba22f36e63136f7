"""What the attacks learn from: every shadow's outputs on every record, and who was in."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course_lib.membership.labels import as_numpy

ARRAYS, DESCRIPTION = "shadows.npz", "shadows.json"


@dataclass(frozen=True, eq=False)
class ShadowBundle:
    """The outputs of trained shadows.

    ``logits[m, r]`` are model m's outputs on record r before any softmax; ``membership[m, r]`` says whether
    model m was trained on r, ``used[m, r]`` whether r was in its training or its test set (Shokri et al. 2017,
    Section V).

    Parameters
    ----------
    logits : (n_models, n_records, n_classes) floating, finite.
    membership : (n_models, n_records) bool.
    used : (n_models, n_records) bool, true wherever ``membership`` is; None for everywhere.
    losses : (n_models, n_epochs) floating, mean training loss of each epoch; None where nobody kept it.
    details : anything JSON can hold: seeds, settings.

    Raises
    ------
    ValueError
        if shapes do not fit, a logit is NaN or infinite, or a model was trained on a record it did not use.

    Examples
    --------
    >>> import numpy as np
    >>> bundle = ShadowBundle(np.zeros((2, 3, 4)), [[True, False, False], [False, True, True]])
    >>> bundle.n_models, bundle.n_records, bundle.n_classes, bundle.used.all().item()
    (2, 3, 4, True)
    """

    logits: np.ndarray
    membership: np.ndarray
    used: np.ndarray | None = None
    losses: np.ndarray | None = None
    details: dict = field(default_factory=dict)

    def __post_init__(self):
        logits = as_numpy(self.logits)
        if logits.ndim != 3 or logits.dtype.kind != "f" or not logits.size:
            raise ValueError(
                f"logits are floating, (n_models, n_records, n_classes), not {logits.dtype} of shape {logits.shape}"
            )
        finite = np.isfinite(logits).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(f"model {int(np.argmin(finite))} gives logits that are NaN or infinite; train it again")
        membership = boolean_matrix("membership", self.membership, logits.shape[:2])
        used = np.ones_like(membership) if self.used is None else self.used
        used = boolean_matrix("used", used, logits.shape[:2])
        if (membership & ~used).any():
            raise ValueError("used is true wherever membership is: a record trained on was used")
        losses = np.empty((len(logits), 0)) if self.losses is None else as_numpy(self.losses)
        if losses.ndim != 2 or len(losses) != len(logits):
            raise ValueError(f"losses are (n_models, n_epochs) with {len(logits)} models, not {losses.shape}")
        for name, value in (("logits", logits), ("membership", membership), ("used", used), ("losses", losses)):
            object.__setattr__(self, name, value)

    @property
    def n_models(self) -> int:
        """How many models were trained."""
        return self.logits.shape[0]

    @property
    def n_records(self) -> int:
        """How many records the logits are of."""
        return self.logits.shape[1]

    @property
    def n_classes(self) -> int:
        """How many classes the models tell apart."""
        return self.logits.shape[2]

    def subset(self, model_indices) -> ShadowBundle:
        """The bundle of some models, in the order given: indices, a slice or a mask.

        Parameters
        ----------
        model_indices : whole numbers 0..n_models-1, a slice, or (n_models,) bool.

        Raises
        ------
        ValueError
            for no model, or one that is not there.

        Examples
        --------
        >>> bundle = ShadowBundle(np.zeros((3, 1, 2)), [[True], [False], [True]])
        >>> bundle.subset([2, 1]).membership.ravel().tolist()
        [True, False]
        """
        chosen = model_numbers(model_indices, self.n_models)
        arrays = (array[chosen] for array in (self.logits, self.membership, self.used, self.losses))
        return ShadowBundle(*arrays, self.details)

    @classmethod
    def join(cls, bundles: Sequence[ShadowBundle]) -> ShadowBundle:
        """The models of several bundles over the same records, one after the other; details are the first's.

        Parameters
        ----------
        bundles : at least one.

        Raises
        ------
        ValueError
            if there is none, or they differ in records, classes or epochs.

        Examples
        --------
        >>> one = ShadowBundle(np.zeros((2, 1, 2)), [[True], [False]])
        >>> ShadowBundle.join([one, one.subset([0])]).n_models
        3
        """
        if not bundles:
            raise ValueError("give at least one bundle to join")
        shapes = {(*bundle.logits.shape[1:], bundle.losses.shape[1]) for bundle in bundles}
        if len(shapes) > 1:
            raise ValueError(f"bundles differ in (records, classes, epochs): {sorted(shapes)}")
        names = ("logits", "membership", "used", "losses")
        return cls(*(np.concatenate([getattr(b, name) for b in bundles]) for name in names), bundles[0].details)

    def save(self, folder: str | Path, overwrite: bool = False) -> None:
        """Write ``shadows.npz`` and ``shadows.json`` into ``folder``, which is made when it is not there.

        Parameters
        ----------
        folder : where to write; its parents are made as well.
        overwrite : whether a bundle that lies there may be replaced.

        Raises
        ------
        ValueError
            if a bundle lies there already and ``overwrite`` is false: two runs are never mixed.

        Examples
        --------
        >>> import tempfile
        >>> bundle = ShadowBundle(np.zeros((1, 1, 2)), [[True]], details={"seed": 3})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     bundle.save(folder)
        ...     ShadowBundle.load(folder).details
        {'seed': 3}
        """
        folder = Path(folder)
        if not overwrite and any((folder / name).exists() for name in (ARRAYS, DESCRIPTION)):
            raise ValueError(f"{folder} holds a bundle already; choose another folder, or pass overwrite=True")
        shape = dict(zip(("n_models", "n_records", "n_classes"), self.logits.shape, strict=True))
        text = json.dumps({**shape, "details": self.details}, indent=2)  # fails before anything is written
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{ARRAYS}.part"
        with open(partial, "wb") as file:
            np.savez(file, logits=self.logits, membership=self.membership, used=self.used, losses=self.losses)
        (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
        os.replace(partial, folder / ARRAYS)  # the arrays appear last and whole, or not at all

    @classmethod
    def load(cls, folder: str | Path) -> ShadowBundle:
        """Read what ``save`` wrote; nothing is unpickled.

        Parameters
        ----------
        folder : what ``save`` was given.

        Raises
        ------
        ValueError
            if a file is missing or the two do not belong together.
        """
        folder = Path(folder)
        missing = [name for name in (ARRAYS, DESCRIPTION) if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"{folder} holds no {' and no '.join(missing)}; save a bundle there first")
        said = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            bundle = cls(*(arrays[name] for name in ("logits", "membership", "used", "losses")), said["details"])
        shape = tuple(said[name] for name in ("n_models", "n_records", "n_classes"))
        if bundle.logits.shape != shape:
            raise ValueError(f"{folder}: {DESCRIPTION} tells of {shape}, {ARRAYS} holds {bundle.logits.shape}")
        return bundle


def boolean_matrix(name: str, values, shape: tuple[int, int] | None = None) -> np.ndarray:
    """The values as (n_models, n_records) bool.

    Parameters
    ----------
    name : what the error calls the values.
    values : array, tensor or nested lists of bools.
    shape : (n_models, n_records), or None for any.

    Raises
    ------
    ValueError
        for another shape or type.

    Examples
    --------
    >>> boolean_matrix("used", [[True, False]], shape=(1, 2)).shape
    (1, 2)
    >>> boolean_matrix("used", [[1, 0]])
    Traceback (most recent call last):
    ...
    ValueError: used is bool of shape (n_models, n_records), not int64 of shape (1, 2)
    """
    matrix = as_numpy(values)
    if matrix.dtype != bool or matrix.ndim != 2 or not matrix.size or matrix.shape != (shape or matrix.shape):
        wanted = shape or "(n_models, n_records)"
        raise ValueError(f"{name} is bool of shape {wanted}, not {matrix.dtype} of shape {matrix.shape}")
    return matrix


def model_numbers(indices, n_models: int) -> np.ndarray:
    """Indices, a slice or a mask as int64 indices; at least one, each in 0..n_models-1.

    Parameters
    ----------
    indices : whole numbers, a slice, or (n_models,) bool.
    n_models : how many there are.

    Returns
    -------
    (n,) int64, in the order given.

    Raises
    ------
    ValueError
        for no model, or one that is not there.

    Examples
    --------
    >>> model_numbers(slice(1, 3), 4).tolist(), model_numbers([True, False, True], 3).tolist()
    ([1, 2], [0, 2])
    """
    if isinstance(indices, slice):
        indices = range(*indices.indices(n_models))
    chosen = np.atleast_1d(as_numpy(list(indices) if isinstance(indices, range) else indices))
    if chosen.dtype == bool and chosen.shape == (n_models,):
        chosen = np.flatnonzero(chosen)
    if not chosen.size:
        raise ValueError("choose at least one model")
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= n_models:
        raise ValueError(f"models are numbered 0..{n_models - 1}, not {indices!r}")
    return chosen.astype(np.int64)
