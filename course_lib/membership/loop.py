"""One model after the other: the engine that takes every module, and the others' oracle."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from course_lib.membership.job import Job, Results, predict_logits, seeded


def train_loop(job: Job, results: Results) -> Iterator[None]:
    """Train every model of the job; yields once a model and epoch."""
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
