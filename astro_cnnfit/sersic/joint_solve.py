# Licensed under a 3-clause BSD style license - see LICENSE
"""Steps and errors from the normal equations of all galaxies of an image."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from .least_cost import inverse

__all__ = ["joint_covariance", "joint_step"]

# Rounding of equations that were summed up in float32; how well and how long the
# conjugate gradients solve them.
_RIDGE, _ACCURACY, _ROUNDS = 1e-6, 1e-3, 300
# Neighbours that a galaxy's errors are marginalised over, at most, and how closely
# they must be tied to it: the sum of the squared correlations.
_MOST, _TIED = 12, 0.003


def joint_step(matrix, blocks, gradient, damping, free):
    """
    Damped step of all galaxies at once.

    Parameters
    ----------
    matrix : `~scipy.sparse.bsr_array`
        (7 N, 7 N).
    blocks : `~numpy.ndarray`
        (N, 7, 7) its diagonal.
    gradient : `~numpy.ndarray`
        (N, 7).
    damping : `~numpy.ndarray`
        (N,) of each galaxy, in units of its diagonal.
    free : `~numpy.ndarray` of bool
        (N, 7) what may change.

    Returns
    -------
    `~numpy.ndarray`
        (N, 7), 0 where it is not free.
    """
    n, m = gradient.shape
    diagonal = np.diagonal(blocks, axis1=1, axis2=2)
    scale = np.where(free, 1 / np.sqrt(np.maximum(diagonal, 1e-12)), 0.0)
    # What is held has an equation of its own, which says that nothing happens.
    extra = np.where(free, damping[:, None] + _RIDGE, 1.0)
    unit = blocks * scale[:, :, None] * scale[:, None, :]
    unit[:, np.arange(m), np.arange(m)] += extra
    block_inverse, flat, extra = np.linalg.inv(unit), scale.ravel(), extra.ravel()

    def product(vector):
        return flat * (matrix @ (flat * vector)) + extra * vector

    def precondition(vector):
        return np.einsum("nij,nj->ni", block_inverse, vector.reshape(n, m)).ravel()

    shape = (n * m, n * m)
    solution, _ = cg(
        LinearOperator(shape, product, dtype=float),
        flat * gradient.ravel(),
        rtol=_ACCURACY,
        maxiter=_ROUNDS,
        M=LinearOperator(shape, precondition, dtype=float),
    )
    return (flat * solution).reshape(n, m)


def joint_covariance(blocks, pairs, couplings):
    """
    Covariance of each galaxy, marginalised over its neighbours.

    Parameters
    ----------
    blocks : `~numpy.ndarray`
        (N, 7, 7) diagonal of the matrix.
    pairs : `~numpy.ndarray`
        (M, 2) which galaxies overlap.
    couplings : `~numpy.ndarray`
        (M, 7, 7) blocks of these pairs.

    Returns
    -------
    `~numpy.ndarray`
        (N, 7, 7). The 12 neighbours that are tied to it most closely are left free
        together with it; those beyond hardly matter.
    """
    n, m = blocks.shape[:2]
    alone, (one, other) = inverse(blocks), pairs.T
    tie = np.einsum(
        "nij,njk,nkl,nil->n", alone[one], couplings, alone[other], couplings,
        optimize=True,
    )  # fmt: skip
    near = [[] for _ in range(n)]
    block_of = {}
    for index in np.flatnonzero(tie > _TIED)[::-1].tolist():
        first, second = pairs[index].tolist()
        near[first].append((tie[index], second))
        near[second].append((tie[index], first))
        block_of[first, second] = couplings[index]
        block_of[second, first] = couplings[index].T
    result = np.empty((n, m, m))
    for row in range(n):
        rows = [row] + [b for _, b in sorted(near[row], reverse=True)[:_MOST]]
        matrix = np.zeros((len(rows), m, len(rows), m))
        for i, first in enumerate(rows):
            matrix[i, :, i] = blocks[first]
            for j, second in enumerate(rows):
                if (first, second) in block_of:
                    matrix[i, :, j] = block_of[first, second]
        size = len(rows) * m
        result[row] = inverse(matrix.reshape(1, size, size))[0, :m, :m]
    return result
