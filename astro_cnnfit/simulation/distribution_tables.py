# Licensed under a 3-clause BSD style license - see LICENSE
"""Distributions as tables of plain values: ``{"uniform": [2.5, 3.5]}``."""

import inspect
import math
from numbers import Integral, Real

import numpy as np
from scipy import special

from . import distributions, priors

__all__ = ["parse_distribution", "parse_number", "plain_values"]

_OWN = "uniform", "log_uniform", "normal", "log_normal", "f_distribution"
_OWN += "exponential", "constant", "seldom"
_MAKERS = {name: getattr(distributions, name) for name in _OWN}
# What the bundled prior of KiDS is written in.
_MAKERS |= {"kids_flux": priors.kids_flux, "kids_pixels": priors.kids_pixels}
# Arguments that are distributions themselves.
_NESTED = "draw", "magnitude", "arcsec"
# Least of the bounds' probability: what is cut is drawn again, until it fits.
_LEAST_SHARE = 1e-3


def plain_values(value, name):
    """
    Write a number or a distribution as JSON and TOML hold it.

    Parameters
    ----------
    value : float or callable
        A distribution has a ``recipe``, see `.distributions.recorded`.
    name : str
        For error messages.

    Returns
    -------
    bool, int, float, str or dict

    Raises
    ------
    ValueError
        If it is a function that no file can hold.
    """
    if hasattr(value, "recipe"):
        maker, arguments = value.recipe
        return {maker: [plain_values(argument, name) for argument in arguments]}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    raise ValueError(
        f"prior: {name} must be made by {', '.join(_OWN)} to be recorded, got {value!r}"
    )


def parse_number(value, key):
    """
    Float of a number, or of the text that stands for one.

    Parameters
    ----------
    value : float or str
        A number, ``'inf'``, ``'-inf'`` or ``'nan'``.
    key : str
        For error messages.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is something else.
    """
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{key} must be a number, got {value!r}")
    return float(value)


def parse_distribution(value, key):
    """
    Distribution of its table.

    Parameters
    ----------
    value : dict
        Its name with its arguments, in their order.
    key : str
        For error messages.

    Returns
    -------
    callable
        ``draw(rng, n)``.

    Raises
    ------
    ValueError
        If it is unknown or its arguments cannot be drawn from.
    """
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(
            f"{key} must be a table of one distribution, such as "
            f"{{ uniform = [1, 2] }}, got {value!r}"
        )
    ((name, given),) = value.items()
    if name not in _MAKERS:
        raise ValueError(f"{key} must be one of {', '.join(_OWN)}, got {name!r}")
    given = given if isinstance(given, (list, tuple)) else [given]
    taken = inspect.signature(_MAKERS[name]).parameters
    least = sum(p.default is p.empty for p in taken.values())
    key = f"{key}.{name}"
    if not least <= len(given) <= len(taken):
        raise ValueError(f"{key} must be [{', '.join(taken)}], got {given!r}")
    arguments = [
        parse_distribution(argument, key)
        if isinstance(argument, dict)
        else parse_number(argument, f"{key}: {which}")
        for which, argument in zip(taken, given, strict=False)
    ]
    _check_arguments(name, dict(zip(taken, arguments, strict=False)), key, given)
    return _MAKERS[name](*arguments)


def _check_arguments(name, arguments, key, given):
    """Refuse what cannot be drawn from."""
    wanted = {
        "low": "below high",
        "sigma": "positive",
        "scale": "positive",
        "numerator": "positive",
        "denominator": "positive",
        "share": "from 0 to 1",
    }
    nested = [k for k, v in arguments.items() if callable(v)]
    if nested != [k for k in arguments if k in _NESTED]:
        taken = ", ".join(inspect.signature(_MAKERS[name]).parameters)
        raise ValueError(f"{key} must be [{taken}], got {given!r}")
    low, high = arguments.get("low", -math.inf), arguments.get("high", math.inf)
    good = {"low": low < high, "share": 0 <= arguments.get("share", 0) <= 1}
    for which in ("sigma", "scale", "numerator", "denominator"):
        good[which] = 0 < arguments.get(which, 1) < math.inf
    for which, is_good in good.items():
        if not is_good:
            raise ValueError(f"{key}: {which} must be {wanted[which]}, got {given!r}")
    if name in ("uniform", "log_uniform", "exponential") and not (
        math.isfinite(low) and math.isfinite(high)
    ):
        raise ValueError(f"{key}: low and high must be finite, got {given!r}")
    if name == "log_uniform" and low <= 0:
        raise ValueError(f"{key}: low must be positive, got {given!r}")
    if name in _INSIDE and not _INSIDE[name](**arguments) > _LEAST_SHARE:
        raise ValueError(
            f"{key}: low and high must hold {_LEAST_SHARE:.1%} of the draws or more, "
            f"got {given!r}"
        )


def _normal_inside(mean, sigma, low=-math.inf, high=math.inf):
    return special.ndtr((high - mean) / sigma) - special.ndtr((low - mean) / sigma)


def _log_normal_inside(mean, sigma, low, high):
    low, high = (math.log10(x) if x > 0 else -math.inf for x in (low, high))
    return _normal_inside(mean, sigma, low, high)


def _f_inside(numerator, denominator, low, high):
    low, high = (special.fdtr(numerator, denominator, max(x, 0)) for x in (low, high))
    return high - low


def _exponential_inside(scale, low, high):
    return -math.expm1((low - high) / scale)


# Probability of the draws that are not cut away.
_INSIDE = {
    "normal": _normal_inside,
    "log_normal": _log_normal_inside,
    "f_distribution": _f_inside,
    "exponential": _exponential_inside,
}
