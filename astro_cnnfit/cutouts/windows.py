# Licensed under a 3-clause BSD style license - see LICENSE
"""Windows of any array, such as a segmentation map, at the places of stamps."""

import numpy as np

from astro_cnnfit.cutouts.gathering import gather, placed

__all__ = ["cut_windows"]


def cut_windows(array, x, y, *, size=61, factor=1, planes=None, beyond=0):
    """
    Cut the pixels that stamps are made of, not averaged.

    Parameters
    ----------
    array : `~numpy.ndarray`
        One image (ny, nx), or a stack (M, ny, nx) together with ``planes``.
    x, y : `~numpy.ndarray`
        (N,) positions, as for `~astro_cnnfit.cutouts.cut_stamps`.
    size, factor : int
        Those of the stamps.
    planes : `~numpy.ndarray` of int, optional
        (N,) which image of a stack each position is in.
    beyond : scalar
        What stands where there is no image.

    Returns
    -------
    `~numpy.ndarray`
        (N, size * factor, size * factor), of the array's type. May share memory
        with it: treat it as read-only. Positions outside the image get
        ``beyond`` alone.
    """
    x, y = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (x, y))
    planes = np.zeros(len(x), int) if planes is None else np.asarray(planes, int)
    shape = array.shape[-2:]
    _, x_first, x_inside = placed(x, shape[1], size, factor)
    _, y_first, y_inside = placed(y, shape[0], size, factor)
    outside = ~(x_inside & y_inside)
    x_first, y_first = np.where(outside, 0, x_first), np.where(outside, 0, y_first)
    windows = gather(array, (planes, y_first, x_first), size * factor, beyond)
    if outside.any():
        windows = np.where(outside[:, np.newaxis, np.newaxis], beyond, windows)
    return windows
