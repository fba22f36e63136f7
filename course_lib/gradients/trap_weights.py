"""A server that cheats: first-layer weights that make neurons fire for few samples."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.gradients.extraction import extraction_metrics
from course_lib.gradients.gradient import linear_layers, require_finite

_ROWS = 128  # sorted at a time: the places of all rows would take more memory than their weights


def trap_weights(
    n_neurons: int,
    n_features: int,
    scale: float,
    std: float = 0.5,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Rows whose negative half outweighs the positive half, so that most inputs do not activate them.

    In each row a random half of the places gets z = -abs(N(0, std^2)), the others the same magnitudes, shuffled,
    times +s (Boenisch et al. 2023, Algorithm 1). With an odd number of features the smaller half is negative.
    The attack needs a bias of 0 and inputs in [0, 1]; :func:`plant` sets both weight and bias.

    Parameters
    ----------
    n_neurons, n_features : numbers of rows and of columns, at least 1 and 2.
    scale : s in (0, 1); smaller means fewer active neurons. 1 makes every row sum to 0 and warns.
    std : of the normal distribution, above 0.
    seed : of the draw.
    dtype : of the weights.

    Returns
    -------
    (n_neurons, n_features).

    Raises
    ------
    ValueError
        if `scale` is not in (0, 1], `std` is not above 0, or a size is too small.

    Warns
    -----
    UserWarning
        if `scale` is 1.

    Examples
    --------
    >>> weights = trap_weights(3, 8, scale=0.5)
    >>> (weights < 0).sum(dim=1).tolist(), torch.allclose(weights.clamp(min=0).sum(1), -weights.clamp(max=0).sum(1) / 2)
    ([4, 4, 4], True)
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale is {scale:g}; it must lie between 0 and 1: at 1 and above the trap does not close")
    if scale == 1:
        warnings.warn("scale is 1: every row sums to 0, which is not the passive attack either", stacklevel=2)
    _require_sizes(n_neurons, n_features, std)
    generator = torch.Generator().manual_seed(seed)
    n_negative = n_features // 2
    n_positive = n_features - n_negative
    random_places = torch.rand(n_neurons, n_features, generator=generator)
    magnitudes = torch.randn(n_neurons, n_positive, generator=generator, dtype=torch.float64).mul_(std).abs_()
    random_order = torch.rand(n_neurons, n_positive, generator=generator)
    weights = torch.empty(n_neurons, n_features, dtype=dtype)
    for rows in torch.arange(n_neurons).split(_ROWS):
        places, shuffle = random_places[rows].argsort(dim=1), random_order[rows].argsort(dim=1)
        z_minus = -magnitudes[rows, :n_negative]
        z_plus = scale * magnitudes[rows].gather(1, shuffle)
        weights[rows] = torch.empty(len(rows), n_features, dtype=dtype).scatter_(
            1, places, torch.cat([z_minus, z_plus], dim=1).to(dtype)
        )
    return weights


def gaussian_weights(
    n_neurons: int, n_features: int, std: float = 0.5, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Weights of an honest server, from N(0, std^2): what trap weights are compared with.

    Parameters
    ----------
    n_neurons, n_features, std, seed, dtype : as for :func:`trap_weights`.

    Returns
    -------
    (n_neurons, n_features).

    Raises
    ------
    ValueError
        if `std` is not above 0, or a size is too small.

    Examples
    --------
    >>> gaussian_weights(2, 3).shape
    torch.Size([2, 3])
    """
    _require_sizes(n_neurons, n_features, std)
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(n_neurons, n_features, generator=generator, dtype=torch.float64) * std).to(dtype)


def plant(model: nn.Module, weight: Tensor, bias: Tensor | None = None) -> nn.Module:
    """A copy of the model with other weights in its first linear layer: what a cheating server sends.

    Parameters
    ----------
    model : any module with a linear layer that has a bias; left as it is.
    weight : (n_neurons, n_features) of that layer.
    bias : (n_neurons,); zero where None.

    Returns
    -------
    A copy of `model`, on its device and in its dtype.

    Raises
    ------
    ValueError
        if the model has no linear layer, the layer has no bias, or a shape differs from the layer's.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> planted = plant(model, torch.ones(3, 4))
    >>> planted[0].bias.tolist(), torch.equal(planted[2].weight, model[2].weight)
    ([0.0, 0.0, 0.0], True)
    """
    planted = copy.deepcopy(model)
    layer = next(iter(linear_layers(planted).values()), None)
    if layer is None or layer.bias is None:
        raise ValueError("the model has no linear layer with a bias: there is nothing to plant in")
    bias = torch.zeros(len(layer.bias)) if bias is None else bias
    for name, values in (("weight", weight), ("bias", bias)):
        held = getattr(layer, name)
        if values.shape != held.shape:
            raise ValueError(f"{name} has shape {tuple(values.shape)}; the first linear layer's is {tuple(held.shape)}")
        require_finite(values, name)
        with torch.no_grad():
            held.copy_(values)
    return planted


