# Licensed under a 3-clause BSD style license - see LICENSE
"""What a run is to do, checked before any of it is done."""

import os
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from .assign import CHUNK, assign
from .settings import Settings, parse_settings
from .tiles import parse_tiles

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run is to do."""

    settings: Settings
    """What is measured, the same for all tiles."""
    tasks: list
    """Tiles with their rows, each a `~astro_cnnfit.catalog.tiles.Task`."""
    unassigned: Table
    """Rows that stand on no tile, with the ``reason`` of each."""

    @property
    def rows(self):
        """Galaxies that lie on a tile."""
        return sum(len(task.rows) for task in self.tasks)


def make_plan(
    tiles, catalog, *, psf=None, mask=None, error=None, variance=None, weight=None,
    hdu=None, zeropoint=None, columns=None, keep=(), chunk_size=CHUNK,
    **settings,
):  # fmt: skip
    """
    Check all arguments, find the tiles, and give each its galaxies.

    Parameters
    ----------
    tiles, hdu, zeropoint, mask, error, variance, weight
        As for `~astro_cnnfit.catalog.tiles.parse_tiles`.
    catalog, columns, keep
        As for `~astro_cnnfit.catalog.assign.assign`.
    chunk_size : int
        Stamps of a stack in one task: they are in memory together, and become one
        part of the catalogue. What is in progress keeps the one it was begun with.
    psf : path-like, tuple, array or model, optional
        A path (or a pattern, as those of the masks) if each tile has its own;
        otherwise one for all, as for `~astro_cnnfit.catalog.settings.parse_settings`.
    **settings
        ``sersic``, ``cas``, ``batch_size``, ``precision``, ``psf_oversampling``, as
        for `~astro_cnnfit.catalog.settings.parse_settings`.

    Returns
    -------
    `Plan`

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used; the message names it.
    FileNotFoundError
        If tiles or catalogue do not exist.
    """
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, (int, np.integer)):
        raise TypeError(f"chunk_size must be a whole number, got {chunk_size!r}")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    of_tiles = psf is not None and isinstance(psf, (str, os.PathLike, tuple))
    found = parse_tiles(
        tiles, hdu=hdu, zeropoint=zeropoint, mask=mask, error=error,
        variance=variance, weight=weight, psf=psf if of_tiles else None,
    )  # fmt: skip
    parsed = parse_settings(psf=None if of_tiles else psf, **settings)
    tasks, unassigned = assign(
        catalog, found, columns=columns, keep=keep, chunk=int(chunk_size)
    )
    return Plan(parsed, tasks, unassigned)
