"""What a map of kinds shows, read back from what was drawn."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_lib.plotting import plot_regions
from course_lib.plotting.regions import _SHADES


@pytest.fixture(autouse=True)
def clean_figures():
    yield
    plt.close("all")


def test_every_cell_has_its_shade_and_its_letter():
    kinds = np.random.default_rng(0).integers(0, 4, (3, 5))
    ax = plot_regions(kinds, ["p", "q", "r", "s"], range(5), "xyz", title="t", xlabel="bias", ylabel="pictures")
    assert (np.asarray(ax.images[0].get_array()) == kinds).all()
    assert [text.get_text() for text in ax.texts] == ["abcd"[kind] for kind in kinds.flat]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a: p", "b: q", "c: r", "d: s"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y", "z"]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) == ("t", "bias", "pictures")


def test_the_shades_stay_apart_in_grey_and_letters_are_read_on_them():
    grey = [float(np.dot([0.299, 0.587, 0.114], to_rgb(shade))) for shade in _SHADES]
    assert all(a > b + 0.1 for a, b in zip(grey, grey[1:], strict=False))
    ax = plot_regions([[0, 1, 2, 3]], ["p", "q", "r", "s"], range(4), ["x"])
    for text, shade in zip(ax.texts, grey, strict=True):
        letter = float(np.dot([0.299, 0.587, 0.114], to_rgb(text.get_color())))
        assert abs(letter - shade) > 0.4


def test_given_axes_are_drawn_on():
    given = plt.subplots()[1]
    assert plot_regions([[0]], ["p"], [1], [1], ax=given) is given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], ["p", "q"], [1, 2], [1]), r"shape \(2,\)"),
        (([[0, 1]], ["p", "q"], [1], [1]), "1 rows and 1 columns"),
        (([[0, 2]], ["p", "q"], [1, 2], [1]), "2 names"),
        (([[0, -1]], ["p", "q"], [1, 2], [1]), "2 names"),
        (([[0]], list("pqrst"), [1], [1]), "1 to 4"),
    ],
)
def test_what_is_no_map_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_regions(*arguments)
