"""Checks for the exercises of chapter 15, *Auditing a release*."""

from __future__ import annotations

import random
from functools import cache
from math import comb, log
from typing import Any

import torch

from course_lib.capstone import Release, health_service, publish
from course_lib.capstone.release import LAYERS
from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.gradients import Gradient, add_noise, client_gradient, mlp
from course_lib.minimisation import Minimiser, Program, best_distributed
from course_lib.reconstruction import PublishedTable, certain_cells, tabulate

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

THRESHOLDS = (3, 4, 5, 6)
CERTAIN_AT_MOST = 8
N_PATIENTS = 8


def withheld(seed: int = 0) -> tuple[int, int, int]:
    """How many patients are unwell, how many of them severe, and the threshold below which counts are withheld.

    >>> withheld()
    (4, 1, 4)
    """
    if seed == 0:
        return 4, 1, 4
    draw = random.Random(seed)
    unwell = draw.randint(5, 7)
    threshold = draw.randint(unwell - 1, unwell)
    return unwell, draw.randint(unwell - threshold + 1, 2), threshold


@check("two whole numbers: ways before, and ways after")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """In how many ways grades can be given to the unwell, before and after the severe ones are counted.

    >>> exercise_1((16, 4)).state
    'wrong'
    """
    before, after = (as_whole_number(number) for number in as_numbers(answer, count=2))
    unwell, severe, threshold = withheld(seed)
    splits = [k for k in range(unwell + 1) if max(k, unwell - k) < threshold]
    right_before, right_after = sum(comb(unwell, k) for k in splits), comb(unwell, severe)
    if (before, after) == (right_before, right_after):
        return right("The second publication never mentions the table.")
    if (before, after) == (right_after, right_before):
        return wrong("both numbers are there, in the other order.")
    if before == 2**unwell:
        return wrong("before: you let every count happen. Both are withheld; what does a mark say about a count?")
    if before == len(splits):
        return wrong("before: you counted how many may be severe. Count the ways to say who is.")
    if before == right_before:
        return wrong("before is right. After, the number of severe patients is known, and not who they are.")
    if after == right_after:
        return wrong("after is right. Before, go through the numbers of severe patients that both marks allow.")
    return wrong("take one number of severe patients at a time: in how many ways can they be chosen?")


def noisy_update(seed: int = 0) -> Gradient:
    """The update of another clinic, with noise of three hundredths of its largest entry.

    >>> noisy_update().weight_grads[0].shape
    torch.Size([800, 2352])
    """
    return _another_clinic(seed)[0]


@cache
def _another_clinic(seed: int) -> tuple[Gradient, tuple[int, ...]]:
    draw = torch.Generator().manual_seed(seed)
    grades = torch.randint(3, (N_PATIENTS,), generator=draw)
    net = mlp(LAYERS, seed=100 + seed)
    update = client_gradient(net, torch.rand(N_PATIENTS, LAYERS[0], generator=draw) * 0.6 + 0.2, grades)
    top = max(grad.abs().max().item() for grad in update.weight_grads)
    return add_noise(update, 0.03 * top, seed=seed), tuple(grades.bincount(minlength=3).tolist())


@check("a function of an update and a number of patients that returns three counts")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """How many of eight patients have each grade, read from a noisy update.

    >>> exercise_2(lambda update, n: (3, 3, 2)).state
    'wrong'
    """
    for clinic in (seed, seed + 1, seed + 2):
        update, truth = _another_clinic(clinic)
        counts = as_numbers(call(answer, update, N_PATIENTS), count=3)
        problem = _counts_problem(counts, truth)
        if problem:
            return wrong(problem)
    return right("No scan is needed for it, and no noise that leaves the update of use hides it.")


def _counts_problem(counts: tuple[float, ...], truth: tuple[int, ...]) -> str:
    """What is wrong with three counts; an empty text if nothing is."""
    if counts == truth:
        return ""
    if any(count != round(count) for count in counts):
        return "these are no whole numbers yet: round them."
    if sum(counts) != N_PATIENTS:
        if all(-count == real for count, real in zip(counts, truth, strict=True)):
            return "the sign: a label pulls its entry of the gradient down."
        return f"these counts do not add up to the {N_PATIENTS} patients."
    return "on one of three updates a count is off. Which p did you take, and of how many patients is g a mean?"


