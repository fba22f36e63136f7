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
    expected_records: int | None = None,
) -> PrivateTraining:
    """Train the models of a plan by DP-SGD, and give their outputs on every record.

    Each step draws a batch B, every member of the training set M independently with probability q, and
    moves along (Σ_{i in B} g_i min(1, C/‖g_i‖) + σC N(0, I)) / (q n) with g_i the gradient of record i's
    cross-entropy (Abadi et al. 2016, Algorithm 1). n is ``expected_records``, one public number for all models:
    the guarantee covers the noisy sum, so what divides it must not depend on who is in. No g_i is ever formed:
    layer l with inputs a_i and output gradients δ_i adds ‖δ_i‖²(‖a_i‖² + 1) to ‖g_i‖² (without the 1 where it
    has no bias), and the clipped sum is Σ min(1, C/‖g_i‖) a_i δ_iᵀ. All models of a chunk take their steps
    together; each has its own random stream, so a model does not depend on those beside it.

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
    expected_records : n, how many records a model is expected to train on, at least 1. None takes the largest
        training set of the plan, so that all models of one call share it. Two calls with different plans need it
        in words: without it, a model with a canary and one without would be divided by different numbers.

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
    n = int(plan.membership.sum(axis=1).max()) if expected_records is None else expected_records
    expected_batch = sample_rate * whole_number("expected_records", n)
    records, labels = checked_data(X, y, plan)
    job = Job(records, labels, plan, model, optimizer, row_cross_entropy, 1, 1, whole_number("seed", seed, least=0))
    _check_recipe(job)
    logits, n_clipped, n_taken = [], 0, 0
    for first in progress(range(0, plan.n_models, chunk), "training with DP-SGD"):
        chosen = range(plan.n_models)[first : first + chunk]
        models = _PrivateModels(job, chosen, noise_multiplier, clip, sample_rate, expected_batch)
        counts = [models.step() for _ in range(steps)]
        n_clipped, n_taken = n_clipped + sum(c for c, _ in counts), n_taken + sum(t for _, t in counts)
        logits.append(models.logits())
    details = {
        "noise_multiplier": noise_multiplier, "clip": clip, "sample_rate": sample_rate, "steps": steps,
        "epsilon": epsilon, "delta": delta, "seed": seed, "expected_records": n,
    }  # fmt: skip
    bundle = ShadowBundle(np.concatenate(logits), plan.membership, plan.used, details=details)
    return PrivateTraining(bundle, epsilon, delta, n_clipped / max(1, n_taken))


class _PrivateModels:
    """The models of one chunk, stacked, each with its own stream of batches and noise."""

    def __init__(
        self, job: Job, chosen: range, noise_multiplier: float, clip: float, sample_rate: float, expected_batch: float
    ):
        modules = [job.fresh_model(m) for m in chosen]
        self.records, self.labels = job.tensors(like=modules[0])
        self.stack = BatchedPerceptrons(modules)
        self.flat = _flattened(self.stack)
        self.optimizer = job.fresh_optimizer([self.flat])
        self.members = [np.flatnonzero(job.plan.membership[m]) for m in chosen]
        seeds = [np.random.SeedSequence(job.privacy_seed(m)).generate_state(2, np.uint64) for m in chosen]
        self.batches = [np.random.default_rng(int(one)) for one, _ in seeds]
        self.noise_streams = [torch.Generator().manual_seed(int(other >> np.uint64(1))) for _, other in seeds]
        self.noise, self.clip, self.sample_rate = noise_multiplier * clip if noise_multiplier else 0, clip, sample_rate
        self.expected = expected_batch  # qn

    def step(self) -> tuple[int, int]:
        """One step of every model; how many gradients were clipped, of how many."""
        rows, present = self.batch()
        chosen = torch.from_numpy(rows).to(self.labels.device)
        weights = torch.from_numpy(present / self.expected).to(self.records)
        x = self.records.index_select(0, chosen.flatten()).view(*rows.shape, *self.records.shape[1:])
        sums, norms = clipped_sums(self.stack, x, self.labels[chosen], weights, self.clip)
        self.flat.grad = torch.cat([total.flatten(1) for total in sums], dim=1)
        if self.noise:
            self.flat.grad += self.drawn_noise()
        self.optimizer.step()
        return int(((as_numpy(norms) > self.clip) & present).sum()), int(present.sum())

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Each model's Poisson sample, (m, largest) padded with record 0, and which entries are no padding."""
        drawn = [
            members[batches.random(len(members)) < self.sample_rate]
            for members, batches in zip(self.members, self.batches, strict=True)
        ]
        rows = np.zeros((len(drawn), max(map(len, drawn))), dtype=np.int64)
        present = np.zeros(rows.shape, dtype=bool)
        for m, mine in enumerate(drawn):
            rows[m, : len(mine)], present[m, : len(mine)] = mine, True
        return rows, present

    def drawn_noise(self) -> Tensor:
        """σC N(0, I)/(qn) for every parameter, (m, n_parameters), each model from its own stream."""
        n = self.flat.shape[1]
        drawn = [torch.randn(n, generator=stream, dtype=self.flat.dtype) for stream in self.noise_streams]
        return torch.stack(drawn).to(self.flat.device) * (self.noise / self.expected)

    def logits(self) -> np.ndarray:
        """(m, n_records, n_classes) outputs on all records."""
        with torch.no_grad():
            outputs = self.stack.predict(self.records)
        if not torch.isfinite(outputs).all():
            raise ValueError("training diverged: a model gives NaN or infinite outputs; lower the learning rate")
        return as_numpy(outputs)


