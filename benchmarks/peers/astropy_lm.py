# Licensed under a 3-clause BSD style license - see LICENSE
"""astropy's LMLSQFitter with Sersic2D, oversampled at the centre and convolved."""

import numpy as np
from astropy.modeling import Fittable2DModel, Parameter
from astropy.modeling.fitting import LMLSQFitter
from astropy.modeling.models import Sersic2D
from scipy.signal import fftconvolve

from astro_cnnfit.parameters import amplitude_from_flux

from . import BOUNDS
from .amplitude import params_of_amplitude

__all__ = ["convolved_sersic", "fit"]

SIZE = 61
OVERSAMPLING = 5
CORE = 5


def fit(stamp, psf, error, guess):
    """Fit one stamp; see `peers`."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    x_0, y_0, flux, r_eff, n, ellip, theta = guess
    model = convolved_sersic(psf)(
        amplitude=amplitude_from_flux(flux, r_eff, n, ellip), r_eff=r_eff, n=n,
        x_0=x_0, y_0=y_0, ellip=ellip, theta=theta, pedestal=0.0,
    )  # fmt: skip
    fitter = LMLSQFitter(calc_uncertainties=True)
    found = fitter(model, x.astype(float), y.astype(float), stamp, weights=1 / error)
    return params_of_amplitude(found.parameters[:7], fitter.fit_info.get("param_cov"))


def convolved_sersic(psf):
    """Make a class of Sersic2D with this PSF and a pedestal, for 61 x 61 pixels."""
    n_fine = (2 * CORE + 1) * OVERSAMPLING
    fine_y, fine_x = np.mgrid[:n_fine, :n_fine] / OVERSAMPLING
    fine_y, fine_x = (
        fine - (n_fine - 1) / 2 / OVERSAMPLING for fine in (fine_y, fine_x)
    )
    core = slice(SIZE // 2 - CORE, SIZE // 2 + 1 + CORE)
    blocks = (2 * CORE + 1, OVERSAMPLING, 2 * CORE + 1, OVERSAMPLING)

    class ConvolvedSersic2D(Fittable2DModel):
        amplitude = Parameter(bounds=(0, None))
        r_eff = Parameter(bounds=BOUNDS["r_eff"])
        n = Parameter(bounds=BOUNDS["n"])
        x_0 = Parameter(bounds=BOUNDS["x_0"])
        y_0 = Parameter(bounds=BOUNDS["y_0"])
        ellip = Parameter(bounds=BOUNDS["ellip"])
        theta = Parameter()
        pedestal = Parameter(default=0.0)

        @staticmethod
        def evaluate(x, y, *values):
            *sersic, pedestal = values
            shape = (SIZE, SIZE)
            image = Sersic2D.evaluate(x.reshape(shape), y.reshape(shape), *sersic)
            fine = Sersic2D.evaluate(fine_x, fine_y, *sersic)
            image[core, core] = fine.reshape(blocks).mean(axis=(1, 3))
            return fftconvolve(image, psf, mode="same") + pedestal

    return ConvolvedSersic2D
