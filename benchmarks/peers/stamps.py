# Licensed under a 3-clause BSD style license - see LICENSE
"""The stamps that all fitters measure, and the guess that all start from."""

import numpy as np

from astro_cnnfit.parameters import decode
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import TABLE1, draw_scenes

__all__ = ["bright_stamps", "draw_stamps", "guess_from_moments"]

SIZE, BORDER = 61, 4
START_N = 2.5
# Bright galaxies whose parameters every fitter must find without noise.
BRIGHT = np.array(
    [
        [0.3, -0.4, 2e5, 6.0, 1.2, 0.40, 0.6],
        [-0.7, 0.2, 3e5, 5.0, 2.0, 0.25, 2.2],
        [0.0, 0.8, 1e5, 8.0, 0.8, 0.60, 1.3],
    ]
)


def draw_stamps(n, seed, crowded=False):
    """
    Draw galaxies of Table 1 with S/N > 50 as a camera sees them.

    Parameters
    ----------
    n : int
        Number of galaxies.
    seed : int
        Reproduces them.
    crowded : bool
        Whether there are neighbours.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        ``stamps`` (n, 61, 61) in sky noises, an unknown pedestal included;
        ``psfs`` (n, 25, 25), the effective PSFs, and ``bare``, the same without the
        pixel's response; ``errors``, the standard deviation of each pixel from
        the noise-free scene; ``true`` and ``guess``, (n, 7) each.
    """
    rng = np.random.default_rng(seed)
    scenes = draw_scenes(TABLE1, rng, n)
    light = scenes.galaxies + (scenes.neighbours if crowded else 0.0)
    errors = np.sqrt(1 + scenes.poisson[:, None, None] * np.maximum(light, 0))
    stamps = light + scenes.pedestal[:, None, None]
    stamps = stamps + errors * rng.standard_normal(light.shape)
    return pack(stamps, scenes.psfs, errors, scenes.params)


def bright_stamps():
    """Return the same for three bright galaxies without noise."""
    psfs = np.repeat(moffat([3.5], 3.0), len(BRIGHT), axis=0)
    stamps = render_sersic_numpy(BRIGHT, psfs, (SIZE, SIZE))
    return pack(stamps, psfs, np.ones_like(stamps), BRIGHT)


def pack(stamps, psfs, errors, true):
    """Add the guesses, and name all."""
    guess = [guess_from_moments(*each) for each in zip(stamps, errors, strict=True)]
    return {
        "stamps": stamps.astype(np.float32),
        "psfs": np.asarray(psfs, np.float32),
        "bare": without_pixel(np.asarray(psfs, float)),
        "errors": errors.astype(np.float32),
        "true": true,
        "guess": np.array(guess),
    }


def without_pixel(psfs):
    """
    Take the pixel's response out of effective PSFs.

    A fitter that integrates its model over the pixels before it convolves them
    would count that response twice.
    """
    k = np.fft.fftfreq(psfs.shape[-1])
    response = np.sinc(k) * np.sinc(k)[:, np.newaxis]
    bare = np.fft.ifft2(np.fft.fft2(psfs) / response).real
    return bare / bare.sum(axis=(1, 2), keepdims=True)


def guess_from_moments(stamp, error):
    """
    Guess parameters from moments of the light above twice the noise.

    The moments are taken within three times their own radius; the index is 2.5.

    Parameters
    ----------
    stamp, error : `~numpy.ndarray`
        (ny, nx) each.

    Returns
    -------
    `~numpy.ndarray`
        (7,), the centre relative to that of the stamp.
    """
    border = np.ones(stamp.shape, dtype=bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    light = stamp - np.median(stamp[border])
    light = np.where(light > 2 * error, light, 0.0)
    y, x = np.indices(stamp.shape) - (np.array(stamp.shape) - 1)[:, None, None] / 2
    x_0 = y_0 = 0.0
    radius = min(stamp.shape) / 2
    for _ in range(3):
        near = light * (np.hypot(x - x_0, y - y_0) < radius)
        flux = max(near.sum(), 1e-30)
        x_0, y_0 = (near * x).sum() / flux, (near * y).sum() / flux
        q_xx = (near * (x - x_0) ** 2).sum() / flux
        q_yy = (near * (y - y_0) ** 2).sum() / flux
        radius = max(3 * np.sqrt(q_xx + q_yy), 4.0)
    q_xy = (near * (x - x_0) * (y - y_0)).sum() / flux
    trace = max(q_xx + q_yy, 0.5)
    # Half of the moments' ellipticity (1 - q^2) / (1 + q^2), nearly (1 - q) / (1 + q).
    latent = [x_0, y_0, np.log10(1.1 * flux), 0.5 * np.log10(trace / 2)]
    latent += [np.log10(START_N), 0.5 * (q_xx - q_yy) / trace, q_xy / trace]
    params = decode(latent)
    params[5] = np.clip(params[5], 0.02, 0.9)
    return params
