"""DP-SGD: training with a guarantee, many models at once, per-example norms without per-example gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.membership.accounting import rdp_epsilon
from course_lib.membership.batched import BatchedPerceptrons, layers_of
from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.job import ELEMENTWISE, Job
from course_lib.membership.labels import as_numpy, whole_labels, whole_number
from course_lib.membership.plans import ShadowPlan
from course_lib.membership.training import checked_data, row_cross_entropy
from course_lib.progress import progress


@dataclass(frozen=True, eq=False)
class PrivateTraining:
    """What `train_dp` gives.

    Parameters
    ----------
    bundle : the models' outputs on all records and who was in.
    epsilon : ε of each model for ``delta``, by `rdp_epsilon`; infinite without noise.
    delta : δ.
    clipped_share : share of the gradients that were longer than the clipping norm, in [0, 1].

    Examples
    --------
    >>> bundle = ShadowBundle(np.zeros((1, 2, 2)), [[True, False]])
    >>> PrivateTraining(bundle, epsilon=4.0, delta=1e-5, clipped_share=0.5).epsilon
    4.0
    """

    bundle: ShadowBundle
    epsilon: float
    delta: float
    clipped_share: float


def train_dp(
    X,
    y,
    plan: ShadowPlan,
    model: Callable[[], nn.Module],
    optimizer: Callable[..., torch.optim.Optimizer],
    noise_multiplier: float,
    clip: float,
    sample_rate: float,
    steps: int,
    delta: float = 1e-5,
    chunk: int = 16,
    seed: int = 0,
) -> PrivateTraining:
    """Train the models of a plan by DP-SGD, and give their outputs on every record.

    Each step draws a batch B, every member of the training set M independently with probability q, and
    moves along (Σ_{i in B} g_i min(1, C/‖g_i‖) + σC N(0, I)) / (q n) with g_i the gradient of record i's
    cross-entropy (Abadi et al. 2016, Algorithm 1). No g_i is ever formed: layer l with inputs a_i and output
    gradients δ_i adds ‖δ_i‖²(‖a_i‖² + 1) to ‖g_i‖² (without the 1 where it has no bias), and the clipped
    sum is Σ min(1, C/‖g_i‖) a_i δ_iᵀ. All models of a chunk take their steps together; each has its own
    random stream, so a model does not depend on those beside it.

    Parameters
    ----------
    X : (n_records, ...) finite; moved to the model's device and dtype.
    y : (n_records,) whole labels, 0..n_classes-1.
    plan : who trains on what, over the same records.
    model : returns a fresh ``nn.Sequential`` of linear layers and elementwise activations, records to logits.
    optimizer : of the parameters, as ``partial(torch.optim.SGD, lr=0.5)``; one that works entry by entry (SGD,
        Adam and the like), since it sees the models stacked.
    noise_multiplier : σ, at least 0; 0 gives no guarantee, ε is infinite.
    clip : C above 0; infinite for none, which needs σ = 0.
    sample_rate : q in (0, 1].
    steps : T, at least 1.
    delta : δ in (0, 1).
    chunk : models trained at once, at least 1.
    seed : of initial weights, batches and noise. torch's generator is fit for experiments; a release
        that people rely on needs a cryptographic one.

    Returns
    -------
    PrivateTraining.

    Raises
    ------
    ValueError
        if an argument is outside its range, the plan is of other records, the model holds a layer whose
        per-example norm this does not know (batch normalisation mixes records, dropout and convolutions
        are not covered), or training diverges.

    Examples
    --------
    >>> from course_lib.datasets import purchase_like
    >>> X, y = purchase_like(80, n_features=20, n_classes=2)
    >>> trained = train_dp(
    ...     X, y, ShadowPlan.half_sampling(80, 2, seed=0), lambda: nn.Sequential(nn.Linear(20, 2)),
    ...     lambda p: torch.optim.SGD(p, lr=0.5), noise_multiplier=1.0, clip=1.0, sample_rate=0.05, steps=100,
    ... )
    >>> trained.bundle.logits.shape, round(trained.epsilon, 2)
    ((2, 80, 2), 4.04)
    """
    epsilon = rdp_epsilon(noise_multiplier, sample_rate, steps, delta)
    _check_settings(noise_multiplier, clip, sample_rate, steps, chunk)
    records, labels = checked_data(X, y, plan)
    job = Job(records, labels, plan, model, optimizer, row_cross_entropy, 1, 1, whole_number("seed", seed, least=0))
    _check_recipe(job)
    logits, n_clipped, n_taken = [], 0, 0
    for first in progress(range(0, plan.n_models, chunk), "training with DP-SGD"):
        chosen = range(plan.n_models)[first : first + chunk]
        models = _PrivateModels(job, chosen, noise_multiplier, clip, sample_rate)
        counts = [models.step() for _ in range(steps)]
        n_clipped, n_taken = n_clipped + sum(c for c, _ in counts), n_taken + sum(t for _, t in counts)
        logits.append(models.logits())
    details = {
        "noise_multiplier": noise_multiplier, "clip": clip, "sample_rate": sample_rate, "steps": steps,
        "epsilon": epsilon, "delta": delta, "seed": seed,
    }  # fmt: skip
    bundle = ShadowBundle(np.concatenate(logits), plan.membership, plan.used, details=details)
    return PrivateTraining(bundle, epsilon, delta, n_clipped / max(1, n_taken))


class _PrivateModels:
    """The models of one chunk, stacked, each with its own stream of batches and noise."""

    def __init__(self, job: Job, chosen: range, noise_multiplier: float, clip: float, sample_rate: float):
        modules = [job.fresh_model(m) for m in chosen]
        self.records, self.labels = job.tensors(like=modules[0])
        self.stack = BatchedPerceptrons(modules)
        self.optimizer = job.fresh_optimizer(self.stack.parameters)
        self.members = [torch.from_numpy(np.flatnonzero(job.plan.membership[m])) for m in chosen]
        self.streams = [torch.Generator().manual_seed(job.privacy_seed(m)) for m in chosen]
        self.noise, self.clip, self.sample_rate = noise_multiplier * clip if noise_multiplier else 0, clip, sample_rate
        self.expected = torch.tensor([sample_rate * len(m) for m in self.members]).to(self.records)

    def step(self) -> tuple[int, int]:
        """One step of every model; how many gradients were clipped, of how many."""
        rows, present = self.batch()
        sums, factors = clipped_sums(self.stack, self.records[rows], self.labels[rows], present, self.clip)
        for parameter, total, noise in zip(self.stack.parameters, sums, self.noises(), strict=True):
            expected = self.expected.view(-1, *[1] * (parameter.ndim - 1))
            parameter.grad = (total + noise) / expected
        self.optimizer.step()
        return int(((factors < 1) & present).sum()), int(present.sum())

    def batch(self) -> tuple[Tensor, Tensor]:
        """Each model's Poisson sample, (m, largest) padded with record 0, and which entries are no padding."""
        drawn = [
            members[torch.rand(len(members), generator=stream) < self.sample_rate]
            for members, stream in zip(self.members, self.streams, strict=True)
        ]
        rows = nn.utils.rnn.pad_sequence(drawn, batch_first=True)
        present = torch.arange(rows.shape[1]) < torch.tensor([[len(d)] for d in drawn])
        return rows.to(self.labels.device), present.to(self.labels.device)

    def noises(self) -> list[Tensor | float]:
        """σC N(0, I) for every parameter, each model from its own stream."""
        if self.noise == 0:
            return [0.0] * len(self.stack.parameters)
        sizes = [p[0].numel() for p in self.stack.parameters]
        flat = torch.empty(len(self.streams), sum(sizes), dtype=self.records.dtype)
        for row, stream in zip(flat, self.streams, strict=True):
            torch.randn(row.shape, generator=stream, out=row)
        flat = (flat * self.noise).to(self.records.device)
        return [n.view_as(p) for n, p in zip(flat.split(sizes, dim=1), self.stack.parameters, strict=True)]

    def logits(self) -> np.ndarray:
        """(m, n_records, n_classes) outputs on all records."""
        with torch.no_grad():
            outputs = self.stack.predict(self.records)
        if not torch.isfinite(outputs).all():
            raise ValueError("training diverged: a model gives NaN or infinite outputs; lower the learning rate")
        return as_numpy(outputs)


