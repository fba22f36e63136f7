"""Which rows of a gradient hold one sample alone: a test that needs no ground truth."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.gradients.fully_connected import ReluNetwork
from course_lib.gradients.picture_grid import Grid
from course_lib.gradients.residual import SAFETY, Residual, Samples, joined

ROWS_AT_ONCE = 256  # keeps the peak of memory low
LOOSEST = 0.01  # widest tolerance of the label test where nothing else speaks for a row
LOOSEST_IN_NOISE = 0.003  # the same under noise: no picture is off by more than 50 dB
LOOSEST_ON_GRID = 0.3
CHANCE = 0.01  # how many rows of a random gradient may pass
CERTAIN = 1e-9  # below this error a mixture of two samples cannot pass for one
SURE_SHARE = 1e-3  # widest doubt of a share that alone gives a label
NOT_A_SHARE = 0.02  # how far a weight may be off a whole number of M-ths
REPEATED = 1e-5  # widest error at which k equal samples are told from a mixture of k that are alike
STEP = 4.0  # a round takes rows this many times less sure than its surest
LIGHTEST = 1e-4  # least weight of a sample: the share of one in a batch of 10,000
MINOR_LABEL = 0.05  # least share of each label of a picture that has two


def single_rows(
    network: ReluNetwork,
    left: Residual,
    grid: Grid | None,
    loosest: float = LOOSEST,
    batch_size: int | None = None,
) -> Samples:
    """The samples that rows of a residual hold alone, one for each such row, the surest first.

    On a grid, a batch size known from other rows gives the label where the next layer's gradient is too faint.

    Parameters
    ----------
    network : as the server knows it.
    left : what is left of the gradient.
    grid : where the inputs are pictures of whole grey levels; None where nothing is known of them.
    loosest : widest relative tolerance of the test, above 0.
    batch_size : M, where other rows have told it.

    Returns
    -------
    Samples, (n,) of each field; none where no row passes.

    Examples
    --------
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> from course_lib.gradients.residual import no_samples, take_out
    >>> from course_lib.gradients import client_gradient, mlp
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2]
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> network = relu_network(sent)
    >>> rows = single_rows(network, take_out(network, sent, no_samples(sent.weight_grads[0])), None)
    >>> sorted({(label, round(1 / weight)) for label, weight in zip(rows.labels.tolist(), rows.weights.tolist())})
    [(0, 2), (2, 2)]
    """
    first = left.bias.abs() > SAFETY * left.error
    second = left.next_layer.norm(dim=0) > SAFETY * left.next_error
    by_share = grid is not None and batch_size is not None
    neurons = (first if by_share else first & second).nonzero()[:, 0]
    errors = left.relative_error[neurons]
    if grid is not None:
        neurons, errors = grid.rows_on_grid(left, neurons)
    limits = _widest(network, grid, len(neurons), loosest)
    chunks = zip(neurons.split(ROWS_AT_ONCE), errors.split(ROWS_AT_ONCE), strict=True)
    rows = joined([_hold_one_sample(network, left, *chunk, grid, limits, batch_size) for chunk in chunks])
    return rows.at((rows.errors + rows.weight_errors).argsort())


def _hold_one_sample(
    network: ReluNetwork,
    left: Residual,
    neurons: Tensor,
    errors: Tensor,
    grid: Grid | None,
    limits: tuple[float, float],
    batch_size: int | None,
) -> Samples:
    """The test of exclusivity. It has no free parameter: the tolerance is the predicted rounding error.

    x = G_0[j] / g_0[j]. If neuron j is active for one sample alone, the next layer's gradient agrees with
    it for one label y: G_1[:, j] = w a_0[j] delta_1(y), and w = g_0[j] / (W_1[:, j] . delta_1(y)).
    """
    inputs = left.rows(neurons) / left.bias[neurons, None]
    if grid is not None:
        inputs = grid.snap(inputs)
    run = network.run(inputs)
    delta = network.next_deltas(run)  # delta_1(y): (n_rows, n_classes, n_1)
    column = left.next_layer[:, neurons].T  # G_1[:, j]: (n_rows, n_1)

    rounded = left.eps * (1 + 1 / network.loss_vectors(run).norm(dim=2).amin(1))
    allowed = SAFETY * (left.next_error[neurons] / column.norm(dim=1) + rounded + errors)

    parts, off = _one_label(column, delta)  # parts[j, y] = w_y a_0[j]
    good = (off <= allowed) & (allowed < limits[0])
    again = ~good & (allowed < limits[1])
    if again.any():
        parts[again], off[again] = _two_labels(column[again], delta[again])
        again &= off <= allowed
        good |= again

    delta_0 = delta @ network.weights[1][:, neurons].T[:, :, None]  # delta_0(y)[j]: (n_rows, n_classes, 1)
    whole = (parts * delta_0[:, :, 0]).sum(1)
    weights = parts * (left.bias[neurons] / whole)[:, None]
    own = run.below[1].gather(1, neurons[:, None])[:, 0]  # a_0[j], which the parts must agree with
    good &= (whole / (own * left.bias[neurons]) - 1).abs() < 0.5
    lost = network.weights[1][:, neurons].norm(dim=0) * column.norm(dim=1) / whole.abs()
    weight_errors = left.relative_error[neurons] + errors + rounded * lost + again * allowed
    if grid is not None and batch_size is not None and limits[0]:
        steps = rounded[:, None] * network.weights[1][:, neurons].norm(dim=0)[:, None] * delta.norm(dim=2)
        doubt = SAFETY * (left.relative_error[neurons, None] + steps / delta_0[:, :, 0].abs())
        told = _one_share(left.bias[neurons, None] / delta_0[:, :, 0] * batch_size, doubt)
        told &= (~good & (errors == 0))[:, None]
        weights, good = torch.where(told, 1 / batch_size, weights), good | told.any(1)
        weights = weights.where(told | ~told.any(1, keepdim=True), 0.0)
        weight_errors = weight_errors.where(~told.any(1), left.relative_error[neurons])
    row, label = ((weights > LIGHTEST) & good[:, None]).nonzero(as_tuple=True)
    return Samples(inputs[row], label, weights[row, label], label, errors[row], weight_errors[row])


def _one_share(shares: Tensor, doubt: Tensor) -> Tensor:
    """Where one label alone can have the share of one sample, and surely so: (n_rows, n_classes) bool.

    The first layer's row is sure that it is a picture where all its pixels are whole grey levels. The label is then
    the one that makes its weight 1/M.
    """
    possible = (shares - 1).abs() <= doubt
    return possible & (doubt < SURE_SHARE) & (possible.sum(1, keepdim=True) == 1)


def _one_label(column: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """The label whose delta_1 is nearest to a column's direction: its part (n_rows, n_classes), and how far off."""
    along = (column[:, None] * delta).sum(2) / delta.square().sum(2)
    off = (column[:, None] - along[:, :, None] * delta).norm(dim=2) / column.norm(dim=1, keepdim=True)
    off, label = off.where(along > 0, torch.inf).min(1)
    chosen = torch.zeros_like(along).scatter(1, label[:, None], 1.0)
    return along * chosen, off


