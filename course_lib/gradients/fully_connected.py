"""A ReLU network run again by the attacker, on the weights that the server knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from course_lib.gradients.gradient import Gradient, first_layer, require_finite

_HANDS_ON = {"Flatten", "Identity", "Unflatten"}


@dataclass(frozen=True)
class Run:
    """What a forward pass leaves behind.

    Parameters
    ----------
    below : (x, a_0, ..., a_{H-1}), each (n, n_in of its layer): what each layer is fed.
    values : (z_0, ..., z_H), each (n, n_out of its layer): what each layer computes.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 2.0]])
    >>> Run(below=(x,), values=(torch.zeros(1, 2),)).probabilities.tolist()
    [[0.5, 0.5]]
    """

    below: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def probabilities(self) -> Tensor:
        """Softmax of the last values: (n, n_classes) float64."""
        return torch.softmax(self.values[-1], dim=1)


@dataclass(frozen=True)
class ReluNetwork:
    """x -> W_H relu(... relu(W_0 x + b_0) ...) + b_H, then softmax and cross-entropy, in float64.

    So the rounding error that an attack meets is the client's alone.

    Parameters
    ----------
    weights : tuple of (n_out, n_in) float64.
    biases : tuple of (n_out,) float64; zeros for a layer without bias.

    Examples
    --------
    >>> eye = torch.eye(2, dtype=torch.float64)
    >>> network = ReluNetwork((eye, eye), (eye[0] * 0, eye[0] * 0))
    >>> run = network.run(torch.tensor([[1.0, -1.0]], dtype=torch.float64))
    >>> run.below[1].tolist(), [d.shape for d in network.deltas(run, torch.tensor([0]))]
    ([[1.0, 0.0]], [torch.Size([1, 2]), torch.Size([1, 2])])
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @property
    def n_classes(self) -> int:
        """How many logits the network gives."""
        return len(self.weights[-1])

    def run(self, inputs: Tensor) -> Run:
        """Forward pass of (n, n_features) inputs."""
        below, values = [inputs], []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            values.append(below[-1] @ weight.T + bias)
            below.append(torch.relu(values[-1]))
        return Run(tuple(below[:-1]), tuple(values))

    def deltas(self, run: Run, labels: Tensor) -> tuple[Tensor, ...]:
        """delta_l = dL/dz_l for l = 0..H: tuple of (n, n_out of l), a sample with its label in each row."""
        return self._back(run.probabilities - one_hot(labels, self.n_classes), run.values[:-1])

    def loss_vectors(self, run: Run) -> Tensor:
        """delta_H = p - onehot(y) for every label y: (n, n_classes, n_classes)."""
        return run.probabilities[:, None] - torch.eye(self.n_classes, dtype=torch.float64, device=run.values[0].device)

    def next_deltas(self, run: Run) -> Tensor:
        """delta_1 for every label that the samples might have: (n, n_classes, n_out of layer 1)."""
        return self._back(self.loss_vectors(run), [z[:, None] for z in run.values[1:-1]])[0]

    def _back(self, delta: Tensor, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """delta_l = (W_{l+1}^T delta_{l+1}) 1[z_l > 0], from the last layer down through these values."""
        deltas = [delta]
        for weight, z in zip(reversed(self.weights), reversed(values), strict=False):
            deltas.append((deltas[-1] @ weight) * (z > 0))
        return tuple(reversed(deltas))

    def rounding(self, run: Run, layer: int) -> Tensor:
        """(n, n_out): how far z_l may be rounded, in units of eps: a tenth of the lengths of its factors, and
        what the layers below hand on. Errors have either sign, so squares add up.
        """
        own = run.below[layer].norm(dim=1, keepdim=True) * self.weights[layer].norm(dim=1) / 10
        if not layer:
            return own
        below = self.rounding(run, layer - 1) * (run.values[layer - 1] > 0)
        return (own.square() + below.square() @ self.weights[layer].square().T).sqrt()

    def delta_rounding(self, run: Run, deltas: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(n, n_out of l) for l = 0..H: how far delta_l may be rounded, in units of eps, were each neuron active.

        As in `rounding`, and a loss vector p - onehot(y) is the difference of numbers up to 1, however small it is.
        """
        errors = [torch.full_like(deltas[-1], self.n_classes**-0.5)]
        reaching = errors[0]
        for layer in reversed(range(len(deltas) - 1)):
            weight = self.weights[layer + 1]
            own = deltas[layer + 1].norm(dim=1, keepdim=True) * weight.norm(dim=0) / 10
            errors.append((own.square() + reaching.square() @ weight.square()).sqrt())
            reaching = errors[-1] * (run.values[layer] > 0)
        return tuple(reversed(errors))


def relu_network(gradient: Gradient) -> ReluNetwork:
    """The network that a gradient belongs to; refuses what the attacker cannot run again.

    Parameters
    ----------
    gradient : what was sent, with the weights that it belongs to.

    Raises
    ------
    ValueError
        naming the layer or tensor, if the network is not Linear, ReLU, ..., Linear with at least two
        logits and a bias in the first layer, or a tensor is not finite.

    Examples
    --------
    >>> relu_network(Gradient([torch.ones(1, 2)], [torch.ones(1)], [torch.ones(1, 2)], [torch.ones(1)]))
    Traceback (most recent call last):
        ...
    ValueError: one linear layer only: hidden ReLU neurons are needed, so at least two layers
    """
    first_layer(gradient)
    _require_modules(gradient)
    for field in ("weights", "biases", "weight_grads", "bias_grads"):
        for layer, tensor in enumerate(getattr(gradient, field)):
            if tensor is not None:
                require_finite(tensor, f"{field}[{layer}]")
    for layer, (weight, following) in enumerate(zip(gradient.weights, gradient.weights[1:], strict=False)):
        if len(weight) != following.shape[1]:
            raise ValueError(
                f"layer {layer} has {len(weight)} outputs, layer {layer + 1} takes {following.shape[1]}: "
                "they do not follow each other"
            )
    biases = [w[:, 0] * 0 if b is None else b for w, b in zip(gradient.weights, gradient.biases, strict=True)]
    return ReluNetwork(tuple(w.double() for w in gradient.weights), tuple(b.double() for b in biases))


def _require_modules(gradient: Gradient) -> None:
    n_layers = len(gradient.weights)
    if n_layers < 2:
        raise ValueError("one linear layer only: hidden ReLU neurons are needed, so at least two layers")
    if len(gradient.weights[-1]) < 2:
        raise ValueError("the last layer has K=1 output: cross-entropy needs the logits of at least two classes")
    modules = [name for name in gradient.modules if name not in _HANDS_ON]
    if not modules:
        return  # put together by hand: taken to be Linear, ReLU, ..., Linear
    if "softmax" in modules[-1].lower():
        raise ValueError(f"the model ends in {modules[-1]}: cross-entropy applies one itself, so it needs the logits")
    wanted = ["Linear", "ReLU"] * (n_layers - 1) + ["Linear"]
    for name, fits in zip(modules, wanted, strict=False):
        if name != fits:
            raise ValueError(f"{name} stands where {fits} must: the network has to be Linear, ReLU, ..., Linear")
    if len(modules) != len(wanted):
        said = "Linear and ReLU must alternate, and the last module be Linear"
        raise ValueError(f"{len(modules)} modules for {n_layers} linear layers ({', '.join(modules)}): {said}")
