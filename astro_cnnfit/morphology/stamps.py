# Licensed under a 3-clause BSD style license - see LICENSE
"""
From galaxies in images to stamps that can be measured.

Other sources are replaced, bad pixels filled, and the sky is subtracted; what is
left is in units of the sky's noise.
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

# What is not said of those as well.
_OF_NO_USE = (
    flags.TRUNCATED | flags.BLOCK_AVERAGED | flags.SKY_PEDESTAL | flags.NO_BACKGROUND
)
# The sky is off zero if it is by this many noises of a pixel.
_PEDESTAL = 0.5
# Pixels of the coarse grid from which the scale of a stamp's values is taken.
_COARSE = 8


class Prepared(NamedTuple):
    """Stamps of N galaxies, ready to be measured."""

    stamps: np.ndarray
    """(N, size, size) float32 in units of ``unit``, without sky; zero for
    galaxies that cannot be measured."""
    own: np.ndarray | None
    """(N, size, size) bool, the galaxy's own pixels; None if they are not kept."""
    excluded: np.ndarray | None
    """(N, size, size) bool, pixels that were filled."""
    reach: np.ndarray
    """(N,) how far the galaxy's own pixels reach, in pixels of the stamp."""
    sky: np.ndarray
    """(N,) level per pixel that was subtracted."""
    sky_err: np.ndarray
    """(N,)."""
    sky_sigma: np.ndarray
    """(N,) noise of a pixel of the stamp; NaN where it is unknown."""
    unit: np.ndarray
    """(N,) what ``stamps`` are in units of: ``sky_sigma`` where it is known."""
    x_origin: np.ndarray
    """(N,) of the stamps' centres, in pixels of the image."""
    y_origin: np.ndarray
    """(N,)."""
    x_centroid: np.ndarray
    """(N,) centre of light of the galaxy's own pixels, in pixels of the image."""
    y_centroid: np.ndarray
    """(N,)."""
    factor: int
    """Image pixels along the side of a stamp pixel."""
    flags: np.ndarray
    """(N,) int."""

    def rows(self, rows):
        """Return some of the galaxies."""
        return Prepared(
            *(part[rows] if isinstance(part, np.ndarray) else part for part in self)
        )

    def replace(self, rows, other):
        """Put other stamps in the place of some, in the arrays themselves."""
        for own, new in zip(self, other, strict=True):
            if isinstance(own, np.ndarray):
                own[rows] = new

    @classmethod
    def joined(cls, parts):
        """Return all galaxies of parts with the same factor, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            *(
                np.concatenate(same) if isinstance(same[0], np.ndarray) else same[0]
                for same in zip(*parts, strict=True)
            )
        )


def prepare(
    image, segmap, sources, rows, *, size=SIZE, factor=1, subtract_sky=True, seed=0,
    step=2, keep_masks=True, sky_from=None, clean=True,
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
    keep_masks : bool
        Whether to return ``own`` and ``excluded``.
    sky_from : `Prepared`, optional
        Larger stamps of the same galaxies, of which the sky is taken where it is
        known.
    clean : bool
        Whether other sources that are found where there is no map are replaced.

    Returns
    -------
    `Prepared`
    """
    cut, own, others = _cut(image, segmap, sources, rows, size, factor)
    bits = cut.flags | sources.flags[rows]
    # A label without a place is missing, not outside.
    bits = np.where(bits & flags.LABEL_MISSING, bits & ~flags.OUTSIDE_IMAGE, bits)
    data, zero, scale = _scaled(cut.data)
    if own is None:
        own, others = find_sources(data, cut.mask)
    own &= ~cut.mask
    sky_mask, radius, reach = sky_pixels(own, cut.mask | others)
    if segmap is None and not clean:
        others = np.zeros_like(others)
    excluded = cut.mask | others
    sky = local_sky(data, sky_mask, step=step)
    data = filled(data, cut.mask, others, radius, sky, seed)
    if sky_from is not None:
        sky = sky.elsewhere(
            (sky_from.sky - zero) / scale,
            sky_from.sky_err / scale,
            sky_from.sky_sigma / scale,
        )
    sigma = sky.sigma
    if cut.error is not None:
        sigma = error_sigma(cut.error, cut.mask) / scale
    sigma = np.where(sigma > 0, sigma, np.nan)
    bits |= _sky_bits(sky.level + zero / scale, sigma)
    known = np.isfinite(sky.level) & subtract_sky
    level = np.where(known, sky.level, -zero / scale)
    unit = np.where(np.isfinite(sigma), sigma, 1.0)
    data -= level[:, np.newaxis, np.newaxis].astype(np.float32)
    data /= unit[:, np.newaxis, np.newaxis].astype(np.float32)
    flux, x, y = _centres_of_light(data, own)
    bits |= np.where((flux <= 0) & ((bits & UNMEASURABLE) == 0), flags.NEGATIVE_FLUX, 0)
    lost = (bits & UNMEASURABLE) > 0
    bits[lost] &= ~_OF_NO_USE
    data[lost] = 0
    if not keep_masks:
        own = excluded = None
    return Prepared(
        data, own, excluded, reach, level * scale + zero, sky.level_err * scale,
        sigma * scale, unit * scale, cut.x_origin, cut.y_origin,
        cut.x_origin + factor * x, cut.y_origin + factor * y, factor, bits,
    )  # fmt: skip


def _sky_bits(level, sigma):
    with np.errstate(invalid="ignore"):
        pedestal = np.abs(level) > _PEDESTAL * sigma
    bits = np.where(pedestal, flags.SKY_PEDESTAL, 0)
    return bits | np.where(np.isnan(level), flags.NO_BACKGROUND, 0)


def _centres_of_light(data, own):
    """Light of the galaxies' own pixels and its centres, from those of stamps."""
    n, size, _ = data.shape
    # Galaxies cover a small part of their stamps.
    where = np.flatnonzero(own)
    light = data.reshape(-1)[where].astype(float)
    line, column = np.divmod(where, size)
    row, line = np.divmod(line, size)
    flux, x, y = (
        np.bincount(row, values, minlength=n)
        for values in (light, light * (column - size // 2), light * (line - size // 2))
    )
    positive = np.where(flux > 0, flux, np.nan)
    return flux, x / positive, y / positive


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
    wanted = sources.labels[rows].astype(labels.dtype)[:, np.newaxis, np.newaxis]
    labelled = labels > 0
    own = (labels == wanted) & labelled
    others = labelled & ~own
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
    zero, scale = zero.astype(float), scale.astype(float)
    return shifted.astype(np.float32, copy=False), zero, scale
