# Licensed under a 3-clause BSD style license - see LICENSE
"""Background of the asymmetry: the rotated difference in cells of empty sky."""

import numpy as np

from astro_cnnfit.morphology.rotation import _whole, shifted

__all__ = [
    "CELL",
    "cell_differences",
    "cell_values",
    "empty_cells",
    "interpolated_background",
]

CELL = 10
"""Side of a cell in pixels."""


def empty_cells(empty, size=CELL):
    """
    Cells without a galaxy or an invalid pixel.

    Parameters
    ----------
    empty : `~numpy.ndarray`
        (ny, nx) of bool: pixels of empty sky.
    size : int or tuple of int, optional
        Side of the square cells, or (height, width), in pixels.

    Returns
    -------
    corners : `~numpy.ndarray`
        (n, 2) of int: y and x of the first pixel of each cell.
    """
    height, width = np.broadcast_to(size, 2)
    rows, columns = empty.shape[0] // height, empty.shape[1] // width
    blocks = empty[: rows * height, : columns * width]
    blocks = blocks.reshape(rows, height, columns, width)
    return np.argwhere(blocks.all(axis=(1, 3))) * (height, width)


def cell_values(image, corners, size=CELL):
    """
    Pixels of the cells.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    corners : `~numpy.ndarray`
        (n, 2) as `empty_cells` returns them.
    size : int or tuple of int, optional
        As for `empty_cells`.

    Returns
    -------
    `~numpy.ndarray`
        (n, height, width)
    """
    height, width = np.broadcast_to(size, 2)
    rows = corners[:, :1, None] + np.arange(height)[None, :, None]
    columns = corners[:, 1:, None] + np.arange(width)[None, None, :]
    return image[rows, columns]


def cell_differences(source, corners, xc, yc, size=CELL):
    """
    Difference of cells and themselves turned about their own centres.

    The turned cells are shifted by the same part of a pixel as the galaxy about
    its centre, so that interpolation smooths their noise as much.

    Parameters
    ----------
    source : `~astro_cnnfit.morphology.rotation.Rotatable`
    corners : `~numpy.ndarray`
        (n, 2) as `empty_cells` returns them.
    xc, yc : float
        Centre of the galaxy's rotation.
    size : int or tuple of int, optional
        As for `empty_cells`.

    Returns
    -------
    absolute, squared : `~numpy.ndarray`
        (n,) mean of abs(I - I180) and of its square in each cell.
    """
    ny, nx = source.image.shape
    (_, fy), (_, fx) = _whole(yc), _whole(xc)
    moved = shifted(source, (0, ny), (0, nx), fy, fx)
    turned = cell_values(moved, corners, size)[:, ::-1, ::-1]
    difference = cell_values(source.image, corners, size) - turned
    return np.abs(difference).mean((1, 2)), (difference**2).mean((1, 2))


def interpolated_background(source, corners, size=CELL):
    """
    Median of the cells as a function of the centre, from four measurements.

    Parameters
    ----------
    source, corners, size
        As for `cell_differences`.

    Returns
    -------
    callable
        (xc, yc) -> median of the cells' mean abs(I - I180), interpolated
        between whole and half pixels as the variance of interpolated noise goes,
        for cubic interpolation nearly. Fast enough for a minimiser.
    """
    corner = np.array(
        [
            [
                np.median(cell_differences(source, corners, x, y, size)[0])
                for x in (0.0, 0.25)
            ]
            for y in (0.0, 0.25)
        ]
    )

    def background(xc, yc):
        wy, wx = _towards_half(yc, source.order), _towards_half(xc, source.order)
        return np.array([1 - wy, wy]) @ corner @ np.array([1 - wx, wx])

    return background


def _towards_half(centre, order):
    """0 where the rotation about a centre shifts by whole pixels, 1 at halves."""
    part = 2.0 * centre % 1.0
    return 4.0 * part * (1.0 - part) if order == 1 else np.sin(np.pi * part) ** 2
