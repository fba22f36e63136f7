"""What the pictures of tables of yes and no show, read back from what was drawn."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_lib.plotting import plot_pattern
from course_lib.plotting.patterns import _STATES


@pytest.fixture(autouse=True)
def clean_figures():
    yield
    plt.close("all")


def test_every_cell_has_its_state():
    pattern = np.random.default_rng(0).random((7, 11)) < 0.4
    marked = pattern.sum(0) == 1
    ax = plot_pattern(pattern, marked, labels=("active", "alone"), title="t", xlabel="neuron", ylabel="picture")
    drawn = np.asarray(ax.images[0].get_array())
    assert ((drawn > 0) == pattern).all() and ((drawn == 2) == (pattern & marked)).all()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["active", "alone"]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) == ("t", "neuron", "picture")


def test_single_cells_can_be_marked():
    ax = plot_pattern([[1, 1], [0, 1]], marked=[[True, False], [True, False]])
    assert np.asarray(ax.images[0].get_array()).tolist() == [[2, 1], [0, 1]]


def test_without_marks_there_is_one_kind_of_yes():
    ax = plot_pattern([[1, 0], [1, 1]])
    assert np.asarray(ax.images[0].get_array()).tolist() == [[1, 0], [1, 1]]
    assert len(ax.get_legend().get_texts()) == 1


def test_the_states_stay_apart_in_grey():
    grey = [float(np.dot([0.299, 0.587, 0.114], to_rgb(colour))) for colour in _STATES]
    assert grey[0] > grey[1] + 0.2 and grey[1] > grey[2] + 0.2


def test_given_axes_are_drawn_on():
    given = plt.subplots()[1]
    assert plot_pattern([[True]], ax=given) is given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([True, False],), r"shape \(2,\)"),
        ((np.zeros((0, 3)),), "neither 0"),
        (([[True, False]], [True]), "1 marks for 2 columns"),
        (([[True, False]], [[True]]), "1 marks for 2 columns"),
    ],
)
def test_what_is_no_table_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_pattern(*arguments)
