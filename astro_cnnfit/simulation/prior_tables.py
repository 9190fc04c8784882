# Licensed under a 3-clause BSD style license - see LICENSE
"""
Priors as tables of plain values, as TOML and JSON hold them.

A distribution is a table of one key, its name, with its arguments::

    [prior.mine]
    base = "wide"
    psf_fwhm = { uniform = [2.5, 3.5] }
    snr = { log_uniform = [5, 500] }
    correlation = { constant = 0.2 }
    psf_error = { seldom = [0.3, { uniform = [-0.05, 0.05] }] }

JSON knows neither infinity nor NaN: they are written as texts.
"""

import math
from dataclasses import MISSING, fields, replace
from numbers import Integral

import numpy as np

from .distribution_tables import parse_distribution, parse_number, plain_values
from .priors import PRIORS, Prior

__all__ = ["parse_prior", "prior_table"]

_FIELDS = {field.name: field for field in fields(Prior)}
_NUMBERS = "n_neighbours", "clear_radius", "min_snr", "snr_radius", "outshone"
_NUMBERS += "airy_share", "block", "psf_taper"
# Draws of which the limits are checked.
_DRAWS = 1000

# What the draws of a quantity may be; for the others it is any number.
_NOT_NEGATIVE = 0.0, math.inf
_POSITIVE = 1e-6, math.inf
_SHARE = 0.0, 1.0
_LIMITS = {
    "flux": _POSITIVE,
    "r_eff": _POSITIVE,
    "n": (0.3, 8.0),
    "q": (1e-3, 1.0),
    "psf_fwhm": _POSITIVE,
    # The flux of a Moffat profile is finite above one.
    "psf_beta": (1.01, math.inf),
    "psf_ellip": (0.0, 0.99),
    "wing_fraction": _SHARE,
    "wing_scale": _POSITIVE,
    "poisson": _NOT_NEGATIVE,
    "noise_error": _POSITIVE,
    "neighbour_flux": _POSITIVE,
    "neighbour_contrast": _POSITIVE,
    "snr": _POSITIVE,
    "psf_error": (-0.9, math.inf),
    "masked": _SHARE,
    "n_neighbours": _NOT_NEGATIVE,
    "clear_radius": _NOT_NEGATIVE,
    "min_snr": _NOT_NEGATIVE,
    "snr_radius": _POSITIVE,
    "outshone": _POSITIVE,
    "airy_share": _SHARE,
    "block": (1, 64),
}


def prior_table(prior):
    """
    Write a prior as plain values, whole.

    Parameters
    ----------
    prior : `Prior`
        Of the distributions of `astro_cnnfit.simulation`.

    Returns
    -------
    dict
        A key a field of `Prior`, as `parse_prior` takes it; fields that have their
        default are left out.

    Raises
    ------
    ValueError
        If it holds a function of your own, which no file can hold.
    """
    table = {}
    for name, field in _FIELDS.items():
        value = getattr(prior, name)
        if field.default is MISSING or value is not field.default:
            table[name] = plain_values(value, name)
    return table


def parse_prior(table, name="mine"):
    """
    Make a prior of plain values.

    Parameters
    ----------
    table : dict
        Keys are the fields of `Prior`, and ``base``, the bundled prior that the
        others are taken from; values are numbers, or distributions as in
        ``{"uniform": [2.5, 3.5]}``.
    name : str
        For error messages.

    Returns
    -------
    `Prior`

    Raises
    ------
    ValueError
        If a key is unknown or missing, or a value is not what it takes.
    """
    key = f"prior.{name}"
    if not isinstance(table, dict):
        raise ValueError(f"{key} must be a table, got {table!r}")
    unknown = sorted(set(map(str, table)) - set(_FIELDS) - {"base"})
    if unknown:
        raise ValueError(
            f"{key} must have keys of base, {', '.join(_FIELDS)}, got {unknown}"
        )
    values = {k: _parsed(k, v, f"{key}.{k}") for k, v in table.items() if k != "base"}
    prior = _completed(table.get("base"), values, key)
    for field in values:
        _check_limits(prior, field, f"{key}.{field}", table[field])
    return prior


def _completed(base, values, key):
    """Prior of these values, and of the base's for what is left out."""
    if base is not None:
        if not isinstance(base, str) or base not in PRIORS:
            raise ValueError(
                f"{key}.base must be one of {', '.join(PRIORS)}, got {base!r}"
            )
        if "flux" in values and "snr" not in values:
            # The base's S/N would make it of no use.
            values = {"snr": None, **values}
        return replace(PRIORS[base], **values)
    missing = [k for k, f in _FIELDS.items() if f.default is MISSING]
    missing = [k for k in missing if k not in values]
    if missing:
        raise ValueError(
            f"{key} must have a base, one of {', '.join(PRIORS)}, or all keys: "
            f"{', '.join(missing)} are missing"
        )
    return Prior(**values)


def _parsed(field, value, key):
    """Value of one field."""
    if field == "psf_taper":
        if not isinstance(value, bool):
            raise ValueError(f"{key} must be true or false, got {value!r}")
        return value
    if field == "block" and (
        isinstance(value, bool) or not isinstance(value, Integral)
    ):
        raise ValueError(f"{key} must be a whole number, got {value!r}")
    if field in _NUMBERS:
        return value if field == "block" else parse_number(value, key)
    return parse_distribution(value, key)


def _check_limits(prior, field, key, given):
    """Refuse a quantity that nothing real can have, by what is drawn of it."""
    if field == "flux" and prior.snr is not None:
        return
    low, high = _LIMITS.get(field, (-math.inf, math.inf))
    value = getattr(prior, field)
    drawn = value(np.random.default_rng(1), _DRAWS) if callable(value) else value
    finite = field == "outshone" or np.isfinite(drawn).all()
    if finite and np.all((drawn >= low) & (drawn <= high)):
        return
    limits = "finite" if low == -math.inf else f"from {low:g} to {high:g}"
    raise ValueError(
        f"{key} must be {limits}, got {given!r}, of {np.min(drawn):g} to "
        f"{np.max(drawn):g}"
    )
