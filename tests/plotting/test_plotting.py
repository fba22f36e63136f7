"""What the figures show, read back from what was drawn."""

import itertools

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import Rectangle

from course_lib.plotting import (
    PALETTE,
    plot_classes,
    plot_counts,
    plot_curve,
    plot_grouped_bars,
    plot_image_grid,
    plot_lattice,
    plot_record_table,
    tables,
    use_course_style,
)

TRUTH = pd.DataFrame({"age": [8, 18], "smoker": [False, True]})


@pytest.fixture(autouse=True)
def clean_figures():
    with mpl.rc_context():
        yield
    plt.close("all")


def words(ax):
    return [text.get_text() for text in ax.texts]


def cells(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def luminance(colour):
    """Relative luminance of WCAG 2, in [0, 1]."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Records ---------------------------------------------------------------------------------------


def test_a_table_shows_each_value_in_its_place():
    ax = plot_record_table(TRUTH, title="Two people")
    assert words(ax) == ["8", "False", "18", "True"]
    assert [cell.get_xy() for cell in cells(ax)] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["age", "smoker"]
    assert ax.get_title(loc="left") == "Two people"
    assert ax.get_legend() is None


def test_the_three_states_are_told_apart_by_fill_hatch_and_words():
    guess = pd.DataFrame({"age": [9, 18], "smoker": [False, True]})
    ax = plot_record_table(guess, certain=[[True, True], [False, True]], truth=TRUTH)
    assert words(ax) == ["9, not 8", "False", "18 ?", "True"]
    wrong, certain, unsure, _ = cells(ax)
    assert unsure.get_hatch() and not wrong.get_hatch() and not certain.get_hatch()
    assert luminance(wrong.get_facecolor()) < 0.2 < luminance(certain.get_facecolor())
    assert legend(ax) == ["certain", "not certain", "wrong"]


def test_missing_values_are_not_certain():
    frame = pd.DataFrame({"age": pd.array([8, pd.NA], dtype="Int64"), "sex": ["F", None]})
    ax = plot_record_table(frame)
    assert words(ax) == ["8", "F", "?", "?"]
    assert legend(ax) == ["certain", "not certain"]


def test_a_missing_value_is_never_wrong_nor_certain():
    frame = pd.DataFrame({"age": pd.array([pd.NA, 18], dtype="Int64"), "smoker": [False, True]})
    ax = plot_record_table(frame, certain=np.ones((2, 2)), truth=TRUTH)
    assert words(ax) == ["?", "False", "18", "True"]


def test_truth_may_order_its_columns_and_index_otherwise():
    ax = plot_record_table(TRUTH, truth=TRUTH[["smoker", "age"]].set_axis(["a", "b"]))
    assert words(ax) == ["8", "False", "18", "True"]
    assert ax.get_legend() is None


def test_the_legend_takes_other_words():
    ax = plot_record_table(TRUTH, certain=np.ones((2, 2)), labels={"certain": "in every database"})
    assert legend(ax) == ["in every database"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"certain": [[True, True]]}, r"certain has shape \(1, 2\), the records \(2, 2\)"),
        ({"truth": TRUTH.iloc[:1]}, "truth has 1 records"),
        ({"truth": TRUTH.rename(columns={"age": "years"})}, "years"),
        ({"labels": {"sure": "x"}}, r"unknown states \['sure'\]"),
    ],
)
def test_a_table_that_does_not_match_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_record_table(TRUTH, **arguments)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="no records"):
        plot_record_table(TRUTH.iloc[:0])


# Counts ----------------------------------------------------------------------------------------


def test_bars_end_at_their_counts_and_carry_them():
    ax = plot_counts(["a", "b", "c"], [1, 26, 11018], title="t", xlabel="x", ylabel="y")
    assert [round(bar.get_y() + bar.get_height(), 6) for bar in cells(ax)] == [1, 26, 11018]
    assert words(ax) == ["1", "26", "11,018"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("x", "y", "t")


def test_a_bar_of_one_is_seen_and_a_bar_of_none_is_not():
    none, one = cells(plot_counts(["none", "one"], [0, 1]))
    assert none.get_height() == 0
    assert one.get_height() > 0


def test_every_label_stands_inside_the_axes():
    for values in ([1], [0, 0], [1, 11018], [10**6, 10**12]):
        for log in (True, False):
            ax = plot_counts(range(len(values)), values, log=log)
            ax.figure.canvas.draw()
            top = ax.get_window_extent().y1
            assert all(text.get_window_extent().y1 <= top for text in ax.texts), (values, log)


def test_a_lower_bound_says_so():
    ax = plot_counts(["1", "5"], [9, 500], at_least=[False, True])
    assert words(ax) == ["9", "≥ 500"]
    assert [bool(bar.get_hatch()) for bar in cells(ax)] == [False, True]


def test_steps_follow_the_counts():
    ax = plot_counts(["1", "2", "3"], [142, 26, 1], steps=True)
    (stair,) = ax.patches
    assert stair.get_data().values.tolist() == [142, 26, 1]


def test_a_linear_axis_starts_at_nought():
    ax = plot_counts(["a", "b"], [3, 4], log=False)
    assert ax.get_yscale() == "linear" and ax.get_ylim()[0] == 0
    assert [bar.get_height() for bar in cells(ax)] == [3, 4]


@pytest.mark.parametrize(
    "labels, counts, marks, message",
    [
        (["a"], [1, 2], None, "1 labels, 2 counts"),
        (["a"], [1], [True, False], "2 marks"),
        ([], [], None, "no counts"),
        (["a"], [-1], None, "from 0 up"),
        (["a"], [float("nan")], None, "from 0 up"),
        (["a"], [float("inf")], None, "from 0 up"),
    ],
)
def test_counts_that_cannot_be_drawn_are_refused(labels, counts, marks, message):
    with pytest.raises(ValueError, match=message):
        plot_counts(labels, counts, at_least=marks)


# Curves ----------------------------------------------------------------------------------------


def test_a_curve_passes_through_its_points_inside_its_range():
    ax = plot_curve([1, 2], [0.2, 0.5], [0.1, 0.4], [0.3, 0.6], label="recovered", xlabel="ε")
    assert ax.lines[0].get_xydata().tolist() == [[1, 0.2], [2, 0.5]]
    (band,) = ax.collections
    assert {(1, 0.1), (1, 0.3), (2, 0.4), (2, 0.6)} <= set(map(tuple, band.get_paths()[0].vertices))
    assert legend(ax) == ["recovered"]
    assert ax.get_xlabel() == "ε"


def test_curves_on_one_axes_differ_in_colour_line_and_marker():
    ax = None
    for name in "abc":
        ax = plot_curve([1, 2], [1, 2], label=name, ax=ax)
    assert legend(ax) == ["a", "b", "c"]
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert len({getattr(line, look)() for line in ax.lines}) == 3, look


def test_a_logarithmic_curve_names_the_measured_points():
    ax = plot_curve([1, 2, 4, 16], [1, 10, 100, 1000], log_x=True, log_y=True)
    ax.figure.canvas.draw()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4", "16"]
    assert "1,000" in [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"x": [1], "y": [1, 2]}, r"x \(1,\), y \(2,\)"),
        ({"x": [1, 2], "y": [1, 2], "low": [1, 2]}, "both ends"),
        ({"x": [1, 2], "y": [1, 2], "low": [0, 3], "high": [1, 2]}, "upside down at x = 2"),
        ({"x": [0, 2], "y": [1, 2], "log_x": True}, "x holds 0"),
        ({"x": [1, 2], "y": [1, -2], "log_y": True}, "y holds -2"),
        ({"x": [[1, 2]], "y": [[1, 2]]}, "one length"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_curve(**arguments)


# Pictures --------------------------------------------------------------------------------------


def test_a_grid_shows_each_picture_as_it_is():
    pictures = np.random.default_rng(0).random((5, 4, 6))
    axes = plot_image_grid(pictures, titles=list("abcde"), columns=3, title="five")
    assert len(axes) == 5 and len(axes[0].figure.axes) == 6
    for ax, picture in zip(axes, pictures, strict=True):
        assert np.array_equal(ax.images[0].get_array(), picture)
        assert ax.images[0].get_clim() == (0, 1)  # no stretching: a pale picture stays pale
    assert axes[0].figure.get_suptitle() == "five"


def test_a_grid_takes_colour():
    axes = plot_image_grid(np.ones((2, 4, 4, 3)))
    assert axes[1].images[0].get_array().shape == (4, 4, 3)


@pytest.mark.parametrize(
    "images, titles, message",
    [
        (np.zeros((4, 4)), None, r"shape \(4, 4\)"),
        (np.zeros((2, 3, 4, 4)), None, r"shape \(2, 3, 4, 4\)"),
        (np.zeros((0, 4, 4)), None, r"shape \(0, 4, 4\)"),
        (np.full((1, 4, 4), 255), None, "255 to 255"),
        (np.full((1, 4, 4), np.nan), None, "0 to 1"),
        (np.zeros((2, 4, 4)), ["a"], "1 titles for 2"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused(images, titles, message):
    with pytest.raises(ValueError, match=message):
        plot_image_grid(images, titles)


# Groups of bars --------------------------------------------------------------------------------


def test_bars_stand_side_by_side_with_their_values():
    ax = plot_grouped_bars(["OR", "add"], {"before": [2, 9.91], "after": [0.811, 5.666]}, title="Bits")
    assert words(ax) == ["2.00", "9.91", "0.81", "5.67"]
    before, after = ax.containers
    assert [bar.get_height() for bar in before] == [2, 9.91]
    assert all(a.get_x() + a.get_width() <= b.get_x() for a, b in zip(before, after, strict=True))
    assert legend(ax) == ["before", "after"]
    assert after[0].get_hatch() != before[0].get_hatch()


def test_one_series_needs_no_legend_and_zero_is_drawn():
    ax = plot_grouped_bars(["a", "b"], {"only": [0, 0]}, decimals=0)
    assert ax.get_legend() is None and words(ax) == ["0", "0"]


@pytest.mark.parametrize(
    "groups, series, message",
    [
        ([], {"a": []}, "0 groups"),
        (["x"], {}, "0 series"),
        (["x"], dict.fromkeys("abcde", [1]), "5 series"),
        (["x", "y"], {"a": [1]}, r"shape \(1,\)"),
        (["x"], {"a": [-1]}, "from 0 up"),
        (["x"], {"a": [float("nan")]}, "from 0 up"),
    ],
)
def test_bars_that_cannot_be_drawn_are_refused(groups, series, message):
    with pytest.raises(ValueError, match=message):
        plot_grouped_bars(groups, series)


# Orders ----------------------------------------------------------------------------------------


def divides(numbers):
    return [(str(a), str(b)) for a in numbers for b in numbers if b % a == 0]


def test_an_order_is_drawn_without_the_lines_that_follow_from_others():
    numbers = [1, 2, 3, 4, 12]
    ax = plot_lattice([str(n) for n in numbers], divides(numbers))
    place = {text.get_text(): text.get_position() for text in ax.texts}
    joined = {tuple(sorted(tuple(map(float, end)) for end in line.get_xydata())) for line in ax.lines}
    expected = [("1", "2"), ("1", "3"), ("2", "4"), ("3", "12"), ("4", "12")]
    assert joined == {tuple(sorted((place[a], place[b]))) for a, b in expected}
    assert [place[name][1] for name in ("1", "2", "3", "4", "12")] == [0, 1, 1, 2, 3]


def test_equivalent_names_share_a_box():
    ax = plot_lattice(["f", "g", "h"], [("f", "g"), ("g", "f"), ("f", "h"), ("g", "h")])
    assert words(ax) == ["f ≡ g", "h"] and len(ax.lines) == 1


def test_names_without_an_order_stand_side_by_side():
    ax = plot_lattice(["f", "g"], [], title="Incomparable")
    assert len(ax.lines) == 0
    (x, level), (y, other) = (text.get_position() for text in ax.texts)
    assert level == other and x != y


@pytest.mark.parametrize(
    "names, pairs, message",
    [
        ([], [], "each once"),
        (["f", "f"], [], "each once"),
        (["f"], [("f", "g")], "g"),
        (["a", "b", "c"], [("a", "b"), ("b", "c")], "not transitive"),
    ],
)
def test_what_is_no_order_is_refused(names, pairs, message):
    with pytest.raises(ValueError, match=message):
        plot_lattice(names, pairs)


# Style -----------------------------------------------------------------------------------------


def test_figures_are_opaque_white_with_and_without_the_style_switched_on():
    for switch in (lambda: None, use_course_style):
        switch()
        ax = plot_counts(["a"], [1])
        assert to_rgba(ax.figure.get_facecolor()) == (1, 1, 1, 1)
        assert to_rgba(ax.get_facecolor()) == (1, 1, 1, 1)
    assert mpl.rcParams["savefig.transparent"] is False


def test_drawing_leaves_the_settings_of_the_reader_alone():
    before = dict(mpl.rcParams)
    plot_curve([1, 2], [1, 2])
    assert dict(mpl.rcParams) == before


def cycle():
    use_course_style()
    return mpl.rcParams["axes.prop_cycle"].by_key()


def test_the_cycle_is_the_palette():
    assert set("#" + c.lstrip("#") for c in cycle()["color"]) == set(PALETTE.values()) - {PALETTE["ink"]}


def test_every_colour_stands_out_on_white():
    for name, colour in PALETTE.items():
        assert contrast(colour, "white") >= 3, name


def test_words_in_cells_can_be_read():
    for state, (fill, ink, _, _) in tables._CELLS.items():
        assert contrast(fill, ink) >= 4.5, state


# Maps of classes ----------------------------------------------------------------------------


def segments(ax):
    return sorted(tuple(map(tuple, segment.tolist())) for segment in ax.collections[0].get_segments())


def test_a_map_shows_each_output_and_a_line_where_it_changes():
    ax = plot_classes([["no", "yes"], ["yes", "yes"]], row_labels=["F", "T"], column_labels=["F", "T"], title="OR")
    assert words(ax) == ["no", "yes", "yes", "yes"]
    fills = [to_rgb(cell.get_facecolor()) for cell in cells(ax)[:4]]
    assert fills[0] != fills[1] == fills[2] == fills[3]
    assert segments(ax) == [((0, 1), (1, 1)), ((1, 0), (1, 1))]
    assert ax.get_title(loc="left") == "OR"


def test_classes_that_are_finer_than_the_outputs_have_lines_of_their_own():
    outputs = [[0, 0], [0, 1]]
    assert len(segments(plot_classes(outputs, [[0, 1], [2, 3]]))) == 4
    assert segments(plot_classes(outputs, [["a", "b"], ["a", "b"]])) == [((1, 0), (1, 1)), ((1, 1), (1, 2))]
    assert segments(plot_classes([[7]])) == []


def test_a_large_map_has_shades_and_no_words():
    ax = plot_classes([[x + y for x in range(31)] for y in range(31)])
    assert words(ax) == [] and len(cells(ax)) == 31 * 31 + 1
    assert all(contrast(cell.get_facecolor()[:3], PALETTE["ink"]) >= 4.5 for cell in cells(ax)[:-1])


def test_words_on_the_shades_of_a_map_can_be_read():
    assert min(contrast(shade, PALETTE["ink"]) for shade in tables._SHADES) >= 4.5


@pytest.mark.parametrize(
    ("arguments", "words_of_error"),
    [
        (([],), "outputs must be a table"),
        (([[1, 2], [3]],), "rows of one length"),
        (([[1, 2]], [[1], [2]]), "classes must have 1 rows of 2"),
        (([[1, 2]], None, ["a", "b"]), "2 row labels for 1 rows"),
        (([[1, 2]], None, None, ["a"]), "1 column labels for 2 columns"),
    ],
)
def test_a_map_refuses_what_is_no_table(arguments, words_of_error):
    with pytest.raises(ValueError, match=words_of_error):
        plot_classes(*arguments)


# How colours look to those who lack one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
LACKING = {
    "red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("cone", LACKING)
def test_the_first_four_colours_stay_apart_without_one_cone(cone):
    colours = ["#" + c.lstrip("#") for c in cycle()["color"][:4]]
    seen = [np.clip(np.array(LACKING[cone]) @ to_rgb(colour), 0, 1) for colour in colours]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 0.2, (one, other)


def test_the_first_two_colours_stay_apart_in_grey():
    first, second = cycle()["color"][:2]
    assert contrast("#" + first.lstrip("#"), "#" + second.lstrip("#")) > 2.5
