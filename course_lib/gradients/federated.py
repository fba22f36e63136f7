"""Federated averaging, with a server that may send one client something else, and the digest that betrays it."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_lib.gradients.gradient import Gradient, as_gradient, require_finite
from course_lib.progress import progress

Manipulate = Callable[[int, int, nn.Module], nn.Module | None]


@dataclass(frozen=True)
class FederatedHistory:
    """What happened in federated training, as the server can tell it.

    Parameters
    ----------
    model : the global model after the last round.
    digests : [round][client], the SHA-256 digest of the model that the client was sent.
    manipulated : (round, client) pairs in which it was not the global model.
    uploads : for these pairs (or all, if asked for) the client's :class:`Gradient` as the server computes it: the
        model sent minus the model returned, over the learning rate.
    scores : one number a round, from `evaluate`; empty without it.

    Examples
    --------
    >>> batch = (torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))
    >>> history = federated_rounds(nn.Linear(3, 2), [batch, batch], rounds=5)
    >>> len(history.digests), history.manipulated
    (5, ())
    """

    model: nn.Module
    digests: tuple[tuple[str, ...], ...]
    manipulated: tuple[tuple[int, int], ...]
    uploads: Mapping[tuple[int, int], Gradient]
    scores: tuple[float, ...]

    def odd_ones(self, number: int) -> tuple[int, ...]:
        """Clients whose digest in round `number` is not the most frequent one: what comparing them shows.

        Parameters
        ----------
        number : of the round, from 0.

        Returns
        -------
        tuple of clients, counted from 0.

        Examples
        --------
        >>> sent = FederatedHistory(nn.Linear(1, 1), (("a", "a", "b"),), manipulated=(), uploads={}, scores=())
        >>> sent.odd_ones(0)
        (2,)
        """
        sent = self.digests[number]
        usual = max(sent, key=sent.count)
        return tuple(client for client, digest in enumerate(sent) if digest != usual)


def federated_rounds(
    model: nn.Module,
    clients: Sequence[tuple[Tensor, Tensor]],
    rounds: int,
    manipulate: Manipulate | None = None,
    seed: int = 0,
    *,
    learning_rate: float = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    keep_uploads: bool = False,
    show_progress: bool = False,
) -> FederatedHistory:
    """Ordinary federated averaging, in which the server may plant other weights.

    In each round every client u gets the model w, takes steps of stochastic gradient descent on its own n_u
    pictures and returns w_u; the server sets w to sum_u n_u w_u / sum_u n_u (McMahan et al. 2017, Algorithm 1,
    all clients taking part). A client whose model was manipulated is left out of the mean of that round, so the
    global model learns as if that client had been offline.

    The server sees w - w_u. With one step that is the learning rate times the gradient, but in float32 the weights
    of which it is the difference are rounded: an entry of 0.5 is stored to 3e-8, whatever the step that changed it.
    The relative error of a row is about the size of the weights over that of the step, times 6e-8: ten times as large
    at a tenth of the rate, and larger at trap weights than at torch's initial ones, which are small.

    Parameters
    ----------
    model : what training starts from; left as it is.
    clients : (inputs, labels) of each client.
    rounds : at least 1.
    manipulate : function of (round, client, copy of the global model), both numbers from 0. It changes the copy, or
        returns another model of the same shapes, or leaves it alone.
    seed : of the order of pictures within an epoch.
    learning_rate : of the clients' gradient descent; above 0.
    local_epochs : passes over a client's pictures in a round.
    batch_size : pictures a step; all of them by default.
    evaluate : function of the global model after each round, such as its accuracy.
    keep_uploads : whether to keep all uploads, not only the manipulated ones.
    show_progress : whether to show a bar.

    Returns
    -------
    :class:`FederatedHistory`.

    Raises
    ------
    ValueError
        if there is no client, a client has no picture, a number of rounds, epochs or pictures a step is below 1,
        the seed is below 0, the learning rate is not above 0, `manipulate` returns a model of other shapes, or training
        diverges.

    References
    ----------
    McMahan et al. (2017), "Communication-Efficient Learning of Deep Networks from Decentralized Data",
    Algorithm 1.

    Examples
    --------
    >>> batch = (torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))
    >>> def plant(round, client, model):
    ...     if (round, client) == (1, 0):
    ...         nn.init.ones_(model.weight)
    >>> history = federated_rounds(nn.Linear(3, 2), [batch] * 3, rounds=2, manipulate=plant)
    >>> history.manipulated, history.odd_ones(0), history.odd_ones(1)
    (((1, 0),), (), (0,))
    """
    _require_settings(clients, rounds, learning_rate, local_epochs, batch_size, seed)
    server = copy.deepcopy(model)
    train = functools.partial(_train, learning_rate=learning_rate, epochs=local_epochs, batch_size=batch_size)
    digests, uploads, manipulated, scores = [], {}, [], []
    for number in progress(range(rounds), "rounds", disable=None if show_progress else True):
        usual, mean = commit(server), _Mean()
        sent_digests = []
        for client, (inputs, labels) in enumerate(clients):
            place = (number, client)
            sent = _send(server, manipulate, *place)
            sent_digests.append(commit(sent))
            returned = train(sent, inputs, labels, seed=(seed, *place))
            honest = sent_digests[-1] == usual
            if keep_uploads or not honest:
                uploads[place] = _upload(sent, returned, learning_rate)
            if honest:
                mean.add(returned, len(inputs))
            else:
                manipulated.append(place)
        server.load_state_dict(mean.of(server))
        digests.append(tuple(sent_digests))
        scores += [float(evaluate(server))] if evaluate else []
    return FederatedHistory(server, tuple(digests), tuple(manipulated), uploads, tuple(scores))


def _send(server: nn.Module, manipulate: Manipulate | None, number: int, client: int) -> nn.Module:
    """The model that one client gets: a copy of the global one, manipulated or not."""
    sent = copy.deepcopy(server)
    if manipulate is None:
        return sent
    other = manipulate(number, client, sent)
    sent = sent if other is None else other
    if _shapes(sent) != _shapes(server):
        raise ValueError(
            f"manipulate returned a model of other shapes for client {client} in round {number}: its update "
            "would fit no one's"
        )
    return sent


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def _train(
    sent: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    learning_rate: float,
    epochs: int,
    batch_size: int | None,
    seed: tuple[int, ...],
) -> nn.Module:
    """The client's side: gradient descent on its own pictures, starting from the model it was sent."""
    local = copy.deepcopy(sent).train()
    like = next(local.parameters())
    inputs, labels = inputs.to(like), labels.to(like.device)
    trained = [parameter for parameter in local.parameters() if parameter.requires_grad]
    order_of = np.random.default_rng(seed)
    for _ in range(epochs):
        order = torch.from_numpy(order_of.permutation(len(inputs))).to(like.device)
        for chosen in order.split(batch_size or len(inputs)):
            loss = cross_entropy(local(inputs[chosen]), labels[chosen])
            _descend(trained, torch.autograd.grad(loss, trained, allow_unused=True), learning_rate)
    for name, parameter in local.named_parameters():
        require_finite(parameter.detach(), f"{name} after a client's training (lower the learning rate?)")
    return local.train(sent.training)


