# Licensed under a 3-clause BSD style license - see LICENSE
"""pysersic's maximum of the posterior, drawn in pixels with its oversampled core."""

import contextlib
import io

import jax
import numpy as np
from pysersic import FitSingle
from pysersic.priors import PySersicSourcePrior
from pysersic.rendering import PixelRenderer

from . import BOUNDS

__all__ = ["fit"]

# The guess is no better than that: flux and size, relative; centre, pixels; sky.
FLUX_ERROR, SIZE_ERROR, CENTRE_ERROR, SKY_ERROR = 0.5, 1.0, 1.0, 1.0


def fit(stamp, psf, error, guess):
    """Fit one stamp; see `peers`. Its function for this gives no errors."""
    middle = (np.array(stamp.shape) - 1) / 2
    x_0, y_0, flux, r_eff = guess[:4]
    prior = PySersicSourcePrior(
        "sersic", sky_type="flat", sky_guess=0.0, sky_guess_err=SKY_ERROR
    )
    prior.set_gaussian_prior("flux", flux, FLUX_ERROR * flux)
    prior.set_gaussian_prior("xc", middle[1] + x_0, CENTRE_ERROR)
    prior.set_gaussian_prior("yc", middle[0] + y_0, CENTRE_ERROR)
    low, high = BOUNDS["r_eff"]
    prior.set_truncated_gaussian_prior(
        "r_eff", r_eff, SIZE_ERROR * r_eff, low=low, high=high
    )
    prior.set_uniform_prior("n", *BOUNDS["n"])
    prior.set_uniform_prior("ellip", *BOUNDS["ellip"])
    prior.set_uniform_prior("theta", 0.0, 2 * np.pi)
    fitter = FitSingle(stamp, error, psf, prior, renderer=PixelRenderer)
    # Its progress bars are no part of a measurement.
    with contextlib.redirect_stderr(io.StringIO()):
        found = fitter.find_MAP(jax.random.PRNGKey(0), return_model=False)
    names = ("xc", "yc", "flux", "r_eff", "n", "ellip", "theta")
    params = np.array([float(found[name]) for name in names])
    params[:2] -= middle[::-1]
    # Its angles are counter-clockwise from +y.
    params[6] = (params[6] + np.pi / 2) % np.pi
    return params, np.full(7, np.nan)
