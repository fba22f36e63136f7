"""Pictures that ship with scikit-learn and scikit-image, cut to size. Nothing is downloaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Name: package, file, and the box (left, top, right, bottom) that is cut from, where not all of it
# is. The corners of the fundus photograph are black: crops of them would equal each other.
_PHOTOS = {
    "china": ("sklearn.datasets.images", "china.jpg", None),
    "flower": ("sklearn.datasets.images", "flower.jpg", None),
    "astronaut": ("skimage.data", "astronaut.png", None),
    "chelsea": ("skimage.data", "chelsea.png", None),
    "coffee": ("skimage.data", "coffee.png", None),
    "rocket": ("skimage.data", "rocket.jpg", None),
    "hubble": ("skimage.data", "hubble_deep_field.jpg", None),
    "camera": ("skimage.data", "camera.png", None),
    "ihc": ("skimage.data", "ihc.png", None),
    "retina": ("skimage.data", "retina.jpg", (220, 220, 1190, 1190)),
}


def photo_names() -> tuple[str, ...]:
    """Names of the photographs that :func:`photo_crops` cuts from; a place in it is a label.

    Returns
    -------
    tuple of ten names.

    Examples
    --------
    >>> photo_names()[:3], len(photo_names())
    (('china', 'flower', 'astronaut'), 10)
    """
    return tuple(_PHOTOS)


def photo_crops(
    n: int, size: int = 32, seed: int = 0, resized: bool = True, photos: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Square pieces of ten photographs, nine in colour and one grey; the label says which photograph.

    Crops of ten photographs resemble each other: they are a stand-in for a data set, not one.

    Parameters
    ----------
    n : number of crops, at least 1.
    size : side in pixels.
    seed : of the places.
    resized : True takes a random part of between 8 % and all of the photograph's area, of a side
        ratio between 3/4 and 4/3, and scales it to `size` (what is known as a random resized crop).
        False takes `size` x `size` pixels as they are: smoother, because neighbouring pixels agree.
    photos : names from :func:`photo_names` to cut from; all ten where None.

    Returns
    -------
    images : (n, 3, size, size) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64, places in :func:`photo_names`.

    Raises
    ------
    ValueError
        if `n` or `size` is less than 1, a name is not known, or a photograph is smaller than `size`.

    Examples
    --------
    >>> images, labels = photo_crops(4, size=28, seed=1)
    >>> images.shape, images.dtype, bool((labels < 10).all())
    ((4, 3, 28, 28), dtype('float32'), True)
    """
    import numpy as np

    names = photo_names() if photos is None else tuple(photos)
    if unknown := [name for name in names if name not in _PHOTOS]:
        raise ValueError(f"no photograph {unknown[0]!r}; there are: {', '.join(_PHOTOS)}")
    if not names:
        raise ValueError("no photograph is named: leave `photos` out for all ten")
    _require_positive(n=n, size=size)
    random = np.random.default_rng(seed)
    chosen = [names[k] for k in random.integers(len(names), size=n)]
    pick = _resized_box if resized else _plain_box
    crops = [_cut(name, pick(random, name, size), size) for name in chosen]
    return _channels_first(crops), np.array([photo_names().index(name) for name in chosen])


