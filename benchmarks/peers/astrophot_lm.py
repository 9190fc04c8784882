# Licensed under a 3-clause BSD style license - see LICENSE
"""AstroPhot's Levenberg-Marquardt fit of a Sersic galaxy and a flat sky."""

import astrophot
import numpy as np
import torch

from astro_cnnfit.parameters import amplitude_from_flux

from . import BOUNDS
from .amplitude import params_of_amplitude

__all__ = ["fit"]

torch.set_num_threads(1)
# Where Ie, Re, n, x, y, q and PA are in AstroPhot's parameters: centre (2), q, PA, n,
# Re, Ie, sky.
PLACES = [6, 5, 4, 0, 1, 2, 3]


def fit(stamp, psf, error, guess):
    """Fit one stamp; see `peers`."""
    middle = (np.array(stamp.shape) - 1) / 2
    x_0, y_0, flux, r_eff, n, ellip, theta = (float(value) for value in guess)
    target = astrophot.TargetImage(
        data=np.asarray(stamp, float), variance=np.asarray(error, float) ** 2,
        psf=np.asarray(psf, float), pixelscale=1.0,
    )  # fmt: skip
    galaxy = astrophot.Model(
        name="galaxy", model_type="sersic galaxy model", target=target,
        center=[middle[1] + x_0, middle[0] + y_0], q=1 - ellip,
        # Its angles are counter-clockwise from +y.
        PA=(theta - np.pi / 2) % np.pi, n=n, Re=r_eff,
        Ie=float(amplitude_from_flux(flux, r_eff, n, ellip)),
    )  # fmt: skip
    galaxy.n.valid, galaxy.Re.valid = BOUNDS["n"], BOUNDS["r_eff"]
    galaxy.q.valid = tuple(1 - bound for bound in BOUNDS["ellip"][::-1])
    sky = astrophot.Model(
        name="sky", model_type="flat sky model", target=target, I0=0.0
    )
    model = astrophot.Model(
        name="scene", model_type="group model", models=[galaxy, sky], target=target
    )
    model.initialize()
    fitter = astrophot.fit.LM(model, verbose=0).fit()
    values = model.get_values().detach().numpy()[PLACES]
    covariance = fitter.covariance_matrix.detach().numpy()[np.ix_(PLACES, PLACES)]
    values[3] -= middle[1]
    values[4] -= middle[0]
    values[5], values[6] = 1 - values[5], values[6] + np.pi / 2
    # The ellipticity falls where the axis ratio rises.
    covariance[5] *= -1
    covariance[:, 5] *= -1
    return params_of_amplitude(values, covariance)
