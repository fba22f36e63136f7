"""Floats as whole numbers modulo a power of two: what masks can hide perfectly, and sums leave exact.

A mask added to a float neither hides it (the sum's size betrays the float) nor comes off again (rounding).
Whole numbers modulo 2^k have both properties. Every finite float32 is a whole multiple of 2^-149 below
2^128, every float64 one of 2^-1074 below 2^1024; k leaves room beyond that for the sign and a sum of 2^31
users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LIMB = 32
_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Format:
    """Fixed point: limbs of 32 bits, lowest first; a number is (limbs mod 2^k, two's complement) * 2^lowest.

    Parameters
    ----------
    dtype : numpy type of the floats.
    mantissa_bits : of that type, the leading one included.
    lowest : exponent of its smallest number above 0.
    n_limbs : k / 32.

    Examples
    --------
    >>> bits = 32 * FLOAT32.n_limbs  # from 2^-149 to 2^128, a sign, and room for a sum of 2^31 users
    >>> bits >= 149 + 128 + 1 + 31
    True
    """

    dtype: type
    mantissa_bits: int
    lowest: int
    n_limbs: int


FLOAT32 = Format(np.float32, 24, -149, 10)
FLOAT64 = Format(np.float64, 53, -1074, 67)


def encode(values: np.ndarray, form: Format) -> np.ndarray:
    """The limbs of finite floats, without loss: (n,) -> (n_limbs, n) int64, each in [0, 2^32).

    Parameters
    ----------
    values : (n,) finite, of the format's dtype.
    form : FLOAT32 or FLOAT64.

    Examples
    --------
    >>> limbs = encode(np.array([2.0**-149, -(2.0**-149)], np.float32), FLOAT32)
    >>> limbs[0].tolist(), limbs[-1].tolist()  # -1 is the largest number there is
    ([1, 4294967295], [0, 4294967295])
    """
    fraction, exponent = np.frexp(np.abs(values.astype(np.float64)))
    whole = np.ldexp(fraction, form.mantissa_bits).astype(np.uint64)
    shift = exponent.astype(np.int64) - form.mantissa_bits - form.lowest
    whole >>= np.clip(-shift, 0, 63).astype(np.uint64)  # subnormal: the bits that go are zero
    limb, offset = np.divmod(np.where(whole == 0, 0, np.maximum(shift, 0)), _LIMB)
    offset = offset.astype(np.uint64)
    low, high = (whole & _MASK) << offset, (whole >> np.uint64(_LIMB)) << offset
    limbs = np.zeros((form.n_limbs, len(values)), np.int64)
    place = np.arange(len(values))
    limbs[limb, place] = (low & _MASK).astype(np.int64)
    limbs[limb + 1, place] = ((low >> np.uint64(_LIMB)) + high).astype(np.int64)
    return carry(np.where(np.signbit(values), -limbs, limbs))


def carry(limbs: np.ndarray) -> np.ndarray:
    """Bring limbs that sums have pushed out of [0, 2^32) back into it, modulo 2^k. Works in place.

    Parameters
    ----------
    limbs : (n_limbs, n) int64, entries below 2^62 in size.

    Returns
    -------
    the same array, each entry in [0, 2^32).

    Examples
    --------
    >>> carry(np.array([[2**32 + 5], [1]])).tolist()
    [[5], [2]]
    """
    over = np.zeros(limbs.shape[1], np.int64)
    for limb in limbs:
        limb += over
        over = limb >> _LIMB
        limb &= _MASK
    return limbs


def decode(limbs: np.ndarray, form: Format) -> np.ndarray:
    """The floats nearest to the numbers, ties to even: (n_limbs, n) int64 in [0, 2^32) -> (n,).

    Beyond the largest float the result is infinite.

    Parameters
    ----------
    limbs : carried, as ``encode`` and ``carry`` leave them.
    form : that they were encoded in.

    Examples
    --------
    >>> a, b = (encode(np.array([x], np.float32), FLOAT32) for x in (1e8, -1e8 + 8))
    >>> decode(carry(a + b), FLOAT32).tolist()
    [8.0]
    """
    negative = limbs[-1] >> (_LIMB - 1) == 1
    limbs = carry(np.where(negative, -limbs, limbs)).astype(np.uint64)
    top = len(limbs) - 1 - np.argmax(limbs[::-1] != 0, axis=0)
    place = np.arange(limbs.shape[1])
    first, second, third = (np.where(top >= i, limbs[np.maximum(top - i, 0), place], 0) for i in range(3))
    # The highest 64 bits that are not zero; one more set bit stands for all that is cut off.
    length = np.frexp(np.maximum(first, 1).astype(np.float64))[1].astype(np.uint64)
    rest = (second << np.uint64(_LIMB)) | third
    head = (first << (np.uint64(64) - length)) | (rest >> length)
    below = np.arange(len(limbs))[:, None] < top - 2
    cut = (rest & ((np.uint64(1) << length) - np.uint64(1)) != 0) | ((limbs != 0) & below).any(axis=0)
    head = np.where(first == 0, 0, head | cut)
    exponent = length.astype(np.int64) + _LIMB * (top - 2) + form.lowest
    with np.errstate(over="ignore"):
        value = np.ldexp(head.astype(form.dtype), exponent.astype(np.int32))
    return np.where(negative, -value, value).astype(form.dtype)
