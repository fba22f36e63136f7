"""What the health service of a small town knows: people, scans, a rule, records. Drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from course_lib.datasets import fundus_crops, purchase_like

GRADES = ("healthy", "mild", "severe")
N_UNWELL = 3
N_QUESTIONS = 20
_RULE = """\
def travel_grant(income, distance, visits):
    if income >= {limit} or visits == 0:
        return 0
    if distance < {near}:
        return 0
    if visits >= {often}:
        return 90
    if distance < {far}:
        return 15
    return 40
"""


@dataclass(frozen=True, eq=False)
class HealthService:
    """What a town's health service holds before it publishes anything.

    Parameters
    ----------
    people : the eight patients of one ward, sorted: (age in years, sex, smoker, grade of the eyes).
    scans : (8, 2352) float32 in [0, 1], multiples of 1/255: one scan of 3 x 28 x 28 for each patient,
        in an order of its own.
    grades : (8,) int64, the grade of each scan: 0 healthy, 1 mild, 2 severe.
    rule : Python source of ``travel_grant(income, distance, visits)``: euros, kilometres, visits a month.
    records : (n, 20) float32 of 0 and 1: answers to twenty questions, one row a citizen.
    advice : (n,) int64 in 0..2: what a nurse advised each citizen.
    members : (n,) bool: whose records train the model; a coin was tossed for each.

    Examples
    --------
    >>> service = health_service()
    >>> len(service.people), service.scans.shape, len(service.members)
    (8, (8, 2352), 8000)
    """

    people: tuple[tuple[int, str, str, str], ...]
    scans: np.ndarray
    grades: np.ndarray
    rule: str
    records: np.ndarray
    advice: np.ndarray
    members: np.ndarray


def health_service(seed: int = 0, n_records: int = 8000) -> HealthService:
    """A made-up health service; another seed gives other people, scans, limits and records.

    Of the eight patients, five have healthy eyes and three do not; at least one each is mild and severe, and
    three to five each are women and smokers. So a table that withholds counts below three withholds both
    grades and nothing else of these.

    Parameters
    ----------
    seed : whole number, 0 or more.
    n_records : citizens whose answers the model learns from or is asked about; at least 20.

    Raises
    ------
    ValueError
        if ``n_records`` is not a whole number from 20.

    Examples
    --------
    >>> sorted(person[3] for person in health_service(seed=0).people)[:5]
    ['healthy', 'healthy', 'healthy', 'healthy', 'healthy']
    >>> health_service(n_records=7)
    Traceback (most recent call last):
    ...
    ValueError: n_records is a whole number from 20, not 7
    """
    if isinstance(n_records, bool) or not isinstance(n_records, int) or n_records < 20:
        raise ValueError(f"n_records is a whole number from 20, not {n_records!r}")
    draw = random.Random(seed)
    people = _ward(draw)
    grades = [GRADES.index(person[-1]) for person in people]
    draw.shuffle(grades)
    limits = {
        "limit": draw.randrange(18_000, 30_001, 500),
        "near": draw.randint(3, 8),
        "far": draw.randint(20, 40),
        "often": draw.randint(3, 6),
    }
    scans, _ = fundus_crops(len(people), seed=seed)
    records, advice = purchase_like(n_records, N_QUESTIONS, len(GRADES), seed=seed, prototype_seed=seed)
    # A coin each, not a half of fixed size: there, one record that leaves would bring in another.
    members = np.random.default_rng([2, seed]).random(n_records) < 0.5
    return HealthService(
        tuple(people),
        scans.reshape(len(people), -1),
        np.array(grades, dtype=np.int64),
        _RULE.format(**limits),
        records,
        advice,
        members,
    )


def _ward(draw: random.Random, n: int = 8) -> list[tuple[int, str, str, str]]:
    """Eight patients who meet the conditions above; drawn again until they do."""
    while True:
        n_severe = draw.randint(1, N_UNWELL - 1)
        eyes = ["healthy"] * (n - N_UNWELL) + ["mild"] * (N_UNWELL - n_severe) + ["severe"] * n_severe
        people = [(draw.randint(18, 95), draw.choice("FM"), draw.choice(["no", "yes"]), grade) for grade in eyes]
        women, smokers = (sum(person[column] == value for person in people) for column, value in ((1, "F"), (2, "yes")))
        if 3 <= women <= 5 and 3 <= smokers <= 5:
            return sorted(people)
