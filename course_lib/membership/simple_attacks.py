"""Attacks that read one posterior row and need no trained attack model."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, logsumexp

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.inputs import as_labels, as_logits, as_shadows
from course_lib.membership.metrics import best_threshold


class SimpleAttack:
    """A score of one record's posteriors, with thresholds learnt from shadow models if asked.

    Subclasses say what the score is. Without ``fit`` the score is that statistic. ``fit`` finds on the shadow
    models' own members and non-members the threshold that calls them best, for all classes together or, with
    ``per_class``, for each; a score is then counted from the threshold of its class, so that 0 is the border.

    Parameters
    ----------
    per_class : one threshold a class (Song and Mittal 2021) in place of one for all.

    Examples
    --------
    >>> class Margin(SimpleAttack):  # member if the label is far more likely than not
    ...     def _statistic(self, log_p, labels):
    ...         return _of_label(log_p, labels) - np.log1p(-np.exp(_of_label(log_p, labels)))
    >>> Margin().score([[2.0, 0.0], [0.0, 0.0]], [0, 0]).round(6).tolist()
    [2.0, 0.0]
    """

    def __init__(self, per_class: bool = False) -> None:
        self.per_class = per_class
        self.thresholds: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(per_class={self.per_class})"

    def fit(self, bundle: ShadowBundle, y) -> SimpleAttack:
        """Find the threshold, or the threshold of each class, on the shadow models.

        Parameters
        ----------
        bundle : ShadowBundle. A shadow's non-members are the records it was tested on.
        y : (n_records,) labels of the bundle's records.

        Returns
        -------
        The attack itself.

        Raises
        ------
        ValueError
            if the shadow models have no members or no non-members, of a class if thresholds are per class.
        """
        logits, labels = as_shadows(bundle, y)
        scores = np.stack([self._statistic(log_softmax(rows, axis=-1), labels) for rows in logits])
        groups = labels if self.per_class else np.zeros_like(labels)
        thresholds = np.zeros(logits.shape[2])
        for group in np.unique(groups):
            inside = bundle.membership & (groups == group)
            outside = bundle.used & ~bundle.membership & (groups == group)
            if not (inside.any() and outside.any()):
                who = f"class {group}" if self.per_class else "the shadow models"
                raise ValueError(
                    f"{who} has {inside.sum()} member and {outside.sum()} non-member rows; a threshold needs both: "
                    "train more shadow models or set per_class=False"
                )
            found = best_threshold(scores[inside], scores[outside])
            # Where no threshold beats chance, the highest score stands for "nobody".
            thresholds[group if self.per_class else slice(None)] = min(found, scores[inside | outside].max())
        self.thresholds = thresholds
        return self

    def score(self, logits, y, records=None) -> np.ndarray:
        """One score a row; higher means member.

        Parameters
        ----------
        logits : (n, n_classes) of the target model for the records under suspicion.
        y : (n,) their labels.
        records : not used; there so that all attacks are called alike.

        Returns
        -------
        (n,) float64.

        Raises
        ------
        ValueError
            if logits are not finite or look like posteriors, or labels do not fit them.
        """
        n_classes = None if self.thresholds is None else len(self.thresholds)
        rows = as_logits(logits, n_classes)
        labels = as_labels(y, *rows.shape)
        statistic = self._statistic(log_softmax(rows, axis=-1), labels)
        return statistic if self.thresholds is None else statistic - self.thresholds[labels]

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class GapAttack(SimpleAttack):
    """Member if the predicted class is the label: 1, else 0 (Yeom et al. 2018, Adversary 1 with zero-one loss).

    Needs the label only. Its balanced accuracy is (1 + train accuracy - test accuracy) / 2, and so is its AUC.

    Examples
    --------
    >>> GapAttack().score([[2.0, 0.0], [2.0, 0.0]], [0, 1]).tolist()
    [1.0, 0.0]
    """

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (log_p.argmax(axis=-1) == labels).astype(np.float64)


class LossThreshold(SimpleAttack):
    """Member if the loss is small: s = log p_y (Yeom et al. 2018, Adversary 2).

    Examples
    --------
    >>> LossThreshold().score([[0.0, 0.0]], [0]).round(3).tolist()
    [-0.693]
    """

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return _of_label(log_p, labels)


class Confidence(SimpleAttack):
    """Member if the model is sure, right or wrong: s = max_k p_k (Salem et al. 2019, Adversary 3).

    Needs no label, unless thresholds are per class.

    Examples
    --------
    >>> Confidence().score([[0.0, 0.0]], [0]).round(3).tolist()
    [0.5]
    """

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.exp(log_p.max(axis=-1))


class Entropy(SimpleAttack):
    """Member if the posteriors are concentrated: s = sum_k p_k log p_k, minus the entropy (Song and Mittal 2021).

    Needs no label, unless thresholds are per class: sure and wrong counts as a member.

    Examples
    --------
    >>> Entropy().score([[0.0, 0.0]], [0]).round(3).tolist()
    [-0.693]
    """

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (np.exp(log_p) * log_p).sum(axis=-1)


class ModifiedEntropy(SimpleAttack):
    """Entropy that knows the label (Song and Mittal 2021).

    s = (1 - p_y) log p_y + sum over k != y of p_k log(1 - p_k), minus the modified entropy: 0 when the model is
    sure and right, without bound when it is sure and wrong.

    Examples
    --------
    >>> ModifiedEntropy().score([[9.0, 0.0], [9.0, 0.0]], [0, 1]).round(3).tolist()
    [-0.0, -17.998]
    """

    def _statistic(self, log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
        log_rest = _log_of_the_others(log_p)
        terms = np.exp(log_p) * log_rest
        of_label = np.exp(_of_label(log_rest, labels)) * _of_label(log_p, labels)
        return of_label + terms.sum(axis=-1) - _of_label(terms, labels)


def _of_label(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.take_along_axis(rows, labels[..., None], axis=-1)[..., 0]


def _log_of_the_others(log_p: np.ndarray) -> np.ndarray:
    """log(1 - p_k) of every class; for the largest from the other posteriors, since 1 - p_k may round to 0."""
    top = log_p.argmax(axis=-1)[..., None]
    others = log_p.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    logs = np.log1p(-np.exp(others))
    np.put_along_axis(logs, top, logsumexp(others, axis=-1, keepdims=True), axis=-1)
    return logs
