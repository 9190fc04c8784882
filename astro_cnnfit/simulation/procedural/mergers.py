# Licensed under a 3-clause BSD style license - see LICENSE
"""Mergers: a companion in the same light, tidal arcs, plumes and shells."""

import numpy as np

from .components import sersic, unit_flux
from .discs import draw_disc
from .grid import ellipse_frame, log_uniform
from .irregulars import draw_irregular
from .spheroids import draw_spheroid
from .traits import Traits

__all__ = ["draw_merger", "tidal_arc"]


def draw_merger(rng, grid, traits):
    """
    Draw a galaxy with a companion, with tidal arcs, or with both.

    Parameters and the light that is returned are those of
    `~astro_cnnfit.simulation.procedural.spheroids.draw_spheroid`.
    """
    r_petro, disturbance, cuspiness = traits
    hosts = (draw_spheroid, draw_disc, draw_irregular)
    host = hosts[rng.choice(3, p=[0.35, 0.5, 0.15])]
    smaller = r_petro * rng.uniform(0.6, 0.9)
    light = host(rng, grid, Traits(smaller, 0.6 * disturbance, cuspiness))
    if rng.random() < 0.75:
        light = _with_companion(rng, grid, light, r_petro, disturbance)
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 4)):
            light = light + _draw_arc(rng, grid, r_petro, disturbance)
    if rng.random() < 0.25:
        light = light + _plume(rng, grid, r_petro, disturbance)
    return unit_flux(light)


def _with_companion(rng, grid, light, r_petro, disturbance):
    """Add a second galaxy, near enough to be taken for a part of the first."""
    farthest = min(15.0, 0.95 * r_petro)
    distance = log_uniform(rng, min(2.0, farthest / 2), farthest)
    angle = rng.uniform(0, 2 * np.pi)
    ratio = np.float32(log_uniform(rng, 0.1, 1.0) * min(1.0, 0.3 + disturbance))
    centre = (distance * np.cos(angle), distance * np.sin(angle))
    size = max(r_petro / 2 * log_uniform(rng, 0.15, 0.8), 0.6)
    theta, q = rng.uniform(0, np.pi), rng.uniform(0.25, 1.0)
    companion = sersic(
        grid, size, rng.uniform(0.5, 4.5), q=q, theta=theta, centre=centre
    )
    if rng.random() < 0.4:
        core = sersic(grid, max(size / 4, 0.4), rng.uniform(0.5, 3), centre=centre)
        companion = 0.75 * companion + 0.25 * core
    return light + ratio * companion


def tidal_arc(
    grid,
    radius,
    *,
    width=1.5,
    begin=0.0,
    length=1.5,
    opening=0.2,
    q=1.0,
    theta=0.0,
    centre=(0.0, 0.0),
):
    """
    A tidal tail or a shell: an arc of unit flux about a galaxy.

    Parameters
    ----------
    grid : Grid
    radius : float
        Distance from the galaxy at the arc's middle, in pixels.
    width : float
        Standard deviation across the arc, in pixels.
    begin, length : float
        Angle of the arc's middle and its half length, in radians.
    opening : float
        By which fraction the radius grows per radian: 0 is a shell.
    q, theta, centre
        The ellipse that the arc follows, see
        `~astro_cnnfit.simulation.procedural.grid.ellipse_frame`.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """
    u, v = ellipse_frame(grid.x, grid.y, centre=centre, q=q, theta=theta)
    r = np.sqrt(u * u + v * v)
    cos, sin = np.float32(np.cos(begin)), np.float32(np.sin(begin))
    angle = np.arctan2(cos * v - sin * u, cos * u + sin * v)
    away = r - np.float32(radius) * np.exp(np.float32(opening) * angle)
    exponent = np.float32(-0.5 / width**2) * away * away
    along = np.square(angle / np.float32(length))
    exponent -= along * along
    return unit_flux(np.exp(exponent))


def _draw_arc(rng, grid, r_petro, disturbance):
    share = np.float32(log_uniform(rng, 0.02, 0.25) * min(1.0, 0.2 + disturbance))
    return share * tidal_arc(
        grid,
        r_petro * rng.uniform(0.35, 1.1),
        width=max(0.5, r_petro * log_uniform(rng, 0.03, 0.15)),
        begin=rng.uniform(0, 2 * np.pi),
        length=rng.uniform(0.4, 2.0),
        opening=rng.choice([-1, 1]) * rng.uniform(0, 0.6),
        q=rng.uniform(0.4, 1.0),
        theta=rng.uniform(0, np.pi),
    )


def _plume(rng, grid, r_petro, disturbance):
    """A broad fan of faint light on one side."""
    angle = rng.uniform(0, 2 * np.pi)
    offset = r_petro * rng.uniform(0.2, 0.8)
    share = np.float32(rng.uniform(0.05, 0.35) * min(1.0, 0.2 + disturbance))
    return share * sersic(
        grid,
        r_petro * rng.uniform(0.2, 0.5),
        rng.uniform(0.4, 1.2),
        q=rng.uniform(0.25, 0.8),
        theta=rng.uniform(0, np.pi),
        centre=(offset * np.cos(angle), offset * np.sin(angle)),
    )
