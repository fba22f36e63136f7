"""The detector against the truth: precision and recall on 8-bit pictures and on digits."""

import pytest
import torch

from course_lib.datasets import digit_images, fundus_crops, photo_crops
from course_lib.gradients import activation_pattern, client_gradient, detect_single, extract_rows, match_rows, mlp

DATA = {
    "photos": (lambda n, seed: photo_crops(n, 32, seed), 256),
    "plain": (lambda n, seed: photo_crops(n, 32, seed, resized=False), 256),
    "fundus": (lambda n, seed: fundus_crops(n, 28, seed), 256),
    "digits": (digit_images, 17),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", DATA)
def test_precision_and_recall_are_one_on_pictures(name, seed):
    get, levels = DATA[name]
    images, labels = get(40, seed)
    x, y = torch.from_numpy(images).flatten(1), torch.from_numpy(labels)
    model = mlp([x.shape[1], 500, 10], seed=seed)
    rows = extract_rows(client_gradient(model, x, y))
    alone = activation_pattern(model, x).sum(0) == 1
    truth = match_rows(rows, x) >= 0
    assert torch.equal(truth, alone[rows.neurons]) and truth.any() and not truth.all()
    assert torch.equal(detect_single(rows, levels), truth)


def test_pixels_in_range_alone_are_no_proof():
    """A mean of pictures lies in [0, 1] as well: most such rows are mixtures."""
    images, labels = photo_crops(100, 32)
    x, y = torch.from_numpy(images).flatten(1), torch.from_numpy(labels)
    rows = extract_rows(client_gradient(mlp([3072, 500, 10]), x, y))
    in_range = ((rows.inputs >= 0) & (rows.inputs <= 1)).all(1)
    single = match_rows(rows, x) >= 0
    assert single[in_range].float().mean() < 0.9 and not in_range[~single].logical_not().all()


def test_the_grid_must_be_the_right_one():
    images, _ = digit_images(50)
    rows = torch.from_numpy(images).flatten(1)
    assert detect_single(rows, 17).all()
    assert not detect_single(rows, 16).any()


def test_standardised_pictures_are_off_the_grid():
    images, _ = photo_crops(20, 16)
    x = torch.from_numpy(images).flatten(1)
    assert not detect_single((x - 0.45) / 0.25).any()


def test_one_row_must_stand_in_a_table():
    with pytest.raises(ValueError, match=r"rows of shape \(3,\); \(n_rows, n_features\) is needed"):
        detect_single(torch.zeros(3))


def test_no_rows_give_no_answers():
    assert detect_single(torch.empty(0, 5)).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "levels", "said"),
    [
        (torch.zeros(1, 3), 1, "levels is 1; a picture has at least 2"),
        (torch.zeros(1, 3, dtype=torch.float16), 256, "torch.float16 cannot tell 256 levels apart"),
    ],
)
def test_levels_that_cannot_be_told_are_refused(rows, levels, said):
    with pytest.raises(ValueError, match=said):
        detect_single(rows, levels)
