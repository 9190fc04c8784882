# Licensed under a 3-clause BSD style license - see LICENSE
"""Segments of the objects of an image in units of its noise."""

import warnings
from importlib.util import find_spec

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning
from photutils.segmentation import (
    SegmentationImage,
    deblend_sources,
    detect_sources,
)
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import gaussian_filter, maximum_filter

from .knots import joined_knots
from .versions import QUIETLY, named

__all__ = ["deblended", "find_segments", "smoothed"]

_FWHM_TO_SIGMA = 0.42466


def smoothed(image, weight, fwhm):
    """
    S/N of a source of the width of a Gaussian, at each pixel.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx) in units of its noise.
    weight : `~numpy.ndarray`
        (ny, nx), 0 for pixels that do not count and 1 for others.
    fwhm : float
        Of the Gaussian, in pixels.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) float32.
    """
    sigma = fwhm * _FWHM_TO_SIGMA
    total = gaussian_filter((image * weight).astype(np.float32), sigma, mode="constant")
    # The square of a Gaussian is one that is narrower by the root of two.
    variance = gaussian_filter(
        weight.astype(np.float32), sigma / np.sqrt(2), mode="constant"
    ) / (4 * np.pi * sigma**2)
    least = 0.1 / (4 * np.pi * sigma**2)
    return np.where(variance > least, total / np.sqrt(np.maximum(variance, least)), 0)


def find_segments(snr, bad, nsigma, outskirts, npixels):
    """
    Connected pixels, followed outwards from where objects are found.

    Parameters
    ----------
    snr : `~numpy.ndarray`
        (ny, nx), the smoothed image in units of its noise.
    bad : `~numpy.ndarray` of bool
        (ny, nx), True for pixels that belong to no object.
    nsigma, outskirts : float
        Level that an object's peak reaches, and down to which it is followed.
    npixels : int
        Smallest number of pixels.

    Returns
    -------
    `~photutils.segmentation.SegmentationImage` or None
        None if nothing is found.
    """
    if np.all(bad):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(snr, outskirts, npixels, mask=bad)
    return None if found is None else _bright(found.data, snr, nsigma)


def _bright(labels, snr, nsigma):
    """Segments that reach a level, numbered anew; None if there are none."""
    peak = np.zeros(labels.max() + 1, snr.dtype)
    inside = labels > 0
    np.maximum.at(peak, labels[inside], snr[inside])
    kept = peak >= nsigma
    if not kept.any():
        return None
    number = np.where(kept, np.cumsum(kept), 0).astype(labels.dtype)
    return SegmentationImage(number[labels])


def deblended(snr, segments, *, nsigma, npixels, n_levels, contrast, fwhm):
    """
    Divide segments that hold more than one object.

    Parameters
    ----------
    snr : `~numpy.ndarray`
        (ny, nx) as for `find_segments`.
    segments : `~photutils.segmentation.SegmentationImage`
        What was found.
    nsigma : float
        Level that the peak of a part reaches.
    npixels, n_levels, contrast
        As `photutils.segmentation.deblend_sources` takes them.
    fwhm : float
        Width of a point source, in pixels.

    Returns
    -------
    `~photutils.segmentation.SegmentationImage`

    Raises
    ------
    ImportError
        If scikit-image is missing.
    """
    peaks = (snr == maximum_filter(snr, 3)) & (snr >= nsigma) & (segments.data > 0)
    number = np.bincount(segments.data[peaks], minlength=segments.max_label + 1)
    # Most segments have one peak: nothing is to be divided there.
    several = np.flatnonzero(number > 1)
    if several.size == 0:
        return segments
    if find_spec("skimage") is None:
        raise ImportError(
            "objects that touch are divided with scikit-image, which is missing: "
            "install it, or take GalaxyFinder(deblend=False)"
        )
    with warnings.catch_warnings():
        # Of levels that are linear where there are too many parts.
        warnings.simplefilter("ignore", AstropyUserWarning)
        found = deblend_sources(
            snr,
            segments,
            npixels,
            labels=several,
            contrast=contrast,
            **named(deblend_sources, n_levels=n_levels),
            **QUIETLY,
        )
    labels = joined_knots(snr, found.data, fwhm)
    return _bright(labels, snr, nsigma)
