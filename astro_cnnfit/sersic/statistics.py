# Licensed under a 3-clause BSD style license - see LICENSE
"""What stamps say about the quality of a measurement."""

from functools import cache

import numpy as np

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, sersic_b

__all__ = ["goodness", "light_at", "light_of", "within_r_eff"]

# Indices in a table of what is slow to compute, and how many.
_INDICES, _NODES = (0.2, 12.0), 1024
# Galaxies whose light is computed together.
_PIECE = 64

# The ellipse within which residuals are counted is not smaller than this.
_MIN_RADIUS = 3.0
# What makes a model poor: the share of it that it may be wrong by, and chi-squared
# per pixel, which correlated noise and misjudged errors raise.
_MODEL_ERROR, _POOR, _POOR_SIGMAS = 0.03, 1.5, 6.0


def light_at(params, x, y):
    """
    Surface brightness of Sersic profiles, not convolved.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    x, y : `~numpy.ndarray`
        (M,) positions relative to the centre of the stamp. Far from a galaxy's
        centre, where this is used, the PSF changes little.

    Returns
    -------
    `~numpy.ndarray`
        (N, M) float32.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    columns = dict(zip(NAMES, params.T[:, :, np.newaxis], strict=True))
    profiles = [array[:, np.newaxis] for array in _profiles(params)]
    result = np.empty((len(params), len(x)), np.float32)
    # In pieces that stay in a processor's cache from one step to the next.
    for start in range(0, len(params), _PIECE):
        some = slice(start, start + _PIECE)
        amplitude, power, b = (array[some] for array in profiles)
        light = result[some]
        with np.errstate(all="ignore"):
            own = {name: column[some] for name, column in columns.items()}
            np.power(_squared_radius(own, x, y), power, out=light)
            light -= 1
            light *= -b
            np.exp(light, out=light)
            light *= amplitude
    return result


def light_of(params, galaxies, x, y):
    """
    Surface brightness of Sersic profiles at some places each, not convolved.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7).
    galaxies : `~numpy.ndarray` of int
        (M,) which of the galaxies.
    x, y : `~numpy.ndarray`
        (M,) where, from the centre of its stamp.

    Returns
    -------
    `~numpy.ndarray`
        (M,) float32.
    """
    columns = dict(zip(NAMES, params.T, strict=True))
    amplitude, power, b = _profiles(params)
    with np.errstate(all="ignore"):
        along, across, q = _axes(columns)
        own = [columns[name].astype(np.float32)[galaxies] for name in ("x_0", "y_0")]
        x, y = x - own[0], y - own[1]
        squared = np.square(x * along[galaxies] + y * across[galaxies])
        squared += np.square(y * (along / q)[galaxies] - x * (across / q)[galaxies])
        light = squared ** power[galaxies] - 1
        light *= -b[galaxies]
        np.exp(light, out=light)
        return light * amplitude[galaxies]


def _profiles(params):
    """
    What tells the surface brightness of Sersic profiles, to a few parts in 10^5.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7).

    Returns
    -------
    amplitude, power, b : `~numpy.ndarray`
        (N,) float32 each: light is ``amplitude * exp(-b * (s**power - 1))`` at a
        squared elliptical radius s in units of R_eff.
    """
    columns = dict(zip(NAMES, params.T, strict=True))
    flux, r_eff, n, ellip = (columns[k] for k in ("flux", "r_eff", "n", "ellip"))
    with np.errstate(all="ignore"):
        logarithm, (nodes, b, norm) = np.log(n), _table()
        amplitude = flux / (np.square(r_eff) * (1 - ellip))
        amplitude *= np.exp(np.interp(logarithm, nodes, norm))
        b = np.interp(logarithm, nodes, b)
        values = [amplitude, 0.5 / n, b]
        # Beyond the table are only indices that no galaxy has.
        beyond = np.flatnonzero((logarithm < nodes[0]) | (logarithm > nodes[-1]))
        if beyond.size:
            exact = amplitude_from_flux(*(c[beyond] for c in (flux, r_eff, n, ellip)))
            amplitude[beyond], b[beyond] = exact, sersic_b(n[beyond])
    return [array.astype(np.float32) for array in values]


@cache
def _table():
    """Logarithm of n, b_n, and logarithm of the amplitude for unit flux and area."""
    n = np.geomspace(*_INDICES, _NODES)
    return np.log(n), sersic_b(n), np.log(amplitude_from_flux(1.0, 1.0, n, 0.0))


def goodness(residual, models, mask, sigma, params):
    """
    How well models describe stamps within the effective radius.

    Parameters
    ----------
    residual, models : `~numpy.ndarray`
        (N, ny, nx) stamps without sky less models, and the models.
    mask : `~numpy.ndarray`
        (N, ny, nx), True for pixels to leave out.
    sigma : `~numpy.ndarray` or float
        Noise of the pixels, in the unit of the stamps; a float where only that
        of the sky is known.
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.

    Returns
    -------
    qfit : `~numpy.ndarray`
        (N,) sum of absolute residuals over total flux, as in photutils.psf.
    reduced_chi2 : `~numpy.ndarray`
        (N,) Eq. 11 of Li et al. (2022). NaN where there are no more pixels
        than parameters.
    is_poor : `~numpy.ndarray` of bool
        (N,) whether chi-squared per pixel is above 1.5 by more than 6 of its
        standard deviations, sqrt(2 / pixels), when 3 % of the model are allowed
        beside the noise.

    Notes
    -----
    Pixels within the ellipse of semi-major axis R_eff count, as in the paper,
    but neither axis of it is taken below 3 pixels.

    Where only the noise of the sky is known, ``is_poor`` takes the noise from the
    scatter of the residuals from pixel to pixel, if that is larger, so that a
    bright galaxy's own noise makes no poor model.
    """
    used = within_r_eff(params, residual.shape[1:]) & ~mask
    residual = np.where(used, residual, 0.0)
    count = used.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        qfit = np.abs(residual).sum(axis=(1, 2)) / params[:, NAMES.index("flux")]
        chi2 = np.where(used, (residual / sigma) ** 2, 0.0).sum(axis=(1, 2))
        freedom = np.where(count > len(NAMES), count - len(NAMES), np.nan)
        variance = np.square(sigma) + np.square(_MODEL_ERROR * models)
        if np.ndim(sigma) == 0:
            scatter = np.maximum(_scatter(residual, used), sigma**2)
            variance = variance + (scatter - sigma**2)[:, np.newaxis, np.newaxis]
        excess = np.where(used, residual**2 / variance, 0.0).sum(axis=(1, 2)) / count
        is_poor = excess > _POOR + _POOR_SIGMAS * np.sqrt(2 / count)
        return np.where(count > 0, qfit, np.nan), chi2 / freedom, is_poor


def within_r_eff(params, shape):
    """
    Pixels within the effective radius of galaxies.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    shape : tuple of int
        (ny, nx) of the stamps.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N, ny, nx), True within the ellipse of semi-major axis R_eff, neither
        axis of which is taken below 3 pixels.
    """
    columns = dict(zip(NAMES, params.T[:, :, np.newaxis], strict=True))
    major = np.maximum(columns["r_eff"], _MIN_RADIUS)
    minor = np.maximum(columns["r_eff"] * (1 - columns["ellip"]), _MIN_RADIUS)
    columns |= {"r_eff": major, "ellip": 1 - minor / major}
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx].reshape(2, -1)
    inside = _squared_radius(columns, x - (nx - 1) / 2, y - (ny - 1) / 2) <= 1
    return inside.reshape(-1, ny, nx)


def _scatter(residual, used):
    """Variance of white noise that makes pixels differ from those beside them."""
    step = residual[:, :, 2:] - 2 * residual[:, :, 1:-1] + residual[:, :, :-2]
    whole = used[:, :, 2:] & used[:, :, 1:-1] & used[:, :, :-2]
    squares = np.where(whole, step**2, 0.0).sum(axis=(1, 2))
    return squares / 6 / np.maximum(whole.sum(axis=(1, 2)), 1)


def _squared_radius(columns, x, y):
    """Squared elliptical radius in units of R_eff, (N, M) float32."""
    x = np.asarray(x, np.float32) - columns["x_0"].astype(np.float32)
    y = np.asarray(y, np.float32) - columns["y_0"].astype(np.float32)
    along, across, q = _axes(columns)
    squared = x * along
    squared += y * across
    np.square(squared, out=squared)
    y *= along / q
    x *= across / q
    y -= x
    np.square(y, out=y)
    squared += y
    return squared


def _axes(columns):
    """Cosine and sine of the angle over R_eff, and the ratio of the axes."""
    theta, r_eff, q = (
        array.astype(np.float32)
        for array in (columns["theta"], columns["r_eff"], 1 - columns["ellip"])
    )
    return np.cos(theta) / r_eff, np.sin(theta) / r_eff, q
