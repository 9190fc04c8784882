# Licensed under a 3-clause BSD style license - see LICENSE
"""Background from one box of empty sky, as statmorph and Conselice (2003) take it."""

import numpy as np

from astro_cnnfit.morphology.asymmetry import climbed_centre
from astro_cnnfit.morphology.rotation import clipped_box, rotatable, rotated

__all__ = ["BOX", "box_asymmetry", "empty_box", "least_box_asymmetry"]

BOX = 32
"""Side of the box in pixels, halved until one is empty; statmorph's default."""
_SMALLEST = 2


def empty_box(empty, size=BOX):
    """
    First square of empty sky, row by row from below.

    Parameters
    ----------
    empty : `~numpy.ndarray`
        (ny, nx) of bool: pixels of empty sky.
    size : int, optional
        Side of the square in pixels; halved until there is one, down to 2.

    Returns
    -------
    tuple of slice or None
        Rows and columns; None if there is none.
    """
    filled = np.zeros((empty.shape[0] + 1, empty.shape[1] + 1), dtype=int)
    np.cumsum(np.cumsum(~empty, axis=0), axis=1, out=filled[1:, 1:])
    while size >= _SMALLEST:
        # The last place along each axis is not tried, as statmorph does not.
        above, right = filled[size:-1], np.s_[size:-1]
        below = filled[: -size - 1]
        inside = above[:, right] - above[:, : -size - 1]
        inside = inside - below[:, right] + below[:, : -size - 1]
        if inside.size and not inside.all():
            y, x = np.unravel_index(np.argmax(inside == 0), inside.shape)
            return np.s_[y : y + size, x : x + size]
        size //= 2
    return None


def box_asymmetry(sky):
    """
    Mean of abs(B - B180) about the middle of the box.

    Parameters
    ----------
    sky : `~numpy.ndarray`
        (n, n)

    Returns
    -------
    float
    """
    return float(np.abs(sky - sky[::-1, ::-1]).mean())


def least_box_asymmetry(sky):
    """
    The least mean of abs(B - B180) about centres near the middle of the box.

    Conselice et al. (2000) minimise the background like the galaxy, since the
    galaxy's minimum finds a favourable pattern of its noise as well.

    Parameters
    ----------
    sky : `~numpy.ndarray`
        (n, n)

    Returns
    -------
    float
    """
    source = rotatable(sky, 1)
    middle = (len(sky) - 1) / 2.0

    def function(centre):
        xc, yc = centre.tolist()
        if max(abs(xc - middle), abs(yc - middle)) > len(sky) / 4.0:
            return np.inf
        box = clipped_box((0, len(sky), 0, len(sky)), xc, yc, sky.shape)
        turned = rotated(source, xc, yc, box)
        return float(np.abs(turned - sky[box[0] : box[1], box[2] : box[3]]).mean())

    centre = climbed_centre(function, (middle, middle), steps=(0.5, 0.1))
    return function(np.array(centre))
