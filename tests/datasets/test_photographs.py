"""Crops and digits: 8 bits, the seed, what they are cut from; nothing is downloaded."""

import socket

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from course_lib.datasets import as_pictures, digit_images, fundus_crops, photo_crops, photo_names
from course_lib.datasets.photographs import _box, _photo

GETS = {
    "photos": (lambda n, seed: photo_crops(n, 32, seed), (3, 32, 32), 255, 10),
    "plain": (lambda n, seed: photo_crops(n, 32, seed, resized=False), (3, 32, 32), 255, 10),
    "fundus": (lambda n, seed: fundus_crops(n, 28, seed), (3, 28, 28), 255, 5),
    "digits": (digit_images, (1, 8, 8), 16, 10),
}


@pytest.mark.parametrize("name", GETS)
def test_pictures_are_whole_grey_levels_and_the_seed_decides(name):
    get, shape, most, classes = GETS[name]
    images, labels = get(40, 3)
    assert images.shape == (40, *shape) and images.dtype == np.float32
    assert labels.shape == (40,) and labels.dtype == np.int64 and labels.min() >= 0 and labels.max() < classes
    steps = images.astype(float) * most
    assert np.abs(steps - steps.round()).max() < 1e-4 and images.min() >= 0 and images.max() <= 1
    again, other = get(40, 3), get(40, 4)
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])
    assert not np.array_equal(images, other[0])


@pytest.mark.parametrize("name", GETS)
def test_no_picture_comes_twice_and_every_class_comes(name):
    get, *_, classes = GETS[name]
    images, labels = get(300, 0)
    assert len({image.tobytes() for image in images}) == 300
    assert set(labels.tolist()) == set(range(classes))


def test_numpys_own_generator_is_left_alone():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    for get, *_ in GETS.values():
        get(2, 1)
    assert np.random.rand() == expected


def test_no_network_is_asked(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    _photo.cache_clear()
    photo_crops(30, 8, seed=1)
    fundus_crops(2)


def test_a_plain_crop_is_a_piece_of_its_photograph():
    """Pixel for pixel: looked for in the file."""
    images, labels = photo_crops(5, 16, seed=2, resized=False, photos=["coffee"])
    assert set(labels) == {photo_names().index("coffee")}
    whole = np.asarray(_photo("coffee"))
    for crop in (images * 255).round().astype(np.uint8).transpose(0, 2, 3, 1):
        corners = np.argwhere((whole[:-15, :-15] == crop[0, 0]).all(-1))
        assert any(np.array_equal(whole[y : y + 16, x : x + 16], crop) for y, x in corners)


def test_resized_crops_vary_in_detail():
    """A plain crop is a small piece: its neighbouring pixels differ less than those of a shrunken part."""
    step = [np.abs(np.diff(photo_crops(200, 32, 1, resized)[0], axis=-1)).mean() for resized in (True, False)]
    assert step[0] > 1.3 * step[1]


def test_the_fundus_is_cut_where_it_is_not_black():
    images, _ = fundus_crops(300, seed=1)
    assert images.mean(axis=(1, 2, 3)).min() > 0.1
    left, top, right, bottom = _box("retina")
    whole = np.asarray(_photo("retina")).max(-1)
    corners = [whole[y - 20 : y + 20, x - 20 : x + 20].mean() for x in (left, right) for y in (top, bottom)]
    assert min(corners) > 30 and whole[:40, :40].mean() < 10


def test_fundus_labels_are_places():
    """The middle and the four quadrants: the optic disc, the brightest spot, lies to one side."""
    images, labels = fundus_crops(1500, seed=0)
    brightest = [np.quantile(images[labels == zone].max(axis=(1, 2, 3)), 0.9) for zone in range(5)]
    assert len(set(np.round(brightest, 3))) > 1
    shares = np.bincount(labels, minlength=5) / 1500
    assert (shares > 0.05).all() and shares[0] < 0.5


def test_digits_are_scikit_learns():
    digits = load_digits()
    images, labels = digit_images()
    assert images.shape == (1797, 1, 8, 8)
    assert sorted(labels) == sorted(digits.target)
    known = {(image.tobytes(), label) for image, label in zip(digits.images, digits.target, strict=True)}
    assert {(i.astype(float)[0].__mul__(16).tobytes(), y) for i, y in zip(images, labels, strict=True)} == known


def test_rows_become_pictures_again():
    images, _ = photo_crops(3, 8)
    shown = as_pictures(images.reshape(3, -1), (3, 8, 8))
    assert np.array_equal(shown, images.transpose(0, 2, 3, 1))
    assert np.array_equal(as_pictures(torch.from_numpy(images).requires_grad_(), (3, 8, 8)), shown)
    assert as_pictures(np.zeros((2, 64)), (1, 8, 8)).shape == (2, 8, 8)
    assert as_pictures(np.array([[-0.5, 1.5]]), (1, 1, 2)).tolist() == [[[0.0, 1.0]]]
    assert as_pictures(np.zeros((0, 64)), (1, 8, 8)).shape == (0, 8, 8)


def test_every_photograph_has_its_origin_in_the_readme_of_the_data():
    from importlib.resources import files

    readme = (files("course_lib.data") / "README.md").read_text(encoding="utf-8")
    assert [name for name in photo_names() if f"`{name}`" not in readme] == []


def test_the_photographs_are_those_of_the_packages():
    assert _photo("china").size == (640, 427) and _photo("retina").size == (1411, 1411)
    assert all(isinstance(_photo(name), Image.Image) and _photo(name).mode == "RGB" for name in photo_names())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: photo_crops(0), "n is 0; at least 1 is needed"),
        (lambda: photo_crops(1, size=0), "size is 0; at least 1 is needed"),
        (lambda: photo_crops(1, photos=["lena"]), "no photograph 'lena'; there are: china, flower"),
        (lambda: photo_crops(1, photos=[]), "no photograph is named"),
        (lambda: photo_crops(1, size=400, resized=False, photos=["chelsea"]), "size 400: the photograph 'chelsea'"),
        (lambda: fundus_crops(0), "n is 0"),
        (lambda: fundus_crops(1, size=-1), "size is -1"),
        (lambda: digit_images(0), "n is 0"),
        (lambda: digit_images(1798), "1798 digits asked for, there are 1797"),
        (lambda: as_pictures(np.zeros((2, 10)), (3, 8, 8)), r"rows of shape \(2, 10\) do not hold pictures"),
        (lambda: as_pictures(np.zeros(64), (1, 8, 8)), r"rows of shape \(64,\) do not hold pictures"),
        (lambda: as_pictures(np.full((1, 4), np.nan), (1, 2, 2)), "a row holds NaN"),
    ],
)
def test_what_cannot_be_cut_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
