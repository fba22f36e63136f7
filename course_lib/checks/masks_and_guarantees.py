"""Checks for the exercises of chapter 14, *Masks and guarantees*."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_number,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)

if TYPE_CHECKING:
    import numpy as np

    from course_lib.membership import ShadowBundle

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

DELTA = 1e-5
PROGRAMS = "A", "B", "C"
SAMPLE_RATE, MOST_STEPS = 0.1, 400
PROMISE, KEPT_ACCURACY = 4.0, 0.84


def promised(seed: int = 0) -> tuple[float, float, float]:
    """A promised ε, a false-positive rate, and the true-positive rate an attack reaches there, for exercise 1.

    >>> promised()
    (2.0, 0.01, 0.24)
    """
    if seed == 0:
        return 2.0, 0.01, 0.24
    generator = random.Random(seed)
    return generator.choice([0.5, 1.0, 1.5, 2.0]), generator.choice([0.01, 0.02]), generator.randint(20, 40) / 100


@check("two numbers: the largest true-positive rate, and the least ε")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """What a promise allows at few false alarms, and which promises an attack rules out.

    >>> exercise_1((0.02, 2.0)).state
    'wrong'
    """
    largest, least = as_numbers(answer, count=2)
    epsilon, fpr, tpr = promised(seed)
    expected = math.exp(epsilon) * fpr + DELTA, math.log((tpr - DELTA) / fpr)
    found = abs(largest - expected[0]) < 0.0006, abs(least - expected[1]) < 0.006
    if all(found):
        return right("The first bounds every attack. The second is what one attack proves.")
    if abs(largest - 100 * expected[0]) < 0.06:
        return wrong("the first is a share between 0 and 1, not a percentage.")
    if abs(largest - (1 + epsilon) * fpr) < 0.0006 or abs(largest - epsilon * fpr) < 0.0006:
        return wrong("for the first: the false-positive rate is multiplied by e to the power ε, not by ε.")
    if abs(least - (tpr - DELTA) / fpr) < 0.1:
        return wrong("for the second: that ratio is e to the power ε. Which ε is it?")
    if abs(least - math.log10(tpr / fpr)) < 0.006:
        return wrong("for the second: take the natural logarithm.")
    if found[0]:
        return wrong("the first is right. For the second, solve the same inequality for ε, at the measured rates.")
    if found[1]:
        return wrong("the second is right. For the first, put the promised ε into the bound.")
    return wrong("both come from TPR ≤ e^ε · FPR + δ.")


@dataclass(frozen=True, eq=False)
class Service:
    """A target behind a temperature that it does not tell, and four shadows, over the same records.

    ``y`` (n_records,) labels; ``published`` (n_records, 50) posteriors of the target; ``shadows`` a ShadowBundle
    with plain logits.
    """

    y: np.ndarray
    published: np.ndarray
    shadows: ShadowBundle


def hidden_temperature(seed: int = 0) -> float:
    """What exercise 2 asks for."""
    return random.Random(14 + seed).uniform(6, 15)


@cache
def _models(seed: int) -> tuple[np.ndarray, ShadowBundle]:
    """Labels, and a target, a sixth model and four shadows, each trained on half of the records."""
    import torch

    from course_lib.datasets import purchase_like
    from course_lib.membership import ShadowPlan, network, train_shadows

    X, y = purchase_like(2000, seed=seed)
    plan = ShadowPlan.half_sampling(len(y), 6, seed)
    adam = partial(torch.optim.Adam, lr=1e-3)
    return y, train_shadows(X, y, plan, network("mlp", 100, 50), adam, epochs=30, batch_size=32, seed=seed)


@cache
def open_service(seed: int = 0) -> Service:
    """The service of exercise 2; target and shadows are trained once.

    >>> open_service().published.shape
    (2000, 50)
    """
    from scipy.special import softmax

    y, models = _models(seed)
    published = softmax(models.logits[0] / hidden_temperature(seed), axis=-1)
    return Service(y, published, models.subset(range(2, 6)))


@cache
def attack_undone(temperature: float, seed: int = 0) -> float:
    """AUC of a ShadowAttack on the service, after its posteriors are taken for softened by `temperature`.

    >>> attack_undone(1.0) < 0.6
    True
    """
    from course_lib.membership import ShadowAttack, auc, log_posteriors
    from course_lib.membership import temperature as soften

    service, (_, models) = open_service(seed), _models(seed)
    attack = ShadowAttack().fit(service.shadows, service.y)
    scores = attack.score(log_posteriors(soften(service.published, 1 / temperature)), service.y)
    inside = models.membership[0]
    return auc(scores[inside], scores[~inside])


@check("one number: the temperature")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The temperature that a service hides.

    >>> exercise_2(20).state
    'wrong'
    """
    found, true = as_number(answer), hidden_temperature(seed)
    if found <= 0:
        return wrong("a temperature is above 0.")
    if abs(found * true - 1) < 0.1:
        return wrong("that is one over it: the logits were divided, and you multiplied.")
    if abs(found / true - 1) < 0.1:
        return right(f"Undone, the shadow-model attack is back at an AUC of {attack_undone(found, seed):.2f}.")
    if found < true:
        return wrong("after undoing yours, the published posteriors are still less sure than the shadows'.")
    return wrong("after undoing yours, the published posteriors are surer than the shadows'.")


