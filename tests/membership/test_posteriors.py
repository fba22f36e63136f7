"""Publishing less: rows stay posteriors, keep what they promise and refuse logits."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from course_lib.membership import log_posteriors, round_posteriors, smoothed_cross_entropy, temperature, top_k

DEFENCES = [
    lambda p: top_k(p, 2),
    lambda p: temperature(p, 5.0),
    lambda p: round_posteriors(p, 2),
    lambda p: log_posteriors(p),
]


def rows(seed, n=200, n_classes=7, scale=4.0):
    return softmax(np.random.default_rng(seed).normal(0, scale, (n, n_classes)), axis=-1)


@pytest.mark.parametrize("shape", [(7,), (5, 7), (3, 5, 7)])
def test_softmax_undoes_the_logarithm_in_any_shape(shape):
    p = softmax(np.random.default_rng(0).normal(size=shape), axis=-1)
    np.testing.assert_allclose(softmax(log_posteriors(p), axis=-1), p, atol=1e-14)


def test_a_posterior_of_zero_is_taken_for_the_floor():
    logits = log_posteriors([[1.0, 0.0]], floor=0.005)
    assert logits.tolist() == [[0.0, np.log(0.005)]]
    assert np.isfinite(log_posteriors(np.eye(4))).all()
    for floor in (0, 1, -1, np.nan):
        with pytest.raises(ValueError, match="a floor of .* is outside"):
            log_posteriors([[1.0, 0.0]], floor)


@pytest.mark.parametrize("k", range(1, 8))
def test_the_k_largest_are_published_and_the_rest_is_even(k):
    p = rows(k)
    published = top_k(p, k)
    np.testing.assert_allclose(published.sum(axis=-1), 1)
    for before, after in zip(p, published, strict=True):
        kept = np.argsort(before)[::-1][:k]
        np.testing.assert_array_equal(after[kept], before[kept])
        rest = np.delete(after, kept)
        if k < 7:
            np.testing.assert_allclose(rest, (1 - before[kept].sum()) / (7 - k), atol=1e-15)


def test_of_equal_posteriors_the_first_class_is_published():
    np.testing.assert_allclose(top_k([[0.1, 0.4, 0.4, 0.1]], 1), [[0.2, 0.4, 0.2, 0.2]])


def test_a_temperature_divides_the_logits_and_is_undone_by_who_knows_it():
    z = np.random.default_rng(0).normal(size=(50, 6))
    soft = temperature(softmax(z, axis=-1), 20.0)
    np.testing.assert_allclose(soft, softmax(z / 20, axis=-1), atol=1e-14)
    np.testing.assert_allclose(temperature(soft, 1 / 20), softmax(z, axis=-1), atol=1e-12)
    np.testing.assert_array_equal(temperature([[1.0, 0.0]], 3.0), [[1.0, 0.0]])


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 6, 9, 12])
@pytest.mark.parametrize("n_classes", [2, 3, 50])
def test_rounded_rows_sum_to_one_and_move_by_less_than_a_unit(decimals, n_classes):
    p = rows(decimals, n_classes=n_classes)
    rounded = round_posteriors(p, decimals)
    unit = 10.0**-decimals
    np.testing.assert_allclose(rounded.sum(axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(rounded / unit, np.rint(rounded / unit), rtol=1e-9, atol=1e-3)
    assert (rounded >= 0).all()
    assert abs(rounded - p).max() < unit * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("row", [[0.7, 0.2, 0.1], [0.29, 0.57, 0.14], [1.0, 0.0, 0.0], [1 / 2, 1 / 4, 1 / 4]])
def test_rows_that_are_round_already_stay(row):
    assert round_posteriors([row], 2).tolist() == [row]
    np.testing.assert_array_equal(round_posteriors(round_posteriors([row], 2), 2), round_posteriors([row], 2))


@pytest.mark.parametrize("defence", DEFENCES)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([[2.0, -1.0]], "hold 2, outside .0, 1.: these look like logits; apply softmax"),
        ([[7.5, 1.0]], "hold 7.5, outside .0, 1.: these look like logits"),
        ([[0.9, 0.8], [0.5, 0.5]], r"1 rows of posteriors do not sum to 1 \(the first sums to 1.7\): .* one sigmoid"),
        ([[0.0, 0.0]], "do not sum to 1 .the first sums to 0"),
        ([[np.nan, 1.0]], "hold NaN or infinity"),
        ([[np.inf, 0.0]], "hold NaN or infinity"),
        ([[1.0]], r"shape \(1, 1\); .* at least two classes"),
        (1.0, r"shape \(\)"),
    ],
)
def test_what_is_no_posterior_is_refused(defence, wrong, words):
    with pytest.raises(ValueError, match=words):
        defence(wrong)


def test_rounding_of_the_model_is_not_taken_for_logits():
    half = softmax(np.random.default_rng(0).normal(size=(20, 100)), axis=-1).astype(np.float16)
    np.testing.assert_allclose(round_posteriors(half, 4).sum(axis=-1), 1, atol=1e-12)
    assert top_k(torch.tensor([[0.7, 0.3]], requires_grad=True), 1).dtype == np.float64


@pytest.mark.parametrize("k", [0, 4, 1.5, -1])
def test_k_is_a_number_of_classes(k):
    with pytest.raises(ValueError, match="k is a whole number from 1 to the number of classes, 3"):
        top_k([[0.2, 0.3, 0.5]], k)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_a_temperature_is_above_zero(value):
    with pytest.raises(ValueError, match="is not a number above 0; 1 changes nothing"):
        temperature([[0.5, 0.5]], value)


@pytest.mark.parametrize("decimals", [-1, 13, 1.5])
def test_decimals_are_few_and_whole(decimals):
    with pytest.raises(ValueError, match="decimals is a whole number from 0 to 12"):
        round_posteriors([[0.5, 0.5]], decimals)


def test_the_smoothed_loss_is_the_formula_row_by_row():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(6, 5, generator=generator, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0])
    log_p = logits.log_softmax(1)
    by_hand = -0.9 * log_p[torch.arange(6), labels] - 0.1 / 5 * log_p.sum(1)
    torch.testing.assert_close(smoothed_cross_entropy(0.1)(logits, labels), by_hand)
    torch.testing.assert_close(smoothed_cross_entropy(0)(logits, labels), -log_p[torch.arange(6), labels])
    for wrong in (-0.1, 1, np.nan):
        with pytest.raises(ValueError, match="a smoothing of .* is outside"):
            smoothed_cross_entropy(wrong)