def clipped_sums(
    stack: BatchedPerceptrons, x: Tensor, y: Tensor, present: Tensor, clip: float
) -> tuple[list[Tensor], Tensor]:
    """Σ_i min(1, C/‖g_i‖) g_i for each parameter of stacked models, and the factors (m, batch).

    x is (m, batch, ...), y and ``present`` (m, batch); records that are not present count nothing.
    """
    inputs, outputs = [], []
    a = x.flatten(2)
    for layer in stack.steps:
        if not isinstance(layer, tuple):
            a = layer(a)
            continue
        weight, bias = layer
        inputs.append(a.detach())
        a = torch.bmm(a, weight) if bias is None else torch.baddbmm(bias, a, weight)
        outputs.append(a)
    loss = nn.functional.cross_entropy(a.flatten(0, 1), y.flatten(), reduction="sum")
    deltas = torch.autograd.grad(loss, outputs)  # for the outputs alone: no weight's gradient is formed
    biased = [layer[1] is not None for layer in stack.steps if isinstance(layer, tuple)]
    norms = sum(
        delta.square().sum(-1) * (a.square().sum(-1) + has_bias)  # ‖δ‖²(‖a‖² + 1)
        for delta, a, has_bias in zip(deltas, inputs, biased, strict=True)
    ).sqrt()
    factors = (clip / norms).clamp(max=1) * present
    sums = []
    for delta, a, has_bias in zip(deltas, inputs, biased, strict=True):
        weighted = delta * factors.unsqueeze(-1)
        sums += [torch.bmm(a.mT, weighted)] + ([weighted.sum(1, keepdim=True)] if has_bias else [])
    return sums, factors


def _check_recipe(job: Job) -> None:
    """The model is one whose per-example norms are known, the optimiser one that can take a stack."""
    model = job.fresh_model(0)
    layers = layers_of(model)
    if layers is None:
        parts = sorted({type(part).__name__ for part in model.modules()})
        raise ValueError(
            f"train_dp knows no per-example norms of this model ({', '.join(parts)}): use an nn.Sequential of "
            "nn.Linear, each with its own weight, and elementwise activations such as nn.ReLU"
        )
    if not all(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("a parameter of the model is frozen (requires_grad is False); train_dp trains them all")
    whole_labels(job.y, [layer for layer in layers if type(layer) is nn.Linear][-1].out_features)
    optimizer = job.optimizer(model.parameters())
    if type(optimizer) not in ELEMENTWISE:
        raise ValueError(f"{type(optimizer).__name__} may look at several models at once; take SGD or Adam")


def _check_settings(noise_multiplier: float, clip: float, sample_rate: float, steps: int, chunk: int) -> None:
    if not clip > 0:
        raise ValueError(f"clip is {clip}: give a clipping norm above 0")
    if math.isinf(clip) and noise_multiplier > 0:
        raise ValueError("clip is infinite: noise hides nothing without a clipping norm; give one")
    if not 0 < sample_rate <= 1:
        raise ValueError(f"sample_rate is {sample_rate}: give a probability above 0, at most 1")
    for name, value in (("steps", steps), ("chunk", chunk)):
        whole_number(name, value)
