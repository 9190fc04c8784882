# Licensed under a 3-clause BSD style license - see LICENSE
"""Disc galaxies: a bulge, a bar and a ring in a disc with arms, texture and dust."""

import numpy as np

from .clumps import clumps, positions_in
from .components import bar, radius, ring, unit_flux
from .grid import ellipse_frame, log_uniform
from .spheroids import draw_bulge, draw_lopsided
from .spirals import spiral_arms
from .textures import correlated_field, dust_patches, flocculence

__all__ = ["add_clumps", "draw_disc"]


def draw_disc(rng, grid, traits):
    """
    Draw a disc galaxy that is seen at any angle but edge-on.

    Parameters and the light that is returned are those of
    `~astro_cnnfit.simulation.procedural.spheroids.draw_spheroid`.
    """
    r_petro, disturbance, cuspiness = traits
    r_petro *= 1 + 0.4 * cuspiness
    q, theta = np.sqrt(rng.uniform(0.2**2, 1.0)), rng.uniform(0, np.pi)
    r_eff = r_petro / rng.uniform(1.8, 2.4)
    u, v = ellipse_frame(grid.x, grid.y, q=q, theta=theta)
    lopsided = (0.0, 0.0)
    if rng.random() < 0.5:
        lopsided = draw_lopsided(rng, rng.uniform(0, 1.0) * disturbance)
    r = radius(u, v, lopsided=lopsided)
    disc = _profile(rng, r, r_eff, cuspiness)
    if rng.random() < 0.65:
        disc = disc * _draw_arms(rng, grid, (u, v, r), r_eff, disturbance, (q, theta))
    if rng.random() < 0.6:
        disc = disc * _draw_texture(rng, grid, r_eff, disturbance, q, theta)
    disc = unit_flux(disc)
    if rng.random() < 0.5:
        disc = add_clumps(rng, grid, disc, r_eff, disturbance)
    if rng.random() < 0.25:
        share = np.float32(rng.uniform(0.05, 0.5))
        place = ring(r, r_eff * rng.uniform(0.4, 1.6), r_eff * rng.uniform(0.08, 0.3))
        disc = (1 - share) * disc + share * place
    light = _with_middle(rng, grid, disc, r_eff, traits, (q, theta))
    if rng.random() < 0.3:
        light = light * _draw_dust(rng, grid, v, r_eff, disturbance, q, theta)
    return unit_flux(light)


def _profile(rng, r, r_eff, cuspiness):
    """An exponential, which may break, end, have a hole or a cusp."""
    scale = r_eff / 1.678
    disc = np.exp(np.float32(-1 / scale) * r)
    kind = rng.random()
    if kind < 0.3:
        edge, slope = r_eff * rng.uniform(1.0, 2.5), rng.uniform(-0.6, 3.0) / scale
        beyond = np.float32(-slope) * np.maximum(r - np.float32(edge), 0)
        # Where the exponential has long underflowed, the rise must not overflow.
        disc *= np.exp(np.minimum(beyond, np.float32(80)))
    elif kind < 0.45:
        hole = np.float32(scale * rng.uniform(0.2, 1.0))
        disc *= r * r / (r * r + hole * hole)
    elif kind < 0.75:
        slope = rng.uniform(0.0, 1.3) * cuspiness
        inside = 1 + (scale / np.maximum(r, np.float32(0.25))) ** 2
        disc *= np.exp(np.log(inside) * np.float32(slope / 2))
    return disc


def _draw_arms(rng, grid, plane, r_eff, disturbance, frame):
    n_arms = rng.choice([1, 2, 3, 4], p=[0.12, 0.55, 0.18, 0.15])
    if n_arms == 1 and disturbance < 0.3:
        n_arms = 2
    disorder = None
    if rng.random() < 0.6:
        field = correlated_field(
            rng,
            grid,
            slope=rng.uniform(2.5, 4.5),
            scale=r_eff * rng.uniform(0.7, 3),
            q=frame[0],
            theta=frame[1],
        )
        disorder = np.float32(3 * disturbance * rng.random()) * field
    return spiral_arms(
        *plane,
        n_arms=n_arms,
        pitch=rng.choice([-1, 1]) * np.radians(rng.uniform(7, 50)),
        phase=rng.uniform(0, 2 * np.pi),
        contrast=rng.uniform(0.2, 0.95),
        sharpness=log_uniform(rng, 0.5, 6.0),
        inner=r_eff * rng.uniform(0.15, 0.8),
        uneven=min(1.0, 1.2 * disturbance) * rng.random(),
        disorder=disorder,
    )


