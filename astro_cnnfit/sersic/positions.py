# Licensed under a 3-clause BSD style license - see LICENSE
"""Where the galaxies of a call are: given, found, or in the centre."""

import numpy as np

from astro_cnnfit.inputs import parse_positions

__all__ = ["find_galaxies", "more_ids", "positions_of"]


def positions_of(image, init_params, finder):
    """
    Where the galaxies of a call are.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    init_params
        What `~astro_cnnfit.inputs.parse_positions` takes, or None.
    finder : callable or None
        Finds galaxies in an image if there are no ``init_params``.

    Returns
    -------
    tuple
        As `~astro_cnnfit.inputs.parse_positions` returns it. Without positions
        and finder, the centre of each image.

    Raises
    ------
    ValueError
        If there is not one position for each image of a stack.
    """
    ny, nx = image.data.shape[-2:]
    is_stack = image.data.ndim == 3
    n = len(image.data) if is_stack else 1
    if init_params is None and finder is not None:
        if is_stack:
            raise ValueError(
                "finder is for one image; data is a stack: its galaxies are in "
                "the centres, or where init_params say"
            )
        init_params = find_galaxies(finder, image)
    if init_params is None:
        init_params = np.tile([(nx - 1) / 2, (ny - 1) / 2], (n, 1))
    positions = parse_positions(init_params, None if is_stack else image.wcs)
    if is_stack and len(positions.x) != n:
        raise ValueError(
            f"init_params must have a row for each image of the stack, {n}, "
            f"got {len(positions.x)}"
        )
    return positions


def find_galaxies(finder, image):
    """
    Positions that a finder gives for an image.

    Parameters
    ----------
    finder : callable
        What `~astro_cnnfit.detection.parse_finder` returns.
    image : `~astro_cnnfit.inputs.Image`
        One image.

    Returns
    -------
    `~astropy.table.Table` or `~numpy.ndarray`
        What `~astro_cnnfit.inputs.parse_positions` takes.
    """
    data, error = image.data.copy(), image.error
    if image.unit is not None:
        data = data * image.unit
        error = None if error is None else error * image.unit
    return finder(data, mask=image.mask, error=error)


def more_ids(ids, n):
    """
    Identification numbers with those of rows that were added.

    Parameters
    ----------
    ids : `~numpy.ndarray` of int
        Of the first rows.
    n : int
        Number of all rows.

    Returns
    -------
    `~numpy.ndarray`
        (n,), those that are new from one above the largest on.
    """
    more = n - len(ids)
    return np.append(ids, max(ids) + 1 + np.arange(more)) if more else ids
