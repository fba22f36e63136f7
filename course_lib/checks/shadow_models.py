"""Checks for the exercises of chapter 12, *Shadow models*."""

from __future__ import annotations

import random
from collections.abc import Callable
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

    from course_lib.membership import ShadowAttack, ShadowBundle, Split

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

MOST_RECORDS, MOST_EPOCHS = 1500, 60
LEARNT = 0.65  # balanced accuracy of a repaired attack; five seeds of the plain repair gave .68 and more
LESS_LEAK, LESS_ACCURACY = 0.07, 0.01


def head_counts(seed: int = 0) -> tuple[int, int, int, int]:
    """Members, those the model gets right, strangers, and those it gets right, for exercise 1.

    >>> head_counts()
    (300, 294, 100, 78)
    """
    if seed == 0:
        return 300, 294, 100, 78
    generator = random.Random(seed)
    n_members, n_strangers = 50 * generator.randint(5, 8), 50 * generator.randint(2, 4)
    return n_members, n_members - generator.randint(2, 12), n_strangers, n_strangers - generator.randint(20, 45)


@check("two shares: balanced accuracy and plain accuracy of the gap attack")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """Balanced and plain accuracy of the attack that accuses whom the model gets right.

    >>> exercise_1((0.98, 0.78)).state
    'wrong'
    """
    balanced, plain = as_numbers(answer, count=2)
    n_in, right_in, n_out, right_out = head_counts(seed)
    train, test = right_in / n_in, right_out / n_out
    expected = (1 + train - test) / 2, (right_in + n_out - right_out) / (n_in + n_out)

    def close(found: float, wanted: float) -> bool:
        return abs(found - wanted) < 0.002

    if close(balanced, expected[0]) and close(plain, expected[1]):
        return right("The second flatters the attack: there are more members than strangers.")
    if not (0 <= balanced <= 1 and 0 <= plain <= 1):
        return wrong("a share lies between 0 and 1.")
    if close(balanced, expected[1]) and close(plain, expected[0]):
        return wrong("both numbers are there, in the other order.")
    if close(balanced, train - test):
        return wrong("the first is the gap itself. A coin has a gap of 0: which balanced accuracy has a coin?")
    if close(balanced, (train + test) / 2):
        return wrong("the attack is right about a stranger when the *model* is wrong about them.")
    if close(balanced, expected[0]) and close(plain, n_in / (n_in + n_out)):
        return wrong("the first is right. The second is what accusing everybody scores.")
    if close(balanced, expected[0]):
        return wrong("the first is right. For the second, count the people about whom the attack is right.")
    if close(plain, expected[1]):
        return wrong("the second is right. For the first, take each side's share by itself, then their mean.")
    return wrong("which members does the attack get right, and which strangers?")


def _score_cases(seed: int) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Scores of members and non-members with ties between them, and a rate that allows a whole number of alarms."""
    import numpy as np

    generator = np.random.default_rng([12, seed])
    shapes = [(40, 20, 0.05), (30, 50, 0.1), (25, 40, 0.25), (60, 100, 0.01), (10, 10, 0.5)]
    cases = [
        (generator.integers(2, 14, n).astype(float), generator.integers(0, 12, m).astype(float), rate)
        for n, m, rate in shapes
    ]
    # Without ties, and where the best score of all is a stranger's.
    cases += [(generator.normal(1, 1, 50), generator.normal(0, 1, 80), rate) for rate in (0.05, 0.1)]
    return [*cases, (np.array([3.0, 2.0]), np.array([4.0, 1.0, 0.0, -1.0]), 0.25)]


def _found_at(members, non_members, fpr: float, one_less: bool = False, ties_too: bool = False) -> float:
    """What a reader's function returns that allows one alarm too few, or calls ties with one alarm too many."""
    import numpy as np

    allowed = round(fpr * len(non_members)) - one_less
    bar = np.sort(non_members)[::-1][allowed]
    return float((members >= bar).mean() if ties_too else (members > bar).mean())


