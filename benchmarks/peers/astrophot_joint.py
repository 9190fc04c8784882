# Licensed under a 3-clause BSD style license - see LICENSE
"""AstroPhot's joint fit of all galaxies of a cut-out and a flat sky."""

import astrophot
import numpy as np
import torch

from astro_cnnfit.parameters import amplitude_from_flux

from . import BOUNDS
from .amplitude import params_of_amplitude
from .astrophot_lm import PLACES

__all__ = ["fit_scene"]

torch.set_num_threads(1)


def fit_scene(cutout, psf, error, guesses):
    """
    Fit all galaxies of a cut-out together, the first of which is wanted.

    Parameters
    ----------
    cutout, error : `~numpy.ndarray`
        (ny, nx) each.
    psf : `~numpy.ndarray`
        (k, k).
    guesses : `~numpy.ndarray`
        (K, 7) in the order of `astro_cnnfit.parameters.NAMES`, in pixels of the
        cut-out.

    Returns
    -------
    params, errors : `~numpy.ndarray`
        (7,) each, of the first one.
    """
    target = astrophot.TargetImage(
        data=np.asarray(cutout, float), variance=np.asarray(error, float) ** 2,
        psf=np.asarray(psf, float), pixelscale=1.0,
    )  # fmt: skip
    models = [_galaxy(f"galaxy{i}", guess, target) for i, guess in enumerate(guesses)]
    models.append(
        astrophot.Model(name="sky", model_type="flat sky model", target=target, I0=0.0)
    )
    scene = astrophot.Model(
        name="scene", model_type="group model", models=models, target=target
    )
    scene.initialize()
    fitter = astrophot.fit.LM(scene, verbose=0).fit()
    values = scene.get_values().detach().numpy()[PLACES]
    covariance = fitter.covariance_matrix.detach().numpy()[np.ix_(PLACES, PLACES)]
    values[5], values[6] = 1 - values[5], values[6] + np.pi / 2
    covariance[5] *= -1
    covariance[:, 5] *= -1
    return params_of_amplitude(values, covariance)


def _galaxy(name, guess, target):
    x_0, y_0, flux, r_eff, n, ellip, theta = (float(value) for value in guess)
    galaxy = astrophot.Model(
        name=name, model_type="sersic galaxy model", target=target,
        center=[x_0, y_0], q=1 - ellip,
        # Its angles are counter-clockwise from +y.
        PA=(theta - np.pi / 2) % np.pi, n=n, Re=r_eff,
        Ie=float(amplitude_from_flux(flux, r_eff, n, ellip)),
    )  # fmt: skip
    galaxy.n.valid, galaxy.Re.valid = BOUNDS["n"], BOUNDS["r_eff"]
    galaxy.q.valid = tuple(1 - bound for bound in BOUNDS["ellip"][::-1])
    return galaxy
