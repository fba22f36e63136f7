"""What the attacks and measures take in: arrays, checked once, with an error that names the fix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.labels import as_numpy, whole_labels

MODES = ("online", "offline")
_ROW_SUM_TOLERANCE = 1e-3  # half-precision posteriors of a hundred classes sum to 1 within this


def as_logits(logits, n_classes: int | None = None) -> np.ndarray:
    """Logits as (n, n_classes) float64, finite, and not posteriors by mistake.

    Parameters
    ----------
    logits : (n, n_classes) array, tensor or nested lists.
    n_classes : how many there must be; None for any number from 2.

    Raises
    ------
    ValueError
        for another shape, NaN or infinity, or rows that look like posteriors.

    Examples
    --------
    >>> as_logits([[2, 0], [0, 1]]).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    >>> as_logits([[0.9, 0.1]])
    Traceback (most recent call last):
    ...
    ValueError: the logits are rows that sum to 1, so they look like posteriors: pass log_posteriors(...)
    """
    rows = as_numpy(logits)
    if rows.ndim != 2 or rows.shape[1] < 2 or not len(rows):
        raise ValueError(f"logits have shape {rows.shape}; (n_records, n_classes) with at least two classes is needed")
    if n_classes is not None and rows.shape[1] != n_classes:
        raise ValueError(f"logits have {rows.shape[1]} classes, the shadow models {n_classes}: use one set of classes")
    return _finite_logits(rows)


def _finite_logits(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    if not np.isfinite(rows).all():
        raise ValueError(
            f"{(~np.isfinite(rows)).any(axis=-1).sum()} rows of the logits hold NaN or infinity: "
            "check the training, or turn posteriors into logits with log_posteriors"
        )
    shares = rows.min() >= 0 and rows.max() <= 1 and ((rows > 0) & (rows < 1)).any()  # rows of 0 and 1 may be either
    if shares and np.allclose(rows.sum(axis=-1), 1, rtol=0, atol=1e-6):
        raise ValueError("the logits are rows that sum to 1, so they look like posteriors: pass log_posteriors(...)")
    return rows


def as_labels(y, n_rows: int, n_classes: int) -> np.ndarray:
    """Labels as (n_rows,) int64 in 0..n_classes-1.

    Parameters
    ----------
    y : (n_rows,) whole numbers 0..n_classes-1, of any type.
    n_rows, n_classes : how many there are.

    Raises
    ------
    ValueError
        for another number of labels, or one that is not whole or no class.

    Examples
    --------
    >>> as_labels([1.0, 0.0], n_rows=2, n_classes=2).tolist()
    [1, 0]
    """
    labels = whole_labels(y, n_classes)
    if len(labels) != n_rows:
        raise ValueError(f"there are {len(labels)} labels for {n_rows} rows; one a row is needed")
    return labels


def as_shadows(bundle: ShadowBundle, y) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n_models, n_records, n_classes) float64 and labels of a bundle, checked.

    Parameters
    ----------
    bundle : of the shadow models.
    y : (n_records,) labels of its records.

    Raises
    ------
    ValueError
        as ``as_logits`` and ``as_labels`` say.

    Examples
    --------
    >>> bundle = ShadowBundle(np.zeros((1, 2, 3), dtype=np.float32), [[True, False]])
    >>> logits, labels = as_shadows(bundle, [2, 0])
    >>> logits.shape, str(logits.dtype), labels.tolist()
    ((1, 2, 3), 'float64', [2, 0])
    """
    return _finite_logits(bundle.logits), as_labels(y, bundle.n_records, bundle.n_classes)


