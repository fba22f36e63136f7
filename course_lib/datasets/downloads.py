"""Pictures that the reader downloads or has: CIFAR-10, MNIST, RetinaMNIST, a folder of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.datasets.photographs import digit_images, fundus_crops, photo_crops, shuffled_places
from course_lib.datasets.vision import torchvision

if TYPE_CHECKING:
    import numpy as np

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def pictures(
    source: str = "photos", n: int = 100, seed: int = 0, folder: str | Path = "data", download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """`n` pictures with labels from a named source: one word switches a chapter's data.

    Parameters
    ----------
    source : "photos" (3 x 32 x 32), "fundus" (3 x 28 x 28) or "digits" (1 x 8 x 8) ship with the packages;
        "cifar10" (3 x 32 x 32), "mnist" (1 x 28 x 28) or "retinamnist" (3 x 28 x 28) lie in `folder`.
    n : how many.
    seed : of the choice.
    folder : where downloaded data lie; not used by the sources that ship.
    download : whether to fetch what is not in `folder`.

    Returns
    -------
    images : (n, channels, height, width) float32 in [0, 1].
    labels : (n,) int64.

    Raises
    ------
    ValueError
        if there is no such source (the message lists them), or it holds fewer than `n`.
    FileNotFoundError
        if the data are not in `folder` and `download` is False.

    Examples
    --------
    >>> images, labels = pictures("photos", n=8, seed=0)
    >>> images.shape
    (8, 3, 32, 32)
    """
    shipped: dict[str, Callable] = {"photos": photo_crops, "fundus": fundus_crops, "digits": digit_images}
    fetched: dict[str, Callable] = {"cifar10": cifar10, "mnist": mnist, "retinamnist": retinamnist}
    if source in shipped:
        return shipped[source](n, seed=seed)
    if source in fetched:
        return fetched[source](folder, n=n, seed=seed, download=download)
    raise ValueError(f"no source {source!r}; there are: {', '.join([*shipped, *fetched])}")


def cifar10(
    folder: str | Path, n: int | None = None, seed: int = 0, train: bool = True, download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10, read by torchvision: 32 x 32 colour photographs in ten classes.

    Parameters
    ----------
    folder : where ``cifar-10-batches-py`` lies or will lie.
    n : how many, chosen by `seed`; all where None.
    seed : of the choice.
    train : the 50 000 training pictures, or else the 10 000 test pictures.
    download : whether to fetch 170 MB from the University of Toronto; progress is shown.

    Returns
    -------
    images : (n, 3, 32, 32) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64 in 0..9.

    Raises
    ------
    FileNotFoundError
        if the data are not in `folder` (torchvision compares checksums) and `download` is False.
    ConnectionError
        if the download fails.

    Examples
    --------
    >>> cifar10("no_such_folder")
    Traceback (most recent call last):
    FileNotFoundError: no CIFAR10 in 'no_such_folder': pass download=True to fetch it there
    """
    data = _torchvision_set("CIFAR10", folder, train, download)
    keep = shuffled_places(len(data.targets), n, seed, "pictures of CIFAR-10")
    return _scaled(data.data[keep].transpose(0, 3, 1, 2)), _labels(data.targets)[keep]


