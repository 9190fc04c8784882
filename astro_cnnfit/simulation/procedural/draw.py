# Licensed under a 3-clause BSD style license - see LICENSE
"""Draw noise-free galaxies of every kind, as a camera without noise sees them."""

import numpy as np

from .discs import draw_disc
from .edge_on import draw_edge_on
from .grid import log_uniform, make_grid
from .irregulars import draw_irregular
from .mergers import draw_merger
from .psf import Moffat, convolve
from .spheroids import draw_spheroid
from .traits import Traits

__all__ = ["FAMILIES", "draw_procedural"]

FAMILIES = (draw_spheroid, draw_disc, draw_edge_on, draw_irregular, draw_merger)
"""What draws each family: a function of (rng, grid, traits)."""

# Of equal probability: bounds of the disturbance, and shares of the families.
_LEVELS = (
    ((0.0, 0.2), (0.5, 0.4, 0.1, 0.0, 0.0)),
    ((0.2, 0.65), (0.12, 0.51, 0.11, 0.11, 0.15)),
    ((0.75, 2.0), (0.04, 0.33, 0.05, 0.25, 0.33)),
)
_R_PETRO = (4.0, 31.0)
_FWHM = (1.4, 6.0)
_CENTRE_SCATTER = 0.7
_MAX_SHIFT = 6.0
_EDGE = (0.76, 0.99)  # of half the stamp: where the light is led to zero


def draw_procedural(rng, n, size=101):
    """
    Draw galaxies from procedures: bulges, discs, bars, arms, clumps, mergers.

    Half-light radii are more than about 0.6 FWHM of the PSF. Disturbances are
    such that a third of the galaxies has an asymmetry below about 0.1 and a
    third above about 0.35. The light's centroid lies about the central pixel
    with a standard deviation of 0.7 pixels in x and y.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Its state decides what is drawn.
    n : int
        Number of galaxies.
    size : int
        Width of the stamps in pixels, odd, 31 at least. The galaxies' sizes do
        not depend on it.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (n, size, size), float32
        Noise-free, blurred by the PSF, not negative, each of unit total flux.
    psf_fwhm : `~numpy.ndarray`, shape (n,)
        FWHM of each galaxy's effective PSF, in pixels.

    Raises
    ------
    TypeError
        If ``rng`` is not a generator.
    ValueError
        If ``n`` is negative or ``size`` is not an odd number from 31 on.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy Generator, got {type(rng).__name__}")
    if n != int(n) or n < 0:
        raise ValueError(f"n must be a whole number from 0 on, got {n}")
    if size != int(size) or size < 31 or size % 2 == 0:
        raise ValueError(f"size must be an odd number from 31 on, got {size}")
    n, size = int(n), int(size)
    stamps, widths = np.empty((n, size, size), np.float32), np.empty(n)
    for i in range(n):
        stamps[i], widths[i] = _draw_one(rng, make_grid(size), size)
    return stamps, widths


def _draw_one(rng, grid, size):
    cuspiness = rng.random() ** 0.6
    r_petro = log_uniform(rng, *_R_PETRO)
    if rng.random() < cuspiness - 0.5:
        # In small galaxies the PSF leaves no cusp.
        r_petro = log_uniform(rng, 3 * _R_PETRO[0], _R_PETRO[1])
    bounds, shares = _LEVELS[rng.integers(len(_LEVELS))]
    disturbance = rng.uniform(*bounds)
    psf = _draw_psf(rng, Traits(r_petro, disturbance, cuspiness))
    # The PSF adds to what the galaxy itself has.
    wanted = r_petro * (1.05 + 0.25 * cuspiness)
    intrinsic = np.sqrt(max(wanted**2 - psf.fwhm**2, (0.7 * wanted) ** 2))
    draw = FAMILIES[rng.choice(len(FAMILIES), p=shares)]
    light = draw(rng, grid, Traits(intrinsic, disturbance, cuspiness))
    light = light * _edge(grid, size)
    return convolve(light, psf, size, _centring(rng, grid, light)), psf.fwhm


def _draw_psf(rng, traits):
    r_petro, disturbance, cuspiness = traits
    widest = r_petro / 2.2
    # A wide PSF hides cusps and disturbances: here only in every third galaxy.
    if rng.random() < 0.67:
        widest = r_petro / rng.uniform(2.2 + 4 * cuspiness**2, 2.2 + 10 * cuspiness)
        if rng.random() < cuspiness - 0.3:
            widest = 2.0
        if disturbance > 0.75:
            widest = min(widest, r_petro / 6)
    elliptical = rng.random() < 0.5
    return Moffat(
        fwhm=rng.uniform(_FWHM[0], np.clip(widest, 1.05 * _FWHM[0], _FWHM[1])),
        beta=rng.uniform(2.5, 5.0),
        q=rng.uniform(0.85, 1.0) if elliptical else 1.0,
        theta=rng.uniform(0, np.pi),
    )


def _edge(grid, size):
    """Factors that lead the light to zero within the stamp."""
    inner, outer = (part * size / 2 for part in _EDGE)
    r = np.sqrt(grid.x**2 + grid.y**2)
    t = np.clip((np.float32(outer) - r) / np.float32(outer - inner), 0, 1)
    return t * t * (3 - 2 * t)


def _centring(rng, grid, light):
    """By how much to move the light, so that its centre is nearly the stamp's."""
    weight = light if rng.random() < 0.7 else light * np.sqrt(light)
    total = weight.sum(dtype=np.float64)
    x = float(weight.sum(axis=0, dtype=np.float64) @ grid.x[0]) / total
    y = float(weight.sum(axis=1, dtype=np.float64) @ grid.y[:, 0]) / total
    shift = rng.normal(0, _CENTRE_SCATTER, 2) - (x, y)
    return tuple(np.clip(shift, -_MAX_SHIFT, _MAX_SHIFT))
