"""Train the shadows: one call, four engines, the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_lib.membership.batched import BatchedPerceptrons, layers_of
from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.job import ELEMENTWISE, Job, Results, predict_logits
from course_lib.membership.labels import as_numpy, whole_labels, whole_number
from course_lib.membership.loop import train_loop
from course_lib.membership.parallel import train_parallel
from course_lib.membership.plans import ShadowPlan
from course_lib.membership.stacked import train_stacked
from course_lib.membership.vmapped import VmappedModels, why_not
from course_lib.progress import progress

ENGINES = ("auto", "batched", "vmap", "loop", "joblib")
# Above this many pixels a mapped convolution is slower than one model after the other (benchmarks/membership.py).
LARGEST_MAPPED_IMAGE = 16 * 16


def row_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """-log softmax(logits)[label] of each row: (n, K) and (n,) to (n,).

    Examples
    --------
    >>> import torch
    >>> row_cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1])).round(decimals=3)
    tensor([0.6930, 0.6930])
    """
    return cross_entropy(logits, labels, reduction="none")


def train_shadows(
    X,
    y,
    plan: ShadowPlan,
    model: Callable[[], nn.Module],
    optimizer: Callable[..., torch.optim.Optimizer],
    epochs: int,
    batch_size: int,
    engine: str = "auto",
    chunk: int = 16,
    n_jobs: int | None = None,
    seed: int = 0,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = row_cross_entropy,
) -> ShadowBundle:
    """Train one model for each row of the plan and keep its logits on every record.

    Model m minimises the mean of ``loss`` over the records r with ``plan.membership[m, r]``, in batches of a
    fresh order each epoch; the last, smaller batch counts too. Its first weights and its orders depend on
    ``seed`` and ``plan.numbers[m]`` only. So engines, chunks and subsets of the plan give the same models, up
    to rounding. A victim is trained by a plan of one row.

    Parameters
    ----------
    X : (n_records, ...) array or tensor, finite.
    y : (n_records,) whole numbers 0..K-1.
    plan : who trains on what, over the same records.
    model : returns a fresh torch module from records to logits (n, K), without a softmax. It is called once
        for each model; its device and type are kept.
    optimizer : of the parameters, as ``partial(torch.optim.Adam, lr=1e-3)``.
    epochs, batch_size : at least 1.
    engine : ``"batched"`` stacks perceptrons and trains ``chunk`` of them as one, ``"vmap"`` does so with any
        module without chance in it, ``"loop"`` takes every module, one model after the other, ``"joblib"``
        gives each model a process. ``"auto"`` takes batched for perceptrons, vmap for images up to 16 x 16
        and other records of one dimension, loop for the rest, for optimisers that do not work entry by
        entry, and where no two training sets have one size.
    chunk : models trained as one by batched and vmap.
    n_jobs : processes of joblib; None is joblib's default (1, or what ``joblib.parallel_config`` says), -1
        every core.
    seed : of the first weights, the orders and what models draw in training.
    loss : (n, K) logits and (n,) labels to one loss a row, (n,).

    Returns
    -------
    ShadowBundle of all records, in the order of the plan, with the mean training loss of each epoch.

    Raises
    ------
    ValueError
        if X and y or the plan do not fit, labels are not whole or lie outside the model's classes, a class of
        the shadows is in or out in none of them, the model gives no logits, an engine cannot train it, or a
        training loss is NaN.

    Source: Shokri et al. 2017, Section V; the stacking is that of batched matrix products and ``torch.func``.

    Examples
    --------
    >>> from functools import partial
    >>> from course_lib.datasets import purchase_like
    >>> X, y = purchase_like(40, n_features=10, n_classes=2)
    >>> plan = ShadowPlan.half_sampling(n_records=40, n_models=4, seed=0)
    >>> adam = partial(torch.optim.Adam, lr=0.01)
    >>> bundle = train_shadows(X, y, plan, lambda: nn.Linear(10, 2), adam, epochs=3, batch_size=8)
    >>> bundle.logits.shape, bundle.details["engine"]
    ((4, 40, 2), 'batched')
    """
    if engine not in ENGINES:
        raise ValueError(f"engine is one of {', '.join(ENGINES)}, not {engine!r}")
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("chunk", chunk)):
        whole_number(name, value)
    records, labels = checked_data(X, y, plan)
    job = Job(records, labels, plan, model, optimizer, loss, epochs, batch_size, whole_number("seed", seed, least=0))
    probe = _checked_model(job)
    engine = choose_engine(job, probe) if engine == "auto" else engine
    results = Results.of(job)
    work = _start(engine, job, probe, results, chunk, n_jobs)
    for _ in progress(work, "shadows, epochs", total=plan.n_models * epochs):
        pass
    details = {"engine": engine, "seed": job.seed, "epochs": epochs, "batch_size": batch_size}
    return ShadowBundle(np.stack(results.logits), plan.membership, plan.used, results.losses, details)


def choose_engine(job: Job, probe: nn.Module) -> str:
    """The engine that ``"auto"`` stands for.

    Parameters
    ----------
    job : what to train.
    probe : one of the job's models, to look at.

    Returns
    -------
    ``"batched"`` for perceptrons, ``"vmap"`` for images up to 16 x 16 and for records of one dimension, where no model
    draws chance; ``"loop"`` for the rest, for optimisers that do not work entry by entry, and where no two
    training sets have one size.

    Examples
    --------
    >>> X, y, plan = np.eye(4, 3), np.array([0, 1, 0, 1]), ShadowPlan.half_sampling(4, n_models=2, seed=0)
    >>> for model in (nn.Linear(3, 2), nn.Sequential(nn.Dropout(), nn.Linear(3, 2))):
    ...     job = Job(X, y, plan, lambda model=model: model, torch.optim.Adam, row_cross_entropy, 1, 2, 0)
    ...     print(choose_engine(job, model))
    batched
    loop
    """
    n_groups = len(job.groups(chunk=job.plan.n_models))
    if n_groups == job.plan.n_models or _why_no_stack(job, probe):
        return "loop"
    if layers_of(probe):
        return "batched"
    large_image = job.X.ndim > 2 and np.prod(job.X.shape[-2:]) > LARGEST_MAPPED_IMAGE
    return "loop" if large_image or _why_no_vmap(job) else "vmap"


def _start(engine: str, job: Job, probe: nn.Module, results: Results, chunk: int, n_jobs: int | None) -> Iterator:
    """The engine's work, one step a model and epoch."""
    if engine == "loop":
        return train_loop(job, results)
    if engine == "joblib":
        return train_parallel(job, results, n_jobs)
    reason = _why_no_stack(job, probe)
    if engine == "batched" and not reason and not layers_of(probe):
        reason = f"it stacks linear layers and activations, this model is a {type(probe).__name__} with other parts"
    if engine == "vmap" and not reason:
        reason = _why_no_vmap(job)
    if reason:
        raise ValueError(f"engine {engine!r} cannot train this: {reason}; take 'loop', or 'auto' to choose")
    return train_stacked(job, results, chunk, BatchedPerceptrons if engine == "batched" else VmappedModels)


