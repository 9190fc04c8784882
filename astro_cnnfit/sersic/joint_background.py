# Licensed under a 3-clause BSD style license - see LICENSE
"""Sky and noise of an image whose galaxies are subtracted."""

import numpy as np
from astropy.stats import median_absolute_deviation
from scipy.ndimage import gaussian_filter

from astro_cnnfit.parameters import LATENT_NAMES

from .shot_noise import error_with_shot_noise

__all__ = ["error_from_light", "noise_excess", "residual_error", "smooth_sky"]

_LOG_FLUX = LATENT_NAMES.index("log_flux")
# Cells in which the sky is determined, in pixels: large beside any galaxy, so that
# no galaxy's wings are taken for sky.
_CELL = 128
_CLIP = 3.0
# Standard deviation of what residuals are smoothed by, and by how much their variance
# may exceed that of white noise.
_WIDTH, _MOST_EXCESS = 1.5, 4.0
# Pixels that are looked at for the scatter, and galaxies for the gain.
_PIXELS, _GALAXIES, _HALF = 1_000_000, 64, 30


def smooth_sky(residual, weight):
    """
    Level of what is left of an image, where it varies slowly.

    Parameters
    ----------
    residual, weight : `~numpy.ndarray`
        (ny, nx) image without galaxies, and 1 / standard deviation in units in which
        the sky's noise is about 1; 0 for pixels to leave out.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx): means of cells of about 128 pixels without what stands out, and
        straight lines between their centres.
    """
    edges = [
        np.linspace(0, n, max(1, round(n / _CELL)) + 1).astype(int)
        for n in residual.shape
    ]
    levels = np.zeros([len(edge) - 1 for edge in edges])
    for row, column in np.ndindex(levels.shape):
        part = tuple(
            slice(edge[i], edge[i + 1])
            for edge, i in zip(edges, (row, column), strict=True)
        )
        use = weight[part] > 0
        levels[row, column] = _mean(residual[part][use], weight[part][use])
    rows, columns = (
        _hats(edge, n) for edge, n in zip(edges, residual.shape, strict=True)
    )
    return rows @ levels @ columns.T


def _mean(values, weight):
    if values.size == 0:
        return 0.0
    middle = np.median(values)
    offset = np.abs(values - middle)
    use = offset <= _CLIP * 1.4826 * np.median(offset)
    return np.average(values[use], weights=np.square(weight[use], dtype=float))


def _hats(edges, n):
    """Weights of the cells' levels at every pixel along one axis."""
    centres = (edges[1:] + edges[:-1] - 1) / 2
    return np.stack(
        [np.interp(np.arange(n), centres, own) for own in np.eye(len(centres))], axis=1
    )


def noise_excess(residual, weight):
    """
    By how much residuals vary more than white noise, on the scale of a PSF.

    Parameters
    ----------
    residual, weight : `~numpy.ndarray`
        As for `smooth_sky`, without the sky.

    Returns
    -------
    float
        Ratio of variances, between 1 and 4. Galaxies too faint to be found, and
        noise that is correlated, tell as little about a galaxy as so much noise.
    """
    used = (weight > 0).astype(np.float32)
    smooth = gaussian_filter((residual * weight).astype(np.float32), _WIDTH)
    # The square of a Gaussian is one of 1 / sqrt(2) its width.
    expected = gaussian_filter(used, _WIDTH / np.sqrt(2)) / (4 * np.pi * _WIDTH**2)
    use = expected > 0.5 / (4 * np.pi * _WIDTH**2)
    ratio = np.square(smooth[use]) / expected[use]
    if ratio.size == 0:
        return 1.0
    step = max(1, ratio.size // _PIXELS)
    # Median of the square of a normal deviate.
    return float(np.clip(np.median(ratio[::step]) / 0.4549, 1.0, _MOST_EXCESS))


def error_from_light(light, residual, mask, sigma, params):
    """
    Noise of each pixel, where only that of the sky is known.

    Parameters
    ----------
    light : `~numpy.ndarray`
        (ny, nx) sum of all models.
    residual : `~numpy.ndarray`
        (ny, nx) what they and the sky leave of the image.
    mask : `~numpy.ndarray` of bool
        (ny, nx), True for pixels to leave out.
    sigma : float
        Noise of the sky.
    params : `~numpy.ndarray`
        (N, 3) x, y and flux of the galaxies: the brightest tell how much noise
        light adds (`~astro_cnnfit.sersic.shot_noise.error_with_shot_noise`).

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx).
    """
    brightest = params[np.argsort(-params[:, 2])[:_GALAXIES]]
    slopes, half = [0.0], _HALF
    for x, y in np.rint(brightest[:, :2]).astype(int):
        if not (
            half <= x < light.shape[1] - half and half <= y < light.shape[0] - half
        ):
            continue
        part = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
        model, hidden = light[part] / sigma, mask[part]
        stamp = np.where(hidden, 0.0, residual[part] / sigma + model)
        error = error_with_shot_noise(stamp[None], model[None], hidden[None])[0]
        peak = np.unravel_index(np.argmax(model), model.shape)
        if model[peak] > 1:
            slopes.append((error[peak] ** 2 - 1) / model[peak])
    gain = np.median(slopes[1:] or slopes)
    return sigma * np.sqrt(1 + gain * np.maximum(light, 0) / sigma)


def residual_error(image, residual, used, latent):
    """
    Noise of each pixel of an image that brings none.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        With all its light.
    residual : `~numpy.ndarray`
        (ny, nx) what models and sky leave of it.
    used : `~numpy.ndarray` of bool
        (ny, nx), False for pixels to leave out.
    latent : `~numpy.ndarray`
        (N, 7) latent parameters of its galaxies.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx).
    """
    left = residual - (np.median(residual[used]) if used.any() else 0.0)
    sigma = 1.0
    if used.any():
        sigma = 1.4826 * median_absolute_deviation(left[used]) or 1.0
    latent = latent[np.isfinite(latent).all(axis=1)]
    bright = np.column_stack([latent[:, :2], 10 ** latent[:, _LOG_FLUX]])
    light = np.where(used, image.data - residual, 0.0)
    return error_from_light(light, left, ~used, sigma, bright)
