"""Inputs read out of the gradient of a linear layer, and how many of a batch stand there exactly."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.gradients.gradient import Gradient, first_layer, linear_layers, require_bias, require_finite

# Activations whose derivative vanishes nowhere: every neuron then mixes the whole batch.
_NEVER_OFF = {
    "CELU", "ELU", "GELU", "Hardswish", "LeakyReLU", "LogSigmoid", "Mish", "PReLU", "RReLU", "SELU", "Sigmoid",
    "SiLU", "Softplus", "Softsign", "Tanh", "Tanhshrink",
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows of a gradient, divided by the gradients of their biases.

    Parameters
    ----------
    inputs : (n_rows, n_features), in the gradient's dtype.
    neurons : (n_rows,) int64, the neuron that each row belongs to, in rising order.

    Examples
    --------
    >>> Rows(torch.tensor([[0.5, 1.0]]), torch.tensor([7])).neurons.tolist()
    [7]
    """

    inputs: Tensor
    neurons: Tensor


@dataclass(frozen=True)
class ExtractionScore:
    """How much of a batch a layer gives away, all between 0 and 1.

    Parameters
    ----------
    active : A, the share of neurons that are active for at least one sample.
    precision : P, of these the share that are active for one sample only.
    recall : R, the share of samples that have a neuron of their own.

    Examples
    --------
    >>> ExtractionScore(active=0.5, precision=1.0, recall=0.25).recall
    0.25
    """

    active: float
    precision: float
    recall: float


def extract_rows(weight_grad: Tensor | Gradient, bias_grad: Tensor | None = None, eps: float = 0.0) -> Rows:
    """Divide each row of a weight gradient by its bias gradient.

    x = (dL/dw_i) / (dL/db_i) where dL/db_i is not 0. For a batch the row is the mean of the samples that
    activate the neuron, weighted by their loss; with one such sample it is that sample exactly (Boenisch
    et al. 2023, section 4).

    Parameters
    ----------
    weight_grad : (n_neurons, n_features), or a :class:`Gradient`, of which the first layer is read.
    bias_grad : (n_neurons,); left out with a :class:`Gradient`.
    eps : neurons with a bias gradient of at most this size are skipped.

    Returns
    -------
    :class:`Rows`, with no row where no neuron was active; then a warning says so. A row that is beyond the
    range of its dtype is left out.

    Raises
    ------
    ValueError
        if there is no bias (rows are then known only up to scale), the first layer is not linear, a value
        is not finite, or the shapes do not fit.

    Warns
    -----
    UserWarning
        if every bias gradient is zero, or an activation is never off, so that a row mixes the whole batch.

    Examples
    --------
    >>> weight_grad = torch.tensor([[0.5, 1.0], [0.0, 0.0], [-0.1, -0.2]])
    >>> rows = extract_rows(weight_grad, torch.tensor([1.0, 0.0, -0.2]))
    >>> rows.inputs.tolist(), rows.neurons.tolist()
    ([[0.5, 1.0], [0.5, 1.0]], [0, 2])
    """
    weight_grad, bias_grad = read_layer(weight_grad, bias_grad)
    if not eps >= 0:
        raise ValueError(f"eps is {eps:g}; it is a size, at least 0")
    neurons = torch.nonzero(bias_grad.abs() > eps).squeeze(1)
    if not len(neurons):
        why = f"is at most {eps:g}, lower eps" if bias_grad.any() else "is zero: no neuron was active"
        warnings.warn(f"every bias gradient {why}, so there are no rows", stacklevel=2)
    inputs = weight_grad[neurons] / bias_grad[neurons, None]
    # A bias gradient that nearly cancelled leaves a quotient beyond the largest number.
    usable = torch.isfinite(inputs).all(dim=1)
    return Rows(inputs, neurons) if usable.all() else Rows(inputs[usable], neurons[usable])


