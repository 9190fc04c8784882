# Licensed under a 3-clause BSD style license - see LICENSE
"""
The noise of a galaxy's own light, where only that of the sky is known.

Its variance is proportional to the light. How much there is, which depends on the
gain and the exposure, is told by how much more residuals differ from pixel to pixel
where the galaxy is bright; a model that is wrong leaves residuals that are smooth.
"""

import numpy as np

__all__ = ["error_with_shot_noise"]

_ROUNDS = 3
# Half-width of the part of the stamps that is looked at.
_CORE = 20
# Fainter pixels, in noises of the sky, are sky; brighter squares than this times
# the expected ones are no noise.
_FAINT, _CLIP = 0.3, 10.0


def error_with_shot_noise(light, models, mask):
    """
    Noise of each pixel, from that of the sky and the scatter of residuals.

    Parameters
    ----------
    light : `~numpy.ndarray`
        (N, ny, nx) stamps without sky, in units of the sky noise.
    models : `~numpy.ndarray`
        (N, ny, nx) what the galaxies are thought to look like.
    mask : `~numpy.ndarray`
        (N, ny, nx), True for pixels to leave out, those of neighbours included.

    Returns
    -------
    `~numpy.ndarray`
        (N, ny, nx) float32, in units of the sky noise: sqrt(1 + g model), where
        g is fitted, galaxy by galaxy, to squared second differences of adjacent
        residuals. Noise that is correlated is taken to be so everywhere alike.
    """
    squares, brightness = _differences(light, models, mask)
    good = np.isfinite(squares)
    squares = np.where(good, squares, np.float32(0))
    faint = good & (brightness < _FAINT)
    sky = _mean(np.minimum(squares, np.float32(_CLIP)), faint)[:, np.newaxis]
    good &= ~faint
    slope = np.zeros_like(sky)
    for _ in range(_ROUNDS):
        expected = sky * (1 + slope * brightness)
        used = good & (squares < _CLIP * expected * (1 + np.float32(0.1) * brightness))
        weight = np.where(used, brightness / expected**2, np.float32(0))
        excess = np.sum(weight * (squares - sky), axis=1, keepdims=True)
        norm = np.sum(weight * brightness * sky, axis=1, keepdims=True)
        slope = np.maximum(excess / np.maximum(norm, np.float32(1e-30)), np.float32(0))
    bright = np.maximum(models, 0).astype(np.float32) * slope[:, :, np.newaxis]
    return np.sqrt(1 + bright)


def _differences(light, models, mask):
    """Squared second differences of the core's residuals, and its brightness."""
    rows, columns = (
        slice(max(n // 2 - _CORE, 0), n // 2 + _CORE + 1) for n in light.shape[1:]
    )
    model = np.maximum(models[:, rows, columns], 0).astype(np.float32)
    residual = light[:, rows, columns].astype(np.float32) - model
    residual[mask[:, rows, columns]] = np.nan
    squares, brightness = [], []
    for axis in (1, 2):
        values, own = (np.moveaxis(array, axis, 2) for array in (residual, model))
        step = values[:, :, 2:] - 2 * values[:, :, 1:-1] + values[:, :, :-2]
        squares.append((step**2 / 6).reshape(len(light), -1))
        brightness.append(own[:, :, 1:-1].reshape(len(light), -1))
    return np.concatenate(squares, axis=1), np.concatenate(brightness, axis=1)


def _mean(values, where):
    count = where.sum(axis=1)
    mean = np.where(where, values, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where((count > 0) & (mean > 0), mean, 1).astype(np.float32)
