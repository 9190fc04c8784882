# Licensed under a 3-clause BSD style license - see LICENSE
"""The galaxy's own pixels on noisy stamps, one map for all classical methods."""

import numpy as np
from scipy.ndimage import gaussian_filter, generate_binary_structure, label

__all__ = ["find_segments"]

_SMOOTHING = 1.5
# 1.5 times the noise that is left; a Gaussian of this width leaves a fifth of it.
_THRESHOLD = 1.5 * 0.19
_REACH = 3
_DISC = 5


def find_segments(stamps):
    """
    Connected pixels above a threshold, as guides to classical codes make them.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, ny, nx) in sky noises, without neighbours, the galaxy in the centre.

    Returns
    -------
    `~numpy.ndarray`
        (N, ny, nx) of bool; a disc where nothing is found in the centre.
    """
    smooth = gaussian_filter(stamps, (0, _SMOOTHING, _SMOOTHING))
    # Pixels of one stamp are connected, stamps are not.
    connected = np.zeros((3, 3, 3), int)
    connected[1] = generate_binary_structure(2, 2)
    labels, _ = label(smooth > _THRESHOLD, connected)
    y, x = (np.arange(length) - length // 2 for length in stamps.shape[1:])
    near = np.maximum(np.abs(y)[:, None], np.abs(x)) <= _REACH
    disc = y[:, None] ** 2 + x**2 <= _DISC**2
    segments = np.empty(stamps.shape, bool)
    for row, own in enumerate(labels):
        central = own[near & (own > 0)]
        if central.size:
            segments[row] = own == np.bincount(central).argmax()
        else:
            segments[row] = disc
    return segments
