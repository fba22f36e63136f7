"""The accountant against closed forms, numerical integration and its own guarantees."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import comb, logsumexp
from scipy.stats import norm

from course_lib.membership.accounting import log_moment, noise_for_epsilon, rdp_epsilon


def by_quadrature(sigma, q, order):
    """log E[(mixture / normal)^α] with z from the normal, by SciPy's adaptive integration."""

    def integrand(z):
        base = norm.logpdf(z, 0, sigma)
        mixture = np.logaddexp(math.log1p(-q) + base, math.log(q) + norm.logpdf(z, 1, sigma))
        return math.exp(order * mixture - (order - 1) * base)

    value, _ = quad(integrand, -12 * sigma, order + 12 * sigma, points=[0, order], epsabs=0, epsrel=1e-12, limit=2000)
    return math.log(value)


def by_binomial_sum(sigma, q, order):
    """The closed form for whole orders (Mironov, Talwar and Zhang 2019, Section 3.3)."""
    k = np.arange(order + 1)
    terms = np.log(comb(order, k)) + (order - k) * math.log1p(-q) + k * math.log(q) + (k * k - k) / (2 * sigma**2)
    return logsumexp(terms)


def test_the_published_example_lies_in_its_band():
    assert 4.03 <= rdp_epsilon(1.0, 0.05, 100, 1e-5) <= 4.05


@pytest.mark.parametrize("sigma, q", [(1.0, 0.05), (0.5, 0.01), (4.0, 0.3), (0.25, 0.1), (30.0, 0.5)])
@pytest.mark.parametrize("order", [1.25, 2.0, 3.7, 8.5])
def test_the_moment_equals_numerical_integration(sigma, q, order):
    assert log_moment(sigma, q, order) == pytest.approx(by_quadrature(sigma, q, order), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize("sigma, q", [(1.0, 0.05), (0.3, 0.2), (5.0, 0.01), (2.0, 1 - 1e-9)])
@pytest.mark.parametrize("order", [2, 3, 7, 32, 200])
def test_the_moment_equals_the_closed_form_at_whole_orders(sigma, q, order):
    assert log_moment(sigma, q, order) == pytest.approx(by_binomial_sum(sigma, q, order), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 20.0])
def test_without_sampling_the_moment_is_the_gaussians(sigma):
    for order in (1.1, 2.0, 17.5):
        assert log_moment(sigma, 1.0, order) == pytest.approx(order * (order - 1) / (2 * sigma**2), rel=1e-9)


@pytest.mark.parametrize("sigma, q, steps, delta", [(1.0, 0.05, 100, 1e-5), (0.6, 0.01, 400, 1e-6), (8, 0.2, 30, 1e-4)])
def test_the_search_finds_the_least_over_a_fine_grid_of_orders(sigma, q, steps, delta):
    orders = np.concatenate([np.linspace(1.02, 30, 1500), np.geomspace(30, 2000, 300)])
    found = [
        steps * log_moment(sigma, q, a) / (a - 1) - (math.log(delta) + math.log(a)) / (a - 1) + math.log(1 - 1 / a)
        for a in orders
    ]
    assert rdp_epsilon(sigma, q, steps, delta) == pytest.approx(min(found), rel=1e-3)
    assert rdp_epsilon(sigma, q, steps, delta) <= min(found) + 1e-9


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 20.0])
def test_epsilon_is_never_below_the_exact_one_of_a_single_gaussian(sigma):
    """Balle and Wang 2018, Theorem 8, gives the exact δ of one Gaussian step: RDP is a bound above it."""
    epsilon = rdp_epsilon(sigma, 1.0, 1, 1e-5)
    delta = norm.cdf(0.5 / sigma - epsilon * sigma) - math.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma)
    assert 1e-5 / 10 < delta <= 1e-5  # the conversion gives away a factor of two to six


def test_epsilon_grows_with_steps_and_rate_and_shrinks_with_noise_and_delta():
    base = rdp_epsilon(1.0, 0.05, 100, 1e-5)
    assert rdp_epsilon(1.0, 0.05, 200, 1e-5) > base < rdp_epsilon(1.0, 0.1, 100, 1e-5)
    assert rdp_epsilon(1.2, 0.05, 100, 1e-5) < base > rdp_epsilon(1.0, 0.05, 100, 1e-4)


def test_the_ends():
    assert rdp_epsilon(1.0, 0.05, 0, 1e-5) == rdp_epsilon(1.0, 0.0, 10, 1e-5) == rdp_epsilon(0.0, 0.0, 10, 1e-5) == 0
    assert rdp_epsilon(0.0, 0.05, 1, 1e-5) == math.inf
    assert 0 <= rdp_epsilon(1e4, 0.05, 1, 1e-5) < 0.01
    assert type(rdp_epsilon(1.0, 0.05, 100, 1e-5)) is float


@pytest.mark.parametrize("epsilon", [0.1, 1.9, 5.8, 13.0, 50.0])
def test_the_noise_for_an_epsilon_keeps_it_and_is_the_least(epsilon):
    sigma = noise_for_epsilon(epsilon, 0.05, 200, 1e-5)
    assert rdp_epsilon(sigma, 0.05, 200, 1e-5) <= epsilon
    assert rdp_epsilon(sigma * (1 - 1e-5), 0.05, 200, 1e-5) > epsilon


def test_no_noise_is_needed_for_no_guarantee():
    assert noise_for_epsilon(math.inf, 0.05, 100, 1e-5) == 0.0
    assert noise_for_epsilon(1.0, 0.05, 0, 1e-5) == 0.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((-1.0, 0.05, 100, 1e-5), "noise_multiplier is -1.0: give σ ≥ 0"),
        ((math.nan, 0.05, 100, 1e-5), "noise_multiplier is nan"),
        ((math.inf, 0.05, 100, 1e-5), "noise_multiplier is inf"),
        ((1.0, 1.5, 100, 1e-5), "sample_rate is 1.5: give a probability, 0 to 1"),
        ((1.0, 0.05, 10.5, 1e-5), "steps is 10.5: give a whole number, 0 or more"),
        ((1.0, 0.05, -1, 1e-5), "steps is -1"),
        ((1.0, 0.05, 100, 0.0), "delta is 0.0: give δ between 0 and 1, both excluded"),
        ((1.0, 0.05, 100, 1.0), "delta is 1.0"),
    ],
)
def test_an_argument_outside_its_range_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rdp_epsilon(*arguments)


def test_an_epsilon_that_no_noise_gives_is_refused():
    with pytest.raises(ValueError, match="epsilon is 0: give ε above 0"):
        noise_for_epsilon(0, 0.05, 100, 1e-5)
    with pytest.raises(ValueError, match="epsilon is 1e-07: no noise multiplier between 0.1 and 10,000 gives it"):
        noise_for_epsilon(1e-7, 0.5, 1_000_000, 1e-5)
