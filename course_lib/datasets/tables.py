"""Tables that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def data_files() -> tuple[str, ...]:
    """Names of the tables that ship with the package, in alphabetical order.

    Returns
    -------
    tuple of file names, each of which :func:`data_file` takes.

    Examples
    --------
    >>> "census_block_records.csv" in data_files()
    True
    """
    return tuple(sorted(f.name for f in files("course_lib.data").iterdir() if f.name.endswith(".csv")))


def data_file(name: str) -> Traversable:
    """A table that ships with the package, ready to open.

    Parameters
    ----------
    name : a file name from :func:`data_files`, without a folder.

    Returns
    -------
    A readable path: ``.open()``, ``.read_text()``, or an argument of ``pandas.read_csv``.

    Raises
    ------
    FileNotFoundError
        if there is no such table (the message lists those there are).

    Examples
    --------
    >>> data_file("census_block_records.csv").read_text(encoding="utf-8").splitlines()[1]
    'Sara Gray,8,False,False,False'
    >>> data_file("census.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: no table 'census.csv' in course_lib.data; there are: acm_block_statistics.csv, ...
    """
    # Only listed names: a name such as "../../secret" is refused, not resolved.
    if name not in data_files():
        raise FileNotFoundError(f"no table {name!r} in course_lib.data; there are: {', '.join(data_files())}")
    return files("course_lib.data") / name
