"""The client's side of one step: the average gradient of a batch, as it is sent to the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

# Leaf modules that hand on every value unchanged.
_TRANSPARENT = {"Flatten", "Identity", "Unflatten"}


@dataclass(frozen=True)
class Gradient:
    """What an honest client uploads, beside the weights that the server knows already.

    For the linear layers l = 0, 1, ... of the model, in order: W_l, b_l, dL/dW_l, dL/db_l, where L is the
    mean loss of the client's batch.

    Parameters
    ----------
    weights : tuple of (n_out, n_in) tensors, detached, in the model's dtype and on its device.
    biases : tuple of (n_out,) tensors, None for a layer without bias.
    weight_grads : tuple of (n_out, n_in) tensors.
    bias_grads : tuple of (n_out,) tensors, None for a layer without bias.
    modules : class names of the model's leaf modules, in order.

    Raises
    ------
    ValueError
        if the four tuples differ in length, or a shape does not fit its weight.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> gradient = client_gradient(model, torch.rand(4, 2), torch.tensor([0, 1, 1, 0]))
    >>> [tuple(g.shape) for g in gradient.weight_grads], gradient.modules
    ([(3, 2), (2, 3)], ('Linear', 'ReLU', 'Linear'))
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor | None, ...]
    weight_grads: tuple[Tensor, ...]
    bias_grads: tuple[Tensor | None, ...]
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = ("weights", "biases", "weight_grads", "bias_grads")
        for field in (*fields, "modules"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        lengths = {field: len(getattr(self, field)) for field in fields}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{count} {field}" for field, count in lengths.items())
            raise ValueError(f"{said}: one of each is needed for every linear layer")
        for layer, weight in enumerate(self.weights):
            if weight.ndim != 2:
                raise ValueError(f"weights[{layer}] has shape {tuple(weight.shape)}; (n_out, n_in) is needed")
            self._require_shape("weight_grads", layer, weight.shape)
            self._require_shape("biases", layer, weight.shape[:1])
            self._require_shape("bias_grads", layer, weight.shape[:1])

    def _require_shape(self, field: str, layer: int, shape: torch.Size) -> None:
        tensor = getattr(self, field)[layer]
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"{field}[{layer}] has shape {tuple(tensor.shape)}; the layer's weight asks for {tuple(shape)}"
            )


def client_gradient(
    model: nn.Module, inputs: Tensor, labels: Tensor, loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
) -> Gradient:
    """The gradient that an honest client sends: of the mean loss of its batch.

    G_l = dL/dW_l and g_l = dL/db_l with L = (1/B) sum_m loss(model(x_m), y_m), for each linear layer l.

    Parameters
    ----------
    model : any module with a linear layer; left as it is.
    inputs : (batch, ...) as the model takes them; brought to its dtype and device.
    labels : (batch,) int64 classes, or what `loss` compares with.
    loss : function of (outputs, labels) that returns one number; cross-entropy of logits by default.

    Returns
    -------
    :class:`Gradient`, in the model's dtype and on its device.

    Raises
    ------
    ValueError
        if the model has no linear layer, the batch is empty or its labels are of another number, or
        a gradient is not finite (the message names the parameter).

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> sent = client_gradient(layer, torch.tensor([[0.5, 0.25]]), torch.zeros(1), loss=lambda out, y: out.sum())
    >>> sent.weight_grads[0].tolist(), sent.bias_grads[0].tolist()
    ([[0.5, 0.25]], [1.0])
    """
    layers = linear_layers(model)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear layer: there is nothing to extract from")
    weight = next(iter(layers.values())).weight
    inputs = torch.as_tensor(inputs).to(device=weight.device, dtype=weight.dtype)
    labels = torch.as_tensor(labels).to(device=weight.device)
    if len(inputs) < 1:
        raise ValueError("the batch is empty: at least one input is needed")
    if len(labels) != len(inputs):
        raise ValueError(f"{len(inputs)} inputs but {len(labels)} labels")
    named = {name: p for name, p in model.named_parameters() if name.rpartition(".")[0] in layers}
    value = loss(model(inputs), labels)
    if value.ndim:
        raise ValueError(f"the loss has shape {tuple(value.shape)}; one number is needed: average it over the batch")
    found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    # A layer that the output does not depend on has the gradient zero.
    grads = {
        name: torch.zeros_like(p) if g is None else g.detach()
        for (name, p), g in zip(named.items(), found, strict=True)
    }
    for name, grad in grads.items():
        require_finite(grad, f"the gradient of {name}")
    return as_gradient(model, grads)


