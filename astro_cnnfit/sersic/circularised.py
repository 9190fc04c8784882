# Licensed under a 3-clause BSD style license - see LICENSE
"""
Latent parameters with the geometric mean of the axes for the size.

With the semi-major axis held, a galaxy's area shrinks as abs(e) grows: the image
has a kink where (e1, e2) passes through zero. With r_eff sqrt(q) held it has
none, and size and shape are nearly independent. Fits are made in these.
"""

import numpy as np

__all__ = ["E_MAX", "circularise", "covariance_to", "uncircularise", "within_bounds"]

E_MAX = 0.95 / 1.05
"""Largest ellipticity (1 - q) / (1 + q): that of q = 0.05."""

# The bounds of the centre and of the flux only stop what runs away; those of
# the index are the renderer's, and those of the shape lie on a circle.
_LOW = np.array([-30, -30, -5, np.log10(0.05), np.log10(0.3), -np.inf, -np.inf])
_HIGH = np.array([30, 30, 10, np.log10(30), np.log10(8.0), np.inf, np.inf])


def circularise(latent):
    """Circularised parameters (N, 7) from latent ones."""
    values = np.array(latent, dtype=float)
    values[:, 3] += 0.5 * _log_axis_ratio(values)
    return values


def uncircularise(values):
    """Latent parameters (N, 7) from circularised ones."""
    latent = np.array(values, dtype=float)
    latent[:, 3] -= 0.5 * _log_axis_ratio(latent)
    return latent


def covariance_to(kind, values, covariance):
    """
    Carry a covariance from the one kind of parameters to the other.

    Parameters
    ----------
    kind : {'circularised', 'latent'}
        What the covariance is to be of.
    values : `~numpy.ndarray`
        (N, 7) of either kind.
    covariance : `~numpy.ndarray`
        (N, 7, 7) of the other kind.

    Returns
    -------
    `~numpy.ndarray`
        (N, 7, 7)
    """
    sign = {"circularised": -1, "latent": 1}[kind]
    e = np.clip(np.hypot(values[:, 5], values[:, 6]), 1e-9, E_MAX)
    slope = sign / (np.log(10) * (1 - e**2) * e)
    jacobian = np.tile(np.eye(values.shape[1]), (len(values), 1, 1))
    jacobian[:, 3, 5:7] = slope[:, None] * values[:, 5:7]
    return jacobian @ covariance @ np.swapaxes(jacobian, 1, 2)


def within_bounds(values):
    """
    Move what lies outside the range of a fit to its edge.

    Parameters
    ----------
    values : `~numpy.ndarray`
        (N, 7 or more) circularised parameters; further ones have no bounds.

    Returns
    -------
    values : `~numpy.ndarray`
        The same shape.
    at_bound : `~numpy.ndarray` of bool
        (N,) whether a parameter lies at the edge now.
    """
    values = np.array(values, dtype=float)
    own = values[:, :7]
    values[:, :7] = np.clip(own, _LOW, _HIGH)
    length = np.hypot(values[:, 5], values[:, 6])
    values[:, 5:7] *= (E_MAX / np.maximum(length, E_MAX))[:, None]
    at_bound = (values[:, :7] <= _LOW) | (values[:, :7] >= _HIGH)
    return values, at_bound.any(axis=1) | (length >= E_MAX * (1 - 1e-9))


def _log_axis_ratio(values):
    e = np.minimum(np.hypot(values[:, 5], values[:, 6]), E_MAX)
    return np.log10((1 - e) / (1 + e))
