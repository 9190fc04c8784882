# Licensed under a 3-clause BSD style license - see LICENSE
"""The PSF of a call, whatever its form, as stamps for a network."""

import numpy as np
from astropy.io import fits
from astropy.nddata import NDData

from astro_cnnfit.psf import psf_stamps_of_rows

__all__ = ["psf_stamps", "psfs_of", "refuse_swapped"]

# What may carry pixels of an image as well as of a PSF.
_PIXELS = np.ndarray, NDData, fits.ImageHDU, fits.PrimaryHDU, fits.CompImageHDU

# Width of the PSFs with which the models of a network without PSF are drawn.
_PSF_SIZE = 25
# How far from 1 the sum of a PSF may be, and that of what is none must be.
_SMALL, _OTHER = 0.01, 0.1


def psf_stamps(psf, x, y, network, *, oversampling=1, includes_pixel=None, size=None):
    """
    PSF stamps, one for all galaxies or one for each.

    Parameters
    ----------
    psf
        In any form that `~astro_cnnfit.psf.as_psf_stamps` takes.
    x, y : `~numpy.ndarray`
        (N,) positions of the galaxies.
    network : `~astro_cnnfit.weights.Network`
        For which they are.
    oversampling : float
        Samples per pixel of the image.
    includes_pixel : bool, optional
        Whether they are effective ones.
    size : int, optional
        Pixels on a side, by default those that the network takes.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (N or 1, k, k) float32, unit sum.
    good : `~numpy.ndarray` of bool
        (N or 1,) false where the PSF of a galaxy is none; it gets the mean one.
    """
    try:
        return psf_stamps_of_rows(
            psf,
            size=size or network.psf_size or _PSF_SIZE,
            n=len(x),
            positions=(x, y),
            oversampling=oversampling,
            includes_pixel=includes_pixel,
        )
    except ValueError as error:
        # The argument has a longer name in the fitter.
        if str(error).startswith(("oversampling", "includes_pixel")):
            raise ValueError(f"psf_{error}") from error
        raise


def psfs_of(psf, x, y, network, *, refine=False, **settings):
    """
    PSF stamps for a call, None where none are given and none are needed.

    Parameters
    ----------
    psf, x, y, network, **settings
        As for `psf_stamps`.
    refine : bool or str
        Whether galaxies are to be refined.

    Returns
    -------
    stamps, good : `~numpy.ndarray` or None
        As of `psf_stamps`.

    Raises
    ------
    ValueError
        If there is no PSF, and the network or the refinement needs one.
    """
    if psf is not None:
        return psf_stamps(psf, x, y, network, **settings)
    if network.needs_psf:
        raise ValueError(
            f"psf must be given: network {network.name!r} needs one "
            "('galnet1' does without)"
        )
    if refine:
        raise ValueError(f"psf must be given: refine={refine!r} needs one")
    return None, None


def refuse_swapped(image, psf):
    """
    Ask whether image and PSF are swapped, where each looks like the other.

    Many a galaxy in the centre of a stamp would pass for a wide PSF.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        What was given as data.
    psf
        What was given as PSF, at the image's sampling.

    Raises
    ------
    ValueError
        If all images have the sum of a PSF and no negative pixel that counts, and the
        PSF is larger on both sides and has another sum. One of these alone is sound: a
        PSF may be larger than a small stamp, be in counts, or a galaxy have unit flux.
    """
    if not isinstance(psf, _PIXELS):
        return
    values = psf if isinstance(psf, np.ndarray) else psf.data
    shape = np.shape(values)[-2:]
    if len(shape) < 2 or not np.all(np.greater(shape, image.data.shape[-2:])):
        return
    sums = image.data.sum(axis=(-2, -1))
    positive = image.data.min() >= -_SMALL * image.data.max()
    if not positive or np.any(abs(sums - 1) > _SMALL):
        return
    total = np.asarray(values).sum(axis=(-2, -1)).ravel()[0]
    if abs(total - 1) > _OTHER:
        raise ValueError(
            f"data must be the image and psf its PSF, got data of shape "
            f"{image.data.shape} with the unit sum of a PSF, and a larger psf of shape "
            f"{np.shape(values)} with a sum of {total:.4g}: are they swapped? (If not, "
            "scale psf to unit sum.)"
        )
