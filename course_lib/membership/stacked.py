"""Many models at once: their weights are stacked, and every step trains all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import nn

from course_lib.membership.job import Job, Results
from course_lib.membership.labels import as_numpy


class Stack(Protocol):
    """M models of one architecture as one; ``train_stacked`` needs no more of it.

    Examples
    --------
    >>> from course_lib.membership.batched import BatchedPerceptrons
    >>> stack = BatchedPerceptrons([nn.Linear(3, 2), nn.Linear(3, 2)])
    >>> stack.train(torch.ones(2, 5, 3)).shape, stack.predict(torch.ones(5, 3)).shape
    (torch.Size([2, 5, 2]), torch.Size([2, 5, 2]))
    """

    parameters: list[torch.Tensor]  # each (M, ...), a row a model

    def train(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, B, K) of records (M, B, ...), a batch of its own for each model, while training."""

    def predict(self, records: torch.Tensor) -> torch.Tensor:
        """Logits (M, R, K) of records (R, ...), the same for every model, after training."""


def train_stacked(
    job: Job, results: Results, chunk: int, stack_models: Callable[[list[nn.Module]], Stack]
) -> Iterator[None]:
    """Train the job's models ``chunk`` at a time; yields once a model and epoch.

    The loss is the sum over models of each one's mean, so every model gets the gradient that it gets alone;
    an optimiser that works entry by entry then takes the step that it takes alone.

    Parameters
    ----------
    job : what to train, with an optimiser of ``ELEMENTWISE``.
    results : filled on the way: losses epoch by epoch, logits after a chunk's last.
    chunk : models in a stack, at least 1; models whose training sets differ in size are never in one.
    stack_models : makes the stack of fresh models.

    Raises
    ------
    ValueError
        if a training loss is NaN or infinite, or the loss is not one number a row.

    Examples
    --------
    >>> from course_lib.membership.training import VmappedModels, train_loop
    >>> from course_lib.membership.training import ShadowPlan, row_cross_entropy
    >>> X, y, plan = torch.eye(4, 3).numpy(), torch.arange(4).numpy() % 2, ShadowPlan.half_sampling(4, 2, seed=0)
    >>> job = Job(X, y, plan, lambda: torch.nn.Linear(3, 2), torch.optim.Adam, row_cross_entropy, 5, 2, 0)
    >>> alone, stacked = Results.of(job), Results.of(job)
    >>> steps = [*train_loop(job, alone), *train_stacked(job, stacked, chunk=2, stack_models=VmappedModels)]
    >>> bool(np.allclose(alone.losses, stacked.losses, rtol=1e-4))
    True
    """
    records = None
    for models in job.groups(chunk):
        modules = [job.fresh_model(m) for m in models]
        if records is None:
            records, labels = job.tensors(like=modules[0])
        stack = stack_models(modules)
        optimizer = job.fresh_optimizer(stack.parameters)
        for epoch, orders in enumerate(zip(*(job.orders(m) for m in models), strict=True)):
            order = torch.stack(orders).to(labels.device)
            results.keep_loss(models, epoch, _epoch(job, stack, optimizer, records, labels, order))
            yield from (None for _ in models)
        results.keep_logits(models, _predict(stack, records))


def _epoch(job, stack: Stack, optimizer, records, labels, order: torch.Tensor) -> np.ndarray:
    """One pass in the orders given, (M, n_in); each model's mean loss."""
    total = torch.zeros(len(order), device=labels.device, dtype=torch.float64)
    for batch in order.split(job.batch_size, dim=1):
        chosen = batch.reshape(-1)
        drawn = records.index_select(0, chosen).view(*batch.shape, *records.shape[1:])
        optimizer.zero_grad(set_to_none=True)
        losses = job.row_losses(stack.train(drawn).flatten(0, 1), labels[chosen]).view(batch.shape)
        losses.mean(dim=1).sum().backward()
        optimizer.step()
        total += losses.detach().sum(dim=1)
    return as_numpy(total / order.shape[1])


def _predict(stack: Stack, records: torch.Tensor, n_rows: int = 512) -> np.ndarray:
    """Logits of all records, (M, n_records, K)."""
    with torch.no_grad():
        parts = [stack.predict(part) for part in records.split(n_rows)]
    return as_numpy(torch.cat(parts, dim=1))