def _descend(parameters: Sequence[nn.Parameter], grads: Sequence[Tensor | None], learning_rate: float) -> None:
    """One step, in place. The same as torch.optim.SGD, which loads a compiler first: a second, and 70 MB."""
    with torch.no_grad():
        for parameter, grad in zip(parameters, grads, strict=True):
            if grad is not None:  # no part in the loss
                parameter.sub_(grad, alpha=learning_rate)


def _upload(sent: nn.Module, returned: nn.Module, learning_rate: float) -> Gradient:
    """(w - w_u) / learning rate, layer by layer, from stored weights: where float32 loses its digits."""
    after = returned.state_dict()
    return as_gradient(sent, {name: (w.detach() - after[name]) / learning_rate for name, w in sent.named_parameters()})


class _Mean:
    """The mean of models weighted by numbers of pictures, one model in memory at a time."""

    def __init__(self) -> None:
        self.total: dict[str, Tensor] = {}
        self.size = 0

    def add(self, model: nn.Module, size: int) -> None:
        for name, tensor in model.state_dict().items():
            value = size * tensor.double()
            self.total[name] = self.total[name] + value if name in self.total else value
        self.size += size

    def of(self, server: nn.Module) -> dict[str, Tensor]:
        """The mean in the dtypes of the server's model; that model itself if nothing was added."""
        state = server.state_dict()
        if not self.size:
            return state
        return {name: (self.total[name] / self.size).to(tensor.dtype) for name, tensor in state.items()}


def _require_settings(clients, rounds, learning_rate, local_epochs, batch_size, seed) -> None:
    if not clients:
        raise ValueError("no client: there is nobody to train")
    for client, (inputs, labels) in enumerate(clients):
        if len(inputs) < 1:
            raise ValueError(f"client {client} has no picture")
        if len(inputs) != len(labels):
            raise ValueError(f"client {client} has {len(inputs)} inputs but {len(labels)} labels")
    numbers = {"rounds": rounds, "local_epochs": local_epochs, "batch_size": 1 if batch_size is None else batch_size}
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} is a whole number from 1 upwards, not {number!r}")
    if seed < 0:
        raise ValueError(f"seed is {seed}; a whole number from 0 upwards is needed")
    if not (isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate is a finite number above 0, not {learning_rate!r}")


def commit(model: nn.Module) -> str:
    """A digest of a model's weights: two clients who compare theirs learn whether they hold the same model.

    SHA-256 over all parameters and buffers in order: name, dtype, shape and bytes. Weights that differ in one
    bit give another digest; a server cannot find two models with the same one.

    Parameters
    ----------
    model : any module, on any device.

    Returns
    -------
    64 hexadecimal digits.

    Examples
    --------
    >>> model = nn.Linear(3, 2)
    >>> before = commit(model)
    >>> with torch.no_grad():
    ...     _ = model.weight[0, 0].add_(1)
    >>> len(before), commit(model) == before
    (64, False)
    """
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        data = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {data.dtype} {tuple(data.shape)}\n".encode())
        digest.update(data.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