def _gradient_cases(seed: int) -> list[tuple[np.ndarray, float]]:
    """Gradients of different lengths, some below the clip, one of them zero, and a clip."""
    import numpy as np

    generator = np.random.default_rng([14, seed])
    cases = [(generator.normal(size=(n, d)) * generator.uniform(0.05, 4, (n, 1)), clip)
             for n, d, clip in [(6, 3, 1.0), (10, 5, 2.0), (4, 2, 0.5)]]  # fmt: skip
    return [*cases, (np.array([[3.0, 4.0], [0.0, 0.0], [0.3, 0.4]]), 1.0)]


def clipped_mean(gradients: np.ndarray, clip: float) -> np.ndarray:
    """The mean of gradients, each shortened to `clip` at most: what exercise 3 asks for.

    >>> import numpy as np
    >>> clipped_mean(np.array([[3.0, 4.0], [0.3, 0.4]]), clip=1.0).round(2).tolist()
    [0.45, 0.6]
    """
    import numpy as np

    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * np.minimum(1, clip / np.maximum(lengths, 1e-300))).mean(axis=0)


def _mistakes() -> dict[str, Any]:
    """What else a reader's function may compute, and what to say to that."""
    import numpy as np

    def of_the_mean(gradients, clip):
        return clipped_mean(gradients.mean(axis=0, keepdims=True), clip)

    def coordinates(gradients, clip):
        return np.clip(gradients, -clip, clip).mean(axis=0)

    def all_alike(gradients, clip):
        lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
        return (clip * gradients / np.maximum(lengths, 1e-300)).mean(axis=0)

    def summed(gradients, clip):
        return len(gradients) * clipped_mean(gradients, clip)

    return {
        "the mean is shortened, not each record's gradient: one record can still make the most of it.": of_the_mean,
        "you shorten each coordinate by itself; a gradient with many coordinates stays longer than the clip.":
            coordinates,
        "short gradients are not made longer: only those above the clip change.": all_alike,
        "that is the sum; we asked for the mean.": summed,
    }  # fmt: skip


@check("a function of gradients (n, d) and a clip that returns d numbers")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """The mean of gradients that are clipped record by record.

    >>> exercise_3(lambda gradients, clip: gradients.mean(axis=0)).state
    'wrong'
    """
    import numpy as np

    cases = _gradient_cases(seed)
    found = []
    for gradients, clip in cases:
        result = call(answer, gradients.copy(), clip)
        try:
            result = np.asarray(result, dtype=float)
        except (TypeError, ValueError):
            raise Unreadable from None
        if result.shape != gradients.shape[1:]:
            return wrong(f"for gradients of shape {gradients.shape} the mean has {gradients.shape[1]} numbers.")
        found.append(result)

    def by(function) -> bool:
        return all(np.allclose(a, function(*case), rtol=1e-6, atol=1e-9) for a, case in zip(found, cases, strict=True))

    if by(clipped_mean):
        return right()
    for reason, mistake in _mistakes().items():
        if by(mistake):
            return wrong(reason)
    if not all(np.isfinite(result).all() for result in found):
        return wrong("some numbers are not finite. What is the length of a gradient that is zero?")
    return wrong("off. For each row: its length, the factor min(1, clip/length), and then the mean of all rows.")