def _flattened(stack: BatchedPerceptrons) -> Tensor:
    """All parameters as one tensor (m, n_parameters), of which those of the stack become views: one step for all."""
    flat = torch.cat([p.detach().flatten(1) for p in stack.parameters], dim=1)
    pieces = flat.split([p[0].numel() for p in stack.parameters], dim=1)
    for parameter, piece in zip(stack.parameters, pieces, strict=True):
        parameter.requires_grad_(False).set_(piece.view(parameter.shape))
    return flat


def clipped_sums(
    stack: BatchedPerceptrons, x: Tensor, y: Tensor, weights: Tensor, clip: float
) -> tuple[list[Tensor], Tensor]:
    """Σ_i w_i min(1, C/‖g_i‖) g_i for each parameter of stacked models, and the norms ‖g_i‖, (m, batch).

    Parameters
    ----------
    stack : m perceptrons.
    x : (m, batch, ...) records.
    y : (m, batch) int64 labels.
    weights : (m, batch), of each record in the sum; 0 leaves a record out.
    clip : C, above 0.

    Returns
    -------
    list of tensors, one a parameter, each of its shape; and (m, batch).

    Examples
    --------
    A layer of zeros gives two classes one half each: x = (√7, 0) has a gradient of length √(½ (7 + 1)) = 2.

    >>> layer = nn.Linear(2, 2)
    >>> nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)  # doctest: +ELLIPSIS
    (...)
    >>> x, y = torch.tensor([[[7**0.5, 0.0]]]), torch.tensor([[0]])
    >>> sums, norms = clipped_sums(BatchedPerceptrons([layer]), x, y, torch.ones(1, 1), clip=1.0)
    >>> round(norms.item(), 5), round(float(sum(s.square().sum() for s in sums)) ** 0.5, 5)
    (2.0, 1.0)
    """
    inputs, outputs = [], []
    a = x.flatten(2)
    for layer in stack.steps:
        if not isinstance(layer, tuple):
            a = layer(a.clone() if getattr(layer, "inplace", False) else a)  # outputs stay as they are
            continue
        weight, bias = layer
        inputs.append(a.detach())
        a = torch.bmm(a, weight) if bias is None else torch.baddbmm(bias, a, weight)
        outputs.append(a if a.requires_grad else a.requires_grad_())  # the graph starts here, and holds no weight
    last = a.detach().softmax(-1)
    last.scatter_add_(-1, y.unsqueeze(-1), last.new_full((), -1).expand(*y.shape, 1))  # p minus 1 at the label
    deltas = torch.autograd.grad(a, outputs, last)
    biased = [layer[1] is not None for layer in stack.steps if isinstance(layer, tuple)]
    norms = sum(
        torch.linalg.vecdot(delta, delta) * (torch.linalg.vecdot(a, a) + has_bias)  # ‖δ‖²(‖a‖² + 1)
        for delta, a, has_bias in zip(deltas, inputs, biased, strict=True)
    ).sqrt()
    factors = ((clip / norms).clamp(max=1) * weights).unsqueeze(-1)
    sums = []
    for delta, a, has_bias in zip(deltas, inputs, biased, strict=True):
        weighted = delta * factors
        sums += [torch.bmm(a.mT, weighted)] + ([weighted.sum(1, keepdim=True)] if has_bias else [])
    return sums, norms


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
