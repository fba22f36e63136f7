"""What the health service publishes: a table, an update, a form with its program, a model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from scipy.special import softmax

from course_lib.capstone.service import GRADES, N_QUESTIONS, HealthService
from course_lib.gradients import Gradient, client_gradient
from course_lib.gradients import mlp as scan_net
from course_lib.membership import ShadowBundle, ShadowPlan, train_shadows
from course_lib.membership import mlp as advice_net
from course_lib.minimisation import Program, program
from course_lib.reconstruction import PublishedTable, Rounding, Schema, tabulate

SCHEMA = Schema(age=range(18, 100), sex=["F", "M"], smoker=["no", "yes"], eyes=list(GRADES))
LAYOUT = [
    ("everybody", {}),
    ("women", {"sex": "F"}),
    ("men", {"sex": "M"}),
    ("smokers", {"smoker": "yes"}),
    ("non-smokers", {"smoker": "no"}),
    ("eyes healthy", {"eyes": "healthy"}),
    ("eyes not healthy", {"eyes": ["mild", "severe"]}),
    ("eyes mild", {"eyes": "mild"}),
    ("eyes severe", {"eyes": "severe"}),
    ("women who smoke", {"sex": "F", "smoker": "yes"}),
    ("women, eyes healthy", {"sex": "F", "eyes": "healthy"}),
    ("smokers, eyes healthy", {"smoker": "yes", "eyes": "healthy"}),
    ("over 65", {"age": range(65, 100)}),
]
FORM = {"income": range(60_001), "distance": range(121), "visits": range(32)}
LAYERS = [3 * 28 * 28, 800, len(GRADES)]
ONE_DECIMAL = Rounding("nearest", Fraction(1, 10))


@dataclass(frozen=True, eq=False)
class Release:
    """What anybody can get from the health service.

    Parameters
    ----------
    table : counts, means and medians of one ward; counts below three are withheld.
    update : the gradient that the eye clinic sends, a mean over the ward's scans.
    form : the program that decides on a travel grant, and the inputs its form asks for.
    answers : (n, 3) float64, the model's posteriors for every citizen's record.

    Examples
    --------
    >>> from course_lib.capstone import health_service, publish
    >>> release = publish(health_service(n_records=400))
    >>> release.table.n, list(release.form.domains), release.answers.shape
    (8, ['income', 'distance', 'visits'], (400, 3))
    """

    table: PublishedTable
    update: Gradient
    form: Program
    answers: np.ndarray


def publish(service: HealthService, seed: int = 0) -> Release:
    """The release of a health service: four functions of what it knows.

    Parameters
    ----------
    service : what there is to publish.
    seed : of the first weights of the clinic's network and of the model that gives advice.

    Returns
    -------
    Release; the same service and seed give the same release.

    Examples
    --------
    >>> from course_lib.capstone import health_service, publish
    >>> publish(health_service(n_records=400)).update.weights[0].shape
    torch.Size([800, 2352])
    """
    table = tabulate(service.people, LAYOUT, SCHEMA, rounding=ONE_DECIMAL)
    net = scan_net(LAYERS, seed=seed)
    scans, grades = map(torch.from_numpy, (service.scans, service.grades))
    update = client_gradient(net, scans, grades)
    form = program(service.rule, FORM)
    town = ShadowPlan(service.members[None])
    adviser = train_advisers(service.records, service.advice, town, seed)
    answers = softmax(adviser.logits[0].astype(float), axis=1)
    return Release(table, update, form, answers)


def train_advisers(X: np.ndarray, y: np.ndarray, plan: ShadowPlan, seed: int = 0) -> ShadowBundle:
    """Models that advise, trained as the service trains its own: linear, five passes, Adam.

    The service says how its model is made, so an attacker trains shadows by the same call.

    Parameters
    ----------
    X : (n, 20) of 0 and 1. y : (n,) int in 0..2.
    plan : which record trains which model.
    seed : of first weights and order.

    Examples
    --------
    >>> from course_lib.capstone import health_service, train_advisers
    >>> from course_lib.membership import ShadowPlan
    >>> service = health_service(n_records=40)
    >>> train_advisers(service.records, service.advice, ShadowPlan.half_sampling(40, 4, 0)).logits.shape
    (4, 40, 3)
    """
    return train_shadows(
        X,
        y,
        plan,
        model=partial(advice_net, N_QUESTIONS, len(GRADES), ()),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        epochs=5,
        batch_size=64,
        seed=seed,
    )
