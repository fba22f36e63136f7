"""PSNR on answers known by hand and beside scikit-image's."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from course_lib.gradients import psnr


def test_a_tenth_everywhere_is_20_decibels_and_ten_times_less_is_40():
    for error, decibels in ((0.1, 20), (0.01, 40), (1.0, 0)):
        assert psnr(torch.zeros(3, 4).double(), torch.full((3, 4), error).double()) == pytest.approx(decibels)


def test_equal_pictures_are_infinitely_near():
    assert psnr(torch.ones(2), torch.ones(2)) == math.inf


@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_it_agrees_with_scikit_image(peak):
    random = np.random.default_rng(0)
    truth, estimate = random.uniform(0, peak, (2, 3, 8, 8))
    assert psnr(truth, estimate, peak) == pytest.approx(peak_signal_noise_ratio(truth, estimate, data_range=peak))


@pytest.mark.parametrize(
    ("truth", "estimate", "peak", "said"),
    [
        (torch.zeros(2), torch.zeros(3), 1.0, r"shapes \(2,\) and \(3,\); two equal ones are needed"),
        (torch.zeros(0), torch.zeros(0), 1.0, "not empty"),
        (torch.zeros(2), torch.zeros(2), 0.0, "peak is 0; a finite number above 0 is needed"),
        (torch.zeros(2), torch.ones(2), float("inf"), "peak is inf; a finite number above 0 is needed"),
        (torch.zeros(2), torch.full((2,), float("nan")), 1.0, "a picture holds NaN or infinity"),
    ],
)
def test_what_has_no_distance_is_refused(truth, estimate, peak, said):
    with pytest.raises(ValueError, match=said):
        psnr(truth, estimate, peak)