def mnist(
    folder: str | Path, n: int | None = None, seed: int = 0, train: bool = True, download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """MNIST, read by torchvision: 28 x 28 grey handwritten digits.

    Parameters, errors: as for :func:`cifar10`; the download is 12 MB.

    Returns
    -------
    images : (n, 1, 28, 28) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64 in 0..9.

    Examples
    --------
    >>> mnist("no_such_folder")
    Traceback (most recent call last):
    FileNotFoundError: no MNIST in 'no_such_folder': pass download=True to fetch it there
    """
    data = _torchvision_set("MNIST", folder, train, download)
    keep = shuffled_places(len(data.targets), n, seed, "pictures of MNIST")
    return _scaled(data.data.numpy()[keep, None]), _labels(data.targets)[keep]


def retinamnist(
    folder: str | Path, n: int | None = None, seed: int = 0, train: bool = True, download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """RetinaMNIST (MedMNIST v2): 28 x 28 fundus photographs in five grades of retinopathy.

    Parameters, errors: as for :func:`cifar10`. The file is ``retinamnist.npz``; there are 1 080 training and
    400 test pictures. The download (3 MB) asks for the package medmnist.

    Returns
    -------
    images : (n, 3, 28, 28) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64 in 0..4.

    Examples
    --------
    >>> retinamnist("no_such_folder")
    Traceback (most recent call last):
    FileNotFoundError: no retinamnist.npz in 'no_such_folder': pass download=True to fetch it there
    """
    import numpy as np

    path = Path(folder) / "retinamnist.npz"
    if not path.is_file():
        if not download:
            raise FileNotFoundError(
                f"no retinamnist.npz in {str(folder)!r}: pass download=True to fetch it there"
            )
        _fetch_retinamnist(Path(folder))
    split = "train" if train else "test"
    with np.load(path) as arrays:  # without allow_pickle: a file that asks for it is refused
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"].ravel()
    keep = shuffled_places(len(labels), n, seed, "pictures of RetinaMNIST")
    return _scaled(images[keep].transpose(0, 3, 1, 2)), _labels(labels)[keep]


def image_folder(
    folder: str | Path, size: int = 32, n: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of your own, from a folder: the middle square of each, scaled to `size`.

    Parameters
    ----------
    folder : picture files, or one sub-folder of them for each class.
    size : side in pixels.
    n : how many, chosen by `seed`; all where None.
    seed : of the choice.

    Returns
    -------
    images : (n, 3, size, size) float32, multiples of 1/255 in [0, 1].
    labels : (n,) int64, places of the sub-folders in alphabetical order; 0 for files beside them.

    Raises
    ------
    FileNotFoundError
        if the folder does not exist or holds no picture.
    ValueError
        if a file is no picture, or fewer than `n` are there.

    Examples
    --------
    >>> image_folder("no_such_folder")
    Traceback (most recent call last):
    FileNotFoundError: no picture in 'no_such_folder': give a folder of pictures
    """
    import numpy as np
    from PIL import ImageOps

    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"no picture in {str(folder)!r}: give a folder of pictures"
        )
    classes = sorted({p.parent for p in paths} - {Path(folder)})
    keep = [paths[k] for k in shuffled_places(len(paths), n, seed, f"pictures of {str(folder)!r}")]
    squares = [np.asarray(ImageOps.fit(_open(path), (size, size))) for path in keep]
    labels = [classes.index(p.parent) if p.parent in classes else 0 for p in keep]
    return _scaled(np.stack(squares).transpose(0, 3, 1, 2)), _labels(labels)


def _open(path: Path):
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (UnidentifiedImageError, OSError):
        raise ValueError(f"{str(path)!r} is no picture that can be read: remove it") from None


def _torchvision_set(name: str, folder: str | Path, train: bool, download: bool):
    data_set = getattr(torchvision().datasets, name)
    try:
        return data_set(str(folder), train=train, download=False)
    except RuntimeError:  # torchvision's word for "not there or not whole"
        if not download:
            raise FileNotFoundError(
                f"no {name} in {str(folder)!r}: pass download=True to fetch it there"
            ) from None
    try:
        return data_set(str(folder), train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"{name} could not be fetched ({error}): work with source 'photos', which needs no network"
        ) from error


def _fetch_retinamnist(folder: Path) -> None:
    try:
        from medmnist import RetinaMNIST
    except ModuleNotFoundError:
        raise ModuleNotFoundError("medmnist is not installed: run `pip install medmnist`") from None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        RetinaMNIST(split="train", download=True, root=str(folder))
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"RetinaMNIST could not be fetched ({error}): work with source 'fundus', which needs no network"
        ) from error


def _scaled(images: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(images).astype(np.float32) / np.float32(255)


def _labels(labels) -> np.ndarray:
    import numpy as np

    return np.asarray(labels, dtype=np.int64)
