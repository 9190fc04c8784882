# Licensed under a 3-clause BSD style license - see LICENSE
"""Discs that are seen edge-on: thin, warped, with a bulge and a lane of dust."""

import numpy as np

from .clumps import clumps, positions_in
from .components import unit_flux
from .grid import ellipse_frame, log_uniform
from .spheroids import draw_bulge
from .textures import dust_patches, flocculence

__all__ = ["draw_edge_on"]


def draw_edge_on(rng, grid, traits):
    """
    Draw a disc galaxy that is seen edge-on.

    Parameters and the light that is returned are those of
    `~astro_cnnfit.simulation.procedural.spheroids.draw_spheroid`.
    """
    r_petro, disturbance, cuspiness = traits
    theta = rng.uniform(0, 2 * np.pi)
    r_petro *= 1 + 0.6 * cuspiness
    scale = r_petro / rng.uniform(3.0, 4.0)
    height = max(scale * log_uniform(rng, 0.1, 0.4), 0.5)
    x, z = ellipse_frame(grid.x, grid.y, theta=theta)
    z = z - _warp(rng, x, scale, disturbance)
    uneven = np.float32(0.5 * min(disturbance, 1.0) * rng.random())
    r = np.abs(x) + uneven * x
    disc = np.exp(np.float32(-1 / scale) * r)
    vertical = np.exp(np.float32(-2 / height) * np.abs(z))
    disc *= 4 * vertical / (1 + vertical) ** 2
    if rng.random() < 0.5:
        disc *= flocculence(
            rng,
            grid,
            1.3 * disturbance * rng.random(),
            slope=rng.uniform(1.5, 3.5),
            scale=scale * log_uniform(rng, 0.5, 4.0),
            q=0.5,
            theta=theta,
        )
    disc = unit_flux(disc)
    if rng.random() < 0.4:
        disc = _with_knots(rng, grid, disc, scale, disturbance)
    share = np.float32(np.clip(rng.normal(0.6 * cuspiness, 0.12), 0, 0.95))
    shape = {"q": rng.uniform(0.45, 1.0), "theta": theta}
    bulge = draw_bulge(rng, grid, 1.7 * scale, share, cuspiness, **shape)
    light = (1 - share) * disc + share * bulge
    if rng.random() < 0.4:
        light *= _lane(rng, grid, z, r / scale, height, disturbance, theta)
    return unit_flux(light)


def _warp(rng, x, scale, disturbance):
    """How far the disc bends out of its plane: like an S, and like a U."""
    s_shape, u_shape = rng.normal(0, 0.12, 2)
    s_shape *= rng.random() < 0.4
    u_shape *= disturbance
    beyond = x / np.float32(scale)
    bend = (
        np.float32(s_shape) * beyond * np.abs(beyond)
        + np.float32(u_shape) * beyond * beyond
    )
    return np.clip(np.float32(scale) * bend / 2, -6, 6)


def _with_knots(rng, grid, disc, scale, disturbance):
    n = int(log_uniform(rng, 2, 25))
    x, y = positions_in(rng, disc, n)
    sigmas = np.clip(rng.uniform(0.05, 0.3, n) * scale, 0.4, 3.0)
    knots = clumps(grid, x, y, rng.exponential(size=n) + 0.05, sigmas)
    share = np.float32(min(0.7, 0.9 * disturbance) * rng.random())
    return (1 - share) * disc + share * unit_flux(knots)


def _lane(rng, grid, z, r, height, disturbance, theta):
    """A dark lane, off the plane if the galaxy is not quite edge-on, and patches."""
    width = height * rng.uniform(0.15, 0.5)
    shift = height * rng.normal(0, 0.1 + 0.5 * disturbance)
    depth = rng.uniform(0.2, 1.5)
    lane = np.exp(-0.5 * ((z - np.float32(shift)) / np.float32(width)) ** 2)
    factors = np.exp(np.float32(-depth) * lane * np.exp(-r / 2))
    if rng.random() < 0.5:
        factors *= dust_patches(
            rng,
            grid,
            1.5 * disturbance,
            threshold=0.3,
            slope=3.0,
            scale=4 * height,
            q=0.4,
            theta=theta,
        )
    return factors
