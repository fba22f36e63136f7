"""Any architecture without chance in it, stacked by torch.func and mapped over models."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap


class VmappedModels:
    """M modules of one architecture as one call of a skeleton, mapped over their stacked state.

    Running statistics, as of batch normalisation, are part of the state and are kept apart for each model.

    Parameters
    ----------
    models : M modules of one architecture, without chance in them.

    Examples
    --------
    >>> models = [nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2)]
    >>> stack = VmappedModels(models)
    >>> both = stack.predict(torch.ones(5, 2))
    >>> both.shape, all(torch.allclose(both[m], models[m].eval()(torch.ones(5, 2))) for m in range(2))
    (torch.Size([2, 5, 3]), True)
    """

    def __init__(self, models: list[nn.Module]):
        self.state, self.buffers = stack_module_state(models)
        self.parameters = list(self.state.values())
        self.skeleton = copy.deepcopy(models[0]).to("meta")  # structure only

    def _call(self, state, buffers, records):
        return functional_call(self.skeleton, (state, buffers), (records,))

    def train(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, B, K) of records (M, B, ...), a batch of its own for each model, while training."""
        self.skeleton.train()
        return vmap(self._call)(self.state, self.buffers, records)

    def predict(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, R, K) of records (R, ...), the same for every model, after training."""
        self.skeleton.eval()
        return vmap(self._call, in_dims=(0, 0, None))(self.state, self.buffers, records)


def why_not(models: list[nn.Module], records: torch.Tensor) -> str | None:
    """What keeps these models from being mapped, tried on copies and a few records; None where nothing does.

    Parameters
    ----------
    models : two or more of one architecture; they are copied.
    records : (n, ...) a few, as the models take them.

    Returns
    -------
    the first line of what torch says, or None.

    Examples
    --------
    >>> records = torch.ones(2, 3)
    >>> why_not([nn.Linear(3, 1), nn.Linear(3, 1)], records) is None
    True
    >>> why_not([nn.Dropout(), nn.Dropout()], records) is None
    False
    """
    copies = copy.deepcopy(models)
    try:
        VmappedModels(copies).train(records.expand(len(copies), *records.shape)).sum().backward()
    except RuntimeError as error:  # chance, or a branch on values
        return str(error).strip().splitlines()[0]
    return None
