"""Defences without a guarantee: three ways of publishing less of the posteriors, and one of training on less."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.special import softmax

from course_lib.membership.inputs import as_posteriors


def log_posteriors(posteriors, floor: float = 1e-7) -> np.ndarray:
    """Logits with these posteriors: the logarithm of each, so that softmax gives them back.

    z_k = log max(p_k, floor). Logits are known up to one constant a row; no attack here depends on it.

    Parameters
    ----------
    posteriors : (..., n_classes) rows in [0, 1] that sum to 1, of a model that gives no logits
        (``predict_proba``) or behind a defence.
    floor : what a posterior of 0 is taken for, above 0. The default is what a float32 posterior can
        still tell from 1; take half a unit of the last digit for rounded posteriors.

    Returns
    -------
    (..., n_classes) float64, all finite.

    Raises
    ------
    ValueError
        if a row lies outside [0, 1] or does not sum to 1 (it looks like logits), or `floor` is not in (0, 1).

    Examples
    --------
    >>> log_posteriors([[0.5, 0.5, 0.0]], floor=1e-3).round(2).tolist()
    [[-0.69, -0.69, -6.91]]
    """
    if not 0 < floor < 1:
        raise ValueError(f"a floor of {floor} is outside (0, 1); a posterior of 0 has no logarithm")
    return np.log(np.maximum(as_posteriors(posteriors), floor))


def top_k(posteriors, k: int) -> np.ndarray:
    """Publish the k largest posteriors only; what is left is spread evenly over the other classes.

    The attacker who sees k values can fill in the rest no better without more knowledge, so the rows
    stay posteriors and every attack runs on them as it is (Shokri et al. 2017, Section VIII).

    Parameters
    ----------
    posteriors : (..., n_classes) rows in [0, 1] that sum to 1.
    k : how many classes keep their value, from 1 to n_classes; of equal posteriors the first class.

    Returns
    -------
    (..., n_classes) float64, each row summing to 1.

    Raises
    ------
    ValueError
        if k is out of range, or for the rows as in ``log_posteriors``.

    Examples
    --------
    >>> top_k([[0.7, 0.2, 0.1]], k=1).round(2).tolist()
    [[0.7, 0.15, 0.15]]
    """
    rows = as_posteriors(posteriors)
    n_classes = rows.shape[-1]
    if not (isinstance(k, int | np.integer) and 1 <= k <= n_classes):
        raise ValueError(f"k is a whole number from 1 to the number of classes, {n_classes}; got {k}")
    if k == n_classes:
        return rows
    hidden = np.argsort(-rows, axis=-1, kind="stable")[..., k:]
    rest = np.take_along_axis(rows, hidden, axis=-1).mean(axis=-1, keepdims=True)
    published = rows.copy()
    np.put_along_axis(published, hidden, rest, axis=-1)
    return published


def temperature(posteriors, temperature: float) -> np.ndarray:
    """Soften posteriors: softmax(z / T) of the logits z behind them.

    p_k^(1/T) / sum_j p_j^(1/T). No information is lost: who knows T undoes it (Shokri et al. 2017,
    Section VIII).

    Parameters
    ----------
    posteriors : (..., n_classes) rows in [0, 1] that sum to 1. A posterior of 0 stays 0.
    temperature : T above 0; 1 changes nothing, more is softer.

    Returns
    -------
    (..., n_classes) float64, each row summing to 1.

    Raises
    ------
    ValueError
        if T is not a number above 0, or for the rows as in ``log_posteriors``.

    Examples
    --------
    >>> temperature([[0.8, 0.2]], temperature=2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"a temperature of {temperature} is not a number above 0; 1 changes nothing")
    with np.errstate(divide="ignore"):
        return softmax(np.log(as_posteriors(posteriors)) / temperature, axis=-1)


def round_posteriors(posteriors, decimals: int) -> np.ndarray:
    """Round posteriors so that each row still sums to 1 (largest remainders).

    Every posterior is cut to `decimals` digits; the units that are then missing from the row go to the
    classes that lost most. None moves by a whole unit.

    Parameters
    ----------
    posteriors : (..., n_classes) rows in [0, 1] that sum to 1.
    decimals : digits that are kept, 0 to 12; 0 publishes little more than the label.

    Returns
    -------
    (..., n_classes) float64.

    Raises
    ------
    ValueError
        if `decimals` is out of range, or for the rows as in ``log_posteriors``.

    Examples
    --------
    >>> round_posteriors([[0.34, 0.33, 0.33]], decimals=1).tolist()
    [[0.4, 0.3, 0.3]]
    """
    if not (isinstance(decimals, int | np.integer) and 0 <= decimals <= 12):
        raise ValueError(f"decimals is a whole number from 0 to 12; got {decimals}")
    rows = as_posteriors(posteriors)
    units = rows / rows.sum(axis=-1, keepdims=True) * 10**decimals
    # A value that is a whole number of units but for rounding error is one.
    kept = np.floor(units + 1e-9 * np.maximum(units, 1) * (decimals < 7))
    missing = np.rint(10**decimals - kept.sum(axis=-1, keepdims=True))
    rank = np.argsort(np.argsort(kept - units, axis=-1, kind="stable"), axis=-1)
    return (kept + (rank < missing)) / 10**decimals


def smoothed_cross_entropy(smoothing: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A loss that trains on softened labels: a defence that backfires (Kaya and Dumitras 2021).

    loss = -(1 - e) log p_y - (e / K) sum_k log p_k, with smoothing e and K classes.

    Parameters
    ----------
    smoothing : e in [0, 1); 0 is the usual cross-entropy.

    Returns
    -------
    A function of logits (n, n_classes) and labels (n,) to (n,) losses, for ``train_shadows(loss=...)``.

    Raises
    ------
    ValueError
        if the smoothing is out of range.

    Examples
    --------
    >>> smoothed_cross_entropy(0.5)(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item().__round__(3)
    0.627
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"a smoothing of {smoothing} is outside [0, 1); 0 smooths nothing")
    return partial(torch.nn.functional.cross_entropy, reduction="none", label_smoothing=float(smoothing))
