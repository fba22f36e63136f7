"""The grid of grey levels: which pictures lie on it, and where others snap to."""

import pytest
import torch

from course_lib.gradients.picture_grid import picture_grid

DOUBLE = torch.float64


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), ([0.5, 0.2], [0.3, 2.0])])
def test_the_nearest_allowed_levels(levels, mean, std):
    grid = picture_grid(levels, mean, std, torch.zeros(1, 4, dtype=DOUBLE))
    whole = torch.randint(0, levels, (5, 4), generator=torch.Generator().manual_seed(levels))
    on = (whole.double() / (levels - 1) - grid.mean) / grid.std
    near = on + 0.3 / (levels - 1) / grid.std
    torch.testing.assert_close(grid.snap(on), on, rtol=0, atol=1e-12)
    torch.testing.assert_close(grid.snap(near), on, rtol=1e-6, atol=1e-6)  # or the client's float32
    largest, typical = grid.distances(near)
    torch.testing.assert_close(largest, torch.full((5,), 0.3, dtype=DOUBLE), rtol=0, atol=1e-9)
    torch.testing.assert_close(typical, largest, rtol=0, atol=1e-9)


def test_what_is_darker_than_black_or_brighter_than_white_snaps_to_these():
    grid = picture_grid(256, 0.5, 0.25, torch.zeros(1, 2, dtype=DOUBLE))
    beyond = torch.tensor([[-0.01, 1.01], [-3.0, 2.0]], dtype=DOUBLE)
    inputs = (beyond - 0.5) / 0.25
    assert grid.places(grid.snap(inputs)).tolist() == [[0, 255], [0, 255]]
    assert grid.distances(inputs)[0].tolist() == pytest.approx([2.55, 765])


def test_pictures_that_were_read_as_float32_are_known_in_float64():
    grid = picture_grid(256, 0.0, 1.0, torch.zeros(1, 3, dtype=DOUBLE))
    read = torch.tensor([[1, 100, 254]], dtype=torch.float32) / 255
    assert torch.equal(grid.snap(read.double()), read.double())
