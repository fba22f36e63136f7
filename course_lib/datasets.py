"""Where the course's data come from: tables that ship with the package, and torchvision.

Nothing heavy is imported here, and nothing is downloaded without being asked.
"""

from __future__ import annotations

import importlib
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import ModuleType

__all__ = ["data_file", "data_files", "torchvision"]

# What torchvision registers when its compiled half loads, and asks for when it is imported.
_TORCHVISION_OPERATORS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def data_files() -> tuple[str, ...]:
    """Names of the tables that ship with the package, in alphabetical order.

    Returns
    -------
    tuple of file names, each of which :func:`data_file` takes.

    Examples
    --------
    >>> "census_block_records.csv" in data_files()
    True
    """
    return tuple(sorted(f.name for f in files("course_lib.data").iterdir() if f.name.endswith(".csv")))


def data_file(name: str) -> Traversable:
    """A table that ships with the package, ready to open.

    Parameters
    ----------
    name : a file name from :func:`data_files`, without a folder.

    Returns
    -------
    A readable path: ``.open()``, ``.read_text()``, or an argument of ``pandas.read_csv``.

    Raises
    ------
    FileNotFoundError
        if there is no such table (the message lists those there are).

    Examples
    --------
    >>> data_file("census_block_records.csv").read_text(encoding="utf-8").splitlines()[1]
    'Sara Gray,8,False,False,False'
    >>> data_file("census.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: no table 'census.csv' in course_lib.data; there are: acm_block_statistics.csv, ...
    """
    # Only listed names: a name such as "../../secret" is refused, not resolved.
    if name not in data_files():
        raise FileNotFoundError(f"no table {name!r} in course_lib.data; there are: {', '.join(data_files())}")
    return files("course_lib.data") / name


def torchvision() -> ModuleType:
    """torchvision, imported so that it also loads beside a CPU build of torch.

    On Linux the registry holds a CUDA build of torchvision only. Beside a CPU build of
    torch it stops at import: "operator torchvision::nms does not exist". Then this
    function declares the two missing operators and imports again. Data sets,
    transforms, models and ``utils.make_grid`` work after that; ``ops.nms`` and
    ``io.read_image`` do not (read pictures with PIL). A torchvision that imports by
    itself is returned untouched.

    Returns
    -------
    The module ``torchvision``.

    Raises
    ------
    ModuleNotFoundError
        if torchvision is not installed.
    RuntimeError
        torchvision's own, if it fails for any other reason.

    Examples
    --------
    >>> torchvision().utils.make_grid.__name__
    'make_grid'
    """
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise ModuleNotFoundError(
            "torchvision is not installed: run `pip install torchvision`", name="torchvision"
        ) from None
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[module]
    import torch

    for operator, schema in _TORCHVISION_OPERATORS.items():
        torch.library.define(operator, schema)
    return importlib.import_module("torchvision")
