# Licensed under a 3-clause BSD style license - see LICENSE
"""
Noise-free galaxies with what is true of them, and their noisy stamps.

Procedural galaxies come from seeds that training never uses (it has those below
1000), real ones from sources that it never sees.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.measures import latent_index
from astro_cnnfit.morphology.classical import label_stamps
from astro_cnnfit.morphology.library import learnable
from astro_cnnfit.simulation.backgrounds import find_data
from astro_cnnfit.simulation.observe_galaxies import IDEAL, observe

__all__ = ["KINDS", "SEED", "Galaxies", "draw_galaxies", "expose", "kinds_at_hand"]

KINDS = ("procedural", "real")
SEED = 424_242
"""Training uses seeds below 1000."""

MIN_RPETRO = 5.0
_CHUNK = 256
# Draws without a galaxy that counts, after which something must be wrong.
_PATIENCE = 20


class Galaxies(NamedTuple):
    """Noise-free galaxies; ``galaxies[rows]`` of each field by `Galaxies.take`."""

    stamps: np.ndarray
    """(N, 101, 101) float32."""
    labels: np.ndarray
    """(N, 12), see `astro_cnnfit.measures.LATENT_MEASURES`."""
    sources: np.ndarray
    """(N,) int: rows with the same number show the same source."""
    psf_fwhm: np.ndarray
    """(N,) in pixels, NaN where it is not known."""

    def take(self, rows):
        """Some of the galaxies."""
        return Galaxies(*(field[rows] for field in self))

    def true(self, name):
        """True values of a quantity by its name."""
        return self.labels[:, latent_index(name)]


def kinds_at_hand():
    """Kinds of galaxies that can be drawn: real ones need their images."""
    return KINDS if find_data() else KINDS[:1]


def draw_galaxies(
    kind, number, seed=SEED, *, part="test", min_rpetro=MIN_RPETRO, whole=True
):
    """
    Draw galaxies whose truth is defined.

    Parameters
    ----------
    kind : {'procedural', 'real'}
    number : int
        How many.
    seed : int
    part : {'test', 'train'}
        Of the real sources.
    min_rpetro : float
        Smallest Petrosian radius, in pixels.
    whole : bool
        Leave out what networks do not learn
        (`~astro_cnnfit.morphology.library.learnable`): systems of which the
        aperture holds a part only, and sizes that do not fit on a stamp.

    Returns
    -------
    galaxies : `Galaxies`
    left_out : dict
        Shares of all that were drawn: ``undefined``, without a truth, and ``parts``,
        those that ``whole`` leaves out besides.

    Raises
    ------
    RuntimeError
        If next to none of what is drawn can be used.
    """
    rng = np.random.default_rng(seed)
    draw = _drawer(kind, rng, part)
    parts, count, drawn, undefined, not_whole = [], 0, 0, 0, 0
    while count < number:
        if drawn > _PATIENCE * max(number, _CHUNK):
            raise RuntimeError(f"few of the {kind} galaxies have a truth")
        own = draw(min(_CHUNK, max(number, 8)))
        good = np.isfinite(own.labels).all(axis=1)
        drawn, undefined = drawn + len(good), undefined + int(np.sum(~good))
        if whole:
            kept = good & learnable(own.stamps, own.labels)
            not_whole += int(np.sum(good & ~kept))
            good = kept
        good[good] &= own.true("log_rpetro")[good] > np.log10(min_rpetro)
        parts.append(own.take(good))
        count += good.sum()
    joined = (np.concatenate(field) for field in zip(*parts, strict=True))
    left_out = {"undefined": undefined / drawn, "parts": not_whole / drawn}
    return Galaxies(*joined).take(slice(number)), left_out


def _drawer(kind, rng, part):
    """Return a function that draws so many galaxies, good and bad."""
    if kind == "procedural":
        from astro_cnnfit.simulation.procedural import draw_procedural

        first = iter(range(0, 2**62, 2**20))

        def draw(n):
            stamps, width = draw_procedural(rng, n)
            sources = next(first) + np.arange(n)
            return Galaxies(stamps, label_stamps(stamps), sources, np.asarray(width))

    else:
        from astro_cnnfit.simulation.real_galaxies import draw_real, load_sources

        sources = load_sources(find_data(), part)

        def draw(n):
            stamps, chosen = draw_real(sources, rng, n)
            width = np.full(n, np.nan)
            return Galaxies(stamps, label_stamps(stamps), np.asarray(chosen), width)

    return draw


def expose(galaxies, snr, rng, conditions=IDEAL):
    """
    Noisy stamps.

    Parameters
    ----------
    galaxies : `Galaxies`
    snr : tuple or `~numpy.ndarray`
        Range of the S/N per pixel, drawn log-uniformly, or that of each.
    rng : `numpy.random.Generator`
    conditions : `~astro_cnnfit.simulation.observe_galaxies.Conditions`

    Returns
    -------
    `~astro_cnnfit.simulation.observe_galaxies.Observed`
    """
    return observe(
        galaxies.stamps, galaxies.labels, rng, snr=snr, conditions=conditions
    )