def as_records(records, n_rows: int, n_records: int) -> np.ndarray:
    """Which record of the bundle each scored row is; all of them in order if not said.

    Parameters
    ----------
    records : (n_rows,) whole numbers 0..n_records-1, or None.
    n_rows, n_records : scored, and in the bundle.

    Returns
    -------
    (n_rows,) whole numbers.

    Raises
    ------
    ValueError
        if None is given and the rows are not all records; for another shape, a type that is not whole, or a
        record that is not there.

    Examples
    --------
    >>> as_records(None, n_rows=3, n_records=3).tolist(), as_records([5, 5], n_rows=2, n_records=9).tolist()
    ([0, 1, 2], [5, 5])
    """
    if records is None:
        if n_rows != n_records:
            raise ValueError(
                f"{n_rows} rows are scored, the shadow models know {n_records} records: "
                "say with records=... which record each row is"
            )
        return np.arange(n_records)
    places = as_numpy(records)
    if places.shape != (n_rows,):
        raise ValueError(f"records has shape {places.shape}; one for each of {n_rows} rows is needed")
    if not np.issubdtype(places.dtype, np.integer):
        raise ValueError(f"records are whole numbers, got {places.dtype}; turn a mask into them with np.flatnonzero")
    if len(places) and (places.min() < 0 or places.max() >= n_records):
        raise ValueError(f"records reach from {places.min()} to {places.max()}; the bundle holds 0 to {n_records - 1}")
    return places


def as_wanted(records, n_records: int) -> np.ndarray:
    """The records an attack is fitted for; all of them if not said.

    Parameters
    ----------
    records : (n,) whole numbers 0..n_records-1, or None.
    n_records : in the bundle.

    Raises
    ------
    ValueError
        as ``as_records`` says.

    Examples
    --------
    >>> as_wanted(None, 3).tolist(), as_wanted([2, 0], 3).tolist()
    ([0, 1, 2], [2, 0])
    """
    return as_records(records, n_records if records is None else len(records), n_records)


def require_models(chosen: np.ndarray, wanted: np.ndarray, side: str) -> None:
    """Every wanted record is in (or out) for at least one shadow model.

    Parameters
    ----------
    chosen : (n_models, n_records) bool, the record is in (or out) for the model.
    wanted : (n,) whole numbers, the records that are asked for.
    side : "in" or "out", for the message.

    Raises
    ------
    ValueError
        that names records which no model has on this side, and says how to plan.

    Examples
    --------
    >>> was_in = np.array([[True, False], [True, False]])
    >>> require_models(was_in, np.array([0]), "in")
    >>> require_models(was_in, np.array([0, 1]), "in")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: 1 records (record 1) are never in: ...
    """
    never = wanted[~chosen[:, wanted].any(axis=0)]
    if len(never):
        which = f"{len(never)} records (record {first_few(never)})"
        if side == "out":
            raise ValueError(
                f"{which} are never out: every shadow model was trained on them. Plan with ShadowPlan.half_sampling, "
                "or name the records to score with fit(..., records=...)"
            )
        raise ValueError(
            f"{which} are never in: no shadow model was trained on them. Plan with ShadowPlan.half_sampling, name the "
            'records to score with fit(..., records=...), or take mode="offline"'
        )


