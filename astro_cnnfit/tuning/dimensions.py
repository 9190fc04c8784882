# Licensed under a 3-clause BSD style license - see LICENSE
"""The kinds of hyperparameter that a space is made of."""

import math
from dataclasses import dataclass
from numbers import Integral
from numbers import Real as Number

__all__ = ["Choice", "Fixed", "Integer", "Real", "as_dimension"]

_SCALES = ("linear", "log")


@dataclass(frozen=True, init=False)
class Choice:
    """
    One of several values.

    Parameters
    ----------
    *values : int, float, str or bool
        All of one type. The search takes numbers to be ordered as they stand.

    Raises
    ------
    ValueError
        If there is no value, one stands twice, or their types differ.
    """

    values: tuple

    def __init__(self, *values):
        kinds = {_kind(value) for value in values}
        if kinds == {int, float}:
            values, kinds = tuple(float(value) for value in values), {float}
        if len(kinds) != 1 or len(set(values)) != len(values) or None in kinds:
            raise ValueError(
                "values of Choice must be one or more different numbers, or "
                f"different texts, got {values!r}"
            )
        object.__setattr__(self, "values", tuple(values))

    def __contains__(self, value):
        return value in self.values

    def __repr__(self):
        return f"Choice({', '.join(map(repr, self.values))})"

    @property
    def varies(self):
        """Whether there is anything to search."""
        return len(self.values) > 1

    def as_dict(self):
        """
        The dimension as plain values.

        Returns
        -------
        dict
        """
        return {"values": list(self.values)}


@dataclass(frozen=True)
class _Range:
    """What whole and other numbers have in common."""

    minimum: float
    maximum: float
    scale: str = "linear"

    # The type of the ends, and what a message calls them.
    _ENDS = (Number, float, "finite numbers")

    def __post_init__(self):
        """Check the values."""
        kind, _, text = self._ENDS
        _check_range(self, kind, text)

    def __contains__(self, value):
        return isinstance(value, Number) and self.minimum <= value <= self.maximum

    @property
    def varies(self):
        """Whether there is anything to search."""
        return self.minimum < self.maximum

    def as_dict(self):
        """
        The dimension as plain values.

        Returns
        -------
        dict
        """
        _, plain, _ = self._ENDS
        return {
            "minimum": plain(self.minimum),
            "maximum": plain(self.maximum),
            "scale": self.scale,
        }


class Integer(_Range):
    """
    A whole number from a range, both ends included.

    Parameters
    ----------
    minimum, maximum : int
        The range.
    scale : {'linear', 'log'}
        How it is searched.

    Raises
    ------
    ValueError
        If the range is empty, or not one of whole numbers.
    """

    _ENDS = (Integral, int, "whole numbers")

    def __contains__(self, value):
        return super().__contains__(value) and value == int(value)


class Real(_Range):
    """
    A number from a range.

    Parameters
    ----------
    minimum, maximum : float
        The range.
    scale : {'linear', 'log'}
        How it is searched.

    Raises
    ------
    ValueError
        If the range is empty or not finite, or not positive on a scale of
        logarithms.
    """


@dataclass(frozen=True)
class Fixed:
    """
    A value that is not searched.

    Parameters
    ----------
    value : int, float, str or bool
        The value.

    Raises
    ------
    ValueError
        If it is none of these.
    """

    value: object

    def __post_init__(self):
        """Check the value."""
        if _kind(self.value) is None:
            raise ValueError(
                f"value of Fixed must be a number, a text or a bool, got {self.value!r}"
            )

    def __contains__(self, value):
        return value == self.value

    @property
    def varies(self):
        """Whether there is anything to search."""
        return False

    def as_dict(self):
        """
        The dimension as plain values.

        Returns
        -------
        dict
        """
        return {"value": self.value}


def as_dimension(name, value):
    """
    A dimension from what a user or a TOML file gives.

    Parameters
    ----------
    name : str
        What errors call it.
    value : Choice, Integer, Real, Fixed, list, tuple, dict, number or str
        A list is a `Choice`, a single value is `Fixed`, a dictionary has
        ``values``, ``value``, or ``minimum`` and ``maximum`` (whole numbers make
        an `Integer`) with or without ``scale``.

    Returns
    -------
    Choice, Integer, Real or Fixed

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(value, Choice | Integer | Real | Fixed):
        return value
    try:
        if isinstance(value, dict):
            return _from_dict(dict(value))
        if isinstance(value, list | tuple):
            return Choice(*value)
        return Fixed(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"dimension {name!r}: {error}") from None


def _from_dict(value):
    if set(value) == {"values"}:
        return Choice(*value["values"])
    if set(value) == {"value"}:
        return Fixed(value["value"])
    if not {"minimum", "maximum"} <= set(value) <= {"minimum", "maximum", "scale"}:
        raise ValueError(
            "must have 'values', or 'value', or 'minimum' and 'maximum' with or "
            f"without 'scale', got {sorted(value)}"
        )
    ends = value["minimum"], value["maximum"]
    whole = all(isinstance(end, int) for end in ends)
    return (Integer if whole else Real)(**value)


def _kind(value):
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind
    return None


def _check_range(dimension, kind, text):
    ends = dimension.minimum, dimension.maximum
    good = all(isinstance(e, kind) and not isinstance(e, bool) for e in ends)
    if not good or not all(map(math.isfinite, ends)) or ends[0] > ends[1]:
        raise ValueError(
            f"minimum and maximum must be {text}, the minimum first, got "
            f"{ends[0]!r} and {ends[1]!r}"
        )
    if dimension.scale not in _SCALES:
        raise ValueError(f"scale must be 'linear' or 'log', got {dimension.scale!r}")
    if dimension.scale == "log" and ends[0] <= 0:
        raise ValueError(f"minimum must be positive with scale='log', got {ends[0]!r}")
