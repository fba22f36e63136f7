"""Checks for the exercises of chapter 3, *Publishing less, publishing noise*."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
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
from course_lib.reconstruction import (
    Database,
    Statistic,
    acm_block,
    acm_truth,
    geometric_noise,
    record_match,
    tabulate,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

SWEEP = (1, 2, 4, 8, 16, 32)
N_RELEASES = 301
N_BITS = 64
N_QUESTIONS = 512
PUBLISHED = ("1A", "2A", "2B", "2C", "2D", "3B")


def noise_base(seed: int = 0) -> int:
    """r, where exercise 1 takes noise with epsilon / sensitivity = ln r.

    >>> noise_base()
    2
    """
    return 2 if seed == 0 else random.Random(seed).randint(4, 9)


@check("two probabilities: that the noise is 0, and that it is at most one off")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """The probabilities that two-sided geometric noise is 0, and that it is -1, 0 or 1.

    >>> exercise_1((0.9, 0.99)).state
    'wrong'
    """
    zero, near = as_numbers(answer, count=2)
    alpha = Fraction(1, noise_base(seed))
    p_zero = (1 - alpha) / (1 + alpha)
    p_near = p_zero * (1 + 2 * alpha)

    def close(a: float, b: Fraction) -> bool:
        return abs(a - b) < 0.004

    if close(zero, p_zero) and close(near, p_near):
        return right()
    if not (0 <= zero <= 1 and 0 <= near <= 1):
        return wrong("a probability lies between 0 and 1.")
    if close(zero, p_near) and close(near, p_zero):
        return wrong("both numbers are there, in the other order.")
    if close(zero, 1 - alpha):
        return wrong("that is noise that only goes up. Ours goes both ways; what do all its probabilities add up to?")
    if close(zero, p_zero) and close(near, p_zero * (1 + alpha)):
        return wrong("the first is right. In the second, one too many and one too few both count.")
    if close(zero, p_zero) and close(near, p_zero * 2 * alpha):
        return wrong("the first is right. The second is about at most one off: no error at all counts too.")
    if close(zero, p_zero):
        return wrong("the first is right. Which values of the noise does the second ask for?")
    return wrong("write down alpha first, then put 0 into the formula.")


def share_wanted(seed: int = 0) -> float:
    """The share of the records that exercise 2 wants recovered.

    >>> share_wanted()
    0.5
    """
    return 0.5 if seed == 0 else random.Random(seed).choice([0.5, 0.9])


@check("one epsilon of the sweep")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The smallest epsilon of the sweep at which the wanted share of the records comes back.

    >>> exercise_2(3)
    Wrong: that is none of the six values of the sweep.
    """
    # Measured with six sets of 20 draws: .02 to .05, .08 to .13, .21 to .34, .62 to .72, .98 and more, 1.
    expected = {0.5: 8, 0.9: 16}[share_wanted(seed)]
    epsilon = as_number(answer)
    if epsilon == expected:
        return right()
    if 0 < epsilon < 1:
        return wrong("that may be the share recovered; we asked for the epsilon.")
    if epsilon not in SWEEP:
        return wrong("that is none of the six values of the sweep.")
    if epsilon > expected:
        return wrong("so much comes back at a smaller value too. Is your noise larger than it need be?")
    return wrong("less comes back here. Does one person change as many counts as your sensitivity says?")


def releases(seed: int = 0) -> np.ndarray:
    """Exercise 3's table, printed again and again: (301, 10) int64, each between 0 and 7.

    >>> releases().shape, int(releases().min()), int(releases().max())
    ((301, 10), 0, 7)
    """
    return _releases(_secret_counts(seed), seed)


def _secret_counts(seed: int) -> list[int]:
    generator = random.Random(f"secret counts {seed}")
    counts = [0, 0, 0, 7, *(generator.randint(0, 7) for _ in range(6))]
    generator.shuffle(counts)
    return counts


def _releases(counts: list[int], seed: int) -> np.ndarray:
    import numpy as np

    fresh = geometric_noise(np.tile(counts, (N_RELEASES, 1)), epsilon=1, sensitivity=2, seed=seed)
    return fresh.clip(0, 7)


@check("a function of an array of releases that returns ten whole numbers")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """A function that finds the true counts behind many clipped noisy releases.

    >>> exercise_3(lambda releases: releases[0]).state
    'wrong'
    """
    n_right = 0
    for case in (seed, seed + 1_000_003, seed + 2_000_003):
        counts = _secret_counts(case)
        found = [as_whole_number(c) for c in as_numbers(call(answer, _releases(counts, case)), count=len(counts))]
        n_right += found == counts
        high = sum(guess > count for guess, count in zip(found, counts, strict=True) if count == 0)
        low = sum(guess < count for guess, count in zip(found, counts, strict=True) if count == 7)
    if n_right == 3:
        return right("So one table printed often enough is an exact table.")
    if high and low:
        return wrong("small counts come out too large and large ones too small. What did clipping do to them?")
    if high or low:
        return wrong("counts at one end of the range come out wrong. What did clipping do to them?")
    return wrong(
        f"{n_right} of 3 tables come out right throughout. Use every week, and something that clipping leaves in place."
    )


