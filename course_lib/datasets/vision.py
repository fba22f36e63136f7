"""torchvision, where it is whole and where it is not."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

# What torchvision registers when its compiled half loads, and asks for when it is imported.
_TORCHVISION_OPERATORS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


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
