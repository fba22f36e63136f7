"""Convolutional networks: what enters the fully connected head, and how far that leads back to the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from course_lib.gradients.batch_reconstruction import BatchReconstruction
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.peeling import reconstruct_batch


def reconstruct_features(gradient: Gradient, peel: bool = True, progress: bool = False) -> BatchReconstruction:
    """The features and labels of a batch, through the fully connected head of a convolutional network.

    The head Linear, ReLU, ..., Linear is attacked like a network of its own; its inputs are what the
    convolutions hand on. Whatever comes before the first linear layer plays no part.

    Parameters
    ----------
    gradient : of a model that ends in a head of at least two linear layers with ReLU between them, without
        dropout; float64 for exact features.
    peel, progress : as in :func:`reconstruct_batch`.

    Returns
    -------
    :class:`BatchReconstruction`, its ``inputs`` (n, n_features_of_the_head).

    Raises
    ------
    ValueError
        if no linear layer stands among the modules, or the head is of another kind.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, conv_net
    >>> model = conv_net((1, 4, 4), channels=(2,), hidden=64, classes=4, dtype=torch.float64)
    >>> pictures = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> found = reconstruct_features(client_gradient(model, pictures, torch.tensor([3, 1])))
    >>> found.inputs.shape, sorted(found.labels.tolist())
    (torch.Size([2, 32]), [1, 3])
    """
    if "Linear" not in gradient.modules:
        raise ValueError(f"no linear layer among {', '.join(gradient.modules) or 'no modules'}: there is no head")
    head = gradient.modules[gradient.modules.index("Linear") :]
    return reconstruct_batch(replace(gradient, modules=head), peel=peel, progress=progress)


@dataclass(frozen=True)
class FeatureInversion:
    """Pictures sought for given features.

    Parameters
    ----------
    inputs : (n, channels, height, width) in [0, 1].
    misfit : (n,) float64, norm(f(x) - features) / norm(features); small does not mean right where pooling loses
        pixels.

    Examples
    --------
    >>> FeatureInversion(torch.zeros(1, 1, 2, 2), torch.zeros(1)).inputs.shape
    torch.Size([1, 1, 2, 2])
    """

    inputs: Tensor
    misfit: Tensor


def invert_features(
    body: nn.Module, features: Tensor, image_shape: tuple[int, int, int], steps: int = 300, seed: int = 0
) -> FeatureInversion:
    """Pictures whose features are the given ones: min over x of norm(f(x) - features)^2, by L-BFGS.

    x is kept in [0, 1] as a logistic function of what is sought. Through one or two convolutions without pooling
    the picture is determined; each pooling layer keeps one value of four, and then it is not.

    Parameters
    ----------
    body : what stands before the head, in evaluation mode; its weights are left as they are.
    features : (n, n_features), as :func:`reconstruct_features` returns them.
    image_shape : (channels, height, width).
    steps : of L-BFGS with strong Wolfe conditions.
    seed : of the start.

    Returns
    -------
    :class:`FeatureInversion`, in the features' dtype and on their device.

    Raises
    ------
    ValueError
        if the body gives another number of features for such pictures.

    Examples
    --------
    >>> body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten()).double()
    >>> picture = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    >>> found = invert_features(body, body(picture).detach(), (1, 4, 4), steps=50)
    >>> bool((found.inputs - picture).abs().max() < 1e-4)
    True
    """
    generator = torch.Generator().manual_seed(seed)
    start = 0.1 * torch.randn(len(features), *image_shape, generator=generator, dtype=torch.float64)
    sought = start.to(features).requires_grad_()
    found = body(torch.sigmoid(sought)).flatten(1)
    if found.shape != features.shape:
        raise ValueError(
            f"the body gives {found.shape[1]} features for a picture of shape {tuple(image_shape)}, "
            f"{features.shape[1]} are to be inverted"
        )
    scale = features.square().sum(1).clamp(min=torch.finfo(features.dtype).tiny)
    optimiser = torch.optim.LBFGS(
        [sought], max_iter=steps, history_size=50, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def misfit() -> Tensor:
        return (body(torch.sigmoid(sought)).flatten(1) - features).square().sum(1) / scale

    def closure() -> Tensor:
        loss = misfit().sum()
        (sought.grad,) = torch.autograd.grad(loss, sought)
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        return FeatureInversion(torch.sigmoid(sought), misfit().double().sqrt())
