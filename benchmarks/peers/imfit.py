# Licensed under a 3-clause BSD style license - see LICENSE
"""imfit's Levenberg-Marquardt fit through pyimfit, with its own subsampling."""

import numpy as np
import pyimfit

from astro_cnnfit.parameters import amplitude_from_flux

from . import BOUNDS
from .amplitude import params_of_amplitude

__all__ = ["fit"]

# imfit knows no bound on one side; no galaxy is that bright.
LARGEST = 1e9


def fit(stamp, psf, error, guess):
    """Fit one stamp; see `peers`. The errors are imfit's, without correlations."""
    ny, nx = stamp.shape
    # imfit's first pixel is 1, its angles are counter-clockwise from +y.
    middle = np.array([(nx - 1) / 2 + 1, (ny - 1) / 2 + 1])
    x_0, y_0, flux, r_eff, n, ellip, theta = guess
    amplitude = amplitude_from_flux(flux, r_eff, n, ellip)
    sersic = {
        "PA": [np.degrees(theta) - 90, -360, 360],
        "ell": [ellip, *BOUNDS["ellip"]],
        "n": [n, *BOUNDS["n"]],
        "I_e": [amplitude, 0, LARGEST],
        "r_e": [r_eff, *BOUNDS["r_eff"]],
    }
    centre = {
        name: [value + offset, *(np.array(BOUNDS[bound]) + offset)]
        for name, value, offset, bound in zip(
            ("X0", "Y0"), (x_0, y_0), middle, ("x_0", "y_0"), strict=True
        )
    }
    functions = [
        {"name": "Sersic", "label": "galaxy", "parameters": sersic},
        {"name": "FlatSky", "label": "sky", "parameters": {"I_sky": [0.0, -100, 100]}},
    ]
    model = {"function_sets": [{**centre, "function_list": functions}]}
    fitter = pyimfit.Imfit(
        pyimfit.ModelDescription.dict_to_ModelDescription(model),
        psf=np.asarray(psf, float), maxThreads=1,
    )  # fmt: skip
    found = fitter.fit(np.asarray(stamp, float), error=np.asarray(error, float))
    return convert(found.params, found.paramErrs, middle)


def convert(values, errors, middle):
    """Turn imfit's parameters into ours; the flux has no error without the rest."""
    x_0, y_0, angle, ellip, n, amplitude, r_eff = values[:7]
    params, _ = params_of_amplitude(
        [amplitude, r_eff, n, x_0 - middle[0], y_0 - middle[1], ellip,
         np.radians(angle + 90)]
    )  # fmt: skip
    if errors is None:
        return params, np.full(7, np.nan)
    x_0, y_0, angle, ellip, n, _, r_eff = errors[:7]
    return params, np.array([x_0, y_0, np.nan, r_eff, n, ellip, np.radians(angle)])
