# Licensed under a 3-clause BSD style license - see LICENSE
"""An image of a real galaxy with its errors, and all that is not its own masked."""

from dataclasses import dataclass, field

import numpy as np
from astropy.stats import mad_std
from scipy.ndimage import binary_dilation, gaussian_filter, label

__all__ = ["RealGalaxy", "centred", "make_galaxy", "smooth_light"]

# Pixels above this many sky noises, smoothed, belong to an object.
THRESHOLD = 2.5


@dataclass(frozen=True)
class RealGalaxy:
    """A galaxy, its image, and published parameters where there are any."""

    name: str
    image: np.ndarray
    error: np.ndarray
    mask: np.ndarray
    psf: np.ndarray
    x: float
    y: float
    pixel_scale: float
    zeropoint: float
    published: dict = field(default_factory=dict)
    """mag, r_eff (semi-major axis, pixels), n and q, and their ``source``."""
    is_catalogue: bool = False
    """Whether ``published`` is from a catalogue, and so the one to agree with."""
    note: str = ""
    wavelength: float | None = None
    """In nanometres, for galaxies that are seen in several bands."""


def make_galaxy(
    name, image, error, psf, place, pixel_scale, zeropoint, *, bad=None,
    exposure=None, find=True, split=False, **facts,
):  # fmt: skip
    """
    A galaxy, with all that is not its own masked.

    Without an error it is the noise of the sky, to which that of the light is
    added if the exposure (electrons per count) is known.
    """
    image, psf = np.asarray(image, dtype=float), centred(np.asarray(psf, dtype=float))
    mask = np.zeros(image.shape, dtype=bool) if bad is None else np.array(bad)
    mask |= ~np.isfinite(image)
    image = np.where(mask, 0.0, image)
    level, noise = _sky(image[~mask])
    sky_known = error is not None
    error = np.broadcast_to(np.asarray(error if sky_known else noise), image.shape)
    if exposure is not None and error.min() == error.max():
        error = np.sqrt(error**2 + smooth_light(image - level) / exposure)
    x, y = (round(float(value)) for value in place)
    if find:
        mask |= _others(image - level, noise, x, y, split)
    return RealGalaxy(
        name, image, np.array(error, dtype=float), mask, psf, x, y,
        pixel_scale, zeropoint, **facts,
    )  # fmt: skip


def centred(psf):
    """Crop a PSF to an odd size about its brightest pixel; unit sum."""
    y, x = np.unravel_index(np.argmax(psf), psf.shape)
    reach = min(y, x, psf.shape[0] - 1 - y, psf.shape[1] - 1 - x)
    psf = psf[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return psf / psf.sum()


def _sky(values):
    """Level and noise of the sky, the light of objects clipped."""
    for _ in range(20):
        level, noise = np.median(values), mad_std(values)
        kept = values[values < level + 2.5 * noise]
        if len(kept) == len(values):
            break
        values = kept
    return level, noise


def _others(image, noise, x, y, split):
    """Pixels of other objects; with ``split``, also of those that touch."""
    smooth = gaussian_filter(image, 1.5)
    # White noise of a pixel, smoothed so; correlated noise is left with more.
    objects, _ = label(smooth > THRESHOLD * max(mad_std(smooth), noise / 5.3))
    near = objects[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
    near = near[near > 0]
    own = np.zeros(image.shape, bool)
    if near.size:
        own = objects == np.bincount(near).argmax()
    others = (objects > 0) & ~own
    if split:
        others |= own & _nearer_to_others(smooth, x, y, own)
    return binary_dilation(others, iterations=2) & ~(own & ~others)


def _nearer_to_others(smooth, x, y, own):
    """Pixels of an object that belong to another of its peaks."""
    from scipy.ndimage import maximum_filter

    peaks = np.argwhere((smooth == maximum_filter(smooth, 7)) & own)
    rows, columns = np.indices(smooth.shape)
    distance = np.hypot(columns - x, rows - y)
    other = np.full(smooth.shape, np.inf)
    for row, column in peaks:
        if np.hypot(row - y, column - x) > 3:
            other = np.minimum(other, np.hypot(columns - column, rows - row))
    return other < distance


def smooth_light(image):
    """Smooth an image, so that its noise does not weight the fit."""
    return np.maximum(gaussian_filter(image, 1.5), 0.0)
