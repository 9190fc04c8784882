# Licensed under a 3-clause BSD style license - see LICENSE
"""
Real galaxies as noise-free truth: sources from survey images, and draws of them.

A source is a galaxy seen so well that what is left of its noise is small beside
its structure. Nothing of the images is part of the package: they are read from a
folder the user names.
"""

from functools import lru_cache

import numpy as np

from .real_cutting import Source, sources_of_frame
from .real_sources import read_frames
from .warp import draw_warp, pyramid, warp_galaxy

__all__ = ["Source", "draw_real", "load_sources"]

R_PETRO = (4.0, 33.0)
"""Petrosian radii of drawn galaxies, pixels."""


def load_sources(folder, part="train"):
    """
    Real galaxies of high signal to noise, denoised.

    Parameters
    ----------
    folder : path-like
        The data set's folder, as `~astro_cnnfit.simulation.backgrounds.find_data`
        gives it.
    part : {'train', 'test'}
        No galaxy is in both, in any band.

    Returns
    -------
    list of `Source`
        Always in the same order. Kept for the next call in this process.

    Raises
    ------
    ValueError
        If ``part`` is neither, or the folder holds no galaxies.
    """
    if part not in ("train", "test"):
        raise ValueError(f"part must be 'train' or 'test', got {part!r}")
    sources = [source for source, where in _all_sources(str(folder)) if where == part]
    if not sources:
        raise ValueError(f"folder holds no images of galaxies: {folder}")
    return sources


def draw_real(sources, rng, n, size=101, *, strength=1.0):
    """
    Galaxies made from real ones: turned, stretched, bent, shrunk, blurred.

    Petrosian radii are about log-uniform between 4 and 33 pixels. Images shrink by
    averaging pixels and grow by 1.2 at most, and not by that where it would show
    what is left of the noise.

    Parameters
    ----------
    sources : list of `Source`
    rng : `numpy.random.Generator`
    n : int
        How many.
    size : int
        Pixels on a side; sizes of galaxies scale with it beyond 101.
    strength : float
        Of the warps; 0 leaves rotation, mirror, size, centre and PSF alone.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (n, size, size) float32 of unit flux, zero along the border.
    index : `~numpy.ndarray`
        (n,) int, the source of each.

    Raises
    ------
    ValueError
        If there are no sources.
    """
    if not sources:
        raise ValueError("sources must hold at least one Source, got none")
    stamps = np.empty((n, size, size), np.float32)
    index = np.empty(n, int)
    largest = np.array([s.r_petro * s.max_zoom for s in sources])
    galaxies = [s.galaxy for s in sources]
    bands = np.array([galaxies.count(galaxy) for galaxy in galaxies])
    low, high = np.log(R_PETRO[0]), np.log(min(R_PETRO[1] * size / 101, largest.max()))
    for i in range(n):
        target = np.exp(rng.uniform(low, high))
        # A galaxy's bands share its chance.
        chance = (largest >= target) / bands
        index[i] = rng.choice(len(sources), p=chance / chance.sum())
        source = sources[index[i]]
        warp = draw_warp(rng, source.r_petro, target, strength)
        stamps[i] = warp_galaxy(_levels(source), warp, size)
    return stamps, index


_LEVELS = {}


def _levels(source):
    """Pyramid of a source, kept for the next draw of it."""
    key = source.name, source.image.shape, float(source.image.max())
    if key not in _LEVELS:
        _LEVELS[key] = pyramid(source.image, source.centre)
    return _LEVELS[key]


@lru_cache(maxsize=2)
def _all_sources(folder):
    return tuple(
        pair for frame in read_frames(folder) for pair in sources_of_frame(frame)
    )
