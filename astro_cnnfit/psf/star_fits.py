# Licensed under a 3-clause BSD style license - see LICENSE
"""Stars fitted by the PSF that they show, and the PSF made of them, in turns."""

from typing import NamedTuple

import numpy as np
from astropy.stats import mad_std
from scipy.ndimage import binary_dilation

from astro_cnnfit.psf.moments import adaptive_moments
from astro_cnnfit.psf.sampling import resample

__all__ = ["StarFits", "fit_stars"]

_ROUNDS = 6
# A pixel of one star is not trusted more than to these parts of itself and of the
# maximum: stars differ, and have neighbours that nobody sees.
_SYSTEMATIC = (0.02, 1e-4)
_LARGEST_STEP = 0.3
_OUTLIER = 5.0
_CLIP = 3.5


class StarFits(NamedTuple):
    """What the stars say, (N,) each."""

    coefficients: np.ndarray
    """(M, k, k) images of the terms of the polynomial, of unit sum where it is
    centred."""
    x: np.ndarray
    """Centres of the stars, in pixels from those of their stamps."""
    y: np.ndarray
    flux: np.ndarray
    sky: np.ndarray
    misfit: np.ndarray
    """Root mean square of what the noise does not explain of a star's residual,
    within its core, in units of the maximum of the PSF."""
    centred: np.ndarray
    """(N, k, k) the stars without sky, moved to the centre and scaled to unit flux."""


def fit_stars(stamps, masks, basis, *, x, y, flux, sigma, core):
    """
    Make the PSF of stars.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, k, k)
        Stars, in linear units.
    masks : `~numpy.ndarray` of bool, shape (N, k, k)
        Pixels to leave out.
    basis : `~numpy.ndarray`, shape (N, M)
        Terms of the polynomial at each star.
    x, y : `~numpy.ndarray`, shape (N,)
        First guesses of centres, in pixels from those of the stamps.
    flux : `~numpy.ndarray`, shape (N,)
        First guesses of fluxes.
    sigma : float
        Noise of the sky in a pixel.
    core : float
        Radius within which the stars are compared with the PSF, in pixels.

    Returns
    -------
    `StarFits`

    Notes
    -----
    Each star is moved to the centre by band-limited interpolation, after masked
    pixels are replaced by the model; the PSF is the mean of all, weighted by their
    S/N and clipped at 3.5 sigma in each pixel. In turn each star's flux, centre and
    sky are the linear least squares of its pixels. Pixels that stand out by more
    than five sigma after the second turn are left out: they belong to neighbours.
    """
    size = stamps.shape[-1]
    sky, misfit = np.zeros((2, len(stamps)))
    bad, models = masks, None
    for turn in range(_ROUNDS):
        centred = _centred(stamps, bad, models, x=x, y=y, flux=flux, sky=sky)
        weights = _weights(centred, sigma / flux)
        coefficients = _recentred(_combined(centred, basis, weights))
        psfs = np.tensordot(basis, coefficients, axes=1)
        models = _moved(psfs, x, y)
        solution = _solved(stamps, bad, models, core=size / 2)
        flux, sky = solution[0], _without_wings(solution[3], solution[0])
        x, y = (
            axis + np.clip(step / flux, -_LARGEST_STEP, _LARGEST_STEP)
            for axis, step in ((x, solution[1]), (y, solution[2]))
        )
        models = _moved(psfs, x, y)
        residual = stamps - _of(models, flux, sky)
        misfit = _misfit(residual, bad, psfs, flux, sigma, core)
        if turn > 0:
            bad = masks | _outliers(residual, models, flux, sigma)
    centred = _centred(stamps, bad, models, x=x, y=y, flux=flux, sky=sky)
    return StarFits(coefficients, x, y, flux, sky, misfit, centred)


def _column(values):
    return values[:, np.newaxis, np.newaxis]


def _of(models, flux, sky):
    return _column(flux) * models + _column(sky)


def _weights(centred, noise):
    """Weight of each pixel of each star."""
    typical = np.abs(np.median(centred, axis=0))
    own, least = _SYSTEMATIC
    variance = (own * typical) ** 2 + (least * typical.max()) ** 2
    return 1 / (_column(noise) ** 2 + variance)