@check("a function of member scores, non-member scores and a false-positive rate that returns a share")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The largest share of members found with at most a share of false alarms.

    >>> exercise_2(lambda members, non_members, fpr: 0.5).state
    'wrong'
    """
    from course_lib.membership import tpr_at_fpr

    cases = _score_cases(seed)
    found = [as_number(call(answer, members.copy(), strangers.copy(), fpr)) for members, strangers, fpr in cases]

    def by(function: Callable[..., float]) -> bool:
        return all(abs(a - function(*case)) < 1e-9 for a, case in zip(found, cases, strict=True))

    if by(tpr_at_fpr):
        return right()
    if any(not 0 <= share <= 1 for share in found):
        return wrong("a share lies between 0 and 1; yours returns something else.")
    if by(partial(_found_at, ties_too=True)):
        return wrong("members who tie with the first stranger too many are called as well, and so is that stranger.")
    if by(partial(_found_at, one_less=True)):
        return wrong("you allow one false alarm fewer than the rate does.")
    members, strangers, fpr = next(
        case for case, a in zip(cases, found, strict=True) if abs(a - tpr_at_fpr(*case)) >= 1e-9
    )
    return wrong(
        f"off for {len(members)} members, {len(strangers)} strangers and a rate of {fpr:g}: how many strangers may be "
        "accused there?"
    )


@dataclass(frozen=True, eq=False)
class Shop:
    """A victim's logits and four shadows, over the same records, in setting A of chapter 12.

    ``y`` (n_records,) labels; ``victim`` (n_records, 50) logits; ``shadows`` a ShadowBundle; ``split`` who is who.
    """

    y: np.ndarray
    victim: np.ndarray
    shadows: ShadowBundle
    split: Split

    def scores(self, attack: Any) -> list[np.ndarray]:
        """Scores of the victim's members, and of its strangers."""
        sides = (self.split.victim_in, self.split.victim_out)
        return [attack.score(self.victim[rows], self.y[rows]) for rows in sides]


