# Licensed under a 3-clause BSD style license - see LICENSE
"""
From galaxies in images to stamps that can be measured.

Other sources are replaced, bad pixels filled, and the sky is subtracted; what is
left is in units of the sky's noise.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit import flags

from .local_sky import filled, galaxy_radius
from .seen import see

__all__ = ["SIZE", "UNMEASURABLE", "Prepared", "finish", "prepare"]

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
    factor: np.ndarray
    """(N,) int, image pixels along the side of a stamp pixel."""
    flags: np.ndarray
    """(N,) int."""

    def rows(self, rows):
        """Return some of the galaxies."""
        return Prepared(*(None if part is None else part[rows] for part in self))

    @classmethod
    def joined(cls, parts):
        """Return all galaxies of parts, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            *(
                None if same[0] is None else np.concatenate(same)
                for same in zip(*parts, strict=True)
            )
        )


def prepare(image, segmap, sources, rows, *, size=SIZE, factor=1, step=2, **how):
    """
    Cut and clean the stamps of some galaxies.

    Parameters
    ----------
    image, segmap, sources, rows, size, factor, step
        As for `~astro_cnnfit.morphology.seen.see`.
    **how
        As for `finish`.

    Returns
    -------
    `Prepared`
    """
    seen = see(image, segmap, sources, rows, size=size, factor=factor, step=step)
    how = {"clean": True, **how}
    how["clean"] |= segmap is not None
    return finish(seen, seen.sky, **how)


def finish(seen, sky, *, subtract_sky=True, seed=0, keep_masks=True, clean=True):
    """
    Clean stamps, subtract the sky and divide by its noise.

    Parameters
    ----------
    seen : `~astro_cnnfit.morphology.seen.Seen`
        Stamps; its ``data`` are changed.
    sky : `~astro_cnnfit.morphology.local_sky.LocalSky`
        What is subtracted, in units of ``seen.data``.
    subtract_sky : bool
        Whether to subtract the sky that is found around each galaxy.
    seed : int
        Of what is drawn for the pixels of other sources.
    keep_masks : bool
        Whether to return ``own`` and ``excluded``.
    clean : bool
        Whether other sources are replaced.

    Returns
    -------
    `Prepared`
    """
    data, zero, scale = seen.data, seen.zero, seen.scale
    others = seen.others if clean else np.zeros_like(seen.others)
    radius = galaxy_radius(seen.reach, data.shape[1])
    data = filled(data, seen.bad, others, radius, seen.sky, seed)
    known = np.isfinite(sky.level) & subtract_sky
    level = np.where(known, sky.level, -zero / scale)
    unit = np.where(np.isfinite(seen.noise), seen.noise, 1.0)
    data -= level[:, np.newaxis, np.newaxis].astype(np.float32)
    data /= unit[:, np.newaxis, np.newaxis].astype(np.float32)
    light, x, y = seen.light(level)
    bits = _bits(seen, sky.level + zero / scale, light)
    data[(bits & UNMEASURABLE) > 0] = 0
    return Prepared(
        data,
        seen.own if keep_masks else None,
        seen.bad | others if keep_masks else None,
        seen.reach, level * scale + zero, sky.level_err * scale, seen.noise * scale,
        unit * scale, seen.x_origin, seen.y_origin, x, y,
        np.full(len(data), seen.factor), bits,
    )  # fmt: skip


def _bits(seen, level, light):
    """Flags of stamps with such a level of the sky and light of the galaxy."""
    bits = seen.flags.copy()
    # A label without a place is missing, not outside.
    bits[(bits & flags.LABEL_MISSING) > 0] &= ~flags.OUTSIDE_IMAGE
    with np.errstate(invalid="ignore"):
        pedestal = np.abs(level) > _PEDESTAL * seen.noise
    bits |= np.where(pedestal, flags.SKY_PEDESTAL, 0)
    bits |= np.where(np.isnan(level), flags.NO_BACKGROUND, 0)
    dark = (light <= 0) & ((bits & UNMEASURABLE) == 0)
    bits |= np.where(dark, flags.NEGATIVE_FLUX, 0)
    bits[(bits & UNMEASURABLE) > 0] &= ~_OF_NO_USE
    return bits
