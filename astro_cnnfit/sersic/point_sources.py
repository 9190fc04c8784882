# Licensed under a 3-clause BSD style license - see LICENSE
"""Stars of an image: what tells them from galaxies, and their models."""

import numpy as np

from astro_cnnfit.psf.sampling import resample

from .images import Patch

__all__ = ["is_point_source", "patches_of_point_sources", "psfs_at"]

# Probability from which on an object is drawn as a point.
_LIKELY = 0.5
# Pixels brighter than this, relative to the brightest of the PSF, tell the flux.
_CORE = 0.1


def is_point_source(probability):
    """
    Whether objects are to be taken for stars.

    Parameters
    ----------
    probability : `~numpy.ndarray`
        (N,) that each is unresolved; NaN where that is not known.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,) where it is more likely than not.
    """
    return np.nan_to_num(probability) > _LIKELY


def patches_of_point_sources(image, x, y, background, psfs):
    """
    The PSF at the places of stars, as bright as the image says.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image, in which these stars are, and their neighbours are not.
    x, y : `~numpy.ndarray`
        (N,) finite positions in pixels.
    background : `~numpy.ndarray`
        (N,) sky per pixel.
    psfs : `~numpy.ndarray`
        (N or 1, k, k) of unit sum.

    Yields
    ------
    flux : float
        Zero where none of the pixels that tell it is good.
    `~astro_cnnfit.sersic.images.Patch`
        (k, k) pixels of that star.
    """
    for row, patch in enumerate(psfs_at(x, y, psfs)):
        flux = _flux(image, patch, background[row])
        yield flux, patch._replace(pixels=flux * patch.pixels)


def psfs_at(x, y, psfs):
    """
    PSFs at positions in an image.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        (N,) finite positions in pixels.
    psfs : `~numpy.ndarray`
        (N or 1, k, k), k odd.

    Yields
    ------
    `~astro_cnnfit.sersic.images.Patch`
        (k, k) pixels, of the sum of the PSF.
    """
    half = psfs.shape[-1] // 2
    steps = np.arange(psfs.shape[-1])
    for row in range(len(x)):
        psf = psfs[row if len(psfs) > 1 else 0].astype(float)
        # The star is where the PSF's middle comes to lie.
        left, bottom = (int(np.rint(values[row])) - half for values in (x, y))
        x_points = steps - (x[row] - left - half)
        y_points = steps - (y[row] - bottom - half)
        stamp = resample(psf[np.newaxis], y_points, x_points)[0]
        yield Patch(stamp, left, bottom)


def _flux(image, patch, background):
    """Flux of least squares from a star's core, each pixel by its error."""
    data, psf = patch.of(image.data), patch.inside(image.data.shape)
    use = psf > _CORE * patch.pixels.max()
    if image.mask is not None:
        use &= ~patch.of(image.mask)
    weight = 1.0
    if image.error is not None:
        weight = 1 / np.square(np.where(use, patch.of(image.error), 1.0))
    weight = weight * use
    norm = np.sum(weight * psf**2)
    if not norm > 0:
        return 0.0
    light = np.where(use, data - background, 0.0)
    return max(float(np.sum(weight * psf * light) / norm), 0.0)
