# Licensed under a 3-clause BSD style license - see LICENSE
"""Whether stamps are PSFs of an image: finite, positive, centred and sampled well."""

import numpy as np

from astro_cnnfit.psf.sampling import centroid, fwhm

__all__ = ["MAX_OFFSET", "MIN_FWHM", "first_complaint", "good_stamps", "unit_sum"]

MIN_FWHM = 1.3
"""Smallest FWHM in pixels: below, the pixel hides what the PSF is."""

MAX_OFFSET = 1.0
"""Largest distance of a PSF's centroid from the central pixel, in pixels."""


def good_stamps(stamps):
    """
    Tell which stamps are PSFs that an image may have.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, k, k)

    Returns
    -------
    good : `~numpy.ndarray` of bool, shape (N,)
    """
    good = np.ones(len(stamps), bool)
    for fine, _, _ in _criteria(stamps):
        good &= fine
    return good


def first_complaint(stamps):
    """
    Say what is wrong with the first stamp that is not a PSF.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, k, k)

    Returns
    -------
    str or None
        None if all are good.
    """
    for good, message, values in _criteria(stamps):
        if not np.all(good):
            first = int(np.flatnonzero(~good)[0])
            got = "" if values is None else f": got {values[first]:.2f}"
            several = f" (stamp {first}, one of {np.sum(~good)})"
            return f"{message}{got}{several if len(good) > 1 else ''}"
    return None


def unit_sum(stamps):
    """Scale stamps to unit sum, float32."""
    return (stamps / stamps.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


def _criteria(stamps):
    """Go through the criteria: which stamps meet it, what it is, and what they have."""
    size = stamps.shape[-1]
    finite = np.isfinite(stamps).all(axis=(1, 2))
    yield finite, "psf must be finite and without masked pixels", None
    if not finite.all():
        stamps = np.where(finite[:, np.newaxis, np.newaxis], stamps, 0.0)
    yield stamps.sum(axis=(1, 2)) > 0, "psf must have a positive sum", None
    x, y = centroid(stamps)
    offset = np.hypot(x - (size - 1) / 2, y - (size - 1) / 2)
    yield (
        offset <= MAX_OFFSET,
        f"psf must be centred on the central pixel to within {MAX_OFFSET} pixel",
        offset,
    )
    width = fwhm(stamps)
    yield (
        (width >= MIN_FWHM) & (width <= size / 1.5),
        f"psf must be sampled like the image, with a FWHM of {MIN_FWHM} to "
        f"{size / 1.5:.1f} pixels (one with more samples needs its oversampling)",
        width,
    )
