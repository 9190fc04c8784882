# Licensed under a 3-clause BSD style license - see LICENSE
"""statmorph's non-parametric measurements, stamp by stamp."""

import warnings

import numpy as np
import statmorph

__all__ = ["ATTRIBUTES", "measure", "measure_whole"]

ATTRIBUTES = {
    "concentration": "concentration",
    "asymmetry": "asymmetry",
    "smoothness": "smoothness",
    "gini": "gini",
    "m20": "m20",
    "rpetro_ellip": "rpetro_ellip",
    "sn_per_pixel": "sn_per_pixel",
}
"""What is asked for, by this package's names."""

# What statmorph gives for a quantity that it could not measure.
_INVALID = -99.0


class Nonparametric(statmorph.SourceMorphology):
    """Leaves out what takes longest and is not asked for: fits, shape asymmetry."""

    def _calculate_morphology(self):
        for name in ATTRIBUTES.values():
            getattr(self, name)

    def _check_segmaps(self):
        """Nothing: it would compute the segmentation of the shape asymmetry."""


def measure(stamps, segments):
    """
    Measure C, A, S, Gini and M20 alone.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, ny, nx) in units of the sky's noise, without neighbours.
    segments : `~numpy.ndarray`
        (N, ny, nx) of bool, the galaxy's own pixels.

    Returns
    -------
    dict of `~numpy.ndarray`
        (N,) each, NaN where statmorph gives up or flags a failure.
    """
    return _measure(stamps, segments, Nonparametric)


def measure_whole(stamps, segments):
    """Measure them with everything else that statmorph computes, Sersic fit and all."""
    return _measure(stamps, segments, statmorph.SourceMorphology)


def _measure(stamps, segments, kind):
    found = {name: np.full(len(stamps), np.nan) for name in ATTRIBUTES}
    pairs = zip(np.asarray(stamps, dtype=float), segments, strict=True)
    for row, (stamp, segment) in enumerate(pairs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = _morphology(stamp, segment, kind)
        if own is None:
            continue
        for name, attribute in ATTRIBUTES.items():
            value = getattr(own, attribute)
            found[name][row] = np.nan if value == _INVALID else value
    return found


def _morphology(stamp, segment, kind):
    """Object of statmorph, None for what it does not measure."""
    error = np.ones_like(stamp)
    try:
        own = kind(stamp, segment.astype(int), label=1, weightmap=error)
        # Lazy properties may fail later.
        return own if own.flag < 4 else None
    except (AttributeError, ValueError, AssertionError, IndexError):
        # No detection at the centre, or none of the steps held.
        return None
