# Licensed under a 3-clause BSD style license - see LICENSE
"""Which of the sources of an image are stars that show its PSF."""

import numpy as np
from astropy.stats import mad_std

from astro_cnnfit.psf.candidates import reject
from astro_cnnfit.psf.checks import MIN_FWHM

__all__ = ["choose_stars", "leave_out_on_light", "stands_on_light"]

# Light at the border of a stamp, in noises and relative to the star's peak, that is not
# the star's own: it stands on a galaxy.
_HALO_SIGMAS, _HALO_SHARE = 1.0, 0.005
# Shortest and longest half-width of the locus, in the logarithm of the width.
_LOCUS = (0.03, 0.12)
# Widths of stars of one image, in the same, but for their noise.
_BANDWIDTH = 0.02


def choose_stars(table, *, min_snr, saturation=None):
    """
    Choose the stars: the narrow range of widths in which sources crowd.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        Of `~astro_cnnfit.psf.candidates.measure_candidates`; ``reason`` is filled in.
    min_snr : float
        Least S/N of a star.
    saturation : float, optional
        Stars whose peak, above the sky, is higher are left out.
    """
    if saturation is not None:
        reject(table, table["peak"] > saturation, "saturated")
    reject(table, ~(table["snr"] >= min_snr), "faint")
    reject(table, table["fwhm"] < MIN_FWHM, "sharp")
    left = table["reason"] == ""
    if np.count_nonzero(left) < 2:
        return
    width = np.log(np.asarray(table["fwhm"]))
    spread = 1 / np.asarray(table["snr"])
    centre = _mode(width[left], spread[left])
    half = _LOCUS[1]
    for _ in range(5):
        inside = left & (np.abs(width - centre) < half + 3 * spread)
        if not inside.any():
            break
        centre = np.median(width[inside])
        half = np.clip(3 * mad_std(width[inside]), *_LOCUS)
    reject(table, width < centre - half - 3 * spread, "sharp")
    reject(table, width > centre + half + 3 * spread, "extended")
    left = table["reason"] == ""
    for name in ("e1", "e2"):
        shape = np.asarray(table[name])
        if left.any():
            limit = np.clip(3 * mad_std(shape[left]), 0.03, 0.12) + 3 * spread
            reject(table, np.abs(shape - np.median(shape[left])) > limit, "elongated")


def stands_on_light(table, sigma):
    """
    Which sources stand on the light of a galaxy.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        Of `~astro_cnnfit.psf.candidates.measure_candidates`.
    sigma : float
        Noise of the sky in a pixel.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,)
    """
    own = _HALO_SHARE * np.maximum(np.asarray(table["peak"]), 0.0)
    return np.asarray(table["local_bkg"]) > _HALO_SIGMAS * sigma + own


def leave_out_on_light(table, sigma, least):
    """
    Leave out stars that stand on a galaxy, where there are enough others.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        Of `~astro_cnnfit.psf.candidates.measure_candidates`; ``reason`` is filled in.
    sigma : float
        Noise of the sky in a pixel.
    least : int
        How many others are enough.
    """
    on_light = stands_on_light(table, sigma)
    if np.count_nonzero((table["reason"] == "") & ~on_light) >= least:
        reject(table, on_light, "on a galaxy")


def _mode(values, spread):
    """Where values crowd, and of several such places the lowest."""
    points = np.linspace(values.min(), values.max(), 500)
    width = np.hypot(_BANDWIDTH, spread)
    steps = (points[:, np.newaxis] - values) / width
    density = (np.exp(-0.5 * steps**2) / width).sum(axis=1)
    padded = np.pad(density, 1)
    tops = (density >= padded[:-2]) & (density >= padded[2:])
    tops &= density >= 0.35 * density.max()
    return points[np.argmax(tops)]
