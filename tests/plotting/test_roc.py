"""The curve of chances: what is drawn is what was given, from the mark on the left to the corner."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib.plotting import plot_roc

CURVE = ([0.0, 0.001, 0.01, 1.0], [0.0, 0.02, 0.3, 1.0])


@pytest.fixture(autouse=True)
def clean_figures():
    with mpl.rc_context():
        yield
    plt.close("all")


def words(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class Pair:
    fpr, tpr = map(np.array, CURVE)


@pytest.mark.parametrize("curve", [CURVE, Pair()])
def test_the_points_are_drawn_as_stairs_and_zero_lies_below_the_frame(curve):
    ax = plot_roc({"LiRA": curve}, title="Ours")
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xdata(), [1e-5, 0.001, 0.01, 1])
    np.testing.assert_allclose(line.get_ydata(), [1e-5, 0.02, 0.3, 1])
    assert line.get_drawstyle() == "steps-post"
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_title(loc="left")) == ("log", "log", "Ours")
    assert ax.get_xlim() == (1e-4, 1)
    assert legend(ax) == ["LiRA", "chance"]


def test_the_marks_are_where_they_say():
    ax = plot_roc({"a": CURVE}, marks=(0.1, 0.0005), smallest=1e-5)
    assert words(ax) == ["10 %", "0.05 %"]
    assert [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1] == [0.1, 0.0005]
    ax.figure.canvas.draw()
    seen = {label.get_text() for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True) if place <= 1}
    assert {"0.01 %", "0.1 %", "1 %", "10 %", "100 %"} <= seen


def test_chance_is_the_diagonal():
    ax = plot_roc({"a": CURVE})
    chance = next(line for line in ax.lines if line.get_label() == "chance")
    np.testing.assert_array_equal(chance.get_xdata(), chance.get_ydata())


def test_curves_differ_without_colour():
    ax = plot_roc({name: CURVE for name in "abcdefgh"})
    curves = ax.lines[:8]
    dashes = [str(line._dash_pattern) for line in curves]
    assert len(set(zip(dashes, [line.get_color() for line in curves], strict=True))) == 8
    assert all(one != other for one, other in zip(dashes, dashes[1:], strict=False))


def test_what_a_guarantee_rules_out_is_hatched_above_the_bound():
    fpr = np.geomspace(1e-4, 1, 50)
    ax = plot_roc({"a": CURVE}, bound=(fpr, np.minimum(1, 3 * fpr)), bound_label="ε = 1.1")
    assert "ε = 1.1" in legend(ax)
    (area,) = ax.collections
    assert area.get_hatch()
    path = area.get_paths()[0]
    assert path.contains_point((0.01, 0.5))
    assert not path.contains_point((0.01, 0.02))


def test_a_curve_is_added_to_given_axes():
    ax = plt.subplots()[1]
    assert plot_roc({"a": CURVE}, ax=ax) is ax


@pytest.mark.parametrize(
    ("curves", "options", "said"),
    [
        ({}, {}, "0 curves: 1 to 8 are told apart"),
        ({name: CURVE for name in "abcdefghi"}, {}, "9 curves"),
        ({"a": ([0, 1], [0, 1, 1])}, {}, r"a: fpr has shape \(2,\), tpr \(3,\)"),
        ({"a": ([], [])}, {}, "two rows of one length"),
        ({"a": ([0, 1], [0, 1], [2, 1])}, {}, r"a pair \(fpr, tpr\), got 3 parts"),
        ({"a": ([0, 2], [0, 1])}, {}, "a: fpr holds values outside"),
        ({"a": ([0, 1], [np.nan, 1])}, {}, "a: tpr holds values outside"),
        ({"a": ([1, 0], [1, 0])}, {}, "a: fpr does not grow from left to right"),
        ({"a": CURVE}, {"marks": (1,)}, "a mark of 1 is outside .0, 1.; 1 % is written 0.01"),
        ({"a": CURVE}, {"smallest": 0}, "a mark of 0 is outside"),
        ({"a": CURVE}, {"bound": ([0, 1], [1, 0]), "bound_label": "ε"}, "ε: tpr does not grow"),
    ],
)
def test_what_is_no_curve_is_refused(curves, options, said):
    with pytest.raises(ValueError, match=said):
        plot_roc(curves, **options)
