# Licensed under a 3-clause BSD style license - see LICENSE
"""
Normal equations of all galaxies of an image at once.

Each galaxy is drawn, with its derivatives, in a stamp of one of a few sizes. The
matrix has a block for each galaxy and for each two whose stamps overlap, and nothing
elsewhere.
"""

import numpy as np
from keras import ops
from scipy import sparse
from scipy.spatial import cKDTree

from astro_cnnfit.compiled import compiled
from astro_cnnfit.parameters import LATENT_NAMES
from astro_cnnfit.rendering.derivatives import render_circularised

__all__ = ["SIDES", "JointEquations"]

_N_LATENT = len(LATENT_NAMES)
SIDES = (61, 121, 241)
"""Sides of the stamps in pixels."""

# Galaxies rendered together, by the side.
_BATCH = {61: 16, 121: 4, 241: 1}

_rendered = compiled(render_circularised, static=(2,))


class JointEquations:
    """
    Models of galaxies in an image, and what small changes of all would cost.

    Parameters
    ----------
    residual : `~numpy.ndarray`
        (ny, nx) the image less the models at ``values`` and the sky; is changed
        along with the models.
    weight : `~numpy.ndarray`
        (ny, nx) float32, 1 / standard deviation, 0 for pixels to leave out.
    psfs : `~numpy.ndarray`
        (N or 1, k, k).
    values : `~numpy.ndarray`
        (N, 7) finite circularised parameters, the centre in pixels of the image.
    sides : `~numpy.ndarray` of int
        (N,) sides of the stamps, of `SIDES`.

    Attributes
    ----------
    values, residual
        As they are now.
    pairs : `~numpy.ndarray` of int
        (M, 2) galaxies whose stamps overlap.
    blocks : `~numpy.ndarray`
        (N, 7, 7) and ``couplings`` (M, 7, 7): the matrix.
    light : `~numpy.ndarray`
        (N, 7) derivatives summed over the stamp with the weights: what a pedestal
        does to each galaxy.
    """

    def __init__(self, residual, weight, psfs, values, sides):
        n = len(values)
        self.residual, self.weight, self.psfs = residual, weight, psfs
        self.values, self.sides = np.array(values, dtype=float), sides
        self.corner = np.rint(self.values[:, :2]).astype(int) - sides[:, None] // 2
        self._place = np.zeros(n, dtype=int)
        self._models, self._slopes = {}, {}
        for side in np.unique(sides).tolist():
            rows = np.flatnonzero(sides == side)
            self._place[rows] = np.arange(len(rows))
            self._models[side] = np.zeros((len(rows), side, side), np.float32)
            shape = (len(rows), _N_LATENT, side, side)
            self._slopes[side] = np.zeros(shape, np.float32)
        self.pairs = _overlapping(self.corner, sides)
        self.blocks = np.zeros((n, _N_LATENT, _N_LATENT))
        self.couplings = np.zeros((len(self.pairs), _N_LATENT, _N_LATENT))
        self.light = np.zeros((n, _N_LATENT))
        for row, stamp in self._render(np.arange(n), self.values):
            self._models[sides[row]][self._place[row]] = stamp
        self._fill(np.ones(n, dtype=bool))

    def move(self, rows, values):
        """Give galaxies other parameters, in the residual and in the matrix."""
        self.values[rows] = values
        for row, stamp in self._render(rows, values):
            old = self._models[self.sides[row]][self._place[row]]
            part, inside = self._part(row)
            self.residual[part] += (old - stamp)[inside]
            old[...] = stamp
        moved = np.zeros(len(self.values), dtype=bool)
        moved[rows] = True
        self._fill(moved)

    def costs(self):
        """Chi squared of each galaxy's stamp, (N,)."""
        squares = np.square(self.residual * self.weight)
        # Sums over rectangles, of all galaxies at once.
        total = np.pad(squares.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        ny, nx = squares.shape
        left, bottom = self.corner.T
        x = [np.clip(edge, 0, nx) for edge in (left, left + self.sides)]
        y = [np.clip(edge, 0, ny) for edge in (bottom, bottom + self.sides)]
        return (
            total[y[1], x[1]]
            - total[y[0], x[1]]
            - total[y[1], x[0]]
            + (total[y[0], x[0]])
        )

    def gradient(self):
        """Products of the derivatives and the residual, (N, 7)."""
        weighted = (self.residual * self.weight).astype(np.float32)
        result = np.empty((len(self.values), _N_LATENT))
        for row in range(len(result)):
            part, inside = self._part(row)
            slopes = self._slopes_of(row)[:, *inside]
            result[row] = np.tensordot(slopes, weighted[part], 2)
        return result

    def matrix(self, blocks):
        """
        The whole matrix.

        Parameters
        ----------
        blocks : `~numpy.ndarray`
            (N, 7, 7) those of the diagonal.

        Returns
        -------
        `~scipy.sparse.bsr_array`
        """
        n, (one, other) = len(blocks), self.pairs.T
        row = np.concatenate([np.arange(n), one, other])
        column = np.concatenate([np.arange(n), other, one])
        turned = np.swapaxes(self.couplings, 1, 2)
        data = np.concatenate([blocks, self.couplings, turned])
        order = np.lexsort((column, row))
        start = np.searchsorted(row[order], np.arange(n + 1))
        size = n * _N_LATENT
        return sparse.bsr_array((data[order], column[order], start), shape=(size, size))

    def pixels_used(self):
        """Good pixels of each stamp, (N,)."""
        good = self.weight > 0
        parts = [self._part(row)[0] for row in range(len(self.values))]
        return np.array([np.count_nonzero(good[part]) for part in parts], dtype=int)

    def alone(self):
        """Matrices of galaxies without neighbours, the sky the eighth, (N, 8, 8)."""
        result = np.zeros((len(self.values), _N_LATENT + 1, _N_LATENT + 1))
        result[:, :-1, :-1] = self.blocks
        result[:, :-1, -1] = result[:, -1, :-1] = self.light
        for row in range(len(result)):
            weight = self.weight[self._part(row)[0]]
            result[row, -1, -1] = np.sum(np.square(weight, dtype=float))
        return result

    def _slopes_of(self, row):
        return self._slopes[self.sides[row]][self._place[row]]

    def _part(self, row):
        """A stamp's pixels that are in the image: there, and in the stamp."""
        part, inside = [], []
        for axis in (1, 0):
            first, side = self.corner[row, axis], self.sides[row]
            total = self.residual.shape[1 - axis]
            low, high = np.clip([first, first + side], 0, total)
            part.append(slice(low, high))
            inside.append(slice(low - first, high - first))
        return tuple(part), tuple(inside)

    def _render(self, rows, values):
        """Yield rows and models; keep the weighted derivatives."""
        for side in np.unique(self.sides[rows]).tolist():
            same = np.flatnonzero(self.sides[rows] == side)
            size = _BATCH[side]
            for start in range(0, len(same), size):
                some = same[start : start + size]
                # Filled up to one batch shape: each new shape would be traced anew.
                full = np.pad(some, (0, size - len(some)), mode="edge")
                own = values[full].copy()
                own[:, :2] -= self.corner[rows[full]] + side // 2
                psfs = self.psfs if len(self.psfs) == 1 else self.psfs[rows[full]]
                found = _rendered(
                    own.astype(np.float32), psfs.astype(np.float32), (side, side)
                )
                models, slopes = (ops.convert_to_numpy(array) for array in found)
                for number, row in enumerate(rows[some].tolist()):
                    part, inside = self._part(row)
                    kept = self._slopes_of(row)
                    kept[:, *inside] = slopes[number][:, *inside] * self.weight[part]
                    yield row, models[number]

    def _fill(self, moved):
        """Compute the parts of the matrix in which these galaxies have a share."""
        for row in np.flatnonzero(moved).tolist():
            part, inside = self._part(row)
            slopes = self._slopes_of(row)
            flat = slopes.reshape(_N_LATENT, -1)
            self.blocks[row] = flat @ flat.T
            self.light[row] = np.tensordot(slopes[:, *inside], self.weight[part], 2)
        one, other = self.pairs.T
        for index in np.flatnonzero(moved[one] | moved[other]).tolist():
            flat = self._common(one[index], other[index])
            self.couplings[index] = flat[0] @ flat[1].T

    def _common(self, one, other):
        """Derivatives of two galaxies in the pixels that both stamps have."""
        low = np.maximum(self.corner[one], self.corner[other])
        high = np.minimum(
            self.corner[one] + self.sides[one], self.corner[other] + self.sides[other]
        )
        flat = []
        for row in (one, other):
            left, bottom = low - self.corner[row]
            right, top = high - self.corner[row]
            slopes = self._slopes_of(row)[:, bottom:top, left:right]
            flat.append(slopes.reshape(_N_LATENT, -1))
        return flat


def _overlapping(corner, sides):
    """Pairs of stamps with common pixels, (M, 2)."""
    if len(corner) == 0:
        return np.empty((0, 2), dtype=int)
    middle = corner + sides[:, None] / 2
    pairs = [np.empty((0, 2), dtype=int)]
    tree = cKDTree(middle)
    near = tree.query_ball_point(middle, sides, p=np.inf)
    # Seen from the larger of the two, or from the first of equals.
    for row, others in enumerate(near):
        others = np.array(others)
        mine = (sides[others] < sides[row]) | (
            (sides[others] == sides[row]) & (others > row)
        )
        others = others[mine]
        apart = np.abs(middle[others] - middle[row]).max(axis=1)
        others = others[apart < (sides[others] + sides[row]) / 2]
        pairs.append(np.column_stack([np.full(len(others), row), others]))
    return np.concatenate(pairs)
