# Licensed under a 3-clause BSD style license - see LICENSE
"""
How many pixels are averaged for a galaxy, and where its stamp is, look after look.

A galaxy that is too large for a stamp is seen in averaged pixels. What the network says
of it tells, in the end. Most of them are found from their growth curves before it has
looked, so that it looks once; where it then disagrees, all is as if nobody had guessed.
"""

import numpy as np

from astro_cnnfit.cutouts import block_factor, estimate_half_light_radius
from astro_cnnfit.cutouts.sizes import divisible_factor
from astro_cnnfit.parameters import NAMES

__all__ = ["Scales"]

# R_eff as a fraction of a stamp's width, from which on pixels are averaged: 7.6
# pixels of 61, so that the stamp reaches out to 4 R_eff. On simulated Sersic
# galaxies of high S/N it pays from 9 pixels on; a real one of 8 pixels that is no
# Sersic profile (HSC 3 of the benchmark) needs the larger field.
_LARGE = 1 / 8
# The same for a rough size, which is smaller than R_eff as a rule.
_LIKELY = 0.11
# That was right where R_eff is larger than this part of what is large, by more than
# this many of its errors; single pixels tell neighbours apart better.
_BELIEVED, _SIGMAS = 0.9, 1.0
# Sky in excess of the image's, in sky noises, that may be a large galaxy's light.
_EXCESS = 0.5
# Stamps are centred anew on galaxies that are farther off, in stamp pixels, but
# never moved farther from where the user said they are: beyond lies another.
_OFF_CENTRE, _MAX_SHIFT = 1.5, 4.0
_X, _Y, _R_EFF = (NAMES.index(name) for name in ("x_0", "y_0", "r_eff"))


class Scales:
    """
    Block-averaging factors and centres of the stamps of N galaxies.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image, or a stack with one galaxy each.
    x, y : `~numpy.ndarray`
        (N,) positions in pixels.
    r_eff : `~numpy.ndarray` or None
        (N,) rough sizes in pixels that the user gave, NaN where unknown.
    sky : float
        What the sky's level is thought to be.
    size : int
        Width of the stamps.

    Attributes
    ----------
    factor : `~numpy.ndarray` of int
        (N,) side of the blocks of the next look.
    centre : `~numpy.ndarray`
        (N, 2) where its stamps are.
    """

    def __init__(self, image, x, y, r_eff, sky, size):
        self._sky, self._size = sky, size
        self._is_stack = image.data.ndim == 3
        self._start = self.centre = np.column_stack([x, y])
        # At this factor a stamp covers the image: there is no more to be seen.
        limit = max(1, -(-max(image.data.shape[-2:]) // size))
        self._limit = divisible_factor(limit)
        self._least = np.ones(len(x), dtype=int)
        if r_eff is not None:
            self._least = self._factor_for(r_eff, self._least)
        # Rough sizes of those that have not been looked at as they should.
        self._rough = np.full(len(x), np.nan)
        if self._limit > 1 and not self._is_stack:
            self._rough = estimate_half_light_radius(image, x, y, size=size)
        self.factor = self._guess()

    def after(self, result):
        """
        Decide on the next look.

        Parameters
        ----------
        result : `~astro_cnnfit.sersic.results.Measurement`
            What the last look at each galaxy said.

        Returns
        -------
        `~numpy.ndarray` of int
            Rows that need another.
        """
        seen, sizes = (self.factor, self.centre), result.params[:, _R_EFF]
        wrong = (self.factor > self._least) & ~np.isnan(self._rough)
        wrong &= self._is_unlikely(result)
        sizes = np.fmax(sizes, self._where_light_goes_on(result))
        factor = self._factor_for(sizes, self.factor)
        self.factor = np.where(wrong, self._least, factor)
        if not self._is_stack:
            centre = self._recentred(result.params, factor)
            self.centre = np.where(wrong[:, np.newaxis], self.centre, centre)
        self._rough = np.where(wrong, self._rough, np.nan)
        # A place that is not known does not change.
        moved = (self.centre != seen[1]) & ~np.isnan(self.centre)
        return np.flatnonzero(moved.any(axis=1) | (self.factor != seen[0]))

    def _factor_for(self, r_eff, factor):
        """Side of the blocks that make galaxies small enough; never a smaller one."""
        with np.errstate(invalid="ignore"):
            large = r_eff > _LARGE * self._size * factor
        wanted = np.minimum(block_factor(r_eff, size=self._size), self._limit)
        return np.where(large, np.maximum(wanted, factor), factor)

    def _guess(self):
        with np.errstate(invalid="ignore"):
            likely = self._rough > _LIKELY * self._size
        wanted = np.maximum(block_factor(self._rough, size=self._size), 2)
        wanted = np.maximum(np.minimum(wanted, self._limit), self._least)
        return np.where(likely, wanted, self._least)

    def _is_unlikely(self, result):
        """Whether a guess that a galaxy is large was wrong."""
        r_eff = result.params[:, _R_EFF]
        error = np.sqrt(result.covariance[:, _R_EFF, _R_EFF])
        with np.errstate(invalid="ignore"):
            small = r_eff - _SIGMAS * error <= _BELIEVED * _LARGE * self._size
        return small | self._are_far(result.params, self.factor)

    def _where_light_goes_on(self, result):
        """Rough sizes of what is not small, or has light at its stamp's border."""
        with np.errstate(invalid="ignore"):
            large = result.params[:, _R_EFF] > 0.5 * _LARGE * self._size
            excess = result.border_level - self._sky
            bright = excess > _EXCESS * result.sky_sigma
        return np.where(large | bright, self._rough, np.nan)

    def _recentred(self, params, factor):
        """Centres of the stamps, moved where the galaxy is far from them."""
        far, shift = self._are_far(params, factor), _MAX_SHIFT * factor[:, np.newaxis]
        found = params[:, [_X, _Y]]
        moved = np.clip(found, self._start - shift, self._start + shift)
        return np.where(far[:, np.newaxis], np.rint(moved), self.centre)

    def _are_far(self, params, factor):
        off = np.abs(params[:, [_X, _Y]] - np.rint(self.centre))
        with np.errstate(invalid="ignore"):
            return np.any(off > _OFF_CENTRE * factor[:, np.newaxis], axis=1)
