"""One model after the other: the engine that takes every module, and the others' oracle."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from course_lib.membership.job import Job, Results, predict_logits, seeded


def train_loop(job: Job, results: Results) -> Iterator[None]:
    """Train every model of the job; yields once a model and epoch.

    Parameters
    ----------
    job : what to train; any module will do.
    results : filled on the way: a model's losses epoch by epoch, its logits after the last.

    Raises
    ------
    ValueError
        if a training loss is NaN or infinite, or the loss is not one number a row.

    Examples
    --------
    >>> from course_lib.membership.training import ShadowPlan, row_cross_entropy
    >>> X, y, plan = torch.eye(4, 3).numpy(), torch.arange(4).numpy() % 2, ShadowPlan.half_sampling(4, 2, seed=0)
    >>> job = Job(X, y, plan, lambda: torch.nn.Linear(3, 2), torch.optim.Adam, row_cross_entropy, 5, 2, 0)
    >>> results = Results.of(job)
    >>> len(list(train_loop(job, results))), results.logits[1].shape, results.losses.shape
    (10, (4, 2), (2, 5))
    """
    records = None
    for m in range(job.plan.n_models):
        model = job.fresh_model(m)
        if records is None:
            records, labels = job.tensors(like=model)
        optimizer = job.fresh_optimizer(model.parameters())
        for epoch, order in enumerate(job.orders(m)):
            with seeded(job.forward_seed(m, epoch)):
                loss = _epoch(job, model, optimizer, records, labels, order.to(labels.device))
            results.keep_loss([m], epoch, loss)
            yield
        results.keep_logits([m], [predict_logits(model, records)])


def _epoch(job, model, optimizer, records, labels, order) -> float:
    """One pass over the records in this order; the mean loss of their rows."""
    model.train()
    total = torch.zeros((), device=labels.device, dtype=torch.float64)
    for batch in order.split(job.batch_size):
        optimizer.zero_grad(set_to_none=True)
        losses = job.row_losses(model(records[batch]), labels[batch])
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum()
    return float(total / len(order))