def stubborn_agency(seed: int = 0) -> Callable[[Any], np.ndarray]:
    """An agency that answers questions about 64 secret bits, for exercise 4.

    The function it returns takes a question (64 zeros and ones) or many of them, and gives one number for
    each: how many ones are in that subset, wrong by up to 2. The same question always gets the same answer.
    After 512 questions it raises ``ValueError``.

    >>> ask = stubborn_agency()
    >>> bool((ask([1] * 64) == ask([1] * 64)).all())
    True
    """
    return _agency(_secret_bits(seed), seed)


def _secret_bits(seed: int) -> list[int]:
    return random.Random(f"secret bits {seed}").choices([0, 1], k=N_BITS)


def _agency(bits: list[int], seed: int) -> Callable[[Any], np.ndarray]:
    import numpy as np

    left = N_QUESTIONS

    def ask(questions: Any) -> np.ndarray:
        nonlocal left
        rows = np.atleast_2d(np.asarray(questions))
        if rows.ndim != 2 or rows.shape[1] != N_BITS or not np.isin(rows, (0, 1)).all():
            raise ValueError(f"a question is {N_BITS} zeros and ones")
        if len(rows) > left:
            raise ValueError(f"{len(rows)} more questions asked, {left} of {N_QUESTIONS} left")
        left -= len(rows)
        rows = rows.astype(int)
        # The error is drawn from the question, so it never changes.
        errors = [random.Random(f"{seed} {row.tolist()}").uniform(-2, 2) for row in rows]
        return rows @ np.array(bits) + np.array(errors)

    return ask


def _as_bits(found: Any) -> list[int]:
    """The bits a function returned, as 0 and 1 or as False and True."""
    import numpy as np

    if hasattr(found, "__len__") and len(found) == N_BITS and np.asarray(found).dtype == bool:
        found = np.asarray(found).astype(int)
    return [as_whole_number(bit) for bit in as_numbers(found, count=N_BITS)]


@check("a function that takes the agency's ask and returns 64 bits")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """A function that finds 64 secret bits through questions with errors that never change.

    >>> exercise_4(lambda ask: [0] * 64).state
    'wrong'
    """
    shares = []
    for case in (seed, seed + 1_000_003):
        bits = _secret_bits(case)
        found = _as_bits(call(answer, _agency(bits, case)))
        if not set(found) <= {0, 1}:
            return wrong("a bit is 0 or 1.")
        shares.append(sum(b == f for b, f in zip(bits, found, strict=True)) / N_BITS)
    if min(shares) >= 0.95:
        return right(f"{min(shares):.0%} of the bits or more.")
    if min(shares) < 0.75:
        return wrong(
            f"{min(shares):.0%} of the bits; a coin gets half. An error of 2 hides one person. What does it not hide?"
        )
    return wrong(f"{min(shares):.0%} of the bits; 95% were asked for. Have you used all of your questions?")


def largest_error(seed: int = 0) -> float:
    """By how many years exercise 5's swap may change a mean.

    >>> largest_error()
    1.0
    """
    return 1.0 if seed == 0 else random.Random(seed).choice([0.7, 0.8, 0.9, 1.2, 1.5])


def swap_problem(swapped: Database | Sequence[tuple], seed: int = 0) -> str:
    """What is wrong with a swap, by the rules of exercise 5; an empty text if nothing is.

    >>> swap_problem(acm_truth())
    '7 of the 7 true records are left; at most 1 may be.'
    """
    truth = acm_truth()
    swapped = swapped if isinstance(swapped, Database) else Database(truth.schema, tuple(map(tuple, swapped)))
    for place, column in enumerate(truth.schema.columns):
        if Counter(row[place] for row in swapped.rows) != Counter(row[place] for row in truth.rows):
            return f"the values of {column} are not the true ones: a swap only moves them between people."
    if any(age < 15 and marital == "M" for age, _, _, marital in swapped.rows):
        return "somebody under 15 is married, which tells the attacker that people were swapped."
    left = round(len(truth) * record_match(truth, swapped))
    if left > 1:
        return f"{left} of the 7 true records are left; at most 1 may be."
    layout = [(row.name, row.where) for row in acm_block().statistics if row.name in PUBLISHED]
    for after, before in zip(_rows(swapped, layout), _rows(truth, layout), strict=True):
        if abs(after.mean - before.mean) > Fraction(str(largest_error(seed))):
            return f"the mean of {after.name} moves by {float(abs(after.mean - before.mean)):.1f} years."
    return ""


def _rows(database: Database, layout: list[tuple]) -> tuple[Statistic, ...]:
    return tabulate(database, layout, suppression_threshold=1).statistics


@check("seven records, as a Database or a list of tuples")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """Seven swapped records that keep the published means within a bound and few true records.

    >>> exercise_5([(8, "F", "B", "S")])
    Wrong: a block of 7 people is needed, this holds 1.
    """
    truth = acm_truth()
    rows = answer.rows if isinstance(answer, Database) else answer
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        raise Unreadable
    if len(rows) != len(truth):
        return wrong(f"a block of {len(truth)} people is needed, this holds {len(rows)}.")
    try:
        swapped = Database(truth.schema, tuple(map(tuple, rows)))
    except Exception:
        return wrong("one of these records does not fit the schema: age, sex, race, marital status.")
    problem = swap_problem(swapped, seed)
    return wrong(problem) if problem else right("Now look at the columns that you did not swap.")