def _why_no_stack(job: Job, probe: nn.Module) -> str | None:
    """What keeps the optimiser from training a stack as it trains one model; None where nothing does."""
    optimizer = job.optimizer(probe.parameters())
    if type(optimizer) not in ELEMENTWISE:
        return f"the optimiser {type(optimizer).__name__} may look at more than one entry of a weight at a time"
    if len(optimizer.param_groups) > 1:
        return "the optimiser tells groups of parameters apart"
    return None


def _why_no_vmap(job: Job) -> str | None:
    models = [job.fresh_model(0), job.fresh_model(0)]
    few = job.tensors(models[0], rows=4)[0]
    return why_not(models, few)


def checked_data(X, y, plan: ShadowPlan) -> tuple[np.ndarray, np.ndarray]:
    """Records and labels as numpy arrays that fit each other and the plan.

    Parameters
    ----------
    X : (n_records, ...) array or tensor.
    y : (n_records,) whole numbers from 0.
    plan : over the same records.

    Returns
    -------
    (n_records, ...) of the type given, (n_records,) int64.

    Raises
    ------
    ValueError
        as ``train_shadows`` says.

    Examples
    --------
    >>> plan = ShadowPlan.half_sampling(4, 2, seed=0)
    >>> checked_data(np.zeros((3, 2)), [0, 1, 0], plan)
    Traceback (most recent call last):
    ...
    ValueError: the plan is over 4 records, X has 3; plan over all of X
    """
    records, labels = as_numpy(X), whole_labels(y)
    if records.dtype.kind not in "biuf" or records.ndim < 2:
        raise ValueError(f"X holds numbers, (n_records, ...), not {records.dtype} of shape {records.shape}")
    if len(records) != len(labels):
        raise ValueError(f"X has {len(records)} rows, y {len(labels)} labels; give one label a row")
    if plan.n_records != len(records):
        raise ValueError(f"the plan is over {plan.n_records} records, X has {len(records)}; plan over all of X")
    if not np.isfinite(records).all():
        raise ValueError("X holds NaN or infinite numbers; fill them, or leave their rows out")
    if plan.n_models > 1:
        _require_both_sides(labels, plan)
    return records, labels


def _require_both_sides(labels: np.ndarray, plan: ShadowPlan) -> None:
    """Each class that the shadows use has a row that is in and a row that is out."""
    sides = {"in": plan.membership.any(axis=0), "out": (plan.used & ~plan.membership).any(axis=0)}
    for side, records in sides.items():
        missing = np.setdiff1d(labels[plan.used.any(axis=0)], labels[records])
        if missing.size:
            raise ValueError(
                f"class {missing[0]} has no {side} rows in any shadow; plan larger sets or more shadows, "
                "or leave the class out"
            )


def _checked_model(job: Job) -> nn.Module:
    """A fresh model, tried on two records."""
    model = job.fresh_model(0)
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model returns a {type(model).__name__}, not a torch module; train_classifiers takes classifiers "
            "with fit and predict_proba"
        )
    last = [module for module in model.modules() if not list(module.children())][-1]
    if isinstance(last, nn.Softmax | nn.Sigmoid):
        raise ValueError(f"the model ends in {type(last).__name__}; return logits, the loss applies the softmax")
    if not list(model.parameters()):
        raise ValueError("the model has no parameters to train")
    logits = predict_logits(model, job.X[:2])
    if logits.ndim != 2:
        raise ValueError(f"the model gives shape {logits.shape} for 2 records; return logits (n, n_classes)")
    whole_labels(job.y, logits.shape[1])
    return model
