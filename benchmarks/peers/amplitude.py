# Licensed under a 3-clause BSD style license - see LICENSE
"""From parameters with a surface brightness to those with a total flux."""

import numpy as np

from astro_cnnfit.parameters import total_flux

__all__ = ["params_of_amplitude"]

# Where amplitude, r_eff, n, x_0, y_0, ellip, theta are in NAMES.
_PLACES = [2, 3, 4, 0, 1, 5, 6]


def params_of_amplitude(values, covariance=None):
    """
    Turn the parameters of Sersic2D into those of this package, with errors.

    Parameters
    ----------
    values : array_like
        (7,) ``amplitude, r_eff, n, x_0, y_0, ellip, theta``.
    covariance : array_like, optional
        (7, 7) or larger, those seven first.

    Returns
    -------
    params, errors : `~numpy.ndarray`
        (7,) each, in the order of `astro_cnnfit.parameters.NAMES`; errors are NaN
        without a covariance.
    """
    values = np.asarray(values, dtype=float)
    params, errors = np.full(7, np.nan), np.full(7, np.nan)
    params[_PLACES] = values
    params[2] = flux_of(values)
    params[6] %= np.pi
    if covariance is None:
        return params, errors
    covariance = np.asarray(covariance, dtype=float)[:7, :7]
    with np.errstate(invalid="ignore"):
        errors[_PLACES] = np.sqrt(np.diagonal(covariance))
        gradient = flux_gradient(values)
        errors[2] = np.sqrt(gradient @ covariance @ gradient)
    return params, errors


def flux_of(values):
    """Total flux of one Sersic2D."""
    amplitude, r_eff, n, _, _, ellip, _ = values
    return total_flux(amplitude, r_eff, n, ellip)


def flux_gradient(values):
    """Derivatives of the total flux by the parameters of Sersic2D."""
    gradient = np.zeros(7)
    for index in (0, 1, 2, 5):
        step = 1e-4 * max(abs(values[index]), 1e-2)
        high, low = values.copy(), values.copy()
        high[index] += step
        low[index] -= step
        gradient[index] = (flux_of(high) - flux_of(low)) / (2 * step)
    return gradient