def extract_single(weight_grad: Tensor | Gradient, bias_grad: Tensor | None = None) -> Tensor:
    """The one input of a batch of one, by least squares over all rows.

    argmin over x of sum_i (dL/dw_i - dL/db_i x)^2 = sum_i dL/db_i dL/dw_i / sum_i (dL/db_i)^2.
    Against noise on the gradient it is better than any one row.

    Parameters
    ----------
    weight_grad, bias_grad : as for :func:`extract_rows`.

    Returns
    -------
    (n_features,), in the gradient's dtype.

    Raises
    ------
    ValueError
        as :func:`extract_rows` does, and if every bias gradient is zero.

    Examples
    --------
    >>> extract_single(torch.tensor([[0.5, 1.0], [-0.1, -0.2]]), torch.tensor([1.0, -0.2])).tolist()
    [0.5, 1.0]
    """
    weight_grad, bias_grad = read_layer(weight_grad, bias_grad)
    if not bias_grad.any():
        raise ValueError("every bias gradient is zero: no neuron was active, so no input is there to extract")
    wide = torch.float32 if weight_grad.device.type == "mps" else torch.float64  # Apple's GPU has no float64
    scale = bias_grad.abs().max().to(wide)  # squares of small gradients would vanish
    g, rows = bias_grad.to(wide) / scale, weight_grad.to(wide) / scale
    x = g @ rows / (g @ g)
    x = x + g @ (rows - torch.outer(g, x)) / (g @ g)  # once more on what is left: the sum over rows rounds
    return x.to(weight_grad.dtype)


def activation_pattern(layer_or_model: nn.Module, inputs: Tensor, layer: int = 0) -> Tensor:
    """Which sample activates which neuron: w_i . x_m + b_i > 0.

    Counting neurons that one sample has for itself gives the number of exact rows in the gradient of the
    batch without any gradient (Boenisch et al. 2023, section 4).

    Parameters
    ----------
    layer_or_model : an ``nn.Linear``, or a model that holds some.
    inputs : (batch, ...), as the layer or model takes them; brought to its dtype and device.
    layer : which linear layer of the model, counted from 0.

    Returns
    -------
    (batch, n_neurons) bool.

    Raises
    ------
    ValueError
        if the batch is empty or there is no such layer.

    Examples
    --------
    >>> layer = nn.Linear(1, 2)
    >>> with torch.no_grad():
    ...     _ = layer.weight.copy_(torch.tensor([[1.0], [-1.0]])), layer.bias.fill_(0.5)
    >>> activation_pattern(layer, torch.tensor([[0.25], [1.0]])).tolist()
    [[True, True], [True, False]]
    """
    layers = list(linear_layers(layer_or_model).values())
    if not 0 <= layer < len(layers):
        raise ValueError(f"no linear layer {layer}: the model has {len(layers)}, counted from 0")
    weight = layers[layer].weight
    inputs = torch.as_tensor(inputs).to(device=weight.device, dtype=weight.dtype)
    if len(inputs) < 1:
        raise ValueError("the batch is empty: at least one input is needed")
    seen: list[Tensor] = []
    hook = layers[layer].register_forward_hook(lambda module, taken, given: seen.append(given > 0))
    try:
        with torch.no_grad():
            layer_or_model(inputs)
    finally:
        hook.remove()
    return seen[0]


def extraction_metrics(pattern: Tensor) -> ExtractionScore:
    """A, P and R of a batch, from its activation pattern (Boenisch et al. 2023, section 4).

    A = (neurons active for at least one sample) / neurons; P = (neurons active for one sample only) /
    (active neurons); R = (samples with a neuron of their own) / samples. P is 0 where no neuron is active.
    Samples that are equal share every neuron and count as not exposed, although their rows hold them exactly.

    Parameters
    ----------
    pattern : (batch, n_neurons) bool, from :func:`activation_pattern`.

    Returns
    -------
    :class:`ExtractionScore`.

    Raises
    ------
    ValueError
        if the pattern is not a table of at least one sample and one neuron.

    Examples
    --------
    >>> extraction_metrics(torch.tensor([[1, 1, 0, 0], [0, 1, 0, 0]], dtype=torch.bool))
    ExtractionScore(active=0.5, precision=0.5, recall=0.5)
    """
    if pattern.ndim != 2 or not pattern.numel():
        raise ValueError(f"the pattern has shape {tuple(pattern.shape)}; (batch, n_neurons) is needed, neither 0")
    pattern = pattern.bool()
    samples = pattern.sum(dim=0)
    active, alone = samples > 0, samples == 1
    n_active = int(active.sum())
    return ExtractionScore(
        active=n_active / pattern.shape[1],
        precision=int(alone.sum()) / n_active if n_active else 0.0,
        recall=int(pattern[:, alone].any(dim=1).sum()) / pattern.shape[0],
    )


