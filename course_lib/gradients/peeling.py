"""Peeling: take out the samples that own a neuron, and see which neurons that sets free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from course_lib.gradients.batch_reconstruction import BatchReconstruction, empty_reconstruction
from course_lib.gradients.batch_size import common_batch_size, label_counts, settle_weights
from course_lib.gradients.candidates import CERTAIN, LOOSEST, LOOSEST_IN_NOISE, distinct, single_rows
from course_lib.gradients.fully_connected import ReluNetwork, relu_network
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.picture_grid import BLURRED, Grid, picture_grid
from course_lib.gradients.residual import (
    SAFETY,
    Residual,
    Samples,
    at_round,
    joined,
    no_samples,
    relative_step,
    take_out,
)
from course_lib.gradients.sharpen import sharpen
from course_lib.gradients.verdict import verdict
from course_lib.progress import progress as progress_bar

UNLIKE = 0.1  # largest tolerance, as a part of how far the model's probabilities lie apart


def reconstruct_batch(
    gradient: Gradient,
    peel: bool = True,
    levels: int | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    noise: float = 0.0,
    max_rounds: int = 500,
    progress: bool = False,
) -> BatchReconstruction:
    """Recover the samples of a batch from its average gradient, round by round.

    Round 1 reads the samples that own a neuron of the first layer: x = G_0[j] / g_0[j], with the label and the
    weight w for which the next layer's gradient agrees, G_1[:, j] = w a_0[j] delta_1(y). Taking them out sets
    free the neurons that one of them shared with one other sample, which round 2 reads, and so on. The
    attacker has the weights and the mean gradient, nothing else.

    Parameters
    ----------
    gradient : of the mean cross-entropy of a batch, for a network Linear, ReLU, ..., Linear with a bias in its
        first layer, in float64, float32 or float16.
    peel : False stops after round 1, which finds the samples that own a neuron.
    levels : number of grey levels of the pictures (256 for 8 bits); they are then snapped to whole levels, which
        makes float32 exact. None for other inputs.
    mean, std : what the client subtracted from the pixels and divided them by; one number, one a channel or one a
        feature. Needed with `levels` alone.
    noise : standard deviation of Gaussian noise on each entry of the gradient. Where 0, it is measured.
    max_rounds : at most so many.
    progress : whether to show a bar.

    Returns
    -------
    :class:`BatchReconstruction`. ``complete`` is claimed with `levels` or in float64 alone. A gradient that is
    zero, random, of other weights or no average gives an empty one, with the reason.

    Raises
    ------
    ValueError
        for a network of another kind, layers that do not fit, values that are not finite, or levels, mean, std,
        noise or max_rounds out of range.

    References
    ----------
    Exclusive neurons: Pan et al., "Exploring the Security Boundary of Data Reconstruction via Neuron Exclusivity
    Analysis", USENIX Security 2022. Peeling goes beyond it.

    Examples
    --------
    >>> import torch
    >>> from course_lib.gradients import client_gradient, mlp
    >>> pictures = torch.arange(24.0).reshape(3, 8).sin().mul(8).round().add(8) / 16
    >>> model = mlp([8, 64, 4], seed=1)
    >>> sent = client_gradient(model, pictures, torch.tensor([2, 0, 3]))
    >>> found = reconstruct_batch(sent, levels=17)
    >>> found.batch_size, found.complete, sorted(found.labels.tolist())
    (3, True, [0, 2, 3])
    """
    if max_rounds < 1 or not 0 <= noise < float("inf"):
        raise ValueError(f"max_rounds {max_rounds} must be at least 1, noise {noise} at least 0")
    network = relu_network(gradient)
    rows = gradient.weight_grads[0]
    grid = None if levels is None else picture_grid(levels, mean, std, gradient.weights[0])
    if why := _hopeless(network, gradient):
        return empty_reconstruction(rows, why)
    measured = _measured_noise(gradient)
    tried = [min(noise, 3 * measured)] if noise else [0.0]
    if not noise and measured > 4 * _rounding_of_sums(gradient):
        tried.append(measured)
    best = None
    for std_of_noise in tried:
        found = _peel_rounds(network, gradient, grid, std_of_noise, max_rounds if peel else 1, progress)
        result = verdict(network, gradient, found, grid, std_of_noise)
        best = result if not best or len(result) > len(best) else best  # of two empty ones the last
        if best.complete:
            break
    return best


def _peel_rounds(
    network: ReluNetwork, gradient: Gradient, grid: Grid | None, noise: float, max_rounds: int, progress: bool = False
) -> Samples:
    """The loop of the attack: what is left, which rows of it hold one sample alone, take these out as well."""
    found, batch_size = no_samples(gradient.weight_grads[0]), None
    uncertain = grid is not None and (noise > 0 or relative_step(gradient) > 1e-6)  # a row may get a pixel wrong
    loosest = LOOSEST_IN_NOISE if noise else LOOSEST
    slack = BLURRED * grid.step if uncertain else 0.0
    for number in progress_bar(range(1, max_rounds + 1), "rounds", disable=not progress):
        left = take_out(network, gradient, settle_weights(found, batch_size), noise)
        rows = single_rows(network, left, grid, loosest, batch_size)
        if number == 1 and grid is None and noise and _vague(rows):
            rows, loosest = _believable(network, gradient, left, rows, loosest)
        if batch_size is None:
            batch_size = common_batch_size(rows.weights, rows.weight_errors)
        new = distinct(rows, found, grid is not None, batch_size, slack)
        if not len(new):
            break
        found = joined([found, at_round(new, number)])
        batch_size = common_batch_size(found.weights, found.weight_errors)
        if uncertain:
            fitted = sharpen(network, gradient, settle_weights(found, batch_size), grid, noise)
            found = replace(found, inputs=fitted.inputs, errors=0 * found.errors)
    return found


def _vague(rows: Samples) -> bool:
    """Whether the surest row is less sure than one that no mixture could pass for."""
    return bool((rows.errors + rows.weight_errors)[:1].sum() > CERTAIN)


def _believable(
    network: ReluNetwork, gradient: Gradient, left: Residual, rows: Samples, loosest: float
) -> tuple[Samples, float]:
    """The rows, unless they may all be mixtures of one label; and how loose the test of rows may be.

    A sample's weight gives a mixture away as long as the batch size is right, so the size has to agree with the last
    bias gradient. Where that cannot tell, only rows that are much surer than loss vectors are alike count.
    """
    nothing = rows.at(rows.labels < 0)
    size = common_batch_size(rows.weights, rows.weight_errors)
    told = None if size is None else label_counts(network, gradient, left, size)
    if told is None or told.refuted:
        return nothing, loosest
    if told.decisive or _all_alike(left, rows):
        return rows, loosest
    loosest = min(loosest, UNLIKE * told.spread)
    surer = single_rows(network, left, None, loosest)
    same_size = common_batch_size(surer.weights, surer.weight_errors) == size
    return (surer if same_size else nothing), loosest


def _all_alike(left: Residual, rows: Samples) -> bool:
    """Whether every row of the first layer shows the picture of the surest one: then there is no other to mix with."""
    neurons = (left.bias.abs() > SAFETY * left.error).nonzero()[:, 0]
    off = left.rows(neurons) / left.bias[neurons, None] - rows.inputs[0]
    allowed = SAFETY * left.relative_error[neurons] * rows.inputs[0].abs().max()
    return bool((off.square().mean(1).sqrt() <= allowed).all())


def _measured_noise(gradient: Gradient) -> float:
    """Standard deviation of noise on the gradient: a loss vector sums to zero, so columns of G_H sum to noise."""
    last = gradient.weight_grads[-1].double()
    return float(last.sum(0).square().mean().sqrt()) / len(last) ** 0.5


def _rounding_of_sums(gradient: Gradient) -> float:
    """What rounding alone leaves of those sums, typically."""
    return relative_step(gradient) * float(gradient.weight_grads[-1].double().square().mean().sqrt())


def _hopeless(network: ReluNetwork, gradient: Gradient) -> str | None:
    if not gradient.weight_grads[0].any() or not gradient.bias_grads[0].any():
        return "the gradient is zero: there is nothing to peel"
    if network.n_classes == 2 and len(network.weights) == 2:
        return "two classes and one hidden layer: every mixture of samples passes the test, so nothing is certain"
    return None
