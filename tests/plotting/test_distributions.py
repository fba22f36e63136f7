"""Histograms that compare groups of unequal size, and points of which some are marked."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib.plotting import plot_histograms, plot_scatter


@pytest.fixture(autouse=True)
def clean_figures():
    with mpl.rc_context():
        yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_bars_of_each_group_sum_to_one_on_common_bins():
    ax = plot_histograms({"in": [0.0, 1.0, 1.0, 4.0], "out": [2.0] * 100}, bins=4, xlabel="score")
    first, second = (patch.get_data() for patch in ax.patches)
    np.testing.assert_array_equal(first.edges, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(second.edges, first.edges)
    np.testing.assert_allclose(first.values, [0.25, 0.5, 0, 0.25])
    np.testing.assert_allclose(second.values, [0, 0, 1, 0])
    assert legend(ax) == ["in", "out"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("score", "share of records")


def test_groups_differ_without_colour():
    ax = plot_histograms({name: [1.0, 2.0] for name in "abcd"})
    assert ax.patches[0].get_fill()
    assert not any(patch.get_fill() for patch in ax.patches[1:])
    assert len({str(patch.get_linestyle()) for patch in ax.patches}) == 4


@pytest.mark.parametrize(
    ("groups", "bins", "said"),
    [
        ({}, 5, "0 groups in 5 bins"),
        ({name: [1.0] for name in "abcde"}, 5, "5 groups in 5 bins: 1 to 4 groups"),
        ({"a": [1.0]}, 0, "1 groups in 0 bins"),
        ({"a": []}, 5, "a: 0 values"),
        ({"a": [1.0, np.nan]}, 5, "a: 2 values, of which 1 are finite"),
    ],
)
def test_what_is_no_group_is_refused(groups, bins, said):
    with pytest.raises(ValueError, match=said):
        plot_histograms(groups, bins)


def test_marked_points_stand_apart():
    ax = plot_scatter([0, 1, 2], [5, 6, 7], [False, True, False], "canary", "record", title="Risk")
    others, marked = ax.collections
    np.testing.assert_array_equal(marked.get_offsets(), [[1, 6]])
    np.testing.assert_array_equal(others.get_offsets(), [[0, 5], [2, 7]])
    assert legend(ax) == ["record", "canary"]
    assert len(marked.get_paths()[0].vertices) != len(others.get_paths()[0].vertices)  # another shape


def test_nothing_marked_is_one_cloud_without_a_legend():
    ax = plot_scatter([0, 1], [1, 0])
    assert len(ax.collections) == 1
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([], []), r"x \(0,\)"),
        (([1], [1, 2]), "rows of one length"),
        (([1], [1], [True, False]), r"marks \(2,\)"),
        (([1], [np.inf]), "NaN or infinity"),
    ],
)
def test_what_is_no_point_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        plot_scatter(*arguments)
