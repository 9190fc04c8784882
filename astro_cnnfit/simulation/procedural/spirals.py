# Licensed under a 3-clause BSD style license - see LICENSE
"""Logarithmic spiral arms, as factors that modulate a disc."""

import numpy as np

__all__ = ["spiral_arms"]


def spiral_arms(
    u,
    v,
    r,
    *,
    n_arms=2,
    pitch=0.3,
    phase=0.0,
    contrast=0.7,
    sharpness=2.0,
    inner=3.0,
    uneven=0.0,
    disorder=None,
):
    """
    Factors by which spiral arms brighten a disc.

    Parameters
    ----------
    u, v, r : `~numpy.ndarray`
        Position and distance in the plane of the disc, in pixels.
    n_arms : int
        Number of arms; one makes the galaxy lopsided.
    pitch : float
        Pitch angle in radians; its sign is the sense of the winding.
    phase : float
        Angle of the first arm at the inner radius, in radians.
    contrast : float
        From 0 (none) to 1 (no light between the arms).
    sharpness : float
        The higher, the narrower the arms.
    inner : float
        Radius in pixels from which on there are arms.
    uneven : float
        From 0 to 1: how much brighter one side's arms are.
    disorder : `~numpy.ndarray`, optional
        Angle in radians by which the arms wander at each point.

    Returns
    -------
    factors : `~numpy.ndarray`, float32
        Of mean about 1.
    """
    angle = np.arctan2(v, u)
    winding = np.log(r / np.float32(inner)) / np.float32(np.tan(pitch))
    angle -= winding + np.float32(phase)
    if disorder is not None:
        angle += disorder / np.float32(n_arms)
    arms = np.exp(np.float32(sharpness) * (np.cos(np.float32(n_arms) * angle) - 1))
    arms /= np.float32(np.i0(sharpness) * np.exp(-sharpness))
    if uneven:
        arms *= 1 + np.float32(uneven) * np.cos(angle)
    begins = np.float32(contrast) * r**2 / (r**2 + np.float32(inner**2))
    return 1 + begins * (arms - 1)
