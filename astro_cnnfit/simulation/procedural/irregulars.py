# Licensed under a 3-clause BSD style license - see LICENSE
"""Irregular galaxies: light without a centre, clumps and patches, chains, tadpoles."""

import numpy as np

from .components import sersic, unit_flux
from .discs import add_clumps
from .grid import log_uniform
from .spheroids import draw_lopsided
from .textures import flocculence

__all__ = ["draw_irregular"]


def draw_irregular(rng, grid, traits):
    """
    Draw an irregular galaxy.

    Parameters and the light that is returned are those of
    `~astro_cnnfit.simulation.procedural.spheroids.draw_spheroid`.
    """
    r_petro, disturbance, cuspiness = traits
    q, theta = rng.uniform(0.2, 1.0), rng.uniform(0, np.pi)
    r_eff = r_petro / rng.uniform(1.9, 2.5)
    light = sersic(
        grid,
        r_eff,
        rng.uniform(0.4, 1.2 + 1.5 * cuspiness),
        q=q,
        theta=theta,
        lopsided=draw_lopsided(rng, rng.uniform(0.1, 1.0) * disturbance),
    )
    if rng.random() < 0.8:
        light = light * flocculence(
            rng,
            grid,
            min(1.8, rng.uniform(0.3, 2.0) * disturbance),
            slope=rng.uniform(2.0, 4.5),
            scale=r_eff * log_uniform(rng, 0.5, 4.0),
            q=np.sqrt(q),
            theta=theta,
        )
        light = unit_flux(light)
    for _ in range(rng.integers(1, 3)):
        light = add_clumps(rng, grid, light, r_eff, min(1.0, 1.5 * disturbance))
    if rng.random() < cuspiness:
        light = _with_core(rng, grid, light, r_eff, disturbance)
    return unit_flux(light)


def _with_core(rng, grid, light, r_eff, disturbance):
    """Add one compact and bright part off the centre: the head of a tadpole."""
    angle = rng.uniform(0, 2 * np.pi)
    offset = r_eff * rng.uniform(0, 1.2) * min(disturbance, 1.0)
    core = sersic(
        grid,
        max(0.4, r_eff * log_uniform(rng, 0.05, 0.4)),
        rng.uniform(0.5, 3.0),
        centre=(offset * np.cos(angle), offset * np.sin(angle)),
    )
    share = np.float32(rng.uniform(0.05, 0.5))
    return (1 - share) * light + share * core