def as_gradient(model: nn.Module, grads: Mapping[str, Tensor]) -> Gradient:
    """What is sent, from gradients by parameter's name; those of other layers than linear ones are left out.

    Parameters
    ----------
    model : with the weights that the gradient belongs to.
    grads : name of a parameter -> its gradient, of the same shape.

    Examples
    --------
    >>> layer = nn.Linear(2, 3)
    >>> sent = as_gradient(layer, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)})
    >>> sent.weight_grads[0].shape, sent.bias_grads[0].tolist(), sent.modules
    (torch.Size([3, 2]), [0.0, 0.0, 0.0], ('Linear',))
    """
    layers = {f"{name}." if name else "": layer for name, layer in linear_layers(model).items()}
    return Gradient(
        weights=tuple(layer.weight.detach().clone() for layer in layers.values()),
        biases=tuple(None if x.bias is None else x.bias.detach().clone() for x in layers.values()),
        weight_grads=tuple(grads[f"{prefix}weight"] for prefix in layers),
        bias_grads=tuple(grads.get(f"{prefix}bias") for prefix in layers),
        modules=leaf_modules(model),
    )


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """The model's linear layers by name, in order.

    Examples
    --------
    >>> list(linear_layers(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))))
    ['0', '2']
    """
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def leaf_modules(model: nn.Module) -> tuple[str, ...]:
    """Class names of the modules that hold no others, in order.

    Examples
    --------
    >>> leaf_modules(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3), nn.ReLU())))
    ('Flatten', 'Linear', 'ReLU')
    """
    return tuple(type(module).__name__ for module in model.modules() if not any(module.children()))


def require_finite(tensor: Tensor, name: str) -> None:
    """Refuse NaN and infinity, naming the tensor.

    Parameters
    ----------
    tensor : of any shape.
    name : what the error calls it.

    Raises
    ------
    ValueError
        that names the tensor.

    Examples
    --------
    >>> require_finite(torch.zeros(2), "inputs")
    >>> require_finite(torch.tensor([0.0, float("nan")]), "inputs")
    Traceback (most recent call last):
        ...
    ValueError: inputs is not finite: it holds NaN or infinity, so nothing can be read from it
    """
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} is not finite: it holds NaN or infinity, so nothing can be read from it")


def first_layer(gradient: Gradient) -> tuple[Tensor, Tensor]:
    """Weight and bias gradient of the layer that sees the inputs; refuses where that is not linear.

    Parameters
    ----------
    gradient : what was sent.

    Returns
    -------
    (n_neurons, n_features) and (n_neurons,).

    Raises
    ------
    ValueError
        if the first layer is not linear or has no bias, there is none, or its gradient is not finite.

    Examples
    --------
    >>> sent = client_gradient(nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0]))
    >>> [tuple(part.shape) for part in first_layer(sent)]
    [(2, 3), (2,)]
    """
    first = next((name for name in gradient.modules if name not in _TRANSPARENT), None)
    if first not in (None, "Linear"):
        raise ValueError(
            f"the first layer is {first}, not Linear: its inputs are not in the rows of a gradient. A server that "
            "may set the weights makes convolutions hand the inputs on: see identity_convolutions"
        )
    if not gradient.weights:
        raise ValueError("the gradient has no linear layer: there is nothing to extract from")
    require_bias(gradient.bias_grads[0])
    require_finite(gradient.weight_grads[0], "weight_grads[0]")
    require_finite(gradient.bias_grads[0], "bias_grads[0]")
    return gradient.weight_grads[0], gradient.bias_grads[0]


def require_bias(bias_grad: Tensor | None) -> None:
    """Refuse a layer without bias.

    Parameters
    ----------
    bias_grad : (n_neurons,), or None for a layer without.

    Raises
    ------
    ValueError
        for None.

    Examples
    --------
    >>> require_bias(torch.zeros(3))
    >>> require_bias(None)
    Traceback (most recent call last):
        ...
    ValueError: the layer has no bias: its rows are known only up to scale, because x = (dL/dw) / (dL/db) needs dL/db
    """
    if bias_grad is None:
        raise ValueError(
            "the layer has no bias: its rows are known only up to scale, because x = (dL/dw) / (dL/db) needs dL/db"
        )
