"""The likelihood-ratio attack: what would this record's confidence be, in and out of training?"""

from __future__ import annotations

import numpy as np
from scipy import stats

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.inputs import (
    MODES,
    as_labels,
    as_logits,
    as_wanted,
    first_few,
    require_fitted,
    require_models,
    target_rows,
)


def scaled_confidence(logits, y) -> np.ndarray:
    """phi = log(p_y / (1 - p_y)), from logits, without forming p (Carlini et al. 2022).

    phi = z_y - log sum over k != y of e^(z_k).

    Parameters
    ----------
    logits : (n, n_classes), n_classes at least 2.
    y : (n,) labels.

    Returns
    -------
    (n,) float64; positive where the label has more than half of the probability.

    Raises
    ------
    ValueError
        if logits are not finite or look like posteriors, or labels do not fit them.

    Examples
    --------
    >>> scaled_confidence([[2.0, 0.0], [50.0, 0.0]], [0, 0]).tolist()
    [2.0, 50.0]
    """
    rows = as_logits(logits)
    return _scaled_confidence(rows, as_labels(y, *rows.shape))


def _scaled_confidence(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    of_label = np.take_along_axis(rows, labels[:, None], axis=1)
    others = rows.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    largest = others.max(axis=1, keepdims=True)  # subtracted, so that no exponential overflows
    return (of_label - largest)[:, 0] - np.log(np.exp(others - largest).sum(axis=1))


class LiRA:
    """The likelihood-ratio attack (Carlini et al. 2022, Algorithm 1).

    For each record, phi is taken for normal with mean mu_in and deviation sigma_in over the shadow models
    trained on the record, and mu_out, sigma_out over the others.

    Online, s = log N(phi; mu_in, sigma_in^2) - log N(phi; mu_out, sigma_out^2). Offline,
    s = (phi - mu_out) / sigma_out, which ranks like 1 - Pr[N(mu_out, sigma_out^2) > phi] and does not round to 1.

    Online, the shadow models must have been trained with and without the very records under suspicion;
    offline, it is enough that they were never trained on them.

    Parameters
    ----------
    mode : "online" or "offline".
    variance : "per_example" estimates each record's deviations from its own shadow models, 2 or more of each
        kind; "fixed" pools the squared deviations from the means over all records, better below some 64
        shadow models. Where no record has 2 of a kind, the spread of all records' phi stands in: it holds
        differences between records too, yet a common factor of both deviations hardly moves the ranking.

    Raises
    ------
    ValueError
        if mode or variance is not one of these.

    Examples
    --------
    >>> logits = np.array([[[3.0, 0.0]], [[4.0, 0.0]], [[0.0, 0.0]], [[1.0, 0.0]]])
    >>> bundle = ShadowBundle(logits, np.array([[True], [True], [False], [False]]))
    >>> attack = LiRA().fit(bundle, y=[0])
    >>> attack.score([[3.5, 0.0]], [0]) > 0, attack.score([[0.5, 0.0]], [0]) > 0
    (array([ True]), array([False]))
    """

    def __init__(self, mode: str = "online", variance: str = "fixed") -> None:
        for name, value, known in (("mode", mode, MODES), ("variance", variance, ("fixed", "per_example"))):
            if value not in known:
                raise ValueError(f"{name} is {known[0]!r} or {known[1]!r}, got {value!r}")
        self.mode, self.variance = mode, variance
        self.known: int | None = None  # records of the bundle it was fitted on
        self.means: dict[str, np.ndarray] = {}
        self.deviations: dict[str, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"LiRA(mode={self.mode!r}, variance={self.variance!r})"

    def fit(self, bundle: ShadowBundle, y, records=None) -> LiRA:
        """Estimate the distributions of phi for the records of a bundle.

        Parameters
        ----------
        bundle : ShadowBundle; a model counts as out for every record that it was not trained on.
        y : (n_records,) labels of the bundle's records.
        records : (n,) which records will be scored; None for all. Only these need enough shadow models.

        Returns
        -------
        The attack itself.

        Raises
        ------
        ValueError
            if a record is never out (online: never in) in any shadow model, or there are fewer than 2 shadow
            models for a variance.
        """
        labels, wanted = as_labels(y, bundle.n_records, bundle.n_classes), as_wanted(records, bundle.n_records)
        phi = np.stack([_scaled_confidence(as_logits(rows[wanted]), labels[wanted]) for rows in bundle.logits])
        if bundle.n_models < 2:
            raise ValueError("there is 1 shadow model; a variance needs at least 2")
        self.n_classes, self.known = bundle.n_classes, bundle.n_records
        sides = {"out": ~bundle.membership} | ({"in": bundle.membership} if self.mode == "online" else {})
        for side, chosen in sides.items():
            require_models(chosen, wanted, side)
            self.means[side], self.deviations[side] = self._moments(phi, chosen, wanted, side)
        return self

    def _moments(
        self, phi: np.ndarray, chosen: np.ndarray, wanted: np.ndarray, side: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """mu and sigma of each record over the chosen models, NaN for records that are not wanted.

        phi is (n_models, n_wanted), chosen (n_models, n_records).
        """
        chosen = chosen[:, wanted]
        freedom = chosen.sum(axis=0) - 1  # one degree is spent on the mean
        mu = np.where(chosen, phi, 0).sum(axis=0) / (freedom + 1)
        squares = np.where(chosen, (phi - mu) ** 2, 0).sum(axis=0)
        if self.variance == "per_example":
            if (freedom < 1).any():
                raise ValueError(
                    f"records {first_few(wanted[freedom < 1])} are {side} in fewer than 2 shadow models, too few for a "
                    'variance: train more, or take variance="fixed"'
                )
            variance = squares / freedom
        else:
            pooled = squares.sum() / freedom.sum() if freedom.any() else phi[chosen].var()
            variance = np.full_like(mu, pooled)
        if (variance <= 0).any():
            raise ValueError(
                f"the shadow models agree exactly on records {first_few(wanted[variance <= 0])}: they are copies of "
                "one model, or publish no confidence; a variance of 0 gives no likelihood"
            )
        moments = np.full((2, self.known), np.nan)
        moments[:, wanted] = mu, np.sqrt(variance)
        return moments[0], moments[1]

    def score(self, logits, y, records=None) -> np.ndarray:
        """One score a row; higher means member.

        Parameters
        ----------
        logits : (n, n_classes) of the target model for the records under suspicion.
        y : (n,) their labels.
        records : (n,) which record of the bundle each row is; None for all, in order.

        Returns
        -------
        (n,) float64. Online, 0 is where both explanations are equally likely.

        Raises
        ------
        ValueError
            if the attack is not fitted, the rows are not as many as the records, or a record is not among
            those it was fitted for.
        """
        rows, places = target_rows(self, logits, records, self.known)
        phi = _scaled_confidence(rows, as_labels(y, *rows.shape))
        z = {side: (phi - self.means[side][places]) / self.deviations[side][places] for side in self.means}
        if self.mode == "offline":
            scores = z["out"]
        else:
            sigma = {side: self.deviations[side][places] for side in z}
            scores = stats.norm.logpdf(z["in"]) - stats.norm.logpdf(z["out"]) - np.log(sigma["in"] / sigma["out"])
        require_fitted(scores, places)
        return scores
