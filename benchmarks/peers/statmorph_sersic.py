# Licensed under a 3-clause BSD style license - see LICENSE
"""statmorph's Sersic fit, which comes with all its other measurements."""

import numpy as np
import statmorph
from photutils.segmentation import detect_sources
from scipy.ndimage import gaussian_filter

from astro_cnnfit.parameters import amplitude_from_flux

from . import BOUNDS
from .amplitude import params_of_amplitude

__all__ = ["fit"]

BORDER = 4


def fit(stamp, psf, error, guess):
    """Fit one stamp; see `peers`. There is no pedestal and there are no errors."""
    centre = (np.array(stamp.shape) - 1) / 2
    border = np.ones(stamp.shape, dtype=bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    stamp = stamp - np.median(stamp[border])
    x_0, y_0, flux, r_eff, n, ellip, theta = guess
    start = {
        "amplitude": amplitude_from_flux(flux, r_eff, n, ellip),
        "r_eff": r_eff, "n": n, "ellip": ellip, "theta": theta,
        "x_0": centre[1] + x_0, "y_0": centre[0] + y_0,
        "bounds": {name: BOUNDS[name] for name in ("r_eff", "n", "ellip")},
    }  # fmt: skip
    found = statmorph.SourceMorphology(
        stamp, segment(stamp, error), label=1, weightmap=error,
        psf=np.asarray(psf, float), sersic_model_args=start,
    )  # fmt: skip
    return params_of_amplitude(
        [
            found.sersic_amplitude, found.sersic_rhalf, found.sersic_n,
            found.sersic_xc - centre[1], found.sersic_yc - centre[0],
            found.sersic_ellip, found.sersic_theta,
        ]
    )  # fmt: skip


def segment(stamp, error):
    """Return a map of 1 where the central source is, as statmorph's guide makes it."""
    smooth = gaussian_filter(stamp / error, 1.5)
    # A Gaussian of this width leaves a fifth of white noise.
    found = detect_sources(smooth, 1.5 * 0.19, n_pixels=5)
    middle = stamp.shape[0] // 2
    near = found.data[middle - 3 : middle + 4, middle - 3 : middle + 4]
    label = np.bincount(near[near > 0]).argmax()
    return (found.data == label).astype(int)
