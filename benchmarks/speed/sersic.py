# Licensed under a 3-clause BSD style license - see LICENSE
"""
Stamps of Sersic profiles, and astropy's fitter on them, for ``single_core.py``.

The classical fit is astropy's LMLSQFitter with Sersic2D, oversampled five times at
the centre and convolved with the true PSF; it starts from the true parameters, each
off by about 5 %.
"""

import time

import numpy as np

__all__ = ["measure_astropy", "stamps_of"]


def stamps_of(arguments, n):
    """Draw isolated and crowded stamps of Table 1, as a user would have them."""
    from keras import ops

    from astro_cnnfit.simulation import TABLE1, draw_scenes, observe

    rng = np.random.default_rng(arguments.seed)
    scenes = draw_scenes(TABLE1, rng, n)
    stamps, psfs, params = observe(scenes, rng)
    return ops.convert_to_numpy(stamps), psfs, params


def measure_astropy(arguments):
    """Time the classical fit, stamp by stamp."""
    import warnings

    from astropy.modeling.fitting import LMLSQFitter
    from peers.astropy_lm import convolved_sersic

    from astro_cnnfit.parameters import NAMES, amplitude_from_flux

    stamps, psfs, params = stamps_of(arguments, arguments.n_astropy)
    rng = np.random.default_rng(arguments.seed)
    names = ["amplitude" if name == "flux" else name for name in NAMES]
    y, x = np.mgrid[:61, :61] - 30.0
    fitted, seconds = [], 0.0
    for stamp, psf, true in zip(stamps, psfs, params, strict=True):
        guess = true * rng.normal(1, 0.05, 7)
        guess[5] = np.clip(guess[5], 0.05, 0.85)
        guess[2] = amplitude_from_flux(guess[2], *guess[3:6])
        model = convolved_sersic(psf)(
            **dict(zip(names, guess, strict=True)), pedestal=0.0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            found = LMLSQFitter()(model, x, y, stamp)
            seconds += time.perf_counter() - start
        fitted.append([found.r_eff.value, found.n.value])
    error = np.abs(np.array(fitted) / params[:, 3:5] - 1)
    return {
        "per_second": len(stamps) / seconds,
        "median_error_r_eff": float(np.median(error[:, 0])),
        "median_error_n": float(np.median(error[:, 1])),
    }
