# Licensed under a 3-clause BSD style license - see LICENSE
"""
Any form of PSF that a user has, as stamps of one size, sampling and sum.

The forms fall into four: arrays (whatever carries them), models that are functions
of position in the stamp, PSFs that vary over the image, and sequences with one of
these for each galaxy.
"""

import numpy as np
from astropy.io import fits
from astropy.modeling import Model

from astro_cnnfit.psf.arrays import sample_array
from astro_cnnfit.psf.checks import first_complaint, good_stamps, unit_sum
from astro_cnnfit.psf.functions import sample_grid, sample_model
from astro_cnnfit.psf.psfex import is_psfex, read_psfex
from astro_cnnfit.psf.stack import stack_of

__all__ = ["as_psf_stamps", "psf_stamps_of_rows"]


def as_psf_stamps(
    psf, *, size=25, n=None, positions=None, oversampling=1, includes_pixel=None
):
    """
    Turn a PSF of any form into checked stamps of unit sum.

    Parameters
    ----------
    psf
        One PSF for all galaxies, one for each, or one that varies:

        - an array (ny, nx) or a stack (N, ny, nx), also as
          `~astropy.units.Quantity`, `~astropy.nddata.NDData` or FITS image HDU;
        - an `~astropy.modeling.Model`, a `~photutils.psf.ImagePSF`, or the result
          of a `~photutils.psf.EPSFBuilder`, whole or its first part;
        - a `~photutils.psf.GriddedPSFModel`, a `PSFStack` (or what stands for one:
          NDData with ``grid_xypos`` in its meta, or a stack and a table of
          positions), a `PsfExModel` or the HDU of one, or any object with a method
          ``at(x, y, size=size)`` that returns stamps at the image's sampling;
        - a list of models or arrays, one for each galaxy.

        Arrays larger than ``size`` are cropped about their centre, smaller ones get
        zeros around them. A PSF that is up to a pixel off its centre is left where
        it is. In an array of even size the PSF may be centred on the middle of the
        array (it is then shifted by half a pixel) or on the pixel next to it.
    size : int
        Width of the stamps, odd.
    n : int, optional
        Number of galaxies: a stack must have that many stamps, or one.
    positions : tuple of array_like (x, y), optional
        Positions in the image, in pixels counted from 0, for a PSF that varies.
    oversampling : float
        Samples of an array per pixel of the image. A model brings its own.
    includes_pixel : bool, optional
        Whether the PSF includes the response of the full pixel of the image. One
        that does is sampled at the centres of pixels, one that does not is
        integrated over them. By default arrays and photutils' effective PSFs
        (``ImagePSF``, ``GriddedPSFModel``, models whose names end on ``PRF``) do,
        other models do not. A PSF that varies knows by itself.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N or 1, size, size), float32

    Raises
    ------
    TypeError
        If ``psf`` is none of these or does not hold real numbers.
    ValueError
        If ``psf`` has a wrong shape or number of stamps, is not finite, has a
        sum that is not positive, is not centred to within a pixel, or is
        not sampled like the image: its FWHM is below 1.3 pixels or above
        ``size / 1.5``; or if it varies and there are no positions.
    """
    stamps = _raw_stamps(psf, size, n, positions, oversampling, includes_pixel)
    complaint = first_complaint(stamps)
    if complaint is not None:
        raise ValueError(complaint)
    return unit_sum(stamps)


def psf_stamps_of_rows(
    psf, *, size=25, n=None, positions=None, oversampling=1, includes_pixel=None
):
    """
    As `as_psf_stamps`, but a galaxy whose PSF is bad does not spoil the others.

    Parameters
    ----------
    psf, size, n, positions, oversampling, includes_pixel
        As for `as_psf_stamps`. An element of a list may be None.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N or 1, size, size), float32
        Where the PSF is bad, the mean of the good ones, so that whatever sees all
        rows sees no NaN.
    good : `~numpy.ndarray` of bool, shape (N or 1,)
        Whether the PSF of each row is one. What was measured with another is not a
        result: such a row gets NaN and the flag ``bad_psf``.

    Raises
    ------
    TypeError, ValueError
        As `as_psf_stamps`, where no PSF is good.
    """
    stamps = _raw_stamps(psf, size, n, positions, oversampling, includes_pixel)
    good = good_stamps(stamps)
    if not good.any():
        complaint = first_complaint(stamps)
        if complaint is not None:  # None only where there are no galaxies
            raise ValueError(complaint)
        return stamps.astype(np.float32), good
    result = np.empty(stamps.shape, np.float32)
    result[good] = unit_sum(stamps[good])
    if not good.all():
        result[~good] = result[good].mean(axis=0)
    return result, good


