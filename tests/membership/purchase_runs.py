"""The chapter's two settings, trained: shadows of other records, and shadows of halves of the same records."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from course_lib.datasets import purchase_like
from course_lib.membership import ShadowBundle, ShadowPlan, Split, log_posteriors, train_shadows

ADAM = partial(torch.optim.Adam, lr=1e-3)
N_MEMBERS, N_POOL = 1000, 4000


def perceptron(n_classes=50):
    return lambda: nn.Sequential(nn.Linear(100, 64), nn.ReLU(), nn.Linear(64, n_classes))


@dataclass(frozen=True, eq=False)
class Run:
    """Targets, shadows and labels of one seed; target model t is asked about the first n records."""

    y: np.ndarray
    targets: ShadowBundle
    shadows: ShadowBundle

    def scores(self, attack):
        """Member and non-member scores, those of all targets together, and (n_targets, n) of every one."""
        asked = np.arange(self.targets.n_records)
        if hasattr(attack, "mode"):
            attack.fit(self.shadows, self.y, records=asked)
        else:
            attack.fit(self.shadows, self.y)
        every = np.stack([attack.score(rows, self.y[asked], records=asked) for rows in self.targets.logits])
        return every[self.targets.membership], every[~self.targets.membership], every

    def published(self, defence, floor):
        """The same run behind a defence of the posteriors, which the attacker applies to the shadows as well."""
        bundles = (self.targets, self.shadows)
        hidden = [replace(b, logits=log_posteriors(defence(softmax(b.logits, axis=-1)), floor)) for b in bundles]
        return replace(self, targets=hidden[0], shadows=hidden[1])


def pools_run(seed, n_out=10_000, n_shadows=16, flip=0.3, n_classes=50, n_pool=N_POOL):
    """One target with fresh non-members; shadows draw 1000 of n_pool other records, and 1000 of as many to test on."""
    n_asked = N_MEMBERS + n_out
    X, y = purchase_like(n_asked + 2 * n_pool, n_classes=n_classes, flip=flip, seed=seed)
    ends = np.cumsum([0, N_MEMBERS, n_out, n_pool, n_pool])
    split = Split(*(np.arange(a, b) for a, b in zip(ends, ends[1:], strict=False)))
    train = partial(train_shadows, model=perceptron(n_classes), optimizer=ADAM, epochs=30, batch_size=32)
    target = np.arange(n_asked) < N_MEMBERS
    targets = train(X[:n_asked], y[:n_asked], ShadowPlan(target[None]), seed=10_000 + seed)
    shadows = train(X, y, ShadowPlan.disjoint_pools(split, n_shadows, N_MEMBERS, seed), seed=seed)
    return Run(y, targets, shadows)


def halves_run(seed, n_targets=8, n_shadows=32, flip=0.3, relabel=None, **options):
    """Targets and shadows each trained on a random half of the same 2000 records."""
    X, y = purchase_like(2 * N_MEMBERS, flip=flip, seed=seed)
    y = y if relabel is None else relabel(y)
    plan = ShadowPlan.half_sampling(len(y), n_targets + n_shadows, seed)
    bundle = train_shadows(X, y, plan, perceptron(), ADAM, epochs=30, batch_size=32, seed=seed, **options)
    return Run(y, bundle.subset(range(n_targets)), bundle.subset(slice(n_targets, None)))
