# Licensed under a 3-clause BSD style license - see LICENSE
"""
Whole fields of galaxies and stars, with their truth.

Numbers, magnitudes, sizes and noise are those of KiDS's r band: pixels of 0.2
arcsec, zero-point 30. Galaxies are Sersic profiles and lie at random, so that some
of them overlap; there is no clustering.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import QTable

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, effective_snr, sersic_b
from astro_cnnfit.psf import as_psf_stamps, fwhm, moffat
from astro_cnnfit.rendering import render_sersic_numpy

from .priors import (
    GAIN,
    PIXEL_SCALE,
    SKY_SIGMA,
    TABLE1,
    ZEROPOINT,
    exponential,
)

__all__ = ["Field", "simulate_field"]

# Galaxies brighter than r = 24 in a square arcminute, roughly what deep counts at
# high galactic latitude give, and e times as many with each magnitude: the slope of
# Table 1 of Li et al. (2022). True counts are flatter beyond r = 24.
_GALAXIES, _AT = 24.0, 24.0
# Stars of 17 < r < 25.5 in a square arcminute, and the e-folding in magnitudes.
_STARS, _STAR_FOLDING = 3.0, 4.3
_BRIGHT = 17.0
# log10 of R_eff in arcsec: median at r = 21, change with the magnitude, scatter.
# At r = 21 that is Table 1 of Li et al. (2022), at 24.5 a median of 0.35 arcsec.
_LOG_SIZE, _SIZE_SLOPE, _SIZE_SCATTER = -0.1, -0.1, 0.25
_SIZES = 0.1, 6.0
_STAR_SIZE = 0.01
# A galaxy is drawn out to where a pixel holds this much of it, in sky noises.
_FAINTEST = 0.02
_SIDES = (31, 61, 121, 241, 481, 961)
_PSF_SIZE = 41
# Pixels rendered together: those of 64 stamps of a network.
_TOGETHER = 64 * 61**2


class Field(NamedTuple):
    """A simulated field."""

    image: np.ndarray
    """(ny, nx) float64, without a sky pedestal."""
    error: np.ndarray
    """(ny, nx) standard deviation of each pixel: sky and Poisson noise."""
    psf: np.ndarray
    """(k, k) float32 of unit sum, or (N, k, k) where each object has its own."""
    truth: QTable
    """A row an object, the brightest first."""


def simulate_field(
    shape=(2000, 2000), *, density=1.0, limit=25.5, star_fraction=1.0, psf=None,
    sky_sigma=SKY_SIGMA, seed=None,
):  # fmt: skip
    """
    Simulate a field as KiDS sees it in the r band.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) in pixels of 0.2 arcsec.
    density : float
        Objects per area, in units of KiDS's: 24 galaxies of 17 < r < 24 and 3 stars
        of 17 < r < 25.5 per square arcminute.
    limit : float
        Magnitude of the faintest objects. Of galaxies of r = 24.9 half are found.
    star_fraction : float
        Number of stars in units of that in KiDS; 0 for none.
    psf : array_like or model, optional
        Anything that `astro_cnnfit.psf.as_psf_stamps` takes. By default a Moffat
        profile with an exponent of 3 and a FWHM of 0.7 arcsec.
    sky_sigma : float
        Noise of the sky in a pixel, in units of flux (zero-point 30).
    seed : int or `numpy.random.Generator`, optional
        Makes the field reproducible.

    Returns
    -------
    `Field`
        ``truth`` has ``id, x_0, y_0, flux, mag, r_eff, n, ellip, theta, is_star`` and
        ``snr`` (within R_eff, `~astro_cnnfit.parameters.effective_snr`). Positions
        and ``r_eff`` are in pixels, ``theta`` has a unit. Stars have R_eff, n and
        ellipticity NaN.

    Raises
    ------
    ValueError
        If ``shape`` is not that of an image or a number is out of range.
    """
    _check(shape, density, limit, star_fraction, sky_sigma)
    rng = np.random.default_rng(seed)
    galaxies = _draw_galaxies(rng, shape, density, limit)
    stars = _draw_stars(rng, shape, density * star_fraction, limit)
    params = np.concatenate([galaxies, stars])
    is_star = np.arange(len(params)) >= len(galaxies)
    order = np.argsort(-params[:, 2], kind="stable")
    params, is_star = params[order], is_star[order]
    psf = moffat(0.7 / PIXEL_SCALE, 3.0, size=_PSF_SIZE) if psf is None else psf
    psfs = as_psf_stamps(
        psf, size=_PSF_SIZE, n=len(params), positions=(params[:, 0], params[:, 1])
    )
    light = _paint(params, psfs, shape, sky_sigma)
    error = np.sqrt(sky_sigma**2 + np.maximum(light, 0) / GAIN)
    image = light + error * rng.standard_normal(shape)
    truth = _truth(params, is_star, psfs, sky_sigma)
    return Field(image, error, psfs[0] if len(psfs) == 1 else psfs, truth)


def _check(shape, density, limit, star_fraction, sky_sigma):
    if len(shape) != 2 or not all(n == int(n) and n >= 1 for n in shape):
        raise ValueError(f"shape must be (ny, nx), got {shape}")
    for name, value in (("density", density), ("star_fraction", star_fraction)):
        if not 0 <= value <= 100:
            raise ValueError(f"{name} must be from 0 to 100, got {value}")
    if not _BRIGHT < limit <= 30:
        raise ValueError(f"limit must be above {_BRIGHT} and at most 30, got {limit}")
    if not 0 < sky_sigma < np.inf:
        raise ValueError(f"sky_sigma must be positive, got {sky_sigma}")


def _draw_places(rng, shape, per_arcmin2):
    """Places of objects, (N, 2)."""
    area = shape[0] * shape[1] * (PIXEL_SCALE / 60) ** 2
    n = rng.poisson(per_arcmin2 * area)
    return rng.uniform(-0.5, [shape[1] - 0.5, shape[0] - 0.5], (n, 2))


def _draw_galaxies(rng, shape, density, limit):
    cumulative = _GALAXIES * (np.exp(limit - _AT) - np.exp(_BRIGHT - _AT))
    places = _draw_places(rng, shape, density * cumulative)
    n = len(places)
    magnitude = exponential(1.0, _BRIGHT, limit)(rng, n)
    size = (
        _LOG_SIZE + _SIZE_SLOPE * (magnitude - 21) + _SIZE_SCATTER * rng.normal(size=n)
    )
    r_eff = np.clip(10**size, *_SIZES) / PIXEL_SCALE
    shape_columns = (TABLE1.n(rng, n), 1 - TABLE1.q(rng, n), rng.uniform(0, np.pi, n))
    return np.column_stack([places, _flux(magnitude), r_eff, *shape_columns])


def _draw_stars(rng, shape, density, limit):
    total = (np.exp(limit / _STAR_FOLDING) - np.exp(_BRIGHT / _STAR_FOLDING)) / (
        np.exp(25.5 / _STAR_FOLDING) - np.exp(_BRIGHT / _STAR_FOLDING)
    )
    places = _draw_places(rng, shape, density * _STARS * total)
    n = len(places)
    magnitude = exponential(_STAR_FOLDING, _BRIGHT, limit)(rng, n)
    point = np.broadcast_to([_STAR_SIZE, 0.5, 0.0, 0.0], (n, 4))
    return np.column_stack([places, _flux(magnitude), point])


def _flux(magnitude):
    return 10 ** (0.4 * (ZEROPOINT - magnitude))


def _paint(params, psfs, shape, sky_sigma):
    """All objects without noise; each on the smallest stamp that shows its light."""
    image = np.zeros(shape)
    sides = _sides(params, psfs.shape[-1], sky_sigma)
    for side in np.unique(sides).tolist():
        rows = np.flatnonzero(sides == side)
        step = max(1, _TOGETHER // side**2)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            place = np.rint(params[some, :2]).astype(int)
            own = params[some].copy()
            own[:, :2] -= place
            stamps = render_sersic_numpy(
                own, psfs if len(psfs) == 1 else psfs[some], (side, side), step
            )
            for stamp, (x, y) in zip(stamps, place - side // 2, strict=True):
                _add(image, stamp, x, y)
    return image


def _sides(params, psf_size, sky_sigma):
    flux, r_eff, n, ellip = params[:, 2:6].T
    b = sersic_b(n)
    amplitude = amplitude_from_flux(flux, r_eff, n, ellip) / sky_sigma
    radius = r_eff * np.maximum(1 + np.log(amplitude / _FAINTEST) / b, 0) ** n
    # Of bright objects the PSF's wings are seen too.
    bright = flux > 100 * sky_sigma
    wanted = 2 * radius + 1 + np.where(bright, psf_size, psf_size // 2)
    return np.take(_SIDES, np.searchsorted(_SIDES[:-1], wanted))


def _add(image, stamp, x, y):
    """Add a stamp whose first pixel is at (x, y), as far as it is inside."""
    side = len(stamp)
    bottom, left = max(y, 0), max(x, 0)
    top, right = min(y + side, image.shape[0]), min(x + side, image.shape[1])
    if top > bottom and right > left:
        inside = stamp[bottom - y : top - y, left - x : right - x]
        image[bottom:top, left:right] += inside


def _truth(params, is_star, psfs, sky_sigma):
    truth = QTable({"id": np.arange(1, len(params) + 1)})
    for name, column in zip(NAMES, params.T, strict=True):
        shown = name in ("x_0", "y_0", "flux") or ~is_star
        truth[name] = np.where(shown, column, np.nan)
    truth["theta"] = truth["theta"] * u.rad
    truth["mag"] = ZEROPOINT - 2.5 * np.log10(truth["flux"])
    truth["is_star"] = is_star
    noises = params.copy()
    noises[:, 2] /= sky_sigma
    truth["snr"] = effective_snr(noises, fwhm(psfs))
    return truth["id", "x_0", "y_0", "flux", "mag", *NAMES[3:], "is_star", "snr"]