def _moved(stamps, x, y):
    """Move images that are centred to where stars are."""
    points = np.arange(stamps.shape[-1])
    return np.concatenate(
        [
            resample(stamp[np.newaxis], points - dy, points - dx)
            for stamp, dx, dy in zip(stamps, x, y, strict=True)
        ]
    )


def _centred(stamps, bad, models, *, x, y, flux, sky):
    filled = stamps if models is None else np.where(bad, _of(models, flux, sky), stamps)
    return _moved((filled - _column(sky)) / _column(flux), -x, -y)


def _combined(centred, basis, weights):
    """Weighted polynomial of each pixel, clipped, of unit sum at its centre."""
    n_terms = basis.shape[1]
    size = centred.shape[-1]
    values, weights = (each.reshape(len(centred), -1) for each in (centred, weights))
    good = np.ones(values.shape, bool)
    for _ in range(3):
        factors = weights * good
        matrix = np.einsum("np,ni,nj->pij", factors, basis, basis)
        vector = np.einsum("np,ni->pi", factors * values, basis)
        # A ridge that matters only where clipping left too few stars.
        matrix += (
            1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] * np.eye(n_terms)
        )
        solution = np.linalg.solve(matrix, vector[..., np.newaxis])[..., 0]
        off = (values - basis @ solution.T) * np.sqrt(weights)
        if len(values) < max(5, 3 * n_terms):
            break
        # In units of their noise: less than half of it is chance, or an empty edge.
        spread = np.maximum(mad_std(off, axis=0), 0.5)
        good = np.abs(off - np.median(off, axis=0)) <= _CLIP * spread
    coefficients = solution.T.reshape(n_terms, size, size)
    # The flux of a star is its own; it must not depend on the place.
    sums = coefficients.sum(axis=(1, 2))
    coefficients[1:] -= coefficients[0] / sums[0] * _column(sums[1:])
    return coefficients / sums[0]


def _recentred(coefficients):
    """Move the PSF to its centre, which the stars alone leave open."""
    found = adaptive_moments(coefficients[:1])
    shift = np.nan_to_num([found.x[0], found.y[0]])
    dx, dy = np.repeat(shift[:, np.newaxis], len(coefficients), axis=1)
    return _moved(coefficients, -dx, -dy)


def _solved(stamps, bad, models, core):
    """Flux, flux times steps in x and y, and sky, of each star."""
    size = stamps.shape[-1]
    steps = np.arange(size) - (size - 1) / 2
    inside = np.hypot(steps, steps[:, np.newaxis]) < core
    y_slope, x_slope = np.gradient(models, axis=(1, 2))
    solutions = []
    for number, stamp in enumerate(stamps):
        use = inside & ~bad[number]
        columns = (
            models[number],
            -x_slope[number],
            -y_slope[number],
            np.ones_like(stamp),
        )
        matrix = np.stack([column[use] for column in columns], axis=1)
        scale = np.abs(stamp).max()
        solutions.append(scale * np.linalg.lstsq(matrix, stamp[use] / scale)[0])
    solution = np.transpose(solutions)
    solution[0] = np.maximum(solution[0], 1e-3 * np.abs(stamps).max(axis=(1, 2)))
    return solution


def _without_wings(sky, flux):
    """Leave to the PSF what is in proportion to the stars' fluxes."""
    # Faint ones tell little, and a single one, near saturation, may be odd.
    bright = flux >= np.median(flux)
    return sky - flux * np.median(sky[bright] / flux[bright])


def _misfit(residual, bad, psfs, flux, sigma, core):
    size = residual.shape[-1]
    steps = np.arange(size) - (size - 1) / 2
    inside = (np.hypot(steps, steps[:, np.newaxis]) < core) & ~bad
    square = np.where(inside, residual**2 - sigma**2, 0).sum(axis=(1, 2))
    mean = square / np.maximum(inside.sum(axis=(1, 2)), 1)
    return np.sqrt(np.maximum(mean, 0)) / (flux * psfs.max(axis=(1, 2)))


def _outliers(residual, models, flux, sigma):
    """Pixels of neighbours, and those next to them."""
    noise = np.hypot(sigma, 0.05 * _column(flux) * np.maximum(models, 0))
    far = np.abs(residual) > _OUTLIER * noise
    return binary_dilation(far, np.ones((1, 3, 3), bool))
