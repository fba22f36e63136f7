"""How well scores tell members from non-members: the curve, and its numbers at few false alarms."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from course_lib.membership.inputs import as_scores
from course_lib.membership.labels import as_numpy


@dataclass(frozen=True, eq=False)
class Roc:
    """The shares of members and non-members at or above each threshold.

    Parameters
    ----------
    fpr, tpr : (n_points,) float64 in [0, 1], both growing from 0 to 1.
    thresholds : (n_points,) float64, falling; the first is infinity, at which nothing is called a member.
        A point calls a record a member when its score is at least the threshold.

    Examples
    --------
    >>> roc([2.0, 1.0], [1.0, 0.0]).thresholds.tolist()
    [inf, 2.0, 1.0, 0.0]
    """

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray


def roc(members, non_members) -> Roc:
    """The receiver operating characteristic, one point for each distinct score.

    TPR(t) = share of members with s >= t, FPR(t) = share of non-members with s >= t. Records with equal
    scores are called together: no threshold parts them.

    Parameters
    ----------
    members : (n_members,) float scores of records that were trained on; higher means member.
    non_members : (n_non_members,) float scores of records that were not.

    Returns
    -------
    Roc with at most n_members + n_non_members + 1 points.

    Raises
    ------
    ValueError
        if a side is empty, or a score is NaN or infinite: sorting puts NaN at one end, where it passes
        for a perfect score.

    Examples
    --------
    >>> curve = roc([3.0, 2.0], [2.0, 1.0])
    >>> curve.fpr.tolist(), curve.tpr.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    distinct = np.unique(np.concatenate([members, non_members]))[::-1]
    # Counting from below and subtracting gives s >= t exactly, ties included.
    hits = len(members) - np.searchsorted(np.sort(members), distinct, side="left")
    alarms = len(non_members) - np.searchsorted(np.sort(non_members), distinct, side="left")
    return Roc(
        np.concatenate([[0.0], alarms / len(non_members)]),
        np.concatenate([[0.0], hits / len(members)]),
        np.concatenate([[np.inf], distinct]),
    )


def auc(members, non_members) -> float:
    """The chance that a random member scores above a random non-member, ties counting half.

    AUC = (wins + ties / 2) / (n_members n_non_members), the area under the curve (Mann and Whitney 1947).

    Parameters and errors as for ``roc``.

    Returns
    -------
    float in [0, 1]; exactly 0.5 for constant scores.

    Examples
    --------
    >>> auc([3.0, 2.0], [2.0, 1.0])
    0.875
    >>> auc([1.0, 1.0], [1.0, 1.0, 1.0])
    0.5
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    ordered = np.sort(non_members)
    below = np.searchsorted(ordered, members, side="left").sum()
    not_above = np.searchsorted(ordered, members, side="right").sum()
    return float((below + not_above) / (2 * len(members) * len(non_members)))


def tpr_at_fpr(members, non_members, fpr: float) -> float:
    """The largest share of members found with at most `fpr` false alarms among the non-members.

    max over thresholds t of TPR(t) with FPR(t) <= fpr (Carlini et al. 2022). Points of the curve are not
    joined: only thresholds that exist count.

    Parameters
    ----------
    members, non_members : scores as for ``roc``.
    fpr : false-positive rate in (0, 1].

    Returns
    -------
    float in [0, 1]; NaN, with a warning, when `fpr` is finer than one non-member in n.

    Raises
    ------
    ValueError
        if `fpr` is outside (0, 1], or for the scores as in ``roc``.

    Examples
    --------
    >>> tpr_at_fpr([9.0, 7.0, 5.0, 1.0], [6.0, 4.0, 3.0, 2.0], fpr=0.25)
    0.75
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    if not 0 < fpr <= 1:
        raise ValueError(f"a false-positive rate of {fpr} is outside (0, 1]; 1 % is written 0.01")
    allowed = int(np.floor(fpr * len(non_members) * (1 + 1e-12)))  # 0.29 * 100 is a hair below 29
    if not allowed:
        warnings.warn(
            f"a false-positive rate of {fpr:g} is finer than one in {len(non_members)} non-members: NaN; "
            f"score at least {int(np.ceil(1 / fpr))} non-members",
            stacklevel=2,
        )
        return float("nan")
    if allowed == len(non_members):
        return 1.0
    # The next non-member would be one alarm too many: a member must lie strictly above it.
    bar = np.sort(non_members)[::-1][allowed]
    return float((members > bar).mean())


def best_threshold(members, non_members) -> float:
    """The threshold with the largest TPR - FPR, the higher one of two equals.

    Parameters
    ----------
    members, non_members : scores as for ``roc``.

    Returns
    -------
    float, one of the scores; infinity, which calls nobody a member, when no threshold beats chance.

    Raises
    ------
    ValueError
        if a side is empty or holds NaN or infinity.

    Examples
    --------
    >>> best_threshold([3.0, 2.0], [1.0, 0.0])
    2.0
    """
    curve = roc(members, non_members)
    return float(curve.thresholds[np.argmax(curve.tpr - curve.fpr)])


