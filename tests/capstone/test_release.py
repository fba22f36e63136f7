"""The health service and its release: another seed is another service, and the release is of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.capstone import health_service, publish, train_advisers
from course_lib.capstone.release import LAYOUT, SCHEMA
from course_lib.gradients import match_reconstruction, reconstruct_batch
from course_lib.membership import ShadowPlan
from course_lib.reconstruction import Database, Statistic, violations

SMALL = 4000


@pytest.fixture(scope="module")
def service():
    return health_service(seed=1, n_records=SMALL)


@pytest.fixture(scope="module")
def release(service):
    return publish(service)


def test_a_seed_gives_one_service(service):
    again = health_service(seed=1, n_records=SMALL)
    assert again.people == service.people and again.rule == service.rule
    assert np.array_equal(again.scans, service.scans) and np.array_equal(again.members, service.members)


def test_another_seed_gives_other_people_scans_rules_and_records(service):
    other = health_service(seed=2, n_records=SMALL)
    assert other.people != service.people and other.rule != service.rule
    assert not np.array_equal(other.scans, service.scans)
    assert not np.array_equal(other.records, service.records)


def test_the_ward_is_as_described():
    for seed in range(30):
        service = health_service(seed, n_records=40)
        eyes = [person[3] for person in service.people]
        assert len(eyes) == 8 and eyes.count("healthy") == 5 and {"mild", "severe"} <= set(eyes), seed
        assert 3 <= sum(person[1] == "F" for person in service.people) <= 5, seed
        assert 3 <= sum(person[2] == "yes" for person in service.people) <= 5, seed
        grades = np.bincount(service.grades, minlength=3).tolist()
        assert grades == [eyes.count(name) for name in ("healthy", "mild", "severe")], seed
        assert list(service.people) == sorted(service.people), seed


def test_about_half_of_the_records_are_members(service):
    assert abs(service.members.mean() - 0.5) < 4 * 0.5 / SMALL**0.5  # four deviations of a coin
    assert service.records.shape == (SMALL, 20)


@pytest.mark.parametrize("n", [19, 0, -2, 40.0, True])
def test_too_few_records_are_refused(n):
    with pytest.raises(ValueError, match="n_records is a whole number from 20"):
        health_service(n_records=n)


def test_the_table_is_true_and_withholds_the_grades(service, release):
    by_name = {row.name: row for row in release.table.statistics}
    assert by_name["eyes mild"].suppressed and by_name["eyes severe"].suppressed
    assert by_name["eyes not healthy"].count == 3
    assert violations(release.table, Database(SCHEMA, service.people)) == ()
    assert [name for name, _ in LAYOUT] == list(by_name)


def test_a_false_row_would_be_seen(service, release):
    false = Statistic("women", {"sex": "F"}, count=8)
    table = replace(release.table, statistics=[release.table.statistics[0], false])
    assert violations(table, Database(SCHEMA, service.people)) != ()


def test_the_update_is_the_mean_over_the_wards_scans(service, release):
    found = reconstruct_batch(release.update, levels=256)
    scans, grades = torch.from_numpy(service.scans), torch.from_numpy(service.grades)
    assert found.complete and match_reconstruction(scans, grades, found).label_correct.all()


def test_the_update_of_another_service_gives_none_of_these_scans(service):
    other = reconstruct_batch(publish(health_service(seed=2, n_records=40)).update, levels=256)
    scans = torch.from_numpy(service.scans)
    assert len(other) and not any(torch.equal(row, scan) for row in other.inputs for scan in scans)


def test_the_program_is_the_printed_rule(service, release):
    namespace = dict(income=0, distance=120, visits=31)
    assert release.form.run(**namespace) == 90
    assert release.form.run(**{**namespace, "visits": 0}) == 0
    assert release.form.run(**{**namespace, "income": 60_000}) == 0
    assert "def travel_grant(income, distance, visits):" in service.rule


def test_the_answers_are_posteriors_of_a_model_that_learnt(service, release):
    assert release.answers.shape == (SMALL, 3)
    assert np.allclose(release.answers.sum(axis=1), 1) and release.answers.min() >= 0
    commonest = np.bincount(service.advice).max() / SMALL
    assert (release.answers.argmax(axis=1) == service.advice).mean() > commonest + 0.1


def test_the_answers_are_those_of_a_model_trained_as_published(service, release):
    plan = ShadowPlan(service.members[None])
    logits = torch.from_numpy(train_advisers(service.records, service.advice, plan).logits[0])
    assert np.allclose(logits.double().softmax(1).numpy(), release.answers)
