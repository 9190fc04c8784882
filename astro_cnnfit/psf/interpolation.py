# Licensed under a 3-clause BSD style license - see LICENSE
"""Between PSFs that are known at positions of an image."""

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial import Delaunay, QhullError, cKDTree

__all__ = ["checked_positions", "interpolate_stamps"]


def checked_positions(x, y):
    """
    Return positions as two arrays of one length.

    Parameters
    ----------
    x, y : array_like
        In pixels.

    Returns
    -------
    x, y : `~numpy.ndarray`, shape (M,), float64

    Raises
    ------
    ValueError
        If they are not.
    """
    x, y = (np.atleast_1d(np.asarray(values, float)) for values in (x, y))
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(
            f"positions must be two arrays of one length, got {x.shape} and {y.shape}"
        )
    return x, y


def interpolate_stamps(stamps, x_known, y_known, x, y):
    """
    Interpolate linearly between the PSFs of positions.

    Between the four around it where the positions are a grid, as photutils does;
    otherwise between the three of a Delaunay triangle. Beyond the grid it is the
    PSF at the nearest point of the grid, beyond the triangles that of the nearest
    position.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, ny, nx)
        PSFs.
    x_known, y_known : array_like, shape (N,)
        Their positions.
    x, y : array_like, shape (M,)
        Where PSFs are wanted. A position that is not known (NaN) gets some PSF; that
        its row has no result is not for the PSF to say.

    Returns
    -------
    `~numpy.ndarray`, shape (M, ny, nx)

    Raises
    ------
    ValueError
        If ``x`` and ``y`` are not of one length.
    """
    x, y = checked_positions(x, y)
    known = np.transpose([x_known, y_known]).astype(float)
    wanted = np.transpose([x, y])
    wanted = np.where(np.isfinite(wanted), wanted, known.min(axis=0))
    axes = [np.unique(values) for values in known.T]
    if len(axes[0]) * len(axes[1]) == len(np.unique(known, axis=0)) == len(known):
        return _on_grid(stamps, known, axes, wanted)
    return _scattered(stamps, known, wanted)


def _on_grid(stamps, known, axes, wanted):
    order = np.lexsort(known.T)  # x runs fastest
    nodes = stamps[order].reshape(len(axes[1]), len(axes[0]), *stamps.shape[1:])
    points = []
    for number, axis in enumerate((axes[1], axes[0])):
        points.append(np.clip(wanted[:, 1 - number], axis[0], axis[-1]))
        if len(axis) == 1:
            nodes = np.take(nodes, [0, 0], axis=number)
    grid = [
        axis if len(axis) > 1 else np.array([axis[0], axis[0] + 1])
        for axis in (axes[1], axes[0])
    ]
    return RegularGridInterpolator(grid, nodes)(np.transpose(points))


def _scattered(stamps, known, wanted):
    nearest = cKDTree(known).query(wanted)[1]
    result = stamps[nearest]
    try:
        triangles = Delaunay(known)
    except (QhullError, ValueError):  # fewer than three, or all on a line
        return result
    found = triangles.find_simplex(wanted)
    inside = found >= 0
    affine = triangles.transform[found[inside]]
    weights = np.einsum("mij,mj->mi", affine[:, :2], wanted[inside] - affine[:, 2])
    weights = np.column_stack([weights, 1 - weights.sum(axis=1)])
    corners = triangles.simplices[found[inside]]
    result[inside] = sum(
        weights[:, k, np.newaxis, np.newaxis] * stamps[corners[:, k]] for k in range(3)
    )
    return result
