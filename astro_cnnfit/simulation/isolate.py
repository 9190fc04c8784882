# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies out of an image: found and freed of their neighbours."""

import warnings
from typing import NamedTuple

import numpy as np
from photutils.background import Background2D, MedianBackground
from photutils.segmentation import deblend_sources, detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.fft import next_fast_len
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from astro_cnnfit.detection.versions import QUIETLY

__all__ = [
    "Shape", "ellipse_radius", "find_segments", "flatten", "free_of_neighbours",
    "shape_of", "symmetry_centre", "taper",
]  # fmt: skip

GROWTH = (0.35, 0.8)
"""Beyond the detection's edge: where the taper starts and ends, in radii."""


class Shape(NamedTuple):
    """Moments of a galaxy: centre (x, y), second moments, half-light radius."""

    x: float
    y: float
    covariance: np.ndarray
    r_half: float
    area: int
    flux: float
    peak: float


def flatten(image, kind):
    """
    Image without sky, in units of its noise.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx); NaN and exact zeros are taken for missing.
    kind : {'field', 'central'}
        A field's sky is a mesh of medians where it is large enough; a single
        galaxy's is the median of the border.

    Returns
    -------
    image : `~numpy.ndarray`
        (ny, nx); missing pixels are 0.
    bad : `~numpy.ndarray`
        (ny, nx) bool.
    """
    bad = ~np.isfinite(image) | (image == 0)
    image = np.where(bad, 0, image)
    if kind == "field" and min(image.shape) > 500:
        sky = Background2D(
            image, 130, mask=bad, bkg_estimator=MedianBackground(),
            exclude_percentile=80,
        ).background  # fmt: skip
        step = np.diff(image, axis=1)
        noise = 1.4826 * np.median(np.abs(step)) / np.sqrt(2)
    else:
        sky, noise = _border_sky(image, bad)
    return np.where(bad, 0, (image - sky) / noise), bad


def _border_sky(image, bad):
    """Clipped median and noise of the outermost pixels."""
    width = max(3, int(0.08 * min(image.shape)))
    border = np.ones(image.shape, bool)
    border[width:-width, width:-width] = False
    values = image[border & ~bad]
    for _ in range(5):
        middle = np.median(values)
        # The lower half only: light of neighbours is all in the upper one.
        noise = 1.4826 * np.median(middle - values[values <= middle])
        values = values[np.abs(values - middle) < 2.5 * noise]
    return np.median(values), noise