def _draw_texture(rng, grid, r_eff, disturbance, q, theta):
    strength = rng.uniform(0.2, 1.7) * disturbance
    return flocculence(
        rng,
        grid,
        np.clip(strength, 0.03, 1.8),
        symmetry=rng.random() if rng.random() < 0.3 else 0.0,
        slope=rng.uniform(1.5, 4.0),
        scale=r_eff * log_uniform(rng, 0.4, 4.0),
        q=q,
        theta=theta,
    )


def add_clumps(rng, grid, disc, r_eff, disturbance):
    """
    Add knots of star formation where a disc of unit flux has light.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    disc : `~numpy.ndarray`
    r_eff : float
        Half-light radius of the disc, in pixels.
    disturbance : float
        From 0 to 1: how much of the light the knots have.

    Returns
    -------
    light : `~numpy.ndarray`
        Of unit flux.
    """
    n = int(log_uniform(rng, 2, 40))
    if rng.random() < 0.5:
        # Farther out than the light, but not apart from the galaxy.
        place = np.sqrt(disc) * (disc > np.float32(0.015) * disc.max())
    else:
        place = disc
    x, y = positions_in(rng, place, n)
    fluxes = (1 - rng.random(n)) ** -rng.uniform(0.2, 0.9)
    sigmas = np.maximum(r_eff * log_uniform(rng, 0.04, 0.25), 0.35)
    sigmas = sigmas * np.exp(rng.normal(0, 0.3, n))
    share = np.float32(min(0.7, 0.9 * disturbance * rng.random()))
    knots = clumps(grid, x, y, fluxes, np.clip(sigmas, 0.35, 5.0))
    return (1 - share) * disc + share * unit_flux(knots)


def _with_middle(rng, grid, disc, r_eff, traits, frame):
    """Add bulge, bar and nucleus, which may lie off the disc's centre."""
    _, disturbance, cuspiness = traits
    share = np.clip(rng.normal(0.8 * cuspiness, 0.15), 0.0, 0.95)
    light = disc
    if rng.random() < 0.3:
        length = r_eff * rng.uniform(0.3, 1.2)
        part = bar(
            grid,
            length,
            q=rng.uniform(0.15, 0.5),
            theta=rng.uniform(0, np.pi),
            frame=frame,
            sharpness=rng.uniform(2, 6),
        )
        bar_share = np.float32(rng.uniform(0.05, 0.35))
        light = (1 - bar_share) * light + bar_share * part
    offset = r_eff * 0.4 * disturbance * rng.random()
    angle = rng.uniform(0, 2 * np.pi)
    centre = (offset * np.cos(angle), offset * frame[0] * np.sin(angle))
    bulge = draw_bulge(
        rng,
        grid,
        r_eff,
        share,
        cuspiness,
        q=rng.uniform(max(0.5, frame[0]), 1.0),
        theta=frame[1],
        centre=centre if rng.random() < 0.4 else (0.0, 0.0),
    )
    return np.float32(1 - share) * light + np.float32(share) * bulge


def _draw_dust(rng, grid, v, r_eff, disturbance, q, theta):
    """Patches in the disc, or the near side of an inclined one dimmed."""
    if rng.random() < 0.4:
        depth = rng.uniform(0, 1.5) * disturbance * (1 - q)
        side = rng.choice([-1, 1]) / (r_eff * rng.uniform(0.2, 1.0))
        return np.exp(np.float32(-depth / 2) * (1 + np.tanh(np.float32(side) * v)))
    return dust_patches(
        rng,
        grid,
        2.5 * disturbance * rng.random(),
        threshold=rng.uniform(-0.5, 1.2),
        slope=rng.uniform(2, 4),
        scale=r_eff * log_uniform(rng, 0.4, 2.0),
        q=q,
        theta=theta,
    )