def _records(n: int, seed: int):
    """Records, labels and split of a shop whose victim has n members and 2,000 strangers."""
    from course_lib.datasets import purchase_like
    from course_lib.membership import split_victim_shadow

    # Of 50 classes drawn at random, the rarest must still have its members and 40 strangers.
    X, y = purchase_like(max(7 * n + 2000, 4500), seed=seed)
    return X, y, split_victim_shadow(y, n // 50, seed, out_per_class=40)


def _train(X, y, plan, epochs: int, weight_decay: float, seed: int) -> ShadowBundle:
    import torch

    from course_lib.membership import network, train_shadows

    adam = partial(torch.optim.Adam, lr=1e-3, weight_decay=weight_decay)
    return train_shadows(X, y, plan, network("mlp", 100, 50), adam, epochs, batch_size=32, seed=seed)


@cache
def open_shop(seed: int = 0) -> Shop:
    """The victim and the shadows of exercises 3 and 4, trained once.

    >>> open_shop().shadows.n_models
    4
    """
    import numpy as np

    from course_lib.membership import ShadowPlan

    X, y, split = _records(1000, seed)
    plans = ShadowPlan.victim(split, len(y)), ShadowPlan.disjoint_pools(split, 4, 1000, seed, len(y))
    plan = ShadowPlan(*(np.vstack([getattr(p, name) for p in plans]) for name in ("membership", "used")))
    models = _train(X, y, plan, 30, 0.0, seed)
    return Shop(y, models.logits[0], models.subset(slice(1, None)), split)


def hasty_attack() -> ShadowAttack:
    """The attack that reports a coin: one epoch at a learning rate of 0.0001.

    >>> hasty_attack().epochs
    1
    """
    import torch

    from course_lib.membership import ShadowAttack

    return ShadowAttack(layers=(64, 32, 16, 8), epochs=1, optimizer=partial(torch.optim.Adam, lr=1e-4))


@check("a ShadowAttack")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """A shadow attack with the layers of the hasty one that has learnt.

    >>> exercise_3(0.75).state
    'wrong'
    """
    from course_lib.membership import ShadowAttack, balanced_accuracy

    if not isinstance(answer, ShadowAttack):
        raise Unreadable
    if answer.layers != hasty_attack().layers:
        return wrong("leave the layers as they are; they are not what is wrong.")
    if answer.epochs > 200:
        return wrong("that is longer than anybody waits: at most 200 epochs.")
    shop = open_shop(seed)
    fresh = ShadowAttack(answer.features, answer.route, answer.layers, answer.optimizer, answer.epochs,
                         answer.batch_size, answer.seed)  # fmt: skip
    reached = balanced_accuracy(*shop.scores(fresh.fit(shop.shadows, shop.y)), threshold=0.0)
    if reached >= LEARNT:
        return right(f"Balanced accuracy {reached:.2f}: the model leaked all the time.")
    if reached < 0.53:
        return wrong("still a coin. How many steps does each attack model take, and how long is each?")
    return wrong(f"better than a coin, {reached:.2f}, and there is more to find: change both how long it trains and "
                 "how fast.")  # fmt: skip


@check("three whole numbers: strangers misread, and of these those accused by prediction and by truth")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """Strangers that the victim misreads, and how many of them each route accuses.

    >>> exercise_4((0, 0, 0)).state
    'wrong'
    """
    found = tuple(as_whole_number(value) for value in as_numbers(answer, count=3))
    n_misread, by_prediction, by_truth = routed(seed)
    if found == (n_misread, by_prediction, by_truth):
        return right("A sure and wrong answer passes for a member's where the wrong class's model judges it.")
    if found[0] != n_misread:
        every = int((open_shop(seed).victim.argmax(axis=1) != open_shop(seed).y).sum())
        if found[0] == every:
            return wrong("the first counts all records; we asked for the victim's strangers, `split.victim_out`.")
        return wrong("the first: whose predicted class differs from the label, among `split.victim_out`?")
    if found == (n_misread, by_truth, by_prediction):
        return wrong("the last two are in the other order: by prediction first.")
    if found[1] == found[2]:
        return wrong("the first is right. The last two differ: fit one attack for each route.")
    return wrong("the first is right. Of those misread, count scores above 0, with ShadowAttack's own defaults.")


@cache
def routed(seed: int = 0) -> tuple[int, int, int]:
    """What exercise 4 asks for.

    >>> len(routed())
    3
    """
    from course_lib.membership import ShadowAttack

    shop = open_shop(seed)
    out = shop.split.victim_out
    misread = shop.victim[out].argmax(axis=1) != shop.y[out]
    accused = [
        int((shop.scores(ShadowAttack(route=route).fit(shop.shadows, shop.y))[1][misread] > 0).sum())
        for route in ("predicted", "true")
    ]
    return int(misread.sum()), *accused


@cache
def train_and_attack(records: int, epochs: int, weight_decay: float = 0.0, seed: int = 0) -> tuple[float, float]:
    """Train the shop's model so; its test accuracy, and the AUC of the loss attack on it.

    Raises
    ------
    ValueError
        for records outside 100..1,500 or no multiple of the 50 classes, epochs outside 1..60, or a negative
        weight decay.

    >>> accuracy, leak = train_and_attack(100, epochs=1)
    >>> accuracy < 0.2
    True
    """
    from course_lib.membership import LossThreshold, ShadowPlan, auc

    if not 100 <= records <= MOST_RECORDS or records % 50:
        raise ValueError(f"100 to {MOST_RECORDS} records, as many of each of the 50 classes, not {records}")
    if not 1 <= epochs <= MOST_EPOCHS:
        raise ValueError(f"1 to {MOST_EPOCHS} epochs, not {epochs}")
    if not weight_decay >= 0:
        raise ValueError(f"a weight decay from 0, not {weight_decay}")
    X, y, split = _records(int(records), seed)
    logits = _train(X, y, ShadowPlan.victim(split, len(y)), int(epochs), float(weight_decay), seed).logits[0]
    members, strangers = split.victim_in, split.victim_out
    scores = (LossThreshold().score(logits[rows], y[rows]) for rows in (members, strangers))
    return float((logits[strangers].argmax(axis=1) == y[strangers]).mean()), auc(*scores)


@check("three numbers: records, epochs and weight decay")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """A way to train that is as accurate as the shop's own, and leaks less.

    >>> exercise_5((5000, 30, 0)).state
    'wrong'
    """
    n, epochs, weight_decay = as_numbers(answer, count=3)
    n, epochs = as_whole_number(n), as_whole_number(epochs)
    try:
        accuracy, leak = train_and_attack(n, epochs, weight_decay, seed)
    except ValueError as error:
        return wrong(f"out of bounds: {error}.")
    own_accuracy, own_leak = train_and_attack(1000, 30, 0.0, seed)
    if accuracy < own_accuracy - LESS_ACCURACY:
        return wrong(f"the leak is {leak:.3f}, and the test accuracy falls from {own_accuracy:.3f} to {accuracy:.3f}.")
    if leak > own_leak - LESS_LEAK:
        return wrong(f"accurate enough, {accuracy:.3f}; the leak of {leak:.3f} is not yet {LESS_LEAK} below "
                     f"{own_leak:.3f}.")  # fmt: skip
    cost = "It took more people's records: that is the cost." if n > 1000 else "It took no other person's record."
    return right(f"Accuracy {accuracy:.3f}, leak {leak:.3f}. {cost}")