def _raw_stamps(psf, size, n, positions, oversampling, includes_pixel):
    """Stamps of any sum; NaN or zero where there is no PSF."""
    if size != int(size) or size < 3 or size % 2 == 0:
        raise ValueError(f"size must be an odd number from 3 on, got {size}")
    if not oversampling >= 1:
        raise ValueError(f"oversampling must be at least 1, got {oversampling}")
    stamps = _sampled(recognised(psf), size, positions, oversampling, includes_pixel)
    if n is not None and len(stamps) not in (1, n):
        each = "" if n == 1 else f" or one for each of the {n} galaxies"
        raise ValueError(f"psf must be one PSF{each}, got {len(stamps)}")
    return stamps


def recognised(psf):
    """
    Take a PSF out of what brings it along.

    Parameters
    ----------
    psf
        In any form that `as_psf_stamps` takes.

    Returns
    -------
    object
        An array or what holds one, a model, one that varies or a list of these.
    """
    if hasattr(psf, "epsf"):  # photutils' EPSFBuildResult
        return psf.epsf
    if isinstance(psf, tuple) and len(psf) == 2 and isinstance(psf[0], Model):
        from photutils.psf import EPSFStars

        if isinstance(psf[1], EPSFStars):
            return psf[0]
    if is_psfex(psf) or (isinstance(psf, fits.HDUList) and any(map(is_psfex, psf))):
        return read_psfex(psf)
    stack = stack_of(psf)
    return psf if stack is None else stack


def _sampled(psf, size, positions, oversampling, includes_pixel):
    if _is_sequence(psf):
        return _of_each(psf, size, positions, oversampling, includes_pixel)
    if hasattr(psf, "at"):
        return _at_positions(psf, size, positions, oversampling, includes_pixel)
    if not isinstance(psf, Model):
        includes_pixel = True if includes_pixel is None else bool(includes_pixel)
        return sample_array(
            psf, size, oversampling=oversampling, includes_pixel=includes_pixel
        )
    if oversampling != 1:
        raise ValueError("oversampling is for arrays: psf is a model")
    # photutils takes a second to import, which arrays do not need.
    from photutils.psf import GriddedPSFModel

    if isinstance(psf, GriddedPSFModel):
        return sample_grid(psf, size, positions, includes_pixel=includes_pixel)
    return sample_model(psf, size, includes_pixel=includes_pixel)


def _is_sequence(psf):
    """Whether it is a list of PSFs, rather than a list of numbers."""
    if not isinstance(psf, (list, tuple)) or not psf:
        return False
    shapes = {getattr(one, "shape", None) for one in psf}
    images = all(isinstance(shape, tuple) and len(shape) == 2 for shape in shapes)
    return (images and len(shapes) > 1) or any(
        one is None or isinstance(one, Model) or hasattr(one, "at") for one in psf
    )


def _of_each(psfs, size, positions, oversampling, includes_pixel):
    """One PSF for each galaxy, whatever each is."""
    stamps = np.full((len(psfs), size, size), np.nan)
    for number, psf in enumerate(psfs):
        if psf is None:
            continue
        here = None
        if positions is not None:
            here = tuple(np.atleast_1d(axis)[number : number + 1] for axis in positions)
        own = oversampling if not isinstance(psf, Model) else 1
        try:
            found = _sampled(recognised(psf), size, here, own, includes_pixel)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{error} (psf number {number})") from error
        if len(found) != 1:
            raise ValueError(
                f"psf number {number} must be one PSF, got {len(found)} of them"
            )
        stamps[number] = found[0]
    return stamps


def _at_positions(psf, size, positions, oversampling, includes_pixel):
    """PSFs of an object that knows them at each position."""
    if includes_pixel is not None:
        raise ValueError(
            "includes_pixel is for arrays and models: psf is a "
            f"{type(psf).__name__}, which says it itself"
        )
    if oversampling != 1:
        if not hasattr(psf, "oversampled"):
            raise ValueError(
                f"oversampling is for arrays: psf is a {type(psf).__name__}"
            )
        psf = psf.oversampled(oversampling)
    if positions is None:
        if getattr(psf, "varies", True):
            raise ValueError(
                f"psf is a {type(psf).__name__}, which varies, and needs positions"
            )
        positions = np.zeros(1), np.zeros(1)
    stamps = np.asarray(psf.at(*positions, size=size), float)
    if stamps.shape[1:] != (size, size):
        raise ValueError(
            f"psf.at must return stamps of {size} x {size} pixels, got shape "
            f"{stamps.shape}"
        )
    return stamps
