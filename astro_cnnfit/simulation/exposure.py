# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a camera makes of scenes, anew each time.

`observe` adds what differs from one exposure to the next: which neighbours are there
and how bright, noise, pedestal, real sky. `flip` turns scenes.
"""

import keras
import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled

from .masks import draw_masks, fill
from .noise import correlate

__all__ = ["flip", "observe"]


def flip(params, images, kind):
    """
    One of the eight flips and quarter turns of a square stamp.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7) Sersic parameters.
    images : sequence of `~numpy.ndarray`
        (N, k, k) each; PSFs and stamps turn alike.
    kind : int
        0 to 7: bit 1 mirrors x, bit 2 mirrors y, bit 4 exchanges x and y.

    Returns
    -------
    params : `~numpy.ndarray`
        (N, 7)
    images : list of `~numpy.ndarray`
        Views of the images.
    """
    params = params.copy()
    x, y, theta = params[:, 0].copy(), params[:, 1].copy(), params[:, 6].copy()
    images = list(images)
    if kind & 1:
        x, theta = -x, -theta
        images = [image[:, :, ::-1] for image in images]
    if kind & 2:
        y, theta = -y, -theta
        images = [image[:, ::-1] for image in images]
    if kind & 4:
        x, y, theta = y, x, np.pi / 2 - theta
        images = [image.swapaxes(1, 2) for image in images]
    params[:, 0], params[:, 1], params[:, 6] = x, y, theta % np.pi
    return params, images


def observe(scenes, rng, backgrounds=None, neighbours=True, real_sky=0.35):
    """
    Noisy stamps of scenes, drawn anew at each call.

    Parameters
    ----------
    scenes : `Scenes`
        Noise-free scenes.
    rng : `numpy.random.Generator`
        Source of random numbers.
    backgrounds : `~numpy.ndarray`, optional
        (M, ny, nx) stamps of real sky in units of its noise.
    neighbours : bool
        Whether neighbours are there at all.
    real_sky : float
        Share of the galaxies that lie on real sky, where there are
        ``backgrounds``.

    Returns
    -------
    stamps : tensor or `~numpy.ndarray`
        (N, ny, nx) float32, in units of the (misjudged) sky noise; what is masked
        is filled as the fitter fills it.
    psfs : `~numpy.ndarray`
        (N, 25, 25)
    params : `~numpy.ndarray`
        (N, 7), flux in units of the (misjudged) sky noise.
    """
    n = len(scenes)
    layer = scenes.neighbours
    layer = layer if neighbours else np.zeros_like(layer)
    params, (galaxies, layer, psfs) = flip(
        scenes.params, (scenes.galaxies, layer, scenes.psfs), int(rng.integers(8))
    )
    sky, white = _draw_sky(rng, backgrounds, galaxies.shape, real_sky)
    # Real sky brings neighbours of its own.
    factor = 10 ** rng.normal(0, 0.2, n) * (rng.random(n) < 0.8) * white
    seed = int(rng.integers(2**31))
    stamps = _expose(
        np.ascontiguousarray(galaxies),
        np.ascontiguousarray(layer),
        sky,
        keras.random.normal((2, *galaxies.shape), seed=seed),
        _columns(factor, white, scenes),
    )
    masked = np.flatnonzero(scenes.masked > 0)
    if masked.size:
        masks = draw_masks(rng, scenes.masked[masked], galaxies.shape[1])
        stamps = np.array(ops.convert_to_numpy(stamps))
        stamps[masked] = fill(stamps[masked], masks, rng)
    params[:, 2] /= scenes.noise_error
    return stamps, np.ascontiguousarray(psfs), params


def _draw_sky(rng, backgrounds, shape, share):
    """Real sky for some galaxies, zeros for the others; 1 where it is zero."""
    sky = np.zeros(shape, np.float32)
    real = rng.random(len(sky)) < share
    if backgrounds is None or not real.any():
        return sky, np.ones(len(sky))
    chosen = backgrounds[rng.integers(len(backgrounds), size=int(real.sum()))]
    _, (chosen,) = flip(np.zeros((1, 7)), (chosen,), int(rng.integers(8)))
    sky[real] = chosen
    return sky, 1.0 - real


def _columns(factor, white, scenes):
    columns = [factor, white, scenes.poisson, scenes.pedestal, scenes.correlation]
    return np.stack([*columns, scenes.noise_error], axis=1).astype(np.float32)


@compiled
def _expose(galaxies, layer, sky, normal, columns):
    """What the camera records; white is 0 where the sky brings its own noise."""
    factor, white, poisson, pedestal, correlation, noise_error = ops.unstack(
        columns[:, :, None, None], axis=1
    )
    light = galaxies + layer * factor
    noise = correlate(normal[0], correlation) * white
    shot = normal[1] * ops.sqrt(ops.relu(light) * poisson)
    return (light + sky + noise + shot + pedestal * white) / noise_error