def target_rows(attack, logits, records: Sequence[int] | None, n_records: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The target model's logits, and the record of the bundle that each row is.

    Parameters
    ----------
    attack : it is named in the error; its ``n_classes`` is how many the rows must have.
    logits : (n, n_classes) of the target model.
    records : (n,) whole numbers 0..n_records-1; None where the rows are all records in order.
    n_records : of the bundle that the attack was fitted on; None before ``fit``.

    Returns
    -------
    (n, n_classes) float64, and (n,) whole numbers.

    Raises
    ------
    ValueError
        if the attack was not fitted, or as ``as_logits`` and ``as_records`` say.

    Examples
    --------
    >>> from course_lib.membership import LiRA
    >>> target_rows(LiRA(), [[2.0, 0.0]], records=[0], n_records=None)
    Traceback (most recent call last):
    ...
    ValueError: LiRA(mode='online', variance='fixed') knows no shadow models yet: call fit(bundle, y) first
    """
    if n_records is None:
        raise ValueError(f"{attack!r} knows no shadow models yet: call fit(bundle, y) first")
    rows = as_logits(logits, attack.n_classes)
    return rows, as_records(records, len(rows), n_records)


def require_fitted(scores: np.ndarray, places: np.ndarray) -> None:
    """No score is NaN, as it is for a record that ``fit`` left out.

    Parameters
    ----------
    scores : (n,) floating.
    places : (n,) which record each score is of.

    Raises
    ------
    ValueError
        that names the records without a score.

    Examples
    --------
    >>> require_fitted(np.array([0.5, np.nan]), np.array([7, 8]))
    Traceback (most recent call last):
    ...
    ValueError: records 8 were left out of fit(..., records=...): fit the attack for them
    """
    if np.isnan(scores).any():
        raise ValueError(
            f"records {first_few(places[np.isnan(scores)])} were left out of fit(..., records=...): "
            "fit the attack for them"
        )


def as_scores(scores, of: str) -> np.ndarray:
    """Scores as (n,) float64, finite, at least one.

    Parameters
    ----------
    scores : (n,) numbers, of any type.
    of : whose, for the message.

    Raises
    ------
    ValueError
        for another shape, no score, or one that is NaN or infinite.

    Examples
    --------
    >>> as_scores([1, 0], "members").tolist()
    [1.0, 0.0]
    """
    values = as_numpy(scores).astype(np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"the scores of {of} have shape {values.shape}; (n,) with n of at least 1 is needed")
    if not np.isfinite(values).all():
        raise ValueError(
            f"{(~np.isfinite(values)).sum()} of {len(values)} scores of {of} are NaN or infinite; "
            "no ranking holds them: repair the attack, or drop these records from both sides"
        )
    return values


def as_posteriors(posteriors) -> np.ndarray:
    """Posteriors as (..., n_classes) float64, each row in [0, 1] with sum 1.

    Parameters
    ----------
    posteriors : (..., n_classes), n_classes at least 2; a row may miss 1 by 0.001, as half precision does.

    Raises
    ------
    ValueError
        for another shape, NaN or infinity, or rows that are no distributions.

    Examples
    --------
    >>> as_posteriors([[0.5, 0.5]]).tolist()
    [[0.5, 0.5]]
    >>> as_posteriors([[2.0, -1.0]])
    Traceback (most recent call last):
    ...
    ValueError: posteriors hold 2, outside [0, 1]: these look like logits; apply softmax first
    """
    rows = as_numpy(posteriors).astype(np.float64)
    if rows.ndim < 1 or rows.shape[-1] < 2:
        raise ValueError(f"posteriors have shape {rows.shape}; (..., n_classes) with at least two classes is needed")
    if not np.isfinite(rows).all():
        raise ValueError("posteriors hold NaN or infinity: check the model that gave them")
    outside = (rows < 0) | (rows > 1 + _ROW_SUM_TOLERANCE)
    if outside.any():
        raise ValueError(
            f"posteriors hold {rows[outside][0]:.4g}, outside [0, 1]: these look like logits; apply softmax first"
        )
    sums = rows.sum(axis=-1)
    wrong = abs(sums - 1) > _ROW_SUM_TOLERANCE
    if wrong.any():
        raise ValueError(
            f"{wrong.sum()} rows of posteriors do not sum to 1 (the first sums to {sums[wrong][0]:.4g}): "
            "these look like logits, or like one sigmoid a class; apply softmax first"
        )
    return rows


def first_few(places: Sequence[int], at_most: int = 5) -> str:
    """A list for an error message, not longer than a line.

    >>> first_few([3, 1, 4]), first_few(range(9))
    ('3, 1, 4', '0, 1, 2, 3, 4 and 4 more')
    """
    shown = ", ".join(str(int(place)) for place in places[:at_most])
    return shown + (f" and {len(places) - at_most} more" if len(places) > at_most else "")
