"""Rounding rules: known values, ties, and the sums behind a published mean, against plain search."""

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reconstruction_oracle import agrees, rounded

from course_lib.reconstruction import Rounding
from course_lib.reconstruction.rounding import KINDS

UNITS = [1, 2, 5, 10, F(1, 2), F(1, 10), F(1, 3)]


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("exact", [F(67, 2), F(97, 2), F(110, 3), F(-5, 2)]),
        ("nearest", [34, 49, 37, -2]),
        ("nearest-ties-down", [33, 48, 37, -3]),
        ("nearest-even", [34, 48, 37, -2]),
        ("down", [33, 48, 36, -3]),
        ("within", [33, 48, 37, -3]),
    ],
)
def test_each_rule_on_ties_and_between(kind, published):
    means = [F(67, 2), F(97, 2), F(110, 3), F(-5, 2)]
    assert [Rounding(kind).publish(mean) for mean in means] == published


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_publish_chooses_the_multiple_that_a_search_chooses(kind, unit):
    for numerator in range(-60, 200, 7):
        for denominator in (1, 2, 3, 4, 7, 20):
            mean = F(numerator, denominator)
            assert Rounding(kind, unit).publish(mean) == rounded(kind, F(unit), mean)


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(
    kind=st.sampled_from(KINDS),
    unit=st.sampled_from(UNITS),
    count=st.integers(1, 9),
    published=st.fractions(-20, 60, max_denominator=12),
    snap=st.booleans(),
)
def test_sums_are_the_whole_numbers_whose_mean_is_published_so(kind, unit, count, published, snap):
    if snap:  # most fractions are no multiple of the unit, and stand for no sum at all
        published = round(published / unit) * F(unit)
    rounding = Rounding(kind, unit)
    reach = int(count * (abs(published) + unit)) + 2
    expected = [s for s in range(-reach, reach + 1) if agrees(rounding, F(s, count), published)]
    assert list(rounding.sums(published, count)) == expected


def test_a_published_mean_is_one_of_those_that_can_be_published():
    assert Rounding("down", 5).can_publish(F(35))
    assert not Rounding("down", 5).can_publish(F(36))
    assert not Rounding("nearest", F(1, 10)).can_publish(F(110, 3))
    assert Rounding("exact", 5).can_publish(F(36)) and Rounding("within", 5).can_publish(F(36))


def test_a_mean_that_is_no_multiple_stands_for_no_sum():
    assert list(Rounding("nearest").sums(F(67, 2), 4)) == []
    assert list(Rounding("exact").sums(F(67, 2), 4)) == [134]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("up",),
            "unknown rounding 'up'; choose one of exact, nearest, nearest-ties-down, nearest-even, down, within",
        ),
        (("nearest", 0), "a rounding unit is an int or a Fraction above 0, not 0"),
        (("nearest", -1), "a rounding unit is an int or a Fraction above 0, not -1"),
        (("nearest", 0.5), "a rounding unit is an int or a Fraction above 0, not 0.5"),
        (("nearest", True), "a rounding unit is an int or a Fraction above 0, not True"),
        (("nearest", "1"), "a rounding unit is an int or a Fraction above 0, not '1'"),
    ],
)
def test_what_is_no_rule_is_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        Rounding(*arguments)
    assert str(error.value) == message
