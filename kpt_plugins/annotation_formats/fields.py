"""Checks of single values that come from a file, with errors that say where the value stood."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from typing import TypeVar

T = TypeVar('T')
Check = Callable[[object, str], T]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def wrong(value: object, where: str, expected: str) -> ValueError:
    """The error for a value that is none of what was expected, however large the value is."""
    return ValueError(f'{where}: {_SHORT.repr(value)}, expected {expected}')


def take(mapping: dict, key: str, check: Check[T], where: str) -> T:
    """A required field of an object, checked.

    Raises:
        ValueError: If it is missing or not what `check` accepts.
    """
    if key not in mapping:
        raise ValueError(f'{where}: {key} is missing')
    return check(mapping[key], f'{where}: {key}')


def mapping(value: object, where: str) -> dict:
    """The value, if it is an object."""
    if not isinstance(value, dict):
        raise wrong(value, where, 'an object')
    return value


def sequence(value: object, where: str) -> list:
    """The value, if it is a list."""
    if not isinstance(value, list):
        raise wrong(value, where, 'a list')
    return value


def text(value: object, where: str) -> str:
    """The value, if it is a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise wrong(value, where, 'a text')
    return value


def number(value: object, where: str) -> float:
    """The value as a finite float, if it is a number and not a truth value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if math.isfinite(result):
            return result
    raise wrong(value, where, 'a finite number')


def parse_number(value: str, where: str) -> float:
    """A text as a finite float."""
    try:
        return number(float(value), where)
    except ValueError:
        raise wrong(value, where, 'a finite number') from None


def pixels(value: object, where: str) -> int:
    """A width or height in pixels: a whole number from 1 to 1,000,000."""
    size = number(value, where)
    if not 1 <= size <= 1e6 or size != int(size):
        raise wrong(value, where, 'a whole number of pixels')
    return int(size)


def fraction(value: float, where: str, whole: float = 1.0) -> float:
    """A share of `whole` as a fraction, if it is within [0, whole] up to one hundredth of it."""
    if not -0.01 * whole <= value <= 1.01 * whole:
        raise ValueError(f'{where}: {value:g}, expected 0 to {whole:g}')
    return value / whole
