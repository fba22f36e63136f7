"""Pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_lib.plotting.style import course_style


def plot_image_grid(
    images,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    title: str = "",
    size: float = 1.3,
) -> np.ndarray:
    """Pictures side by side, one axes each.

    Parameters
    ----------
    images : (n, height, width) grey or (n, height, width, 3) colour, values in [0, 1].
    titles : (n,) words above the pictures.
    columns : pictures a row; all in one row up to 8, else 8.
    title : words above the grid.
    size : side of a picture in inches.

    Returns
    -------
    (n,) array of axes, in the order of the pictures.

    Raises
    ------
    ValueError
        if there is no picture, the shape is another, a value lies outside [0, 1], or the
        number of titles differs.

    Examples
    --------
    >>> axes = plot_image_grid(np.zeros((3, 4, 4)), titles=["a", "b", "c"], columns=2)
    >>> [ax.get_title() for ax in axes]
    ['a', 'b', 'c']
    >>> plt.close(axes[0].figure)
    """
    pictures = np.asarray(images, dtype=float)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[-1] != 3) or not len(pictures):
        raise ValueError(
            f"pictures of shape {pictures.shape}; (n, height, width) or (n, height, width, 3) is needed"
        )
    if not ((pictures >= 0) & (pictures <= 1)).all():  # NaN fails this too
        raise ValueError(f"values from {pictures.min():g} to {pictures.max():g}; a picture holds 0 to 1")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"{len(titles)} titles for {len(pictures)} pictures")
    columns = min(len(pictures), columns or 8)
    rows = -(-len(pictures) // columns)
    with course_style():
        figure, grid = plt.subplots(
            rows, columns, squeeze=False,
            figsize=(size * columns, (size + (0.25 if titles else 0)) * rows + (0.3 if title else 0)),
        )
        axes = grid.ravel()
        for ax in axes:
            ax.set_axis_off()
        for place, picture in enumerate(pictures):
            axes[place].imshow(picture, vmin=0, vmax=1)
            if titles is not None:
                axes[place].set_title(titles[place], fontsize=9, loc="center")
        if title:
            figure.suptitle(title, fontsize=11)
    return axes[: len(pictures)]