def fundus_crops(n: int, size: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Square pieces of a photograph of the back of an eye; the label says which part of it.

    The picture is scikit-image's ``retina.jpg``. Each crop shows between a fifth and a third of the
    photograph's width. It carries no diagnosis, so the label is the zone of the crop's centre: 0 the
    middle, 1 to 4 the quadrants around it, row by row.

    Parameters
    ----------
    n : number of crops, at least 1.
    size : side in pixels.
    seed : of the places.

    Returns
    -------
    images : (n, 3, size, size) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64 in 0..4.

    Raises
    ------
    ValueError
        if `n` or `size` is less than 1.

    Examples
    --------
    >>> images, labels = fundus_crops(6, seed=0)
    >>> images.shape, bool((labels < 5).all())
    ((6, 3, 28, 28), True)
    """
    import numpy as np

    _require_positive(n=n, size=size)
    random = np.random.default_rng(seed)
    left, top, right, bottom = _box("retina")
    boxes = []
    for _ in range(n):
        side = round(random.uniform(0.2, 0.33) * 1411)
        x, y = random.integers(left, right - side + 1), random.integers(top, bottom - side + 1)
        boxes.append((x, y, x + side, y + side))
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    offsets = np.array([((a + c) / 2, (b + d) / 2) for a, b, c, d in boxes]) - middle
    quadrant = 1 + (offsets[:, 0] >= 0) + 2 * (offsets[:, 1] >= 0)
    inside = np.hypot(*offsets.T) < (right - left) / 6
    labels = np.where(inside, 0, quadrant).astype(np.int64)
    return _channels_first([_cut("retina", box, size) for box in boxes]), labels


def digit_images(n: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of 8 x 8 pixels and 17 grey levels, from scikit-learn, shuffled.

    Parameters
    ----------
    n : how many, 1 to 1797; all where None. No digit is given twice.
    seed : of the order.

    Returns
    -------
    images : (n, 1, 8, 8) float32, multiples of 1/16 in [0, 1].
    labels : (n,) int64 in 0..9.

    Raises
    ------
    ValueError
        if more digits are asked for than there are, or fewer than one.

    Examples
    --------
    >>> images, labels = digit_images(3)
    >>> images.shape, float((images * 16 % 1).max())
    ((3, 1, 8, 8), 0.0)
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    keep = shuffled_places(len(digits.target), n, seed, "digits")
    return (digits.images[keep, None] / 16).astype("float32"), digits.target[keep].astype("int64")


def as_pictures(rows, image_shape: tuple[int, int, int] = (3, 32, 32)) -> np.ndarray:
    """Flat rows back as pictures for ``plot_image_grid``, cut off below 0 and above 1.

    Parameters
    ----------
    rows : (n, channels * height * width) or (n, channels, height, width), an array or a tensor.
    image_shape : (channels, height, width) that the rows were flattened from.

    Returns
    -------
    (n, height, width, 3), or (n, height, width) where there is one channel; values in [0, 1].

    Raises
    ------
    ValueError
        if the rows do not hold so many values, or a value is not a number.

    Examples
    --------
    >>> images, _ = photo_crops(2, size=8)
    >>> as_pictures(images.reshape(2, -1), (3, 8, 8)).shape
    (2, 8, 8, 3)
    """
    import numpy as np

    values = np.asarray(rows.detach().cpu() if hasattr(rows, "detach") else rows, dtype=float)
    channels, height, width = image_shape
    if values.ndim < 2 or math.prod(values.shape[1:]) != math.prod(image_shape):
        raise ValueError(f"rows of shape {values.shape} do not hold pictures of shape {tuple(image_shape)}")
    if np.isnan(values).any():
        raise ValueError("a row holds NaN: leave out rows that are not pictures")
    pictures = values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).clip(0, 1)
    return pictures[..., 0] if channels == 1 else pictures


def shuffled_places(total: int, n: int | None, seed: int, what: str) -> np.ndarray:
    """`n` of the places 0..total-1 in random order, none twice; all where `n` is None.

    Parameters
    ----------
    total : how many there are.
    n : how many to take, from 1 to `total`, or None.
    seed : of the order.
    what : they are, for the message.

    Returns
    -------
    (n,) int64.

    Raises
    ------
    ValueError
        for `n` below 1 or above `total`.

    Examples
    --------
    >>> sorted(shuffled_places(4, None, seed=0, what="digits").tolist())
    [0, 1, 2, 3]
    >>> shuffled_places(4, 5, seed=0, what="digits")
    Traceback (most recent call last):
        ...
    ValueError: 5 digits asked for, there are 4
    """
    import numpy as np

    _require_positive(n=total if n is None else n)
    if n is not None and n > total:
        raise ValueError(f"{n} {what} asked for, there are {total}")
    return np.random.default_rng(seed).permutation(total)[:n]


def _require_positive(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; at least 1 is needed")


@cache
def _photo(name: str):
    from PIL import Image

    package, file, _ = _PHOTOS[name]
    with (files(package) / file).open("rb") as stream:
        return Image.open(stream).convert("RGB")


def _box(name: str) -> tuple[int, int, int, int]:
    return _PHOTOS[name][2] or (0, 0, *_photo(name).size)


def _resized_box(random: np.random.Generator, name: str, size: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = _box(name)
    width, height = right - left, bottom - top
    while True:  # most shares and ratios fit; the others are drawn again
        area = random.uniform(0.08, 1) * width * height
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            break
    x, y = random.integers(left, right - w + 1), random.integers(top, bottom - h + 1)
    return x, y, x + w, y + h


def _plain_box(random: np.random.Generator, name: str, size: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = _box(name)
    if size > min(right - left, bottom - top):
        raise ValueError(f"size {size}: the photograph {name!r} is {right - left} x {bottom - top} pixels")
    x, y = random.integers(left, right - size + 1), random.integers(top, bottom - size + 1)
    return x, y, x + size, y + size


def _cut(name: str, box: tuple[int, int, int, int], size: int) -> np.ndarray:
    import numpy as np
    from PIL import Image

    piece = _photo(name).crop(box)
    if piece.size != (size, size):
        piece = piece.resize((size, size), Image.Resampling.BILINEAR)  # averages what it shrinks
    return np.asarray(piece)


def _channels_first(crops: Sequence[np.ndarray]) -> np.ndarray:
    import numpy as np

    return np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
