# Licensed under a 3-clause BSD style license - see LICENSE
"""Some planes of a large stack, read with few requests."""

import numpy as np

from astro_cnnfit.inputs.files import ContentError

__all__ = ["read_planes"]

# Planes that are not wanted but read along, rather than to ask twice.
_GAP = 8


def read_planes(data, shape, index, what="stack"):
    """
    Read planes of a stack.

    Parameters
    ----------
    data : object
        Read by slices of its first axis: a data set of HDF5 or Zarr, a section of
        a FITS image, an array.
    shape : tuple
        (N, ny, nx), of the stack.
    index : `~numpy.ndarray`
        (M,) which planes, in any order.
    what : str
        What it is, for messages.

    Returns
    -------
    `~numpy.ndarray`
        (M, ny, nx), of the type of the stack.

    Raises
    ------
    ValueError
        If there is no such plane.
    """
    index = np.asarray(index)
    if index.size == 0:
        return np.asarray(data[0:1])[:0]
    if index.min() < 0 or index.max() >= shape[0]:
        bad = index.min() if index.min() < 0 else index.max()
        raise ContentError(f"{what}: has planes 0 to {shape[0] - 1}, not {bad}")
    wanted = np.unique(index)
    breaks = np.flatnonzero(np.diff(wanted) > _GAP) + 1
    runs = [(run[0], run[-1] + 1) for run in np.split(wanted, breaks)]
    pieces = [np.asarray(data[int(first) : int(last)]) for first, last in runs]
    read = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    # Where each plane that was read is in the stack, and so each that is wanted.
    numbers = np.concatenate([np.arange(first, last) for first, last in runs])
    if len(numbers) == len(index) and np.array_equal(numbers, index):
        return read
    return read[np.searchsorted(numbers, index)]
