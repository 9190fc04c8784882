# Licensed under a 3-clause BSD style license - see LICENSE
"""Level and noise of the sky between the objects of a whole image."""

from typing import NamedTuple

import numpy as np
from astropy.stats import SigmaClip, mad_std
from photutils.background import (
    Background2D,
    MADStdBackgroundRMS,
    MedianBackground,
)

from .versions import named

__all__ = ["Sky", "measure_sky"]

# Boxes with a larger share of masked pixels (in percent) are interpolated from the
# others: what is left of them is the outskirts of what was masked.
_MOST_MASKED = 70


class Sky(NamedTuple):
    """Level and noise of the sky, (ny, nx) each, in the unit of the image."""

    level: np.ndarray
    noise: np.ndarray


def measure_sky(data, bad, box_size):
    """
    Measure the sky in boxes of an image.

    Parameters
    ----------
    data : `~numpy.ndarray`
        (ny, nx).
    bad : `~numpy.ndarray` of bool
        (ny, nx), True for pixels to leave out: bad ones and objects.
    box_size : int
        Pixels on a side. One that is as large as the image gives one number.

    Returns
    -------
    `Sky`
        Clipped medians and scatter (MAD), interpolated between the boxes.
    """
    if min(data.shape) < 2 * box_size or np.all(bad):
        return _one_number(data, bad)
    settings = named(Background2D, bkg_rms_estimator=MADStdBackgroundRMS())
    try:
        found = Background2D(
            data,
            box_size,
            mask=bad,
            bkg_estimator=MedianBackground(),
            exclude_percentile=_MOST_MASKED,
            sigma_clip=SigmaClip(3.0, maxiters=10),
            **settings,
        )
    except ValueError:
        # No box has enough pixels.
        return _one_number(data, bad)
    return Sky(found.background, found.background_rms)


def _one_number(data, bad):
    values = data[~bad]
    if values.size == 0:
        return Sky(np.zeros(data.shape), np.full(data.shape, np.nan))
    values = SigmaClip(3.0, maxiters=10)(values, masked=False, copy=True)
    level, noise = np.median(values), mad_std(values)
    return Sky(np.full(data.shape, level), np.full(data.shape, noise))
