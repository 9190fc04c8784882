# Licensed under a 3-clause BSD style license - see LICENSE
"""What is wanted of one galaxy, whichever family it belongs to."""

from typing import NamedTuple

__all__ = ["Traits"]


class Traits(NamedTuple):
    """
    What is wanted of one galaxy.

    Attributes
    ----------
    r_petro : float
        Petrosian radius in pixels, reached to a few tens of per cent.
    disturbance : float
        0 is symmetric; from about 0.5 on the asymmetry is strong.
    cuspiness : float
        From 0 (as flat as can be) to 1 (as concentrated).
    """

    r_petro: float
    disturbance: float
    cuspiness: float
