"""What every engine trains from: records, plan, recipes, and each model's own random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from course_lib.membership.labels import as_numpy
from course_lib.membership.plans import ShadowPlan

# Each entry of a parameter moves by its own gradient alone, so stacked models stay apart.
ELEMENTWISE = (
    torch.optim.Adadelta, torch.optim.Adagrad, torch.optim.Adam, torch.optim.Adamax, torch.optim.AdamW,
    torch.optim.ASGD, torch.optim.NAdam, torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Rprop, torch.optim.SGD,
)  # fmt: skip
INIT, ORDER, FORWARD, PRIVACY = range(4)  # what a stream of random numbers is for


@dataclass(frozen=True, eq=False)
class Job:
    """The arguments of ``train_shadows``, checked.

    Every random number of a model hangs on ``seed`` and on the model's own number in the plan, never on which
    models are trained beside it: that is why engines and chunks agree.

    Parameters
    ----------
    X : (n_records, ...) numbers, finite.
    y : (n_records,) int64, 0..K-1.
    plan : who trains on what, over the same records.
    model, optimizer, loss : as ``train_shadows`` takes them.
    epochs, batch_size : at least 1.
    seed : from 0.

    Examples
    --------
    >>> from course_lib.membership.training import row_cross_entropy
    >>> X, y, plan = np.eye(4, 3), np.array([0, 1, 0, 1]), ShadowPlan.half_sampling(4, n_models=2, seed=0)
    >>> job = Job(X, y, plan, lambda: nn.Linear(3, 2), torch.optim.Adam, row_cross_entropy, 1, 2, seed=0)
    >>> [torch.equal(job.fresh_model(0).weight, job.fresh_model(m).weight) for m in (0, 1)]
    [True, False]
    """

    X: np.ndarray
    y: np.ndarray
    plan: ShadowPlan
    model: Callable[[], nn.Module]
    optimizer: Callable[..., torch.optim.Optimizer]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    epochs: int
    batch_size: int
    seed: int

    def fresh_model(self, m: int) -> nn.Module:
        """Model m before training; its weights depend on the seed and the model's number only."""
        with seeded(self._seed(m, INIT)):
            return self.model()

    def fresh_optimizer(self, parameters) -> torch.optim.Optimizer:
        """The reader's optimiser, in its fused form where it has one and nothing else is asked for."""
        optimizer = self.optimizer(parameters)
        groups = optimizer.param_groups
        unasked = all(group.get("fused", False) is None and not group.get("foreach") for group in groups)
        if type(optimizer) in ELEMENTWISE and unasked:
            try:
                return type(optimizer)([{**group, "fused": True} for group in groups])
            except RuntimeError:  # no fused form for this device, dtype or version
                return optimizer
        return optimizer

    def tensors(self, like: nn.Module, rows: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Records as this model takes them, and labels, on its device; the first ``rows``, or all."""
        records = records_for(like, self.X[:rows])
        return records, torch.tensor(self.y[:rows], device=records.device)

    def orders(self, m: int) -> Iterator[torch.Tensor]:
        """For each epoch, the training records of model m in a fresh order: (n_in,) int64."""
        members = torch.from_numpy(np.flatnonzero(self.plan.membership[m]))
        generator = torch.Generator().manual_seed(self._seed(m, ORDER))
        for _ in range(self.epochs):
            yield members[torch.randperm(len(members), generator=generator)]

    def forward_seed(self, m: int, epoch: int) -> int:
        """For what a model itself draws while it trains, such as dropout."""
        return self._seed(m, FORWARD, epoch)

    def privacy_seed(self, m: int) -> int:
        """For the batches and the noise of private training."""
        return self._seed(m, PRIVACY)

    def _seed(self, m: int, *purpose: int) -> int:
        words = np.random.SeedSequence([self.seed, int(self.plan.numbers[m]), *purpose]).generate_state(1, np.uint64)
        return int(words[0] >> np.uint64(1))

    def row_losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of each row, (n,).

        Parameters
        ----------
        logits : (n, n_classes).
        labels : (n,) int64.

        Raises
        ------
        ValueError
            if the loss gives anything else.
        """
        losses = self.loss(logits, labels)
        if losses.shape != labels.shape:
            raise ValueError(
                f"loss gives shape {tuple(losses.shape)}, not one number for each of {len(labels)} rows; "
                'pass reduction="none" to losses of torch'
            )
        return losses

    def groups(self, chunk: int) -> list[list[int]]:
        """Models to be trained together: at most ``chunk``, with training sets of one size."""
        sizes = self.plan.membership.sum(axis=1)
        same = [np.flatnonzero(sizes == size).tolist() for size in dict.fromkeys(sizes.tolist())]
        return [models[i : i + chunk] for models in same for i in range(0, len(models), chunk)]


@dataclass(frozen=True, eq=False)
class Results:
    """Where engines put what they find, an entry a model.

    Parameters
    ----------
    logits : n_models entries, each (n_records, n_classes) or None until its model is trained.
    losses : (n_models, epochs) float64, mean training loss of each epoch; NaN until known.

    Examples
    --------
    >>> results = Results(logits=[None, None], losses=np.full((2, 3), np.nan))
    >>> results.keep_loss([0, 1], epoch=0, losses=[0.7, np.inf])
    Traceback (most recent call last):
    ...
    ValueError: model 1: the training loss is inf in epoch 1; lower the learning rate, or look at the records
    """

    logits: list[np.ndarray | None]
    losses: np.ndarray

    @classmethod
    def of(cls, job: Job) -> Results:
        """Room for the results of this job."""
        return cls([None] * job.plan.n_models, np.full((job.plan.n_models, job.epochs), np.nan))

    def keep_logits(self, models: list[int], logits) -> None:
        """Store (len(models), n_records, n_classes)."""
        for m, rows in zip(models, logits, strict=True):
            self.logits[m] = rows

    def keep_loss(self, models: list[int], epoch: int, losses) -> None:
        """Store the mean training loss of one epoch.

        Parameters
        ----------
        models : their numbers.
        epoch : from 0.
        losses : one number a model.

        Raises
        ------
        ValueError
            if one is NaN or infinite.
        """
        self.losses[models, epoch] = losses
        bad = [m for m in models if not np.isfinite(self.losses[m, epoch])]
        if bad:
            raise ValueError(
                f"model {bad[0]}: the training loss is {self.losses[bad[0], epoch]} in epoch {epoch + 1}; "
                "lower the learning rate, or look at the records"
            )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global random numbers, seeded inside and as they were after.

    >>> before = torch.get_rng_state()
    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     again = torch.rand(1)
    >>> torch.equal(first, again), torch.equal(before, torch.get_rng_state())
    (True, True)
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield


def predict_logits(model: nn.Module, X, batch_size: int = 512) -> np.ndarray:
    """A model's logits on records, in evaluation mode, which is left as it was.

    Parameters
    ----------
    model : torch module; its device and type are kept.
    X : (n_records, ...) array or tensor.
    batch_size : records at a time.

    Returns
    -------
    (n_records, n_classes) floating, of the model's type.

    Raises
    ------
    RuntimeError
        of torch, for records that the model does not take.

    Examples
    --------
    >>> from torch import nn
    >>> predict_logits(nn.Linear(3, 2), [[0.0, 1.0, 0.0]]).shape
    (1, 2)
    """
    records = records_for(model, X)
    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [model(records[i : i + batch_size]) for i in range(0, len(records), batch_size)]
    model.train(training)
    return as_numpy(torch.cat(rows))


def records_for(model: nn.Module, X) -> torch.Tensor:
    """Records on the model's device and of its type; whole numbers stay so for an embedding.

    Parameters
    ----------
    model : torch module with at least one parameter.
    X : (n_records, ...) array, tensor or nested lists.

    Returns
    -------
    (n_records, ...) tensor on the model's device, of its parameters' type or int64.

    Examples
    --------
    >>> records_for(nn.Linear(2, 1).double(), [[1, 0]]).dtype
    torch.float64
    """
    parameter = next(model.parameters())
    records = X if torch.is_tensor(X) else torch.tensor(np.asarray(X))
    embeds = any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in model.modules())
    keep = embeds and not records.is_floating_point()
    return records.to(parameter.device, torch.int64 if keep else parameter.dtype)
