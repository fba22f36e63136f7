"""How an agency rounds the means it publishes, and which true means lie behind a published one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

KINDS = ("exact", "nearest", "nearest-ties-down", "nearest-even", "down", "within")


@dataclass(frozen=True)
class Rounding:
    """A rule that turns a mean into a published mean.

    Parameters
    ----------
    kind : "exact" publishes the mean itself; "nearest" the nearest multiple of ``unit``, ties going up;
        "nearest-ties-down" and "nearest-even" differ from it in ties only; "down" the largest multiple
        not above the mean; "within" promises no more than an error of at most ``unit`` / 2.
    unit : the multiple, in the unit of the column; int or Fraction above 0.

    Raises
    ------
    ValueError
        for an unknown kind, or a unit that is not a positive int or Fraction.

    Examples
    --------
    >>> Rounding("down").publish(Fraction(110, 3))
    Fraction(36, 1)
    >>> Rounding("nearest", Fraction(1, 10)).publish(Fraction(110, 3))
    Fraction(367, 10)
    """

    kind: str = "exact"
    unit: int | Fraction = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown rounding {self.kind!r}; choose one of {', '.join(KINDS)}")
        if isinstance(self.unit, bool) or not isinstance(self.unit, int | Fraction) or self.unit <= 0:
            raise ValueError(f"a rounding unit is an int or a Fraction above 0, not {self.unit!r}")

    def publish(self, mean: Fraction) -> Fraction:
        """The published value of a true mean; "within" publishes the nearest multiple, ties down.

        Parameters
        ----------
        mean : the true one.

        Returns
        -------
        Fraction.

        Examples
        --------
        >>> [int(Rounding(kind).publish(Fraction(67, 2))) for kind in KINDS[1:]]
        [34, 33, 34, 33, 33]
        """
        steps = Fraction(mean) / self.unit
        if self.kind == "exact":
            return Fraction(mean)
        if self.kind == "down":
            whole = floor(steps)
        elif self.kind == "nearest":
            whole = floor(steps + Fraction(1, 2))
        elif self.kind == "nearest-even":
            whole = round(steps)  # Python rounds a Fraction's ties to even
        else:
            whole = ceil(steps - Fraction(1, 2))
        return Fraction(whole * self.unit)

    def can_publish(self, mean: Fraction) -> bool:
        """Whether ``mean`` is a value this rule may print: a multiple of the unit, except for "exact" and "within".

        Examples
        --------
        >>> Rounding("nearest").can_publish(Fraction(67, 2)), Rounding("within").can_publish(Fraction(67, 2))
        (False, True)
        """
        return self.kind in ("exact", "within") or (Fraction(mean) / self.unit).denominator == 1

    def sums(self, mean: Fraction, count: int) -> range:
        """The whole sums S of ``count`` values for which S / count is published as ``mean``.

        Parameters
        ----------
        mean : the published one.
        count : of the values, at least 1.

        Returns
        -------
        range of ints; empty where ``mean`` cannot be published.

        Examples
        --------
        >>> list(Rounding("nearest-ties-down").sums(Fraction(33), 4))      # 32.5 is published as 32
        [131, 132, 133, 134]
        >>> list(Rounding("exact").sums(Fraction(67, 2), 3))
        []
        """
        mean, half = Fraction(mean), Fraction(self.unit) / 2
        if not self.can_publish(mean):
            return range(0)
        even = (mean / self.unit).numerator % 2 == 0
        low, low_open, high, high_open = {
            "exact": (mean, False, mean, False),
            "nearest": (mean - half, False, mean + half, True),
            "nearest-ties-down": (mean - half, True, mean + half, False),
            "nearest-even": (mean - half, not even, mean + half, not even),
            "down": (mean, False, mean + self.unit, True),
            "within": (mean - half, False, mean + half, False),
        }[self.kind]
        first, last = ceil(low * count), floor(high * count)
        first += low_open and first == low * count
        last -= high_open and last == high * count
        return range(first, last + 1)
