# Licensed under a 3-clause BSD style license - see LICENSE
"""
From galaxies in images to stamps that can be measured: other sources replaced,
bad pixels filled, sky subtracted, in units of the sky's noise.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.cutouts import cut_stamps, cut_windows, error_sigma
from astro_cnnfit.inputs import Image

from .detection import find_sources
from .local_sky import filled, local_sky, sky_pixels

__all__ = ["SIZE", "UNMEASURABLE", "Prepared", "prepare"]

SIZE = 101
"""Pixels on a side of the stamps that networks see."""

UNMEASURABLE = (
    flags.NO_DATA
    | flags.FULLY_MASKED
    | flags.OUTSIDE_IMAGE
    | flags.NEGATIVE_FLUX
    | flags.LABEL_MISSING
    | flags.SEGMENT_SMALL
)
"""Bits of galaxies that are not measured."""

# The sky is off zero if it is by this many noises of a pixel.
_PEDESTAL = 0.5
# Pixels of the coarse grid from which the scale of a stamp's values is taken.
_COARSE = 8


class Prepared(NamedTuple):
    """Stamps of N galaxies, ready to be measured."""

    stamps: np.ndarray
    """(N, size, size) float32 in units of ``sky_sigma``, without sky; zero for
    galaxies that cannot be measured."""
    own: np.ndarray
    """(N, size, size) bool, the galaxy's own pixels."""
    excluded: np.ndarray
    """(N, size, size) bool, pixels that were filled."""
    error: np.ndarray | None
    """(N, size, size) standard deviations in units of ``sky_sigma``, if given."""
    sky: np.ndarray
    """(N,) level per pixel that was subtracted."""
    sky_err: np.ndarray
    """(N,)."""
    sky_sigma: np.ndarray
    """(N,) noise of a pixel of the stamp; NaN where it is unknown."""
    x_origin: np.ndarray
    """(N,) of the stamps' centres, in pixels of the image."""
    y_origin: np.ndarray
    """(N,)."""
    factor: int
    """Image pixels along the side of a stamp pixel."""
    flags: np.ndarray
    """(N,) int."""


def prepare(
    image, segmap, sources, rows, *, size=SIZE, factor=1, subtract_sky=True, seed=0,
    step=2,
):  # fmt: skip
    """
    Cut and clean the stamps of some galaxies.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    segmap : `~numpy.ndarray` or None
        Labels, of the image's shape.
    sources : `~astro_cnnfit.morphology.segments.Sources`
        All galaxies of the call.
    rows : `~numpy.ndarray`
        (N,) which of them.
    size : int
        Pixels on a side of the stamps, odd.
    factor : int
        Side of the blocks of pixels that are averaged.
    subtract_sky : bool
        Whether to subtract the sky that is found around each galaxy.
    seed : int
        Of what is drawn for the pixels of other sources.
    step : int
        Every so manieth sky pixel is used.

    Returns
    -------
    `Prepared`
    """
    cut, own, others = _cut(image, segmap, sources, rows, size, factor)
    bits = cut.flags | sources.flags[rows]
    bits = np.where(bits & flags.LABEL_MISSING, bits & ~flags.OUTSIDE_IMAGE, bits)
    bad = cut.mask
    data, zero, scale = _scaled(cut.data)
    if own is None:
        own, others = find_sources(data, bad)
    own &= ~bad
    sky_mask, radius = sky_pixels(own, bad | others)
    sky = local_sky(data, sky_mask, step=step)
    data = filled(data, bad, others, radius, sky, seed)
    error, sigma = None, sky.sigma
    if cut.error is not None:
        sigma = error_sigma(cut.error, bad) / scale
    bits |= np.where(np.isfinite(sky.level), 0, flags.NO_BACKGROUND)
    # What is not known is not subtracted, and not off zero.
    level = np.where(np.isfinite(sky.level), sky.level, -zero / scale)
    with np.errstate(invalid="ignore"):
        pedestal = np.abs(level * scale + zero) > _PEDESTAL * sigma * scale
    bits |= np.where(pedestal, flags.SKY_PEDESTAL, 0)
    if not subtract_sky:
        level = -zero / scale
    known = np.isfinite(sigma) & (sigma > 0)
    unit = np.where(known, sigma, 1.0)
    if cut.error is not None:
        error = cut.error / (unit * scale)[:, np.newaxis, np.newaxis]
    data -= level[:, np.newaxis, np.newaxis].astype(np.float32)
    data /= unit[:, np.newaxis, np.newaxis].astype(np.float32)
    flux = np.einsum("nij,nij->n", data, own, dtype=float)
    bits |= np.where((flux <= 0) & ((bits & UNMEASURABLE) == 0), flags.NEGATIVE_FLUX, 0)
    lost = (bits & UNMEASURABLE) > 0
    bits[lost] &= ~(flags.SKY_PEDESTAL | flags.NO_BACKGROUND)
    data[lost] = 0
    return Prepared(
        data, own, bad | others, error, level * scale + zero, sky.level_err * scale,
        np.where(known, sigma * scale, np.nan), cut.x_origin, cut.y_origin, factor,
        bits,
    )  # fmt: skip


