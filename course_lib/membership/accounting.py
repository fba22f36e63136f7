"""How much privacy DP-SGD spends: Rényi differential privacy of the subsampled Gaussian mechanism."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp

ORDERS = (1.001, 10_001.0)  # the Rényi orders searched; every one gives a valid bound
TAIL = 9.0  # standard deviations of a Gaussian beyond which its mass is below 1e-18


def rdp_epsilon(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """The ε for which `steps` noisy steps on Poisson samples are (ε, δ)-differentially private.

    ε = min over α > 1 of T R(α) + log(1 − 1/α) − (log δ + log α)/(α − 1), where
    R(α) = log E[(1 − q + q exp((2z − 1)/2σ²))^α]/(α − 1) with z ~ N(0, σ²) is the Rényi divergence of
    one step (Mironov, Talwar and Zhang 2019, Section 3) and the other terms turn it into ε (Balle et
    al. 2020, Theorem 21 of arXiv 1905.09982). Neighbouring data sets differ by one record added or removed.
    (α − 1) times the expression is convex in α, so one search finds the least.

    Parameters
    ----------
    noise_multiplier : σ, at least 0 and finite: the noise's standard deviation over the clipping norm.
    sample_rate : q in [0, 1], the probability with which a record takes part in a step.
    steps : T, a whole number of steps, at least 0.
    delta : δ in (0, 1), below one over the number of records.

    Returns
    -------
    ε, at least 0; infinite without noise.

    Raises
    ------
    ValueError
        if an argument lies outside its range; the message names it.

    Examples
    --------
    >>> round(rdp_epsilon(1.0, 0.05, 100, 1e-5), 2)
    4.04
    >>> rdp_epsilon(0.0, 0.05, 100, 1e-5)
    inf
    """
    _require(0 <= noise_multiplier < math.inf, f"noise_multiplier is {noise_multiplier}: give σ ≥ 0, finite")
    _require(0 <= sample_rate <= 1, f"sample_rate is {sample_rate}: give a probability, 0 to 1")
    _require(0 <= steps < math.inf and steps == int(steps), f"steps is {steps}: give a whole number, 0 or more")
    _require(0 < delta < 1, f"delta is {delta}: give δ between 0 and 1, both excluded")
    if steps == 0 or sample_rate == 0:
        return 0.0
    if noise_multiplier == 0:
        return math.inf

    def epsilon(log_order_minus_1: float) -> float:
        order = 1 + math.exp(log_order_minus_1)
        spent = steps * log_moment(noise_multiplier, sample_rate, order)
        return (spent - math.log(delta) - math.log(order)) / (order - 1) + math.log1p(-1 / order)

    bounds = [math.log(order - 1) for order in ORDERS]
    least = minimize_scalar(epsilon, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return max(0.0, float(least.fun))


def noise_for_epsilon(epsilon: float, sample_rate: float, steps: int, delta: float) -> float:
    """The least noise multiplier whose (ε, δ) guarantee, as `rdp_epsilon` counts it, is `epsilon`.

    Parameters
    ----------
    epsilon : ε, above 0; infinite for no noise.
    sample_rate, steps, delta : as in `rdp_epsilon`.

    Returns
    -------
    σ, at least 0, found to six digits and rounded up, so that ε is kept.

    Raises
    ------
    ValueError
        if ε is not positive, if no σ between 0.1 and 10,000 gives it, or as `rdp_epsilon` does.

    Examples
    --------
    >>> sigma = noise_for_epsilon(4.0, 0.05, 100, 1e-5)
    >>> round(sigma, 3), rdp_epsilon(sigma, 0.05, 100, 1e-5) <= 4.0
    (1.004, True)
    """
    _require(epsilon > 0, f"epsilon is {epsilon}: give ε above 0")
    if rdp_epsilon(0.0, sample_rate, steps, delta) <= epsilon:
        return 0.0

    def excess(log_sigma: float) -> float:
        return rdp_epsilon(math.exp(log_sigma), sample_rate, steps, delta) - epsilon

    low, high = math.log(0.1), math.log(1e4)
    _require(
        excess(low) > 0 > excess(high),
        f"epsilon is {epsilon}: no noise multiplier between 0.1 and 10,000 gives it; change steps or delta",
    )
    return math.exp(brentq(excess, low, high, xtol=1e-7)) * (1 + 1e-6)


def log_moment(sigma: float, q: float, order: float) -> float:
    """log E[(1 − q + q exp((2z − 1)/2σ²))^α] for z ~ N(0, σ²), by the trapezium rule.

    The integrand is analytic and falls off as a Gaussian, so the rule's error shrinks exponentially with
    the step: σ or σ²/2, whichever is less, leaves nothing but rounding.

    Parameters
    ----------
    sigma : noise multiplier, above 0.
    q : chance that a record is in a batch, above 0 and at most 1.
    order : α, above 1.

    Returns
    -------
    float, 0 or more.

    Examples
    --------
    >>> round(log_moment(2.0, 1.0, 3.0), 9) == (3 * 2) / (2 * 2.0**2)  # no sampling: α(α − 1)/2σ²
    True
    """
    step = min(sigma, sigma**2) / 2
    z = np.arange(-TAIL * sigma, order + TAIL * sigma, step)
    log_density = -(z**2) / (2 * sigma**2) - math.log(sigma * math.sqrt(2 * math.pi))
    log_ratio = (2 * z - 1) / (2 * sigma**2)
    if q < 1:
        log_ratio = np.logaddexp(math.log1p(-q), math.log(q) + log_ratio)
    return max(0.0, float(logsumexp(log_density + order * log_ratio)) + math.log(step))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
