"""The robust attack: is the record more at home in this model than other records are?"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.inputs import (
    MODES,
    as_labels,
    as_logits,
    as_records,
    as_wanted,
    require_fitted,
    require_models,
    target_rows,
)


class RMIA:
    """The robust membership inference attack (Zarifzadeh et al. 2024, Algorithm 1).

    Each record has the ratio r(x) = p(x | target) / p(x), where p(x | model) is the posterior of the record's label.
    The score is the share of records z of a population that x dominates:

        s(x) = Pr_z [ r(x) / r(z) >= gamma ].

    p(x) is the mean over models without and with the record in equal parts:

        online:   p(x) = (p_out(x) + p_in(x)) / 2
        offline:  p(x) = ((1 + a) p_out(x) + 1 - a) / 2, p_in being taken for a p_out + 1 - a.

    Ratios are compared by sorting the population once: n log n steps in place of n^2.

    Parameters
    ----------
    mode : "online" or "offline"; see ``LiRA`` for what each needs.
    a : offline only, in [0, 1]: how well the confidence out of training foretells that in training. 1 says that
        training changes nothing, 0 that every member has posterior 1.
    gamma : at least 1 in the paper, above 0 here. At 1 the score is the rank of r(x).

    Raises
    ------
    ValueError
        if an argument is out of range.

    Examples
    --------
    >>> logits = np.array([[[3.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]]])
    >>> bundle = ShadowBundle(logits, np.array([[True, False], [False, True]]))
    >>> attack = RMIA().fit(bundle, y=[0, 1])
    >>> attack.score([[3.0, 0.0], [0.0, 1.0]], [0, 1]).tolist()
    [1.0, 0.5]
    """

    def __init__(self, mode: str = "online", a: float = 0.3, gamma: float = 1.0) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {MODES[0]!r} or {MODES[1]!r}, got {mode!r}")
        if not 0 <= a <= 1:
            raise ValueError(f"a is a number in [0, 1], got {a}")
        if not (np.isfinite(gamma) and gamma > 0):
            raise ValueError(f"gamma is a number above 0, got {gamma}")
        self.mode, self.a, self.gamma = mode, a, gamma
        self.marginals: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"RMIA(mode={self.mode!r}, a={self.a}, gamma={self.gamma})"

    def fit(self, bundle: ShadowBundle, y, records=None) -> RMIA:
        """Estimate p(x) for the records of a bundle.

        Parameters
        ----------
        bundle : ShadowBundle; a model counts as out for every record that it was not trained on.
        y : (n_records,) labels of the bundle's records.
        records : (n,) which records will be scored; None for all.

        Returns
        -------
        The attack itself.

        Raises
        ------
        ValueError
            if a record is never out (online: never in) in any shadow model.
        """
        labels, wanted = as_labels(y, bundle.n_records, bundle.n_classes), as_wanted(records, bundle.n_records)
        p = np.stack([_posterior_of_label(as_logits(rows[wanted]), labels[wanted]) for rows in bundle.logits])
        require_models(~bundle.membership, wanted, "out")
        was_in = bundle.membership[:, wanted]
        p_out = _mean_over(p, ~was_in)
        if self.mode == "online":
            require_models(bundle.membership, wanted, "in")
            marginals = (p_out + _mean_over(p, was_in)) / 2
        else:
            marginals = ((1 + self.a) * p_out + 1 - self.a) / 2
        self.n_classes = bundle.n_classes
        self.marginals = np.full(bundle.n_records, np.nan)
        self.marginals[wanted] = np.maximum(marginals, np.finfo(np.float64).tiny)
        return self

    def ratios(self, logits, y, records=None) -> np.ndarray:
        """r(x) = p(x | target) / p(x), as (n,) float64, 0 or more; parameters and errors as for ``score``.

        Examples
        --------
        >>> logits = np.log([[[0.8, 0.2]], [[0.4, 0.6]]])
        >>> attack = RMIA().fit(ShadowBundle(logits, [[True], [False]]), y=[0])
        >>> attack.ratios(np.log([[0.9, 0.1]]), [0]).round(9).tolist()  # 0.9 over (0.8 + 0.4) / 2
        [1.5]
        """
        n_records = None if self.marginals is None else len(self.marginals)
        rows, places = target_rows(self, logits, records, n_records)
        ratios = _posterior_of_label(rows, as_labels(y, *rows.shape)) / self.marginals[places]
        require_fitted(ratios, places)
        return ratios

    def score(self, logits, y, records=None, population=None) -> np.ndarray:
        """One score a row; higher means member.

        Parameters
        ----------
        logits : (n, n_classes) of the target model for the records under suspicion.
        y : (n,) their labels.
        records : (n,) which record of the bundle each row is; None for all, in order.
        population : (m,) which of the n rows serve as z; None for all of them. The target is asked about these
            too: an attack on one record still queries it for the whole population.

        Returns
        -------
        (n,) float64 in [0, 1]: shares of the population.

        Raises
        ------
        ValueError
            if the attack is not fitted, the rows are not as many as the records, a record is not among those it
            was fitted for, or the population is empty.
        """
        ratios = self.ratios(logits, y, records)
        of_population = ratios
        if population is not None:
            of_population = ratios[as_records(population, len(population), len(ratios))]
            if not len(of_population):
                raise ValueError("the population is empty: name at least one row to compare with")
        dominated = np.searchsorted(np.sort(self.gamma * of_population), ratios, side="right")
        return dominated / len(of_population)


def _posterior_of_label(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.exp(np.take_along_axis(log_softmax(rows, axis=1), labels[:, None], axis=1)[:, 0])


def _mean_over(p: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The mean of each record over the chosen models, of which there is one at least."""
    return np.where(chosen, p, 0).sum(axis=0) / chosen.sum(axis=0)