def match_rows(rows: Rows | Tensor, inputs: Tensor, rtol: float = 1e-5) -> Tensor:
    """Which sample of the batch each row is, to be asked by someone who has the batch.

    Row r is sample m if norm(r - x_m) <= rtol norm(x_m), the Euclidean norm. The tolerance is never below eight
    rounding steps of the rows' dtype, so that half precision can match.

    Parameters
    ----------
    rows : :class:`Rows`, or (n_rows, n_features).
    inputs : (batch, ...) with n_features values each: the truth.
    rtol : relative tolerance, above 0.

    Returns
    -------
    (n_rows,) int64 place of the sample in the batch, the nearest one; -1 where a row is no sample.

    Raises
    ------
    ValueError
        if the numbers of features differ, the batch is empty, or `rtol` is not above 0.

    Examples
    --------
    >>> match_rows(torch.tensor([[0.5, 1.0], [0.3, 0.3]]), torch.tensor([[0.1, 0.2], [0.5, 1.0]])).tolist()
    [1, -1]
    """
    found = rows.inputs if isinstance(rows, Rows) else rows
    if len(inputs) < 1:
        raise ValueError("the batch is empty: at least one input is needed")
    if not rtol > 0:
        raise ValueError(f"rtol is {rtol:g}; it must be above 0")
    wide = torch.promote_types(found.dtype, torch.float32)
    truth = torch.as_tensor(inputs).to(device=found.device, dtype=wide).flatten(1)
    if found.ndim != 2 or found.shape[1] != truth.shape[1]:
        raise ValueError(f"rows of shape {tuple(found.shape)} against inputs of {truth.shape[1]} features")
    rtol = max(rtol, 8 * torch.finfo(found.dtype).eps)
    # The faster way through a matrix product loses the digits that decide here.
    distance = torch.cdist(found.to(wide), truth, compute_mode="donot_use_mm_for_euclid_dist")
    nearest, place = distance.min(dim=1)
    return torch.where(nearest <= rtol * truth.norm(dim=1)[place], place, -1)


def read_layer(weight_grad: Tensor | Gradient, bias_grad: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weight and bias gradient of the layer to read, checked; warns of activations that are never off.

    Parameters
    ----------
    weight_grad : (n_neurons, n_features), or a whole :class:`Gradient`, of which the first layer is read.
    bias_grad : (n_neurons,); not used with a :class:`Gradient`.

    Returns
    -------
    (n_neurons, n_features) and (n_neurons,).

    Raises
    ------
    ValueError
        if there is no bias, shapes do not fit, values are not finite, or the first layer is not linear.

    Examples
    --------
    >>> weight_grad, bias_grad = read_layer(torch.ones(3, 2), torch.zeros(3))
    >>> weight_grad.shape, bias_grad.shape
    (torch.Size([3, 2]), torch.Size([3]))
    """
    if isinstance(weight_grad, Gradient):
        never_off = next((name for name in weight_grad.modules if name in _NEVER_OFF), None)
        if never_off:
            warnings.warn(
                f"the model has {never_off}, which is never off: every row mixes all samples of the batch, so only "
                "a batch of one can be extracted",
                stacklevel=3,
            )
        return first_layer(weight_grad)
    require_bias(bias_grad)
    if weight_grad.ndim != 2 or bias_grad.shape != weight_grad.shape[:1]:
        raise ValueError(
            f"weight_grad has shape {tuple(weight_grad.shape)} and bias_grad {tuple(bias_grad.shape)}; (n_neurons, "
            "n_features) and (n_neurons,) are needed"
        )
    require_finite(weight_grad, "weight_grad")
    require_finite(bias_grad, "bias_grad")
    return weight_grad, bias_grad
