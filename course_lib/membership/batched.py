"""Multilayer perceptrons, stacked: a layer of all models is one batched matrix product."""

from __future__ import annotations

import torch
from torch import nn

# Each acts on one number at a time, without parameters and without chance.
ACTIVATIONS = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Softsign, nn.Tanh,
)  # fmt: skip


def layers_of(model: nn.Module) -> list[nn.Module] | None:
    """The layers of a plain multilayer perceptron in order; None for any other module.

    Plain: linear layers and activations, perhaps behind one flattening of the record; no weight used twice.

    Parameters
    ----------
    model : any torch module; it is looked at, not run.

    Examples
    --------
    >>> [type(layer).__name__ for layer in layers_of(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))]
    ['Linear', 'ReLU', 'Linear']
    >>> layers_of(nn.Conv2d(1, 1, 3)) is None
    True
    """
    layers = _unfold(model)
    linear = [i for i, layer in enumerate(layers) if type(layer) is nn.Linear]
    own = sum(len(list(layers[i].parameters())) for i in linear)
    if not linear or own != len(list(model.parameters())) or any(_does_more(module) for module in model.modules()):
        return None
    return layers if all(_fits(layer, before=i < linear[0]) for i, layer in enumerate(layers)) else None


def _unfold(module: nn.Module) -> list[nn.Module]:
    if type(module) is not nn.Sequential:
        return [module]
    return [layer for child in module for layer in _unfold(child)]


def _fits(layer: nn.Module, before: bool) -> bool:
    if type(layer) is nn.Flatten:
        return before and (layer.start_dim, layer.end_dim) == (1, -1)
    return type(layer) in (nn.Linear, *ACTIVATIONS)


def _does_more(module: nn.Module) -> bool:
    # What hooks and parametrisations do is not seen by a stack of weights.
    return bool(module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations"))


class BatchedPerceptrons:
    """M perceptrons of one architecture: weights (M, in, out), biases (M, 1, out).

    Layer by layer ``h_m <- h_m W_m + b_m`` for all m in one ``torch.baddbmm``. Weights are kept transposed, so
    that neither they nor their gradients are copied into another order on the way.

    >>> models = [nn.Linear(2, 1), nn.Linear(2, 1)]
    >>> x = torch.ones(3, 2)
    >>> both = BatchedPerceptrons(models).predict(x)
    >>> both.shape, all(torch.allclose(both[m], models[m](x)) for m in range(2))
    (torch.Size([2, 3, 1]), True)
    """

    def __init__(self, models: list[nn.Module]):
        self.steps = []  # (weight, bias) of a linear layer, or an activation
        self.parameters = []
        for layers in zip(*map(layers_of, models), strict=True):
            if type(layers[0]) is nn.Linear:
                weight = self._stack([layer.weight.mT for layer in layers])
                bias = None if layers[0].bias is None else self._stack([layer.bias[None] for layer in layers])
                self.steps.append((weight, bias))
            elif type(layers[0]) is not nn.Flatten:  # records are flattened on the way in
                self.steps.append(layers[0])

    def _stack(self, tensors: list[torch.Tensor]) -> torch.Tensor:
        stacked = torch.stack([t.detach() for t in tensors]).requires_grad_(tensors[0].requires_grad)
        self.parameters.append(stacked)
        return stacked

    def train(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, B, K) of records (M, B, ...), a batch of its own for each model, while training."""
        h = records.flatten(2)
        for step in self.steps:
            if not isinstance(step, tuple):
                h = step(h)
            elif step[1] is None:
                h = torch.bmm(h, step[0])
            else:
                h = torch.baddbmm(step[1], h, step[0])
        return h

    def predict(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, R, K) of records (R, ...), the same for every model, after training."""
        return self.train(records.expand(len(self.parameters[0]), *records.shape))