def tune_trap_scale(
    surrogate_inputs: Tensor, batch_size: int, n_neurons: int, scales: Sequence[float], seed: int = 0
) -> float:
    """The scale s with the best recall on batches of somebody else's data.

    Recall has a peak: a larger s activates more neurons, a smaller s leaves more of the active ones to one
    sample. The peak moves with the batch size, so tune at the size that will be attacked. The recall is the
    mean over as many batches as the surrogate data fill, at most ten; it needs forward passes only.

    Parameters
    ----------
    surrogate_inputs : (n, ...) data that are not the user's, in [0, 1], n at least `batch_size`.
    batch_size : B of the user who will be attacked.
    n_neurons : N of the layer.
    scales : candidates in (0, 1].
    seed : of the weights and of the order of the data.

    Returns
    -------
    The best of `scales`; the smaller one where two tie.

    Raises
    ------
    ValueError
        if `batch_size` is less than 1, there are too few data, or a scale is not in (0, 1].

    Warns
    -----
    UserWarning
        if the data leave [0, 1]: recall will then be near zero, as it is for standardised inputs; or if no scale
        exposes any of the data, as when they are all equal.

    Examples
    --------
    >>> surrogate = torch.rand(40, 64, generator=torch.Generator().manual_seed(0))
    >>> tune_trap_scale(surrogate, batch_size=10, n_neurons=50, scales=[0.01, 0.9])
    0.9
    """
    data = torch.as_tensor(surrogate_inputs).float().flatten(1)
    require_finite(data, "surrogate_inputs")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; at least 1 is needed")
    if len(data) < batch_size:
        raise ValueError(f"{len(data)} surrogate inputs do not fill a batch of {batch_size}")
    if not len(scales) or not all(0 < s <= 1 for s in scales):
        raise ValueError(f"scales {list(scales)}: at least one is needed, each between 0 and 1")
    if data.min() < 0 or data.max() > 1:
        warnings.warn(
            f"surrogate inputs from {data.min():.3g} to {data.max():.3g}: trap weights need inputs in [0, 1]; with "
            "standardised inputs recall will be near zero",
            stacklevel=2,
        )
    # W(s) = minus + s plus, so that two matrix products serve all scales.
    at_half = trap_weights(n_neurons, data.shape[1], scale=0.5, seed=seed).to(data.device)
    minus, plus = at_half.clamp(max=0), 2 * at_half.clamp(min=0)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed)).to(data.device)
    batches = [data[part] for part in order.split(batch_size) if len(part) == batch_size][:10]
    products = [(batch @ minus.T, batch @ plus.T) for batch in batches]
    recalls = {s: sum(extraction_metrics(a + s * b > 0).recall for a, b in products) for s in sorted(scales)}
    if not any(recalls.values()):
        warnings.warn("no scale exposes any of the surrogate inputs: try others, or other data", stacklevel=2)
    return max(recalls, key=recalls.__getitem__)


def quantile_bias(weight: Tensor, batch_size: int, surrogate: Tensor | None = None) -> Tensor:
    """Biases with which each neuron fires for one sample in `batch_size`, in expectation.

    b_i = -q_i, where q_i is the (1 - 1/B) quantile of w_i . x. Without data, and for inputs standardised to
    mean 0 and deviation 1, w_i . x is taken for normal: b_i = norm(w_i) Phi^-1(1/B), the norm Euclidean
    (Nowak et al. 2024, QBI). With data the quantile is counted.

    Parameters
    ----------
    weight : (n_neurons, n_features), for example from :func:`gaussian_weights`.
    batch_size : B, at least 1.
    surrogate : (n, n_features) data that are not the user's, or None.

    Returns
    -------
    (n_neurons,), in the weight's dtype and on its device.

    Raises
    ------
    ValueError
        if `batch_size` is less than 1, the weight is not a finite matrix, or the numbers of features differ.

    Examples
    --------
    >>> round(float(quantile_bias(torch.tensor([[3.0, 4.0]]), batch_size=100)), 3)
    -11.632
    """
    if not batch_size >= 1:
        raise ValueError(f"batch_size is {batch_size}; at least 1 is needed")
    if weight.ndim != 2:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; (n_neurons, n_features) is needed")
    require_finite(weight, "weight")
    # A batch of one would ask for a neuron that always fires: nearly always will do.
    share = torch.tensor(min(1 / batch_size, 0.9999), dtype=torch.float64)
    if surrogate is None:
        return (weight.double().norm(dim=1) * torch.special.ndtri(share)).to(weight.dtype)
    data = torch.as_tensor(surrogate).to(weight).flatten(1)
    require_finite(data, "surrogate")
    if data.shape[1] != weight.shape[1] or not len(data):
        raise ValueError(f"surrogate of shape {tuple(data.shape)}; (n, {weight.shape[1]}) is needed, n at least 1")
    wide = torch.promote_types(weight.dtype, torch.float32)  # no quantile in half precision
    return -torch.quantile((data @ weight.T).to(wide), float(1 - share), dim=0).to(weight.dtype)


def _require_sizes(n_neurons: int, n_features: int, std: float) -> None:
    if n_neurons < 1 or n_features < 2:
        raise ValueError(f"{n_neurons} neurons and {n_features} features; at least 1 and 2 are needed")
    if not std > 0:
        raise ValueError(f"std is {std:g}; it must be above 0")
