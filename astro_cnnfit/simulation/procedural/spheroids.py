# Licensed under a 3-clause BSD style license - see LICENSE
"""Smooth galaxies: spheroids with envelopes, twists, discs inside and loose cores."""

import numpy as np

from .components import power_law, sersic
from .grid import log_uniform

__all__ = ["draw_bulge", "draw_lopsided", "draw_spheroid"]


def draw_lopsided(rng, strength):
    """Draw the two numbers of a lopsided `radius`, of a random direction."""
    strength, angle = min(strength, 0.75), rng.uniform(0, 2 * np.pi)
    return strength * np.cos(angle), strength * np.sin(angle)


def draw_bulge(rng, grid, r_disc, share, cuspiness, **shape):
    """
    Draw a bulge of unit flux.

    A bulge that is both bright and compact would have the Petrosian radius to
    itself; one that fades into the disc makes a concentrated galaxy.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    r_disc : float
        Half-light radius of the disc, in pixels.
    share : float
        The bulge's part of the light.
    cuspiness : float
        See `~astro_cnnfit.simulation.procedural.traits.Traits`.
    **shape
        Axis ratio, angle and centre, as of
        `~astro_cnnfit.simulation.procedural.components.sersic`.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """
    if rng.random() < cuspiness:
        slope, end = rng.uniform(1.1, 1.65), r_disc * rng.uniform(0.6, 1.8)
        return power_law(grid, end, slope, **shape)
    r_eff = r_disc * log_uniform(rng, max(0.06, 0.5 * share), 0.8)
    n = rng.uniform(0.7, 1.5 + 4.5 * cuspiness)
    return sersic(grid, max(r_eff, 0.3), n, **shape)


def draw_spheroid(rng, grid, traits):
    """
    Draw a smooth galaxy.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    traits : Traits

    Returns
    -------
    light : `~numpy.ndarray`, float32
        On the grid; its flux is about 1.
    """
    r_petro, disturbance, cuspiness = traits
    n = 0.5 + rng.uniform(5.0, 7.5) * cuspiness**1.3
    q, theta = rng.uniform(0.25, 1.0), rng.uniform(0, np.pi)
    boxiness = rng.uniform(1.7, 2.8) if rng.random() < 0.25 else 2.0
    lopsided = (0.0, 0.0)
    if rng.random() < 0.6:
        lopsided = draw_lopsided(rng, rng.uniform(0, 1.2) * disturbance)
    has_envelope = rng.random() < 0.4
    r_eff = r_petro / (rng.uniform(1.9, 3.0 + 3.0 * cuspiness) if has_envelope else 2.0)
    shape = {"q": q, "theta": theta, "boxiness": boxiness, "lopsided": lopsided}
    if rng.random() < 0.5:
        light = _draw_power_law(rng, grid, 2 * r_eff, cuspiness, shape)
    else:
        light = sersic(grid, r_eff, n, **shape)
    if has_envelope:
        light = _with_envelope(rng, grid, light, r_eff, q, theta, disturbance)
    if rng.random() < 0.1 + 0.3 * cuspiness:
        core = sersic(grid, 0.3, 0.5)
        light = light + np.float32(log_uniform(rng, 0.02, 0.3)) * core
    return light


def _draw_power_law(rng, grid, r_petro, cuspiness, shape):
    slope, end = 1.6 * np.sqrt(cuspiness), rng.uniform(1.0, 2.5)
    # What the Petrosian radius is in units of the radius where the light ends.
    extent = (3.6 * (1 - slope / 1.65)) ** (1 / end)
    return power_law(grid, r_petro / max(extent, 0.4), slope, end=end, **shape)


def _with_envelope(rng, grid, light, r_eff, q, theta, disturbance):
    """Add a larger component, rounder or turned, which may lie off the centre."""
    outer = r_eff * log_uniform(rng, 1.5, 5.0)
    angle = rng.uniform(0, 2 * np.pi)
    offset = rng.uniform(0, 0.5) * disturbance * outer
    share = np.float32(rng.uniform(0.1, 0.7))
    envelope = sersic(
        grid,
        outer,
        rng.uniform(0.6, 2.5),
        q=np.clip(q * rng.uniform(0.7, 1.4), 0.25, 1.0),
        theta=theta + rng.normal(0, 0.4),
        centre=(offset * np.cos(angle), offset * np.sin(angle)),
    )
    return (1 - share) * light + share * envelope
