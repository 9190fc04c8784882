# Licensed under a 3-clause BSD style license - see LICENSE
"""One galaxy turned, mirrored, stretched, bent and shrunk into another."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

__all__ = ["Warp", "draw_warp", "edge_taper", "pyramid", "warp_galaxy"]

N_LEVELS = 6
"""Blocks of up to 2^5 pixels are enough for the largest galaxies at hand."""

SUBPIXELS = 2
"""Samples along a side of an output pixel, of which the mean is taken."""


class Warp(NamedTuple):
    """
    What is done to a galaxy; all lengths in output pixels.

    ``matrix`` leads from output to source pixels; ``radius`` is the Petrosian
    radius aimed at; ``waves`` are (amplitude x and y, wave vector x and y, phase)
    of the bending; ``swell`` is the exponent of the radial stretch; ``structure``
    scales what is not symmetric; ``contrast`` is an exponent; ``blur`` the standard
    deviation of the extra PSF.
    """

    matrix: np.ndarray
    centre: tuple
    radius: float
    waves: np.ndarray
    swell: float
    structure: float
    contrast: float
    blur: float


def draw_warp(rng, r_source, r_target, strength=1.0):
    """
    Draw a warp.

    Parameters
    ----------
    rng : `numpy.random.Generator`
    r_source, r_target : float
        Petrosian radius in source pixels, and in output pixels.
    strength : float
        0 for rotation, mirror and size alone, 1 for everything.

    Returns
    -------
    `Warp`
    """
    angles = rng.uniform(0, 2 * np.pi, 2)
    axis_ratio = 1 - 0.4 * strength * rng.random()
    mirror = rng.choice([-1.0, 1.0])
    # The stretch shortens one axis only: nothing is magnified by it.
    stretch = np.diag([1.0, 1.0 / axis_ratio])
    matrix = _turn(angles[0]) @ stretch @ np.diag([1.0, mirror]) @ _turn(angles[1])
    wave = rng.uniform(2.0, 5.0, (3, 1)) * r_target
    direction = rng.uniform(0, 2 * np.pi, 3)
    vector = 2 * np.pi / wave * np.stack([np.cos(direction), np.sin(direction)], 1)
    size = strength * 0.05 * r_target * rng.normal(size=(3, 2))
    phase = rng.uniform(0, 2 * np.pi, (3, 1))
    blurred = rng.random() < 0.5
    blur = rng.uniform(0.4, 4.0) / 2.355 * blurred
    return Warp(
        matrix * (r_source / r_target),
        tuple(rng.normal(0, np.hypot(0.7, 0.03 * r_target), 2)),
        r_target,
        np.hstack([size, vector, phase]),
        strength * rng.uniform(-0.15, 0.1),
        1 + strength * rng.uniform(-0.6, 0.4),
        float(np.exp(strength * rng.uniform(-0.15, 0.2))),
        # A PSF wider than a small galaxy would leave nothing of it.
        min(blur, 0.3 * r_target),
    )


def _turn(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def pyramid(image, centre):
    """
    Image averaged over blocks of 1, 2, 4, ... pixels, as spline coefficients.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx).
    centre : tuple of float
        (x, y) of the galaxy.

    Returns
    -------
    list of tuple
        A level each: coefficients of the image and of its symmetric part, (x, y) of
        the centre, reach of the galaxy in pixels of the image given.
    """
    y, x = np.nonzero(image > 1e-4 * image.max())
    reach = float(np.hypot(x - centre[0], y - centre[1]).max()) + 1
    image = np.pad(image.astype(float), 2)
    x, y = centre[0] + 2, centre[1] + 2
    image = np.stack([image, _symmetric(image, x, y)])
    levels = []
    for _ in range(N_LEVELS):
        coefficients = [spline_filter(i, 3).astype(np.float32) for i in image]
        levels.append((*coefficients, (x, y), reach))
        image = np.pad(image, [(0, 0), *((0, n % 2) for n in image.shape[1:])])
        ny, nx = image.shape[1:]
        image = image.reshape(2, ny // 2, 2, nx // 2, 2).mean(axis=(2, 4))
        image = np.pad(image, [(0, 0), (2, 2), (2, 2)])
        x, y = (x - 0.5) / 2 + 2, (y - 0.5) / 2 + 2
    return levels


def _symmetric(image, x, y):
    """Mean of an image and itself turned by 180 degrees about (x, y)."""
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
    turned = map_coordinates(image, [2 * y - yy, 2 * x - xx], order=3)
    return 0.5 * (image + np.maximum(turned, 0))


def warp_galaxy(levels, warp, size):
    """
    Galaxy on a stamp.

    Parameters
    ----------
    levels : list
        What `pyramid` gives.
    warp : `Warp`
    size : int
        Pixels on a side.

    Returns
    -------
    `~numpy.ndarray`
        (size, size) of unit flux, 0 along the border.
    """
    scale = np.sqrt(np.abs(np.linalg.det(warp.matrix)))
    level = int(np.clip(np.floor(np.log2(max(scale, 1))), 0, len(levels) - 1))
    image, symmetric, centre, reach = levels[level]
    coefficients = symmetric + warp.structure * (image - symmetric)
    half = size // 2
    # Nothing farther from the centre than this can be reached by the galaxy.
    far = int(np.ceil(1.35 * reach / _least_stretch(warp) + 3))
    far = min(far, half)
    u = np.arange(-far - 0.5, far + 0.5, 1 / SUBPIXELS) + 0.5 / SUBPIXELS
    x, y = u[None, :] - warp.centre[0], u[:, None] - warp.centre[1]
    x, y = _bend(x, y, warp)
    x, y = (m[0] * x + m[1] * y for m in warp.matrix / 2**level)
    fine = map_coordinates(
        coefficients, [y + centre[1], x + centre[0]], order=3, prefilter=False
    )
    n = 2 * far + 1
    core = fine.reshape(n, SUBPIXELS, n, SUBPIXELS).mean(axis=(1, 3))
    stamp = np.zeros((size, size))
    stamp[half - far : half + far + 1, half - far : half + far + 1] = np.maximum(
        core, 0
    )
    return _finish(stamp, warp)


def _least_stretch(warp):
    return np.linalg.svd(warp.matrix, compute_uv=False)[-1]


def _bend(x, y, warp):
    """Smooth displacement: waves, and a radial stretch that leaves R_p in place."""
    ax, ay, kx, ky, phase = warp.waves.T[:, :, None, None]
    # sin is a function of x plus one of y: products of one-dimensional arrays.
    wave_x, wave_y = kx * x[None], ky * y[None] + phase
    waves = np.sin(wave_x) * np.cos(wave_y) + np.cos(wave_x) * np.sin(wave_y)
    calm = np.sin(phase)
    x = x + (ax * (waves - calm)).sum(axis=0)
    y = y + (ay * (waves - calm)).sum(axis=0)
    square = (x**2 + y**2 + (0.15 * warp.radius) ** 2) / warp.radius**2
    factor = np.minimum(square, 4.0) ** (warp.swell / 2)
    return x * factor, y * factor


def _finish(stamp, warp):
    """Contrast, PSF, border and flux."""
    if warp.contrast != 1:
        peak = stamp.max()
        stamp = peak * (stamp / peak) ** warp.contrast
    if warp.blur:
        stamp = gaussian_filter(stamp, warp.blur, mode="constant", truncate=3.5)
    stamp = stamp * edge_taper(stamp.shape)
    return stamp / stamp.sum()


def edge_taper(shape, width=4):
    """Weight of an image's pixels: 1 inside, falling to 0 on the border."""
    edges = []
    for n in shape:
        far = np.minimum(np.arange(n), np.arange(n)[::-1])
        edges.append(0.5 - 0.5 * np.cos(np.pi * np.clip(far / width, 0, 1)))
    return edges[0][:, None] * edges[1][None, :]