@cache
def program_trials(program: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a canary in 100 models that trained on it, and in 100 that did not, by program "A", "B" or "C".

    All three promise ε = 1 at δ = 1e-5.

    Raises
    ------
    ValueError
        for another program.

    >>> [len(scores) for scores in program_trials("A")]
    [100, 100]
    """
    import numpy as np
    import torch

    from course_lib.datasets import purchase_like
    from course_lib.membership import ShadowPlan, network, noise_for_epsilon, scaled_confidence, train_dp

    if program not in PROGRAMS:
        raise ValueError(f"the programs are A, B and C, not {program!r}")
    X, y = purchase_like(80, n_features=30, n_classes=4, seed=seed)
    X = np.hstack([X, np.zeros((80, 1), X.dtype)])
    X[0], X[0, -1] = 0, 10  # a product that nobody else buys
    coin = ShadowPlan.half_sampling(2, 200, seed).membership[:, 0]
    inside = np.tile(np.arange(80) < 40, (200, 1))
    inside[:, 0] = coin
    due = noise_for_epsilon(1.0, 0.5, 20, DELTA)
    noise = due * noise_shares(seed)[program]
    run = train_dp(X, y, ShadowPlan(inside), network("mlp", 31, 4, widths=[]), partial(torch.optim.SGD, lr=2.0), noise,
                   clip=1.0, sample_rate=0.5, steps=20, seed=seed, expected_records=40)  # fmt: skip
    phi = np.array([scaled_confidence(rows[:1], y[:1])[0] for rows in run.bundle.logits])
    return phi[coin], phi[~coin]


def noise_shares(seed: int = 0) -> dict[str, float]:
    """The share of the noise that is due which each program adds: all of it, a quarter, none."""
    shares = [1.0, 0.25, 0.0]
    random.Random(140 + seed).shuffle(shares)
    return dict(zip(PROGRAMS, shares, strict=True))


@check("a pair: the program's letter, and a lower bound of its ε")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """The program that an audit refutes, and the ε that it did not keep.

    >>> exercise_4(("A", 0.0)).state
    'wrong'
    """
    from course_lib.membership import epsilon_lower_bound

    if not isinstance(answer, tuple | list) or len(answer) != 2 or not isinstance(answer[0], str):
        raise Unreadable
    program, bound = answer[0].strip().upper(), as_number(answer[1])
    if program not in PROGRAMS:
        return wrong("the programs are A, B and C.")
    guilty = next(name for name, share in noise_shares(seed).items() if share == 0)
    if program != guilty:
        return wrong("its trials do not put this program above 1. Have you audited all three?")
    shown = epsilon_lower_bound(*program_trials(guilty, seed), delta=DELTA)
    if abs(bound - shown) < 0.02:
        return right("One of the other two breaks its promise as well. This audit cannot see it.")
    if bound > shown:
        return wrong("the right program. Your number is larger than the trials show with confidence of 95 %: the ratio "
                     "of two shares is an estimate, not a bound.")  # fmt: skip
    return wrong("the right program, and more can be shown: use epsilon_lower_bound with the promised delta, and its "
                 "defaults otherwise.")  # fmt: skip


@cache
def train_private(noise_multiplier: float, steps: int, seed: int = 0) -> tuple[float, float]:
    """Train two models of 2,000 records by DP-SGD, q = 0.1, C = 1; their mean test accuracy, and ε at δ = 1e-5.

    Raises
    ------
    ValueError
        for steps outside 1..400 or a noise multiplier below 0.

    >>> accuracy, epsilon = train_private(50.0, steps=1)
    >>> accuracy < 0.3, epsilon < 0.1
    (True, True)
    """
    import torch

    from course_lib.datasets import purchase_like
    from course_lib.membership import ShadowPlan, network, train_dp

    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"1 to {MOST_STEPS} steps, not {steps}")
    X, y = purchase_like(4000, n_classes=20, seed=seed)
    plan = ShadowPlan.half_sampling(len(y), 2, seed)
    run = train_dp(X, y, plan, network("mlp", 100, 20), partial(torch.optim.SGD, lr=1.0), float(noise_multiplier),
                   clip=1.0, sample_rate=SAMPLE_RATE, steps=int(steps), delta=DELTA, seed=seed)  # fmt: skip
    correct = run.bundle.logits.argmax(axis=-1) == y
    return float(correct[~plan.membership].mean()), run.epsilon


@check("two numbers: noise multiplier and steps")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """Noise and steps that keep a promise, and most of the accuracy.

    >>> exercise_5((0.0, 200)).state
    'wrong'
    """
    noise, steps = as_numbers(answer, count=2)
    steps = as_whole_number(steps)
    try:
        accuracy, epsilon = train_private(noise, steps, seed)
    except ValueError as error:
        return wrong(f"out of bounds: {error}.")
    if epsilon > PROMISE:
        spent = "has no bound" if math.isinf(epsilon) else f"is {epsilon:.2f}"
        return wrong(f"the promise is broken: ε {spent}. More noise or fewer steps spend less.")
    if accuracy < KEPT_ACCURACY:
        return wrong(f"the promise is kept, ε = {epsilon:.2f}; the accuracy of {accuracy:.3f} is too low. Spend what "
                     "is left, or spread it over another number of steps.")  # fmt: skip
    return right(f"ε = {epsilon:.2f}, accuracy {accuracy:.3f}. The promise holds for attacks not yet invented.")