def _two_labels(column: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one picture that stands in the batch under two labels, with positive parts of both."""
    first = _one_label(column, delta)[0].argmax(1)
    here = torch.arange(len(first), device=first.device)
    axis = torch.nn.functional.normalize(delta[here, first], dim=1)
    across = column - (column * axis).sum(1, keepdim=True) * axis
    others = delta - (delta @ axis[:, :, None]) * axis[:, None]
    second_part = (others * across[:, None]).sum(2) / others.square().sum(2)
    off = (across[:, None] - second_part[:, :, None] * others).norm(dim=2) / column.norm(dim=1, keepdim=True)
    off[here, first] = torch.inf
    off, second = off.nan_to_num(torch.inf).min(1)
    parts = torch.zeros_like(second_part)
    parts[here, second] = second_part[here, second]
    left = column - parts[here, second, None] * delta[here, second]
    parts[here, first] = (left * axis).sum(1) / delta[here, first].norm(dim=1)
    minor = torch.minimum(parts[here, first], parts[here, second]) / parts.sum(1)
    return parts, off.where(minor >= MINOR_LABEL, torch.inf)


def _widest(network: ReluNetwork, grid: Grid | None, n_rows: int, loosest: float) -> tuple[float, float]:
    """The widest tolerances at which the tests for one and for two labels still say something.

    Loss vectors sum to zero, and the length of a column follows from g_0[j]. With one hidden layer n_classes - 2
    equations are left, or n_classes - 3: none with two classes, where every mixture would pass.
    """
    deep = len(network.weights) > 2
    equations = len(network.weights[1]) - 1 if deep else network.n_classes - 2
    if grid is not None:
        return LOOSEST_ON_GRID * (equations > 0), LOOSEST_ON_GRID * (equations > 1)
    chance = [(CHANCE / max(n_rows, 1)) ** (1 / e) if e > 0 else 0.0 for e in (equations, equations - 1)]
    return min(loosest, chance[0]), min(CERTAIN, chance[1])


def distinct(rows: Samples, found: Samples, exact: bool, batch_size: int | None, slack: float = 0.0) -> Samples:
    """Of rows that hold the same sample the surest, and of samples only new ones.

    Parameters
    ----------
    rows : the surest first.
    found : the samples that are known already.
    exact : whether inputs lie on a grid.
    batch_size : M, or None.
    slack : how far the root mean square of exact inputs may differ all the same.

    Returns
    -------
    Samples, some of the rows.

    Examples
    --------
    >>> from course_lib.gradients.residual import Samples, no_samples
    >>> sure, one = torch.zeros(3), torch.tensor([1, 1, 1])
    >>> rows = Samples(torch.eye(2)[[0, 0, 1]], one, torch.full((3,), 0.5), one, sure, sure)
    >>> distinct(rows, no_samples(torch.eye(2)), True, 2).inputs.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if batch_size is not None:
        rows = rows.at(rows.weights * batch_size > 0.5)  # less is no sample: the rest of one taken out
    if not exact:
        if batch_size is not None:
            shares = rows.weights * batch_size
            rows = rows.at((shares - shares.round()).abs() < NOT_A_SHARE)
        sure = rows.errors + rows.weight_errors
        rows = rows.at(sure <= (STEP * sure[:1].sum()).clamp(min=CERTAIN))
    open_, kept = torch.ones(len(rows), dtype=torch.bool, device=rows.labels.device), []
    for k in range(len(found)):
        open_ &= ~_same(rows, found, k, exact, slack)
    while open_.any():
        k = int(open_.int().argmax())
        same = _same(rows, rows, k, exact, slack)
        if exact or _is_one_sample(rows, k, same, batch_size):
            kept.append(k)
        open_ &= ~same
    return rows.at(torch.tensor(kept, dtype=torch.int64, device=rows.labels.device))


def _same(rows: Samples, of: Samples, k: int, exact: bool, slack: float) -> Tensor:
    difference = rows.inputs - of.inputs[k]
    errors = rows.errors + of.errors[k]
    if exact:
        near = difference.square().mean(1).sqrt() <= errors + slack
    else:
        near = difference.abs().amax(1) <= 2 * SAFETY * errors * of.inputs[k].abs().max()
    return near & (rows.labels == of.labels[k])


def _is_one_sample(rows: Samples, k: int, same: Tensor, batch_size: int | None) -> bool:
    """Whether a sample of weight k/M, k > 1, stands k times in the batch and is no mixture.

    Samples of one label have nearly equal loss vectors before training, so a mixture of two nearly passes
    for one of weight 2/M. It betrays itself: each neuron mixes them a little differently.
    """
    error = rows.errors[k] + rows.weight_errors[k]
    if error < CERTAIN or batch_size is None or rows.weights[k] * batch_size < 1.5:
        return True
    share = rows.weights[k] * batch_size
    if error > REPEATED or (share - share.round()).abs() > SAFETY * rows.weight_errors[k] * share:
        return False
    near = (rows.inputs - rows.inputs[k]).abs().amax(1) < 0.1 * rows.inputs[k].abs().max()
    rivals = near & ~same & (rows.labels == rows.labels[k]) & (rows.weights * batch_size > 1.5)
    return int(same.sum()) > 1 and not rivals.any()
