"""How far a measured leak can be trusted: intervals, and what differential privacy allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from course_lib.membership.inputs import as_scores
from course_lib.membership.metrics import best_threshold


def bootstrap_interval(
    measure: Callable[[np.ndarray, np.ndarray], float],
    members,
    non_members,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a measure over records drawn again (Efron 1979).

    Members and non-members are drawn with replacement, each side to its own size. The interval says what
    other *records* would give with the same models; other models are another matter: train them.

    Parameters
    ----------
    measure : a function of member and non-member scores, such as ``auc``.
    members, non_members : scores as for ``roc``.
    level : share of resamples inside, in (0, 1).
    n_resamples : at least 100.
    seed : of the draws.

    Returns
    -------
    (low, high).

    Raises
    ------
    ValueError
        if level or n_resamples is out of range, or the measure is NaN on a resample.

    Examples
    --------
    >>> from course_lib.membership import auc
    >>> low, high = bootstrap_interval(auc, [3.0, 2.0, 1.0, 4.0], [0.0, 2.5, 1.5, 0.5], n_resamples=200)
    >>> 0 <= low < auc([3.0, 2.0, 1.0, 4.0], [0.0, 2.5, 1.5, 0.5]) < high <= 1
    True
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    _check_level(level)
    if n_resamples < 100:
        raise ValueError(f"{n_resamples} resamples say little about an interval's ends; take at least 100")
    draw = np.random.default_rng(seed)
    values = np.array([
        measure(draw.choice(members, len(members)), draw.choice(non_members, len(non_members)))
        for _ in range(n_resamples)
    ])
    if np.isnan(values).any():
        raise ValueError(
            f"the measure is NaN on {np.isnan(values).sum()} of {n_resamples} resamples; "
            "score more records, or ask for a coarser false-positive rate"
        )
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def dp_tpr_bound(epsilon: float, delta: float, fpr) -> np.ndarray | float:
    """The most true positives that (epsilon, delta)-differential privacy leaves any attack.

    TPR <= min(e^epsilon FPR + delta, 1 - e^-epsilon (1 - delta - FPR), 1): the definition, applied to the
    event "called a member" and to its complement (Kairouz et al. 2015).

    It holds where a record comes or goes alone, as in ``ShadowPlan.fair_coins``. In halves of a fixed size another
    goes where one comes, which is two steps: give 2 epsilon and delta (1 + e^epsilon) there (Dwork and Roth 2014).

    Parameters
    ----------
    epsilon : at least 0; infinity allows everything.
    delta : in [0, 1].
    fpr : number or array of false-positive rates in [0, 1].

    Returns
    -------
    float in [0, 1], or an array of the shape of `fpr`.

    Raises
    ------
    ValueError
        if an argument is out of range.

    Examples
    --------
    >>> round(dp_tpr_bound(1.0, 1e-5, 0.01), 4)
    0.0272
    >>> dp_tpr_bound(0.0, 0.0, [0.0, 0.5, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    _check_privacy(epsilon, delta)
    alarms = np.asarray(fpr, dtype=float)
    if not ((alarms >= 0) & (alarms <= 1)).all():
        raise ValueError("false-positive rates lie in [0, 1]; 1 % is written 0.01")
    if np.isinf(epsilon):
        bound = np.ones_like(alarms)
    else:
        few_alarms = np.exp(epsilon) * alarms + delta
        few_misses = 1 - np.exp(-epsilon) * (1 - delta - alarms)
        bound = np.minimum(np.minimum(few_alarms, few_misses), 1.0)
    return float(bound) if bound.ndim == 0 else bound


def epsilon_lower_bound(
    members,
    non_members,
    delta: float = 0.0,
    level: float = 0.95,
    threshold: float | None = None,
    method: str = "independent",
    seed: int = 0,
) -> float:
    """An epsilon that the training did not keep, at a confidence level: an audit.

    ``method="independent"`` takes each score for a trial of its own, as when every trial trains a model
    (Jagielski et al. 2020). With Clopper-Pearson bounds, lower for TPR and upper for FPR,

        epsilon >= log((TPR - delta) / FPR), and the same of the true negatives,

    the larger of the two. ``method="one_run"`` is valid when all scores come from *one* model into which each
    record went or not by a fair coin (Steinke et al. 2023): of r guesses, under (epsilon, delta)-privacy, no more
    are right than Binomial(r, e^epsilon / (1 + e^epsilon)) allows, with the slack that delta buys.

    Parameters
    ----------
    members, non_members : scores as for ``roc``.
    delta : the delta of the guarantee that is put to the test, in [0, 1].
    level : confidence, in (0, 1).
    threshold : fixed before the scores were seen. None draws half of the records to set it, and bounds with
        the other half: a threshold that was fitted to the trials bounds nothing.
    method : "independent" or "one_run".
    seed : of the halves; not used when a threshold is given.

    Returns
    -------
    float, 0 or more. 0 says that nothing was shown, not that nothing leaks.

    Raises
    ------
    ValueError
        if an argument is out of range, or there is one record a side and no threshold.

    Examples
    --------
    >>> round(epsilon_lower_bound([1.0] * 100, [0.0] * 100, threshold=0.5), 2)
    3.28
    >>> epsilon_lower_bound([0.0] * 100, [0.0] * 100, threshold=0.5)
    0.0
    """
    members, non_members = as_scores(members, "members"), as_scores(non_members, "non-members")
    _check_privacy(0.0, delta)
    _check_level(level)
    if method not in ("independent", "one_run"):
        raise ValueError(f"method is 'independent' or 'one_run', got {method!r}")
    if threshold is None:
        threshold, members, non_members = _threshold_on_half(members, non_members, seed)
    if np.isnan(threshold):
        raise ValueError("the threshold is NaN; give a number, or None to set it on half of the records")
    found, alarms = int((members >= threshold).sum()), int((non_members >= threshold).sum())
    if method == "one_run":
        n_right = found + len(non_members) - alarms
        return _one_run_bound(n_right, len(members) + len(non_members), delta, 1 - level)
    # The bound on TPR from below is that on the misses from above: two intervals serve both directions.
    risk = (1 - level) / 2
    tpr, tnr = _at_least(found, len(members), risk), _at_least(len(non_members) - alarms, len(non_members), risk)
    ratios = [(tpr - delta) / (1 - tnr), (tnr - delta) / (1 - tpr)]
    return float(max(0.0, np.log(max(*ratios, 1.0))))


def _threshold_on_half(members: np.ndarray, non_members: np.ndarray, seed: int) -> tuple[float, np.ndarray, np.ndarray]:
    if min(len(members), len(non_members)) < 2:
        raise ValueError("one record a side cannot both set a threshold and test it: give a threshold")
    draw = np.random.default_rng(seed)
    halves = [np.array_split(draw.permutation(scores), 2) for scores in (members, non_members)]
    return best_threshold(halves[0][0], halves[1][0]), halves[0][1], halves[1][1]


def _at_least(successes: int, trials: int, risk: float) -> float:
    """The one-sided Clopper-Pearson bound: a share below it is as lucky as this with chance under `risk`."""
    return float(stats.beta.ppf(risk, successes, trials - successes + 1)) if successes else 0.0


def _one_run_bound(n_right: int, n_guesses: int, delta: float, risk: float) -> float:
    """The largest epsilon under which so many right guesses have a chance of at most `risk`."""
    if _one_run_chance(n_right, n_guesses, 0.0, delta) > risk:
        return 0.0
    low, high = 0.0, 1.0
    while _one_run_chance(n_right, n_guesses, high, delta) <= risk:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _one_run_chance(n_right, n_guesses, middle, delta) <= risk else (low, middle)
    return low


def _one_run_chance(n_right: int, n_guesses: int, epsilon: float, delta: float) -> float:
    """A bound on the chance of so many right guesses under (epsilon, delta) (Steinke et al. 2023, Appendix D).

    beta + 2 m delta max_i P[v - i <= X < v] / i, with X ~ Binomial(r, e^epsilon / (1 + e^epsilon)); every one of
    the m records is guessed, so r = m.
    """
    right = stats.binom(n_guesses, 1 / (1 + np.exp(-epsilon)))
    chance = right.sf(n_right - 1)
    if delta and n_right:
        just_below = np.cumsum(right.pmf(np.arange(n_right - 1, -1, -1)))
        chance += 2 * n_guesses * delta * (just_below / np.arange(1, n_right + 1)).max()
    return float(min(chance, 1.0))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a level of {level} is outside (0, 1); 95 % is written 0.95")


def _check_privacy(epsilon: float, delta: float) -> None:
    if not epsilon >= 0:
        raise ValueError(f"an epsilon of {epsilon} is not 0 or more")
    if not 0 <= delta <= 1:
        raise ValueError(f"a delta of {delta} is outside [0, 1]")
