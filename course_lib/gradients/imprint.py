"""A server that cheats otherwise: neurons as thresholds of one quantity, so that neighbours differ by one sample."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from course_lib.gradients.extraction import Rows, read_layer
from course_lib.gradients.gradient import Gradient, linear_layers, require_finite
from course_lib.gradients.trap_weights import plant


def imprint(model: nn.Module, surrogate_inputs: Tensor, seed: int = 0) -> nn.Module:
    """A copy of the model whose first linear layer sorts inputs into bins of brightness.

    Neuron k computes relu(h(x) - c_k) with h(x) a mean of the features under random weights, which break the
    ties of pictures with few grey levels, and c_0 < c_1 < ... < c_(K-1) the quantiles k/K of h over surrogate
    data. The next layer gets equal columns, so that all neurons pass on the
    same gradient. Neighbouring rows then differ by the samples of one bin (Fowl et al. 2022). A sample is alone in
    its bin with probability (1 - 1/K)^(B - 1) where the bins are equally likely.

    Parameters
    ----------
    model : begins with Linear, ReLU, Linear, possibly behind layers that hand the inputs on; left as it is.
    surrogate_inputs : (n, ...) data that are not the user's; several times K of them make even bins.
    seed : of the random weights of the mean, uniform, with sum 1.

    Returns
    -------
    A copy of `model`, on its device and in its dtype.

    Raises
    ------
    ValueError
        if the model has fewer than two linear layers or no bias, or the surrogate data do not fit.

    Examples
    --------
    >>> from course_lib.gradients import mlp
    >>> planted = imprint(mlp([4, 3, 2]), torch.linspace(0, 1, 31)[:, None].expand(31, 4))
    >>> [round(-b, 3) for b in planted[0].bias.tolist()]
    [-1.0, 0.333, 0.667]
    """
    layers = list(linear_layers(model).values())
    if len(layers) < 2:
        raise ValueError("imprint needs two linear layers: the second one spreads one gradient to all neurons")
    n_bins, n_features = layers[0].weight.shape
    data = torch.as_tensor(surrogate_inputs).double().flatten(1)
    require_finite(data, "surrogate_inputs")
    if not len(data) or data.shape[1] != n_features:
        raise ValueError(f"surrogate_inputs of shape {tuple(data.shape)}; (n, {n_features}) is needed, n at least 1")
    v = torch.rand(n_features, generator=torch.Generator().manual_seed(seed), dtype=data.dtype)
    v = (v / v.sum()).to(data.device)
    h = data @ v
    c = torch.quantile(h, torch.arange(n_bins, dtype=h.dtype, device=h.device) / n_bins)
    c[0] -= 1  # whatever is darker than all surrogate data falls into the first bin
    planted = plant(model, v.expand(n_bins, n_features), -c)
    second = list(linear_layers(planted).values())[1]
    with torch.no_grad():
        # Divided by K: the sum over all neurons must not saturate the softmax, which would end all gradients.
        second.weight.copy_((second.weight[:, :1] / n_bins).expand_as(second.weight))
    return planted


def extract_imprint(weight_grad: Tensor | Gradient, bias_grad: Tensor | None = None, eps: float | None = None) -> Rows:
    """Subtract neighbouring rows of an imprinted layer's gradient, then divide.

    x = (G_k - G_(k+1)) / (g_k - g_(k+1)), with G_K = 0 and g_K = 0: the samples of bin k. Subtraction costs digits:
    compare with a tolerance of 1e-4 in float32.

    Parameters
    ----------
    weight_grad, bias_grad : as for :func:`extract_rows`.
    eps : bins whose bias gradient is at most this are empty; None takes 8 rounding steps of the largest one.

    Returns
    -------
    :class:`Rows`; `neurons` holds the bins.

    Raises
    ------
    ValueError
        as :func:`extract_rows` does.

    Warns
    -----
    UserWarning
        if every bin is empty.

    Examples
    --------
    >>> weight_grad = torch.tensor([[0.6, 1.2], [0.5, 1.0], [0.5, 1.0]])
    >>> extract_imprint(weight_grad, torch.tensor([3.0, 2.0, 2.0])).inputs
    tensor([[0.1000, 0.2000],
            [0.2500, 0.5000]])
    """
    weight_grad, bias_grad = read_layer(weight_grad, bias_grad)
    below = torch.cat([weight_grad[1:], torch.zeros_like(weight_grad[:1])])
    g = bias_grad - torch.cat([bias_grad[1:], torch.zeros_like(bias_grad[:1])])
    if eps is None:
        eps = 8 * torch.finfo(g.dtype).eps * float(bias_grad.abs().max())
    bins = torch.nonzero(g.abs() > eps).squeeze(1)
    if not len(bins):
        warnings.warn("every bin is empty: no neuron was active, so there are no rows", stacklevel=2)
    return Rows((weight_grad - below)[bins] / g[bins, None], bins)
