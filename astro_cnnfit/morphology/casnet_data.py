# Licensed under a 3-clause BSD style license - see LICENSE
"""
What the CASNET networks learn from: the classical values of noisy stamps.

Tohill et al. (2021) measured C and A on the very images that their networks
saw, so that what noise does to these measures is learned with them. The stamps
made here have the properties that they state of their sample: white noise, a
median S/N per pixel of 4.5 and none below 2, Petrosian radii above 5 pixels.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.simulation.observe_galaxies import IDEAL, observe

from .classical import measure_stamps
from .detection import find_sources
from .preparation import MIN_SNR, selected, unit_maximum_stamps

__all__ = ["CasnetGalaxies", "casnet_dataset", "draw_snr"]

# Mean and width of the logarithms of the S/N: without what is below 2, the median
# is 4.5, and less than 1 % lie above 20.
_LOG_SNR = 0.612, 0.27
_MEASURED = ("concentration", "asymmetry", "sn_per_pixel", "rpetro_ellip")
_CHUNK = 500


class CasnetGalaxies(NamedTuple):
    """Stamps and what was measured on them."""

    stamps: np.ndarray
    """(N, 60, 60) float16, the brightest pixel of each is 1."""
    measured: dict
    """(N,) each: ``concentration``, ``asymmetry``, ``sn_per_pixel`` and
    ``rpetro_ellip`` of the noisy stamps of 101 x 101 pixels."""
    truth: np.ndarray
    """(N, 12), the labels of the galaxies without noise, with the S/N that they
    were given."""


def draw_snr(rng, n):
    """
    Draw the S/N per pixel of a sample like the paper's.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        How many.

    Returns
    -------
    `~numpy.ndarray`
        (n,), log-normal with the median 4.5, those below 2 drawn again.
    """
    found = np.zeros(0)
    while len(found) < n:
        drawn = 10 ** rng.normal(*_LOG_SNR, 2 * n)
        found = np.concatenate([found, drawn[drawn > MIN_SNR]])
    return found[:n]


def casnet_dataset(galaxies, rng, n):
    """
    Noisy stamps with their classical measures.

    Parameters
    ----------
    galaxies : `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies, (N, size, size), with their labels.
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        Stamps to make. Galaxies are taken in random order, again and again with
        other noise if there are fewer of them.

    Returns
    -------
    `CasnetGalaxies`
        At most ``n``: what the paper's selection leaves out, or whose measures are
        undefined, is missing.
    """
    number = len(galaxies.labels)
    passes = -(-n // max(number, 1))
    order = np.concatenate([rng.permutation(number) for _ in range(passes)])[:n]
    parts = [
        _chunk(galaxies, order[start : start + _CHUNK], rng)
        for start in range(0, n, _CHUNK)
    ]
    stamps, measured, truth = zip(*parts, strict=True)
    measured = {name: np.concatenate([m[name] for m in measured]) for name in _MEASURED}
    return CasnetGalaxies(np.concatenate(stamps), measured, np.concatenate(truth))


def _chunk(galaxies, rows, rng):
    seen = observe(
        np.asarray(galaxies.stamps[rows], np.float32), galaxies.labels[rows], rng,
        snr=draw_snr(rng, len(rows)), conditions=IDEAL,
    )  # fmt: skip
    own, _ = find_sources(seen.stamps)
    found = measure_stamps(seen.stamps, segments=own, sky_sigma=1.0)
    stamps = unit_maximum_stamps(seen.stamps)
    good = selected(found["sn_per_pixel"], found["rpetro_ellip"])
    good &= np.isfinite(found["concentration"]) & np.isfinite(found["asymmetry"])
    good &= np.isfinite(stamps).all(axis=(1, 2))
    measured = {name: found[name][good] for name in _MEASURED}
    return stamps[good].astype(np.float16), measured, seen.labels[good]
