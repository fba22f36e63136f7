"""The gradient of each picture of a batch by itself, or only its norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from course_lib.gradients.gradient import Gradient, as_gradient, linear_layers, require_finite

_BYTES = 1 << 28


def per_example_gradients(
    model: nn.Module, inputs: Tensor, labels: Tensor, max_bytes: int = _BYTES
) -> dict[str, Tensor]:
    """The gradient of the cross-entropy of each picture alone, with torch.func.

    g_m = dl(model(x_m), y_m)/dtheta for m = 1, ..., B. Memory grows as B times the number of parameters; where
    norms are all one needs, :func:`per_example_norms` takes a fraction of it.

    Parameters
    ----------
    model : any module, without batch normalisation; left as it is.
    inputs : (batch, ...) as the model takes them; brought to its dtype and device.
    labels : (batch,) int64 classes.
    max_bytes : refuse to make more than this; 256 MiB.

    Returns
    -------
    dict from the parameter's name to (batch, ...) gradients, in the model's dtype and on its device.

    Raises
    ------
    ValueError
        if the gradients need more than `max_bytes`, the batch is empty or has another number of labels, or a module
        mixes the pictures of a batch.

    Examples
    --------
    >>> grads = per_example_gradients(nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0]))
    >>> {name: tuple(g.shape) for name, g in grads.items()}
    {'weight': (4, 2, 3), 'bias': (4, 2)}
    """
    inputs, labels = _batch(model, inputs, labels)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    size = len(inputs) * sum(p.numel() * p.element_size() for p in parameters.values())
    if size > max_bytes:
        raise ValueError(
            f"{len(inputs)} gradients need {size / 2**20:.0f} MiB, the limit is {max_bytes / 2**20:.0f}: take smaller "
            "batches, raise max_bytes, or use per_example_norms, which needs a fraction for linear layers"
        )
    buffers = dict(model.named_buffers())

    def one_loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(model, (parameters, buffers), x[None]), y[None])

    return vmap(grad(one_loss), in_dims=(None, 0, 0))(parameters, inputs, labels)


def per_example_norms(model: nn.Module, inputs: Tensor, labels: Tensor, max_bytes: int = _BYTES) -> Tensor:
    """The L2 norm of each picture's gradient over all parameters, by ghost norms where layers are linear.

    Picture m's gradient of a linear layer is the outer product of delta_m, the derivative of its loss by the
    layer's outputs, and its inputs a_m, with delta_m for the bias. So norm(g_m)^2 is the sum over layers of
    norm(delta_m)^2 (norm(a_m)^2 + 1): one backward pass, and no gradient is ever formed. A model with other
    parameters than those of linear layers falls back on :func:`per_example_gradients`.

    Parameters
    ----------
    model, inputs, labels, max_bytes : as for :func:`per_example_gradients`.

    Returns
    -------
    (batch,) norms, in the model's dtype and on its device.

    Raises
    ------
    ValueError
        as :func:`per_example_gradients`; the limit holds for the fallback only.

    References
    ----------
    Goodfellow (2015), "Efficient Per-Example Gradient Computations".

    Examples
    --------
    >>> model, inputs, labels = nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0])
    >>> grads = per_example_gradients(model, inputs, labels).values()
    >>> slow = sum(g.flatten(1).square().sum(1) for g in grads).sqrt()
    >>> torch.allclose(per_example_norms(model, inputs, labels), slow)
    True
    """
    inputs, labels = _batch(model, inputs, labels)
    passes = _layer_passes(model, inputs, labels)
    if passes is None:
        return _norms(per_example_gradients(model, inputs, labels, max_bytes))
    return _ghost_norms(passes)


def clipped_mean(model: nn.Module, inputs: Tensor, labels: Tensor, clip: float) -> Gradient:
    """(1/B) sum_m g_m min(1, C / norm(g_m)), the norm being over all parameters.

    Parameters
    ----------
    model : gives logits (batch, n_classes).
    inputs : (batch, ...), in the dtype of the weights.
    labels : (batch,) int64.
    clip : C, above 0.

    Returns
    -------
    :class:`Gradient` of norm at most C.

    Examples
    --------
    >>> model, inputs, labels = nn.Linear(3, 2), torch.rand(1, 3), torch.tensor([1])
    >>> sent = clipped_mean(model, inputs, labels, clip=0.01)
    >>> round(float(sent.weight_grads[0].square().sum() + sent.bias_grads[0].square().sum()) ** 0.5, 6)
    0.01
    """
    inputs, labels = _batch(model, inputs, labels)
    passes = _layer_passes(model, inputs, labels)
    if passes is None:
        grads = per_example_gradients(model, inputs, labels)
        factors = _clipping_factors(_norms(grads), clip)
        sums = {name: torch.tensordot(factors, grad, 1) for name, grad in grads.items()}
    else:
        factors = _clipping_factors(_ghost_norms(passes), clip)
        sums = {}
        for prefix, (layer, a, delta) in passes.items():
            scaled = factors[:, None] * delta
            sums[f"{prefix}weight"] = scaled.T @ a
            if layer.bias is not None:
                sums[f"{prefix}bias"] = scaled.sum(0)
    return as_gradient(model, {name: total / len(inputs) for name, total in sums.items()})


def _clipping_factors(norms: Tensor, clip: float) -> Tensor:
    return clip / norms.clamp(min=clip)


def _norms(grads: dict[str, Tensor]) -> Tensor:
    return sum(grad.flatten(1).square().sum(1) for grad in grads.values()).sqrt()


def _ghost_norms(passes: dict[str, tuple[nn.Linear, Tensor, Tensor]]) -> Tensor:
    return sum(
        delta.square().sum(1) * (a.square().sum(1) + (layer.bias is not None)) for layer, a, delta in passes.values()
    ).sqrt()


def _layer_passes(
    model: nn.Module, inputs: Tensor, labels: Tensor
) -> dict[str, tuple[nn.Linear, Tensor, Tensor]] | None:
    """For each linear layer: itself, its inputs a (batch, n_in) and delta (batch, n_out), the derivative of each
    picture's loss by its outputs. None where ghost norms do not hold."""
    layers = {f"{name}." if name else "": layer for name, layer in linear_layers(model).items()}
    if sum(p.numel() for layer in layers.values() for p in layer.parameters()) != sum(
        p.numel() for p in model.parameters()
    ):
        return None
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {prefix: [] for prefix in layers}

    def record(prefix: str):
        def hook(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
            calls[prefix].append((given[0].detach(), out))
            return out.clone()  # a ReLU that works in place leaves `out` alone

        return hook

    hooks = [layer.register_forward_hook(record(prefix)) for prefix, layer in layers.items()]
    try:
        with torch.enable_grad():
            loss = cross_entropy(model(inputs.detach().requires_grad_()), labels, reduction="sum")
    finally:
        for hook in hooks:
            hook.remove()
    if any(len(found) != 1 or found[0][1].ndim != 2 for found in calls.values()):
        return None  # a layer that is used twice, not at all, or on more than one vector a picture
    deltas = torch.autograd.grad(loss, [found[0][1] for found in calls.values()])
    return {
        prefix: (layer, calls[prefix][0][0], delta)
        for (prefix, layer), delta in zip(layers.items(), deltas, strict=True)
    }


def _batch(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and labels as the model takes them; refuses a model that mixes pictures, and an empty batch."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            raise ValueError(
                f"{name or 'the model'} is {type(module).__name__}: through it one picture's gradient depends on the "
                "others of its batch; use GroupNorm, or put the model into eval mode"
            )
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.training and module.p > 0:
            raise ValueError(f"{name or 'the model'} is {type(module).__name__}: put the model into eval mode first")
    like = next(model.parameters(), None)
    if like is None:
        raise ValueError(f"{type(model).__name__} has no parameters: there is no gradient")
    if len(inputs) < 1:
        raise ValueError("the batch is empty: at least one input is needed")
    if len(labels) != len(inputs):
        raise ValueError(f"{len(inputs)} inputs but {len(labels)} labels")
    inputs = torch.as_tensor(inputs).to(device=like.device, dtype=like.dtype)
    require_finite(inputs, "inputs")
    return inputs, torch.as_tensor(labels).to(like.device)
