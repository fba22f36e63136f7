"""Pictures from a gradient by optimisation: the baselines to which a closed form is compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from course_lib.gradients.gradient import Gradient, linear_layers, require_finite

_STRIDE = 10  # steps between two numbers of the loss history
_STEPS = {"dlg": 300, "cosine": 1000}
_SOLVED = {"dlg": 1e-10, "cosine": 1e-6}  # a distance after which no other start is tried


@dataclass(frozen=True)
class Inversion:
    """What an optimiser found whose gradient resembles the one it was given.

    Parameters
    ----------
    inputs : (batch, n_features) in the model's dtype and on its device.
    labels : (batch,) int64.
    loss_history : the distance of the gradients every ten steps, of the start that came closest.
    seconds : of the clock, all starts together.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> model = mlp([4, 8, 2])
    >>> sent = client_gradient(model, torch.tensor([[0.0, 0.3, 0.6, 0.9]]), torch.tensor([1]))
    >>> found = invert_gradient(model, sent)
    >>> found.labels.tolist(), found.loss_history[-1] < found.loss_history[0]
    ([1], True)
    """

    inputs: Tensor
    labels: Tensor
    loss_history: tuple[float, ...]
    seconds: float


def invert_gradient(
    model: nn.Module,
    gradient: Gradient,
    method: Literal["dlg", "cosine"] = "dlg",
    labels: Tensor | None = None,
    steps: int | None = None,
    seed: int = 0,
    *,
    batch_size: int | None = None,
    restarts: int = 4,
    image_shape: tuple[int, ...] | None = None,
    total_variation: float = 0.0,
    learning_rate: float = 0.1,
) -> Inversion:
    """Look for pictures whose gradient is the one that was sent.

    "dlg" (Zhu et al. 2019) minimises, over pictures x and soft labels y, the squared distance
    norm(g(x, y) - g)^2 / norm(g)^2 by L-BFGS with strong-Wolfe line search, which is more reliable than the fixed
    step of the paper. "cosine" (Geiping et al. 2020) minimises 1 - <g(x, y), g> / (norm(g(x, y)) norm(g)) plus the
    total variation of the pictures, by Adam on the signs of the derivatives, with pictures kept in [0, 1] and the
    step cut to a tenth after 3/8, 5/8 and 7/8 of the way. Starts are uniform in [0, 1]; the next start is tried
    where one has not come close (1e-10, or 1e-6 for "cosine"), and the best one is returned.

    Parameters
    ----------
    model : fully connected; the one that the gradient was computed with. Left as it is.
    gradient : what the client sent.
    method : "dlg" or "cosine".
    labels : (batch,) int64 if they are known. Without them "dlg" looks for labels too; "cosine" reads them off the
        sign of the last layer's bias gradient, which works where all labels of the batch differ.
    steps : of each start; 300 for "dlg", 1000 for "cosine".
    seed : of the starts.
    batch_size : number of pictures; that of the labels, or 1.
    restarts : starts at most.
    image_shape : (channels, height, width) or (height, width), for the total variation alone.
    total_variation : weight of the mean absolute difference of neighbouring pixels, at least 0; only for "cosine".
    learning_rate : first step of Adam.

    Returns
    -------
    :class:`Inversion`. The order of the pictures is arbitrary where labels were not given, and among those with one
    label.

    Raises
    ------
    ValueError
        for an unknown method; a model in half precision, with other parameters than those of linear layers, or other
        weights than the gradient's; a gradient that is zero or not finite; labels that do not fit, or cannot be read
        off; numbers of steps, starts or pictures below 1; a total variation without the shape of the pictures.

    References
    ----------
    Zhu, Liu and Han (2019), "Deep Leakage from Gradients", Algorithm 1; Geiping et al. (2020), "Inverting
    Gradients: How easy is it to break privacy in federated learning?", equation 4.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp, psnr
    >>> model, picture = mlp([4, 8, 2]), torch.tensor([[0.0, 0.3, 0.6, 0.9]])
    >>> sent = client_gradient(model, picture, torch.tensor([1]))
    >>> psnr(picture, invert_gradient(model, sent, "cosine", steps=200).inputs) > 40
    True
    """
    if method not in _STEPS:
        raise ValueError(f"method {method!r}: it is 'dlg' or 'cosine'")
    steps = _STEPS[method] if steps is None else steps
    size = _batch_size(labels, batch_size)
    for name, number in (("steps", steps), ("restarts", restarts), ("batch_size", size)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} is a whole number from 1 upwards, not {number!r}")
    if not total_variation >= 0 or (total_variation and (image_shape is None or method != "cosine")):
        raise ValueError(
            f"total_variation {total_variation!r}: give a number from 0 upwards, above 0 only for method 'cosine' and "
            "with the image_shape"
        )
    victim = _Victim(model, gradient)
    known = victim.labels(labels, size, method)
    generator = torch.Generator().manual_seed(seed)
    started = time.perf_counter()
    best = None
    for _ in range(restarts):
        start = victim.start(size, generator)
        if method == "dlg":
            found = _dlg(victim, start, known, generator, steps)
        else:
            found = _cosine(victim, start, known, steps, learning_rate, image_shape, total_variation)
        best = found if best is None or found[2][-1] < best[2][-1] else best
        if best[2][-1] <= _SOLVED[method]:
            break
    return Inversion(*best, seconds=time.perf_counter() - started)


class _Victim:
    """The client's gradient, and how to compute the gradient of other pictures at the same weights."""

    def __init__(self, model: nn.Module, gradient: Gradient) -> None:
        layers = linear_layers(model)
        others = [name for name, _ in model.named_parameters() if name.rpartition(".")[0] not in layers]
        if others:
            raise ValueError(f"{others[0]} is no parameter of a linear layer: the gradient does not hold it")
        own = [p for layer in layers.values() for p in (layer.weight, layer.bias) if p is not None]
        sent = zip(gradient.weights, gradient.biases, strict=True)
        if [tuple(p.shape) for p in own] != [tuple(p.shape) for pair in sent for p in pair if p is not None]:
            raise ValueError("the model's layers have other shapes than the gradient's: invert at the same model")
        weights = [p for pair in zip(gradient.weights, gradient.biases, strict=True) for p in pair if p is not None]
        if not all(torch.equal(p, w.to(p)) for p, w in zip(own, weights, strict=True)):
            raise ValueError("the gradient was computed with other weights than the model's: invert at the same model")
        names = {id(p): name for name, p in model.named_parameters()}
        self.model = model
        self.parameters = {names[id(p)]: p.detach().clone().requires_grad_() for p in own}
        pairs = zip(gradient.weight_grads, gradient.bias_grads, strict=True)
        self.target = [g.to(own[0]) for pair in pairs for g in pair if g is not None]
        for name, part in zip(self.parameters, self.target, strict=True):
            require_finite(part, f"the gradient of {name}")
        self.square = sum(part.square().sum() for part in self.target)
        if self.square == 0:
            raise ValueError("the gradient is zero: every picture that the model is sure of has this gradient")
        first, *_, last = layers.values() if len(layers) > 1 else 2 * [*layers.values()]
        if torch.finfo(own[0].dtype).bits < 32:
            raise ValueError(f"the model is in {own[0].dtype}: its steps are too coarse to descend; take float32")
        self.n_features, self.n_classes, self.like = first.in_features, last.out_features, own[0]
        self.last_grad = gradient.bias_grads[-1] if last.bias is not None else gradient.weight_grads[-1].sum(1)

    def start(self, size: int, generator: torch.Generator, normal: bool = False) -> Tensor:
        """Pictures drawn uniformly, or label scores drawn from a normal distribution."""
        if normal:
            return torch.randn(size, self.n_classes, generator=generator, dtype=self.like.dtype).to(self.like.device)
        return torch.rand(size, self.n_features, generator=generator, dtype=self.like.dtype).to(self.like.device)

    def labels(self, labels: Tensor | None, size: int, method: str) -> Tensor | None:
        """The labels that are known: given, or for "cosine" read off the signs."""
        if labels is not None:
            labels = torch.as_tensor(labels, device=self.like.device)
            if labels.ndim != 1 or labels.is_floating_point() or not ((labels >= 0) & (labels < self.n_classes)).all():
                raise ValueError(f"labels must be (batch,) whole numbers from 0 to {self.n_classes - 1}")
            return labels.long()
        if method == "dlg":
            return None
        # p - onehot is negative for the label alone; in a batch, for classes that are some picture's label.
        found = (self.last_grad < 0).nonzero()[:, 0]
        if len(found) != size:
            raise ValueError(
                f"{len(found)} classes have a negative gradient, the batch holds {size}: the labels cannot be "
                "read off; give them"
            )
        return found

    def gradient(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Of the mean cross-entropy, ready to be differentiated; labels are classes or probabilities."""
        loss = cross_entropy(functional_call(self.model, self.parameters, inputs), labels)
        return torch.autograd.grad(loss, list(self.parameters.values()), create_graph=True)

    def squared_distance(self, inputs: Tensor, labels: Tensor) -> Tensor:
        found = zip(self.gradient(inputs, labels), self.target, strict=True)
        return sum((g - t).square().sum() for g, t in found) / self.square

    def cosine_distance(self, inputs: Tensor, labels: Tensor) -> Tensor:
        found = self.gradient(inputs, labels)
        product = sum((g * t).sum() for g, t in zip(found, self.target, strict=True))
        return 1 - product / (sum(g.square().sum() for g in found) * self.square).sqrt()


def _dlg(
    victim: _Victim, start: Tensor, labels: Tensor | None, generator: torch.Generator, steps: int
) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    inputs = start.requires_grad_()
    scores = victim.start(len(start), generator, normal=True).requires_grad_()
    unknown = [inputs, scores] if labels is None else [inputs]
    descent = torch.optim.LBFGS(
        unknown, max_iter=_STRIDE, history_size=100, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def distance() -> Tensor:
        return victim.squared_distance(inputs, scores.softmax(1) if labels is None else labels)

    def closure() -> Tensor:
        descent.zero_grad()
        value = distance()
        value.backward(inputs=unknown)
        return value

    history = [distance().item()]
    for done in range(0, steps, _STRIDE):
        descent.param_groups[0]["max_iter"] = min(_STRIDE, steps - done)
        before = [x.detach().clone() for x in unknown]
        descent.step(closure)
        value = distance().item()
        if not value < history[-1]:  # stuck at a kink of the ReLUs, at rounding error, or gone astray
            for x, old in zip(unknown, before, strict=True):
                x.data.copy_(old)
            break
        history.append(value)
    found = scores.argmax(1) if labels is None else labels
    return inputs.detach(), found, tuple(history)


def _cosine(
    victim: _Victim,
    start: Tensor,
    labels: Tensor,
    steps: int,
    learning_rate: float,
    image_shape: tuple[int, ...] | None,
    total_variation: float,
) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    inputs = start.requires_grad_()
    descent = torch.optim.Adam([inputs], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(descent, [3 * steps // 8, 5 * steps // 8, 7 * steps // 8])
    history = []
    for step in range(steps):
        distance = victim.cosine_distance(inputs, labels)
        history += [] if step % _STRIDE else [distance.item()]
        if total_variation:
            distance = distance + total_variation * _variation(inputs.reshape(len(inputs), *image_shape))
        inputs.grad = torch.autograd.grad(distance, inputs)[0].sign()
        descent.step()
        schedule.step()
        inputs.data.clamp_(0, 1)
    history.append(victim.cosine_distance(inputs, labels).item())
    return inputs.detach(), labels, tuple(history)


def _variation(pictures: Tensor) -> Tensor:
    """The mean absolute difference of neighbouring pixels, down and across."""
    down, across = pictures.diff(dim=-2), pictures.diff(dim=-1)
    return down.abs().mean() + across.abs().mean()


def _batch_size(labels: Tensor | None, batch_size: int | None) -> int:
    if labels is None:
        return 1 if batch_size is None else batch_size
    if batch_size not in (None, len(labels)):
        raise ValueError(f"batch_size is {batch_size}, but there are {len(labels)} labels")
    return len(labels)
