"""What every function of the part asks of labels and counts."""

from __future__ import annotations

import numpy as np


def whole_labels(y, n_classes: int | None = None) -> np.ndarray:
    """The labels as (n,) int64, each in 0..n_classes-1; None takes the largest label for the last class.

    Numpy arrays, torch tensors and lists are accepted.

    Parameters
    ----------
    y : (n,) whole numbers from 0, of any type.
    n_classes : how many classes there are, or None.

    Raises
    ------
    ValueError
        if there is none, one is not whole, or one lies outside the classes.

    Examples
    --------
    >>> whole_labels([0.0, 2.0], n_classes=3).tolist()
    [0, 2]
    >>> whole_labels([0, 3], n_classes=3)
    Traceback (most recent call last):
    ...
    ValueError: label 3 lies outside 0..2, the 3 classes there are
    """
    labels = as_numpy(y)
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"labels are one number a record, (n,) with n > 0, not an array of shape {labels.shape}")
    if labels.dtype.kind not in "biuf" or not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        raise ValueError(f"labels are whole numbers 0..K-1, not {_first_bad(labels)}; number your classes from 0")
    if labels.min() < 0:
        raise ValueError(f"label {labels.min():g} is below 0; number your classes from 0")
    if n_classes is not None and labels.max() >= n_classes:
        raise ValueError(f"label {labels.max():g} lies outside 0..{n_classes - 1}, the {n_classes} classes there are")
    return labels.astype(np.int64)


def _first_bad(labels: np.ndarray):
    if labels.dtype.kind not in "biuf":
        return repr(labels[0])
    return repr(labels[~np.isfinite(labels) | (labels != np.floor(labels))][0].item())


def as_numpy(values) -> np.ndarray:
    """A numpy array of a tensor on any device, an array or a list; bfloat16, which numpy lacks, as float32.

    >>> import torch
    >>> as_numpy(torch.tensor([1.0, 2.0], requires_grad=True)).tolist(), as_numpy([3]).tolist()
    ([1.0, 2.0], [3])
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
        return values.numpy()
    return np.asarray(values)


def whole_number(name: str, value, least: int = 1) -> int:
    """The value as an int.

    Parameters
    ----------
    name : what the error calls the value.
    value : int, or a whole number of numpy.
    least : smallest value that is taken.

    Raises
    ------
    ValueError
        if it is not whole, or below ``least``.

    Examples
    --------
    >>> whole_number("steps", np.int64(3))
    3
    >>> whole_number("steps", 0)
    Traceback (most recent call last):
    ...
    ValueError: steps is a whole number from 1, not 0
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is a whole number from {least}, not {value!r}")
    return int(value)
