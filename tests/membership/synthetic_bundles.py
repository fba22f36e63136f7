"""Shadow outputs drawn from known distributions, so that what an attack must find is known."""

import numpy as np

from course_lib.membership import ShadowBundle, ShadowPlan


def synthetic(n_models=8, n_records=60, n_classes=4, gain=2.0, seed=0, dtype=np.float64):
    """Labels, a bundle, and a target model's logits and members.

    Every record has its own difficulty; training on it adds `gain` to the logit of its label. The target is one
    more such model.
    """
    draw = np.random.default_rng(seed)
    y = np.arange(n_records) % n_classes
    plan = ShadowPlan.half_sampling(n_records, n_models + 2, seed)
    logits = draw.normal(0, 0.5, (n_models + 2, n_records, n_classes))
    logits[:, np.arange(n_records), y] += draw.normal(1, 2, n_records) + gain * plan.membership
    logits = logits.astype(dtype)
    bundle = ShadowBundle(logits[2:], plan.membership[2:])
    return y, bundle, logits[0], plan.membership[0]
