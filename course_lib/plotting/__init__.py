"""Figures of the course: one look, read without colour, each function returning its axes."""

from course_lib.plotting.charts import plot_counts, plot_curve, plot_grouped_bars
from course_lib.plotting.distributions import plot_histograms, plot_scatter
from course_lib.plotting.lattice import plot_lattice
from course_lib.plotting.patterns import plot_pattern
from course_lib.plotting.pictures import plot_image_grid
from course_lib.plotting.rays import plot_rays
from course_lib.plotting.regions import plot_regions
from course_lib.plotting.roc import plot_roc
from course_lib.plotting.style import PALETTE, use_course_style
from course_lib.plotting.tables import plot_classes, plot_record_table

__all__ = [
    "PALETTE",
    "plot_classes",
    "plot_counts",
    "plot_curve",
    "plot_grouped_bars",
    "plot_histograms",
    "plot_image_grid",
    "plot_lattice",
    "plot_pattern",
    "plot_rays",
    "plot_record_table",
    "plot_roc",
    "plot_scatter",
    "plot_regions",
    "use_course_style",
]
