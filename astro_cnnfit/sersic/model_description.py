# Licensed under a 3-clause BSD style license - see LICENSE
"""A measurement as what `astropy.modeling` keeps of a fit."""

import numpy as np
from astropy.modeling.fitting import Covariance, StandardDeviations
from scipy.optimize import OptimizeResult

from astro_cnnfit.parameters import LATENT_NAMES

from .conditioning import MODEL_NAMES, model_covariance

__all__ = ["at_scale_of", "describe_fit"]

_PLACE = [LATENT_NAMES.index(name) for name in ("x", "y")]
_LOG_FLUX, _LOG_R = (LATENT_NAMES.index(name) for name in ("log_flux", "log_r_eff"))


def at_scale_of(grid, info):
    """Latent parameters and covariance in the coordinates of the grid."""
    latent, covariance = info["latent_values"].copy(), info["latent_cov"]
    latent[_PLACE] = grid.to_coordinates(*latent[_PLACE])
    latent[_LOG_R] += np.log10(grid.step)
    # A pixel's value is a surface brightness per pixel, whatever a pixel measures.
    latent[_LOG_FLUX] += 2 * np.log10(grid.step)
    scale = np.ones(len(latent))
    scale[_PLACE] = grid.step
    return latent, covariance * scale[:, None] * scale


def describe_fit(model, posterior, factors, info, at_bounds):
    """Set a model's errors; return what is to be known of the fit."""
    free = [name for name in MODEL_NAMES if not model.fixed[name]]
    covariance = np.full((len(free), len(free)), np.nan)
    flux = flux_err = np.nan
    if info["success"]:
        rows = [MODEL_NAMES.index(name) for name in free]
        scale = np.array([factors[name] for name in free])
        covariance = model_covariance(posterior)[np.ix_(rows, rows)]
        covariance = covariance * scale[:, None] * scale
        flux = 10 ** posterior.latent[_LOG_FLUX]
        spread = max(posterior.covariance[_LOG_FLUX, _LOG_FLUX], 0.0)
        flux_err = np.log(10) * flux * np.sqrt(spread)
    model.cov_matrix = Covariance(covariance, free)
    model.stds = StandardDeviations(covariance, free)
    info |= {
        "param_names": tuple(free),
        "param_values": np.array([getattr(model, name).value for name in free]),
        "param_cov": covariance,
        "flux": flux,
        "flux_err": flux_err,
        "fixed_distance": posterior.distance,
        "at_bounds": at_bounds,
    }
    return OptimizeResult(info)
