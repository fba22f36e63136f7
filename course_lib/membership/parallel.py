"""One process a model at a time: for large models, and by way of Dask for more than one machine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.utils.parallel import Parallel, delayed

from course_lib.membership.job import Job, Results
from course_lib.membership.loop import train_loop
from course_lib.membership.plans import ShadowPlan


def train_parallel(job: Job, results: Results, n_jobs: int | None) -> Iterator[None]:
    """Train every model in a process of joblib's; yields once a model and epoch.

    The backend is joblib's choice, or that of ``joblib.parallel_config``. Every process computes with one
    thread, so that results do not hang on where a model is trained.

    Parameters
    ----------
    job : what to train; any module will do.
    results : filled on the way, a model at a time.
    n_jobs : processes; None is joblib's default, -1 every core.

    Raises
    ------
    ValueError
        if a training loss is NaN or infinite, or the loss is not one number a row.

    Examples
    --------
    >>> from course_lib.membership.training import ShadowPlan, row_cross_entropy
    >>> X, y, plan = torch.eye(4, 3).numpy(), torch.arange(4).numpy() % 2, ShadowPlan.half_sampling(4, 2, seed=0)
    >>> job = Job(X, y, plan, lambda: torch.nn.Linear(3, 2), torch.optim.Adam, row_cross_entropy, 5, 2, 0)
    >>> alone, apart = Results.of(job), Results.of(job)
    >>> steps = [*train_loop(job, alone), *train_parallel(job, apart, n_jobs=1)]
    >>> bool(np.allclose(alone.losses, apart.losses))
    True
    """
    tasks = (
        # The arrays are arguments of their own, for joblib to share among processes.
        delayed(_train_one)(job.X, job.y, job.plan.membership[m], int(job.plan.numbers[m]), *_recipe(job))
        for m in range(job.plan.n_models)
    )
    for m, (logits, losses) in enumerate(Parallel(n_jobs=n_jobs, return_as="generator")(tasks)):
        results.keep_logits([m], [logits])
        results.losses[m] = losses
        yield from (None for _ in range(job.epochs))


def _recipe(job: Job) -> tuple:
    return job.model, job.optimizer, job.loss, job.epochs, job.batch_size, job.seed


def _train_one(X, y, members, number, *recipe) -> tuple[np.ndarray, np.ndarray]:
    """The logits and losses of one model."""
    job = Job(X, y, ShadowPlan(members[None], numbers=[number]), *recipe)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = Results.of(job)
        for _ in train_loop(job, results):
            pass
    finally:
        torch.set_num_threads(n_threads)
    return results.logits[0], results.losses[0]