def advantage(members, non_members, threshold: float | None = None) -> float:
    """TPR - FPR, the membership advantage (Yeom et al. 2018, Definition 4).

    Parameters
    ----------
    members, non_members : scores as for ``roc``.
    threshold : records with a score of at least this are called members. None takes the best threshold
        for these very scores, which flatters the attack: set it on other data where it counts.

    Returns
    -------
    float in [-1, 1]; 0 is chance.

    Raises
    ------
    ValueError
        for the scores as in ``roc``.

    Examples
    --------
    >>> advantage([3.0, 2.0], [2.0, 1.0], threshold=2.0)
    0.5
    """
    tpr, fpr = _rates(members, non_members, threshold)
    return tpr - fpr


def balanced_accuracy(members, non_members, threshold: float | None = None) -> float:
    """(TPR + 1 - FPR) / 2: the accuracy if there were as many members as non-members.

    With 15,000 members and 10,000 non-members, "always in" has accuracy .60 and balanced accuracy .50.

    Parameters and errors as for ``advantage``.

    Returns
    -------
    float in [0, 1]; 0.5 is chance.

    Examples
    --------
    >>> balanced_accuracy([1.0, 1.0, 1.0], [1.0, 1.0], threshold=1.0)
    0.5
    """
    tpr, fpr = _rates(members, non_members, threshold)
    return (tpr + 1 - fpr) / 2


def precision_recall(members, non_members, threshold: float | None = None) -> tuple[float, float]:
    """Precision, the share of members among those called so, and recall, the share of members found.

    Parameters and errors as for ``advantage``. Precision depends on how many non-members were scored.

    Returns
    -------
    (precision, recall), floats in [0, 1]; precision is NaN, with a warning, when nobody is called a member.

    Examples
    --------
    >>> precision_recall([3.0, 2.0, 0.0], [2.0, 1.0], threshold=2.0)
    (0.6666666666666666, 0.6666666666666666)
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    threshold = _given_or_best(threshold, members, non_members)
    hits, alarms = int((members >= threshold).sum()), int((non_members >= threshold).sum())
    if not hits + alarms:
        warnings.warn(f"no score reaches the threshold {threshold:g}: precision is NaN", stacklevel=2)
        return float("nan"), 0.0
    return hits / (hits + alarms), hits / len(members)


@dataclass(frozen=True)
class ClassReport:
    """How an attack does on the records of one class.

    Parameters
    ----------
    label : the class.
    n_members, n_non_members : records scored.
    auc, balanced_accuracy, precision, recall : as the functions of these names; NaN where a side is empty,
        and for precision where nobody is called a member.

    Examples
    --------
    >>> per_class_report([2.0], [0], [1.0], [0])[0].auc
    1.0
    """

    label: int
    n_members: int
    n_non_members: int
    auc: float
    balanced_accuracy: float
    precision: float
    recall: float


def per_class_report(
    members, member_labels, non_members, non_member_labels, threshold: float | None = None
) -> list[ClassReport]:
    """The measures of an attack class by class, all at one threshold.

    Parameters
    ----------
    members, non_members : scores as for ``roc``.
    member_labels, non_member_labels : whole-number labels, one a score.
    threshold : as for ``advantage``; None takes the best one over all classes together.

    Returns
    -------
    list of ClassReport, one for each label that occurs, in rising order. A class that lacks members or
    non-members is listed with NaN for what cannot be measured.

    Raises
    ------
    ValueError
        if the numbers of scores and labels differ, or for the scores as in ``roc``.

    Examples
    --------
    >>> [r.recall for r in per_class_report([3.0, 1.0], [0, 1], [2.0, 0.0], [0, 1], threshold=1.0)]
    [1.0, 1.0]
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    sides = []
    for scores, labels, of in ((members, member_labels, "members"), (non_members, non_member_labels, "non-members")):
        labels = as_numpy(labels)
        if labels.shape != scores.shape:
            raise ValueError(f"{len(scores)} scores of {of}, labels of shape {labels.shape}: one label a score")
        sides.append((scores, labels))
    threshold = _given_or_best(threshold, members, non_members)
    (members, of_members), (non_members, of_non_members) = sides
    every = np.unique(np.concatenate([of_members, of_non_members]))
    return [
        _of_class(int(k), members[of_members == k], non_members[of_non_members == k], threshold) for k in every
    ]


def _of_class(label: int, members: np.ndarray, non_members: np.ndarray, threshold: float) -> ClassReport:
    hits, alarms = int((members >= threshold).sum()), int((non_members >= threshold).sum())
    both = bool(len(members) and len(non_members))
    nan = float("nan")
    return ClassReport(
        label,
        len(members),
        len(non_members),
        auc(members, non_members) if both else nan,
        balanced_accuracy(members, non_members, threshold) if both else nan,
        hits / (hits + alarms) if both and hits + alarms else nan,
        hits / len(members) if len(members) else nan,
    )


def _rates(members, non_members, threshold: float | None) -> tuple[float, float]:
    """TPR and FPR at a threshold, the best one if None."""
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    threshold = _given_or_best(threshold, members, non_members)
    return float((members >= threshold).mean()), float((non_members >= threshold).mean())


def _given_or_best(threshold: float | None, members: np.ndarray, non_members: np.ndarray) -> float:
    if threshold is None:
        return best_threshold(members, non_members)
    if np.isnan(threshold):
        raise ValueError("the threshold is NaN; give a number, or None for the best one")
    return threshold
