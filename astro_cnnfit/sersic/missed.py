# Licensed under a 3-clause BSD style license - see LICENSE
"""Objects that a finder missed: those that stand out once all models are subtracted."""

import numpy as np
from scipy.spatial import cKDTree

from astro_cnnfit.detection.segments import smoothed

from .joint_background import residual_error

__all__ = ["find_missed"]

# Share of a model's light that is taken to be wrong, as one more noise of each pixel.
_WRONG = 0.05
# A residual is an object of its own if it is brighter than this share of the models
# there, both smoothed: arms and knots of a galaxy that is no Sersic profile are mostly
# fainter. In simulated fields a tenth of what hid is fainter, too; of what is left of a
# large spiral in HSC, three quarters are.
_SHARE = 1.0
# Widths of the PSF by which it is away from all that is known: nearer ones are cores
# that the model does not describe.
_APART = 1.0


def find_missed(finder, image, residual, latent):
    """
    Find what is left of an image where all known objects are subtracted.

    Parameters
    ----------
    finder : `~astro_cnnfit.detection.GalaxyFinder`
        That found the known objects.
    image : `~astro_cnnfit.inputs.Image`
        With all its light.
    residual : `~numpy.ndarray`
        (ny, nx), without the models; the sky is in it.
    latent : `~numpy.ndarray`
        (N, 7) latent parameters of the known objects.

    Returns
    -------
    x, y : `~numpy.ndarray`
        (M,) positions in pixels, farther than the finder's ``fwhm`` from all known
        ones.
    """
    good = np.isfinite(residual)
    if image.mask is not None:
        good &= ~image.mask
    residual = np.where(good, residual, 0.0)
    light = np.where(good, image.data - residual, 0.0)
    error = image.error
    if error is None:
        error = residual_error(image, residual, good, latent)
    error = np.hypot(error, _WRONG * light)
    found = finder.find(residual, mask=~good, error=error)
    x, y = (np.asarray(found.table[name]) for name in ("x_centroid", "y_centroid"))
    if x.size == 0:
        return x, y
    weight = good.astype(np.float32)
    left, model = (
        smoothed(values, weight, finder.fwhm)[
            np.rint(y).astype(int), np.rint(x).astype(int)
        ]
        for values in (residual - found.background, light)
    )
    keep = left > _SHARE * model
    known = latent[np.isfinite(latent).all(axis=1), :2]
    if len(known):
        keep &= cKDTree(known).query(np.column_stack([x, y]))[0] > _APART * finder.fwhm
    return x[keep], y[keep]