def _cut(image, segmap, sources, rows, size, factor):
    """Stamps, and the pixels of the galaxies and of others if a map says so."""
    x, y = sources.x[rows], sources.y[rows]
    planes = None
    if image.data.ndim == 3:
        image, segmap, planes = _planes(image, segmap, rows)
    how = {"size": size, "factor": factor, "planes": planes}
    if segmap is None:
        return cut_stamps(image, x, y, **how), None, None
    labels = cut_windows(segmap, x, y, **how)
    own = labels == sources.labels[rows][:, np.newaxis, np.newaxis]
    own &= labels > 0
    others = (labels > 0) & ~own
    if factor == 1:
        return cut_stamps(image, x, y, **how), own, others
    return _averaged(image, own, others, (x, y), how)


def _averaged(image, own, others, position, how):
    """The same for blocks; pixels of other sources do not enter their means."""
    parts = [
        None if array is None else cut_windows(array, *position, **how, beyond=beyond)
        for array, beyond in (
            (image.data, np.nan), (image.mask, True), (image.error, np.nan),
        )
    ]  # fmt: skip
    data, mask, error = parts
    mask = others | (~np.isfinite(data) if mask is None else mask)
    size, factor = how["size"], how["factor"]
    middle = np.full(len(data), (data.shape[1] - 1) / 2)
    stack = Image(data, mask, error)
    cut = cut_stamps(
        stack, middle, middle, size=size, factor=factor, planes=np.arange(len(data))
    )
    # Places and edges are those in the image itself.
    real = cut_stamps(image, *position, **how)
    covered, own = (
        pixels.reshape(-1, size, factor, size, factor).mean(axis=(2, 4))
        for pixels in (others, own)
    )
    others = cut.mask & (covered > 0) & ~real.mask
    cut = real._replace(data=cut.data, error=cut.error, mask=cut.mask & ~others)
    return cut, own >= 0.5, others


def _planes(image, segmap, rows):
    """The images of some rows of a stack, without a copy if they are a run."""
    if rows.size and rows[-1] - rows[0] == len(rows) - 1:
        some, planes = slice(rows[0], rows[-1] + 1), rows - rows[0]
        data, mask, error, segmap = (
            None if array is None else array[some]
            for array in (image.data, image.mask, image.error, segmap)
        )
        return Image(data, mask, error), segmap, planes
    return image, segmap, rows


def _scaled(data):
    """float32 copies of stamps, less a typical value, over a typical scatter."""
    coarse = data[:, ::_COARSE, ::_COARSE].reshape(len(data), -1)
    zero = np.median(coarse, axis=1)
    scale = np.median(np.abs(coarse - zero[:, np.newaxis]), axis=1)
    scale = np.where(scale > 0, scale, np.maximum(np.abs(zero), 1.0))
    shifted = data - zero[:, np.newaxis, np.newaxis]
    shifted /= scale[:, np.newaxis, np.newaxis]
    return shifted.astype(np.float32), zero, scale