def find_segments(image, bad, contrast, n_pixels=20, threshold=3.0):
    """
    Segmentation map of an image in units of its noise.

    Parameters
    ----------
    image, bad : `~numpy.ndarray`
        (ny, nx), as `flatten` gives them.
    contrast : float
        Deblending contrast of `photutils.segmentation.deblend_sources`; 1 for no
        deblending.
    n_pixels : int
        Smallest segment.
    threshold : float
        In noises of the smoothed image.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) int, 0 where the sky is.
    """
    smooth = gaussian_filter(image, 1.5)
    noise = 1.4826 * np.median(np.abs(np.minimum(smooth, 0)[(smooth < 0) & ~bad]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(smooth, threshold * noise, n_pixels, mask=bad)
    if found is None:
        return np.zeros(image.shape, int)
    if contrast < 1:
        found = deblend_sources(smooth, found, n_pixels, contrast=contrast, **QUIETLY)
    return found.data


def shape_of(image, own):
    """Moments of the pixels of a segment."""
    y, x = np.nonzero(own)
    light = np.maximum(image[y, x], 0)
    flux = light.sum()
    cx, cy = (light * x).sum() / flux, (light * y).sum() / flux
    dx, dy = x - cx, y - cy
    xx, yy, xy = ((light * p).sum() / flux for p in (dx * dx, dy * dy, dx * dy))
    order = np.argsort(np.hypot(dx, dy))
    half = np.searchsorted(np.cumsum(light[order]), 0.5 * flux)
    r_half = np.hypot(dx, dy)[order][half]
    covariance = np.array([[xx + 1 / 12, xy], [xy, yy + 1 / 12]])
    return Shape(cx, cy, covariance, r_half, len(x), flux, light.max())


def symmetry_centre(image):
    """
    Point about which an image differs least from itself turned by 180 degrees.

    The maximum of the image's convolution with itself is where the sum of squared
    differences is least; a parabola along each axis gives the fraction of a pixel,
    to a tenth or so of one along the major axis of a tilted galaxy.
    """
    size = [next_fast_len(2 * n) for n in image.shape]
    match = np.fft.irfft2(np.fft.rfft2(image, size) ** 2, size)
    y, x = np.unravel_index(match.argmax(), match.shape)
    centre = []
    for values, peak in ((match[y], x), (match[:, x], y)):
        left, middle, right = values[peak - 1], values[peak], values[peak + 1]
        step = 0.5 * (left - right) / (left - 2 * middle + right)
        centre.append(float(peak + step) / 2)
    return tuple(centre)


def ellipse_radius(shape, size, x, y):
    """Elliptical radius, circularised, of every pixel of a (ny, nx) image."""
    yy, xx = np.mgrid[: size[0], : size[1]]
    inverse = np.linalg.inv(shape / np.sqrt(np.linalg.det(shape)))
    dx, dy = xx - x, yy - y
    square = inverse[0, 0] * dx**2 + inverse[1, 1] * dy**2 + 2 * inverse[0, 1] * dx * dy
    return np.sqrt(square)


def free_of_neighbours(image, segments, label, shape, bad):
    """
    Image in which neighbours are replaced by what the galaxy has opposite.

    Parameters
    ----------
    image, segments, bad : `~numpy.ndarray`
        (ny, nx) cut-out, its segmentation map, its missing pixels.
    label : int
        The galaxy's label.
    shape : `Shape`
        In the cut-out's coordinates.

    Returns
    -------
    clean : `~numpy.ndarray`
        (ny, nx).
    other : `~numpy.ndarray`
        (ny, nx) bool, what was replaced.
    """
    own = segments == label
    other = binary_dilation((segments > 0) & ~own, iterations=2) & ~own | bad
    clean = image.copy()
    y, x = np.nonzero(other)
    ty, tx = np.rint(2 * shape.y - y).astype(int), np.rint(2 * shape.x - x).astype(int)
    inside = (ty >= 0) & (ty < image.shape[0]) & (tx >= 0) & (tx < image.shape[1])
    usable = np.zeros(len(y), bool)
    usable[inside] = ~other[ty[inside], tx[inside]]
    clean[y[usable], x[usable]] = image[ty[usable], tx[usable]]
    # Where the opposite pixel is lost as well: the ellipse's median.
    ring = ellipse_radius(shape.covariance, image.shape, shape.x, shape.y).astype(int)
    for radius in np.unique(ring[y[~usable], x[~usable]]):
        fair = (ring == radius) & ~other
        at = radius == ring[y[~usable], x[~usable]]
        clean[y[~usable][at], x[~usable][at]] = (
            np.median(image[fair]) if fair.any() else 0
        )
    return clean, other


def taper(own):
    """Weight 1 on a grown segment, falling smoothly to 0 outside it."""
    radius = np.sqrt(own.sum() / np.pi)
    start, end = (
        max(least, g * radius) for least, g in zip((2, 5), GROWTH, strict=True)
    )
    far = distance_transform_edt(~gaussian_own(own))
    step = np.clip((far - start) / (end - start), 0, 1)
    return gaussian_filter(0.5 + 0.5 * np.cos(np.pi * step), 1.0) * (step < 1)


def gaussian_own(own):
    """Segment with its ragged edge smoothed."""
    return gaussian_filter(own.astype(float), 2.0) > 0.5
