"""What the picture of rays shows, read back from what was drawn."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib.plotting import plot_rays


@pytest.fixture(autouse=True)
def clean_figures():
    yield
    plt.close("all")


def test_each_group_has_a_line_to_its_farthest_point_and_its_points():
    points = np.array([[1.0, 1], [3, 3], [-1, 2], [-0.5, 1], [4, -4]])
    ax = plot_rays(points, [0, 0, 1, 1, -1], ["a", "b"], others="rest", title="t", xlabel="x", ylabel="y")
    lines = [line.get_xydata().tolist() for line in ax.lines[:2]]
    assert lines == [[[0, 0], [3, 3]], [[0, 0], [-1, 2]]]
    clouds = [cloud.get_offsets().tolist() for cloud in ax.collections]
    assert clouds == [points[:2].tolist(), points[2:4].tolist(), points[4:].tolist()]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "rest"]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) == ("t", "x", "y")


def test_groups_differ_in_their_markers():
    ax = plot_rays(np.eye(8)[:, :2] + 1, range(8), list("abcdefgh"))
    shapes = [cloud.get_paths()[0].vertices.tobytes() for cloud in ax.collections[:8]]
    assert len(set(shapes)) == 8


def test_an_empty_group_is_only_named():
    ax = plot_rays([[1, 2]], [0], ["a", "b"])
    assert len(ax.collections[1].get_offsets()) == 0


@pytest.mark.parametrize(
    ("points", "groups", "names", "words"),
    [
        (np.zeros((0, 2)), [], [], "not 0"),
        ([[1, 2, 3]], [0], ["a"], r"\(n, 2\)"),
        ([[1, 2]], [0, 1], ["a", "b"], "are needed"),
        ([[1, np.nan]], [0], ["a"], "not finite"),
        ([[1, 2]], [1], ["a"], "one each"),
        (np.ones((9, 2)), range(9), list("abcdefghi"), "at most 8"),
    ],
)
def test_bad_input_is_named(points, groups, names, words):
    with pytest.raises(ValueError, match=words):
        plot_rays(points, groups, names)
