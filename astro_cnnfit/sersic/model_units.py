# Licensed under a 3-clause BSD style license - see LICENSE
"""The astropy model that a fitter is handed: its checks, units and constraints."""

import astropy.units as u
import numpy as np
from astropy.modeling.fitting import UnsupportedConstraintError
from astropy.modeling.models import Sersic2D

from .conditioning import MODEL_NAMES, condition, model_values

__all__ = [
    "check_model",
    "known_values",
    "parse_weights",
    "set_values",
    "units_of_data",
    "value_in",
    "within_bounds",
]

_LENGTHS = ("x_0", "y_0", "r_eff")


def check_model(model):
    """
    Refuse what is not one ``Sersic2D``, or has constraints that cannot be kept.

    Raises
    ------
    TypeError, ValueError, `~astropy.modeling.fitting.UnsupportedConstraintError`
    """
    if not isinstance(model, Sersic2D) or model.param_names != MODEL_NAMES:
        name = getattr(model, "name", None) or type(model).__name__
        raise TypeError(
            f"model must be a Sersic2D, not {name!r}: the network finds one Sersic "
            "profile and removes the sky itself (see fit_info['local_bkg'])"
        )
    if len(model) != 1 or model.x_0.size != 1:
        raise ValueError(f"model must be one Sersic2D, not a set of {len(model)}")
    refused = {
        "tied parameters": model.has_tied,
        "equality constraints": model.eqcons,
        "inequality constraints": model.ineqcons,
    }
    for name, there in refused.items():
        if there:
            raise UnsupportedConstraintError(f"the networks cannot handle {name}")


def units_of_data(model, length, brightness):
    """
    Units in which the data count each parameter; None for plain numbers.

    Raises
    ------
    `~astropy.units.UnitsError`
        If the model has a unit that the data do not have.
    """
    units = dict.fromkeys(_LENGTHS, length)
    units |= {"amplitude": brightness, "n": None, "ellip": None, "theta": u.rad}
    for name in (*_LENGTHS, "amplitude"):
        own, data = getattr(model, name).unit, units[name]
        if own is not None and (data is None or not own.is_equivalent(data)):
            argument = "z" if name == "amplitude" else "x and y"
            raise u.UnitsError(
                f"{argument} must have a unit like that of the model's {name}, "
                f"{own}, got {data or 'plain numbers'}"
            )
    return units


def value_in(model, name, units):
    """A parameter's value in the unit of the data."""
    parameter = getattr(model, name)
    value = parameter.value
    if parameter.unit is not None:
        value = parameter.quantity.to_value(units[name] or u.dimensionless_unscaled)
    return float(np.asarray(value).reshape(()))


def known_values(model, values):
    """
    Values of the parameters that a model holds fixed.

    Raises
    ------
    ValueError
        If one is outside the range of its parameter.
    """
    known = {name: values[name] for name in MODEL_NAMES if model.fixed[name]}
    for name, value in known.items():
        low = -np.inf if name in ("x_0", "y_0", "theta") else 0.0
        above = value >= 0 if name == "ellip" else value > low
        if not (np.isfinite(value) and above and (name != "ellip" or value < 1)):
            raise ValueError(f"model's fixed {name} is outside its range, got {value}")
    return known


def parse_weights(weights, image):
    """
    Standard deviations of the pixels, infinite where the weight is zero.

    Raises
    ------
    ValueError
        If weights are negative or have another shape than the image.
    """
    if weights is None:
        return None
    if isinstance(weights, u.Quantity):
        unit = (image.unit or u.dimensionless_unscaled) ** -1
        weights = weights.to_value(unit)
    weights = np.ma.filled(np.ma.asarray(weights, dtype=float), 0.0)
    if weights.ndim and weights.shape != image.data.shape:
        raise ValueError(
            f"weights must be one number or have the shape of z, {image.data.shape}, "
            f"got {weights.shape}"
        )
    if np.any(weights < 0):
        raise ValueError("weights must not be negative: they are 1 / sigma")
    weights = np.broadcast_to(weights, image.data.shape)
    with np.errstate(divide="ignore"):
        return np.where(np.isfinite(weights), 1 / weights, np.inf)


def _bounds(model, name, units):
    """Bounds, which count in the unit of the model's parameter, in the data's."""
    own, data = getattr(model, name).unit, units[name]
    scale = 1.0 if own is None or data is None else own.to(data)
    low, high = model.bounds[name]
    low = -np.inf if low is None else low * scale
    return low, np.inf if high is None else high * scale


def within_bounds(latent, covariance, known, model, units):
    """Most probable values within the bounds, and the names of those at one."""
    bounds = {name: _bounds(model, name, units) for name in MODEL_NAMES}
    held = {}
    for _ in MODEL_NAMES:
        values = model_values(condition(latent, covariance, known | held).latent)
        values["theta"] = _turned(values["theta"], *bounds["theta"])
        beyond = {
            name: float(np.clip(values[name], *bounds[name]))
            for name in MODEL_NAMES
            if name not in known
            and name not in held
            and np.clip(values[name], *bounds[name]) != values[name]
        }
        if not beyond:
            break
        held |= beyond
    return values | held, list(held)


def _turned(theta, low, high):
    """Turn an angle by half turns so that it lies within the bounds, if it can."""
    if np.isfinite(low):
        return theta + np.pi * np.ceil((low - theta) / np.pi)
    if np.isfinite(high):
        return theta - np.pi * np.ceil((theta - high) / np.pi)
    return theta


def set_values(model, values, units):
    """
    Set a model's parameters, given in units of the data.

    Returns
    -------
    dict of str to float
        By what a value in units of the data is multiplied to be in the model's.
    """
    factors = {}
    for name in MODEL_NAMES:
        parameter, data = getattr(model, name), units[name]
        own = parameter.unit
        if name == "theta" and own is None:
            # A plain number is in radians.
            data = None
        factors[name] = 1.0 if own is None or data is None else data.to(own)
        if model.fixed[name] and (own is not None or data is None):
            continue
        unit = data if own is None else own
        value = values[name] * factors[name]
        setattr(model, name, value if unit is None else value * unit)
    return factors
