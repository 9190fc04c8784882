# Licensed under a 3-clause BSD style license - see LICENSE
"""Which galaxies of an image stand in each other's light."""

import numpy as np
from scipy.spatial import cKDTree

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, sersic_b

__all__ = ["Overlaps", "find_overlaps", "reach_of"]

# Widths of the PSF by which it smears the light outwards.
_SMEARED = 1.0


class Overlaps:
    """
    Who reaches into whose stamp.

    Parameters
    ----------
    pairs : `~numpy.ndarray` of int
        (M, 2) pairs of rows, each once.
    n : int
        Number of galaxies.

    Attributes
    ----------
    first, second : `~numpy.ndarray` of int
        (2 M,) both directions of each pair, sorted by ``first``.
    """

    def __init__(self, pairs, n):
        both = np.concatenate([pairs, pairs[:, ::-1]])
        both = both[np.lexsort(both.T[::-1])]
        self.first, self.second = both.T
        self._start = np.searchsorted(self.first, np.arange(n + 1))

    def of(self, row):
        """Rows that one galaxy overlaps with."""
        return self.second[self._start[row] : self._start[row + 1]]

    def beside(self, chosen):
        """Whether each galaxy, (N,) bool, overlaps with one of the ``chosen``."""
        found = np.zeros(len(chosen), dtype=bool)
        found[self.second[chosen[self.first]]] = True
        return found

    def tiers(self, order):
        """
        Rows in groups within which nothing overlaps, the first in ``order`` first.

        Parameters
        ----------
        order : `~numpy.ndarray` of int
            Rows to group; the first one is in the first group.

        Returns
        -------
        list of `~numpy.ndarray`
            Every row comes after those before it in ``order`` that it overlaps
            with, as far as these are in ``order``.
        """
        tier = np.full(len(self._start) - 1, -1)
        for row in order.tolist():
            tier[row] = tier[self.of(row)].max(initial=-1) + 1
        numbers = tier[order]
        return [
            order[numbers == number] for number in range(numbers.max(initial=-1) + 1)
        ]


def find_overlaps(x, y, reach, half_width):
    """
    Find the galaxies that reach into each other's stamps.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        (N,) positions in pixels; those that are not finite overlap with nothing.
    reach : `~numpy.ndarray`
        (N,) pixels out to which each has light; 0 for none.
    half_width : `~numpy.ndarray`
        (N,) half of the side of each one's stamp, in pixels.

    Returns
    -------
    `Overlaps`
    """
    good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    place = np.column_stack([x, y])[good]
    pairs = [np.empty((0, 2), dtype=int)]
    # Each looks as far as it and all that are no larger can matter to each other,
    # so that one large galaxy does not make all others look far.
    size = np.maximum(reach, half_width)[good]
    largest_first = np.argsort(-size, kind="stable")
    rank = np.empty(len(good), dtype=int)
    rank[largest_first] = np.arange(len(good))
    if good.size:
        tree = cKDTree(place)
        near = tree.query_ball_point(place, 2 * size, p=np.inf)
        one = np.repeat(np.arange(len(good)), [len(rows) for rows in near])
        other = np.concatenate([np.asarray(rows, dtype=int) for rows in near])
        smaller = rank[one] < rank[other]
        pairs.append(np.column_stack([one[smaller], other[smaller]]))
    one, other = good[np.concatenate(pairs)].T
    apart = np.maximum(np.abs(x[one] - x[other]), np.abs(y[one] - y[other]))
    matters = np.maximum(
        _sum_if_any(reach[one], half_width[other]),
        _sum_if_any(reach[other], half_width[one]),
    )
    touching = apart < matters
    return Overlaps(np.column_stack([one, other])[touching], len(x))


def _sum_if_any(reach, half_width):
    """How far apart a galaxy can be from a stamp to matter to it; 0 without light."""
    return np.where(reach > 0, reach + half_width, 0.0)


def reach_of(params, faintest, psf_fwhm):
    """
    Radius out to which a galaxy is brighter than something.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7) in the order of `~astro_cnnfit.parameters.NAMES`.
    faintest : `~numpy.ndarray`
        (N,) light per pixel.
    psf_fwhm : `~numpy.ndarray`
        (N,) or one, in pixels.

    Returns
    -------
    `~numpy.ndarray`
        (N,) in pixels, along the major axis; 0 where a parameter is not finite.
    """
    flux, r_eff, n, ellip = (params[:, NAMES.index(k)] for k in _SHAPE)
    with np.errstate(all="ignore"):
        # At least the PSF's width: what it smears is no fainter for being small.
        r_eff = np.hypot(r_eff, psf_fwhm / 2)
        central = amplitude_from_flux(flux, r_eff, n, ellip) / faintest
        scale = np.maximum(1 + np.log(central) / sersic_b(n), 0)
        reach = r_eff * scale**n + _SMEARED * psf_fwhm
    return np.where(np.isfinite(reach), reach, 0.0)


_SHAPE = ("flux", "r_eff", "n", "ellip")