@cache
def form_and_minimiser(seed: int = 0) -> tuple[Program, Minimiser]:
    """The travel-grant program of a service, and its best distributed minimiser.

    >>> list(form_and_minimiser()[0].domains)
    ['income', 'distance', 'visits']
    """
    form = publish(health_service(seed, n_records=40)).form
    return form, best_distributed(form)


@check("two applicants, each (income, distance, visits)")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """Two applicants with one grant whom the minimised form tells apart.

    >>> exercise_3([(0, 0, 0), (0, 0, 0)])
    Wrong: the form sends the same for both: nobody can tell them apart.
    """
    form, minimiser = form_and_minimiser(seed)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unreadable
    pair = []
    for applicant in answer:
        values = tuple(as_whole_number(value) for value in as_numbers(applicant, count=3))
        for (name, domain), value in zip(form.domains.items(), values, strict=True):
            if value not in domain.values():
                return wrong(f"{name} {value} lies outside what the form takes.")
        pair.append(values)
    first, second = (form.run(**dict(zip(form.domains, values, strict=True))) for values in pair)
    if minimiser(pair[0]) == minimiser(pair[1]):
        return wrong("the form sends the same for both: nobody can tell them apart.")
    if first != second:
        return wrong("their grants differ, and the office is owed the grant. Find two with one grant.")
    return right("A hidden question about these two is answered by what the office was never owed.")


@cache
def ward(seed: int = 0) -> Release:
    """The release whose table exercise 4 defends: seed 0 is that of the chapter.

    >>> ward().table.n
    8
    """
    return publish(health_service(_ward_seed(seed), n_records=40))


def _ward_seed(seed: int) -> int:
    return 1 if seed == 0 else seed  # the chapter's ward is seed 1


def withholding(threshold: int, seed: int = 0) -> PublishedTable:
    """The ward's table with all counts below a threshold withheld.

    >>> withholding(3) == ward().table
    True
    """
    table = ward(seed).table
    layout = [(row.name, row.where) for row in table.statistics]
    people = health_service(_ward_seed(seed), n_records=40).people
    return tabulate(people, layout, table.schema, rounding=table.rounding, suppression_threshold=threshold)


@cache
def _n_certain(threshold: int, seed: int) -> int:
    return int(certain_cells(withholding(threshold, seed)).notna().sum().sum())


@check("one threshold of the sweep")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """The smallest threshold for withheld counts at which at most a quarter of the cells is certain.

    >>> exercise_4(30)
    Wrong: that is none of the thresholds of the sweep.
    """
    threshold = as_whole_number(answer)
    if threshold not in THRESHOLDS:
        return wrong("that is none of the thresholds of the sweep.")
    if _n_certain(threshold, seed) > CERTAIN_AT_MOST:
        return wrong("more than a quarter of the cells is certain there.")
    # A higher threshold allows every database that a lower one does, so one step down decides.
    if threshold > THRESHOLDS[0] and _n_certain(threshold - 1, seed) <= CERTAIN_AT_MOST:
        return wrong("that protects the ward, and a smaller threshold does too. Take the one that costs least.")
    return right("Now count the rows that are still printed.")


def rate_to_exclude(seed: int = 0) -> float:
    """The share of members found that exercise 5 wants to exclude.

    >>> rate_to_exclude()
    0.001
    """
    return 0.001 if seed == 0 else random.Random(seed).choice([0.002, 0.005, 0.01, 0.02])


@check("a whole number of members")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """How many members must go unfound before a rate is excluded at 95 %.

    >>> exercise_5(1000)
    Wrong: with so many you expect to see one. How often do you see none all the same?
    """
    n, rate = as_whole_number(answer), rate_to_exclude(seed)
    # (1 - rate)^n <= 5 %, and the rule of three, n = 3 / rate, is as good an answer.
    least = log(0.05) / log(1 - rate)
    if 0.98 * least <= n <= 1.02 * 3 / rate:
        return right("Three over the rate: the rule of three.")
    if abs(n - 1 / rate) <= 1:
        return wrong("with so many you expect to see one. How often do you see none all the same?")
    if abs(n * rate - 0.05) < 0.006 or abs(n * rate + log(0.95)) < 0.006:
        return wrong("that is where none is seen in 95 of 100 trials. You want it to happen in 5.")
    return wrong("write down the probability that none of n is found, and ask when it falls to one in twenty.")
