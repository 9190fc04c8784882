# Licensed under a 3-clause BSD style license - see LICENSE
"""
Which galaxy is measured on which tile.

Each is measured once: on the tile that the catalogue names, or else on the one
on which it lies deepest inside.
"""

import logging

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from astro_cnnfit.overlap import overlapped

from .blocks import geometry_of, read_cards
from .footprints import footprint_of, pixels_of, unit_vectors
from .headers import read_header
from .positions import read_positions
from .tiles import Task

__all__ = ["CHUNK", "assign"]

_log = logging.getLogger(__name__)

CHUNK = 5_000
"""Stamps of a stack in one task: seconds of work, so that all workers end together."""

# Threads that read headers, and how many each reads before it is asked again.
_READERS, _AT_A_TIME = 8, 32


def assign(catalog, tiles, *, columns=None, keep=(), chunk=CHUNK):
    """
    Divide a catalogue among tiles.

    Parameters
    ----------
    catalog : `~astropy.table.Table`, path-like or None
        A row per galaxy, with the columns that
        `~astro_cnnfit.catalog.positions.read_positions` describes. None for all
        stamps of stacks.
    tiles : list of `~astro_cnnfit.catalog.tiles.Tile`
        Images, or stacks.
    columns : dict, optional
        Names of the columns where they are not the usual ones.
    keep : sequence of str
        Further columns that go into the result.
    chunk : int
        Stamps of a stack in one task.

    Returns
    -------
    tasks : list of `~astro_cnnfit.catalog.tiles.Task`
        In the order of the tiles, which all are there: one without galaxies has
        no rows, and so has one whose header cannot be read where that is needed.
        In the order of the catalogue within a tile.
    unassigned : `~astropy.table.Table`
        Rows that stand on no tile, with the same columns and ``reason``.

    Raises
    ------
    OSError
        If the catalogue, or a stack all of which is wanted, cannot be read.
    TypeError
        If a column is of the wrong kind.
    ValueError
        If columns are missing or identifiers are not unique.

    Notes
    -----
    The depth is the distance to the nearest edge of the image in pixels, times
    the size of a pixel on the sky. Of equal depths the first tile's counts.
    """
    kinds = {tile.kind for tile in tiles}
    if len(kinds) != 1:
        raise ValueError(f"tiles must be all images or all stacks, got {len(kinds)}")
    stacks = kinds == {"stack"}
    if catalog is None:
        if not stacks:
            raise ValueError("catalog must be given: tiles are images, not stacks")
        return _tasks(tiles, *_whole_stacks(tiles), (), chunk), _with_reasons([], [])
    rows, has = read_positions(
        catalog, stacks=stacks, one_tile=len(tiles) == 1, columns=columns, keep=keep
    )
    reason = np.full(len(rows), "", dtype="U24")
    if has == "sky":
        number = _by_sky(rows, tiles, reason)
    else:
        number = _by_name(rows, tiles, reason)
    if "tile" in rows.colnames:
        rows.remove_column("tile")
    lost = np.flatnonzero(number < 0)
    unassigned = _with_reasons(rows[lost], reason[lost])
    return _tasks(tiles, rows, number, keep, chunk), unassigned


def _with_reasons(rows, reasons):
    table = Table(rows) if len(rows) else Table({"id": np.array([], int)})
    if len(rows) == 0 and isinstance(rows, Table):
        table = rows.copy()
    table["reason"] = np.asarray(reasons, dtype="U24")
    return table


def _by_name(rows, tiles, reason):
    """Number of the tile that each row names, -1 for none."""
    if "tile" not in rows.colnames:
        return np.zeros(len(rows), int)
    known = {}
    for number, tile in enumerate(tiles):
        for name in (tile.path, tile.alias, tile.name):
            known[name] = number
    names, inverse = np.unique(rows["tile"], return_inverse=True)
    found = np.array([known.get(str(name).strip(), -1) for name in names], dtype=int)
    number = found[inverse] if len(rows) else np.zeros(0, int)
    if len(rows) and len(found) and (found < 0).all():
        raise ValueError(
            f"catalog names no tile that is there: {str(names[0])!r}, ... are not "
            f"{tiles[0].name!r}, ..."
        )
    reason[number < 0] = "no such tile"
    return number


def _by_sky(rows, tiles, reason):
    """Number of the tile on which each row is deepest, and its place there."""
    ra, dec = np.asarray(rows["ra"], float), np.asarray(rows["dec"], float)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90))
    reason[:] = "position unknown"
    reason[known] = "no tile"
    tree = cKDTree(
        unit_vectors(ra[known], dec[known]), balanced_tree=False, compact_nodes=False
    )
    best = np.full(len(rows), -1)
    depth = np.full(len(rows), -np.inf)
    x, y = np.full((2, len(rows)), np.nan)
    for number, footprint in enumerate(_footprints(tiles)):
        if footprint is None or not known.size:
            continue
        near = tree.query_ball_point(
            footprint.centre, footprint.chord, return_sorted=False
        )
        near = known[np.array(near, dtype=int)]
        if not near.size:
            continue
        x_here, y_here, depth_here = pixels_of(footprint, ra[near], dec[near])
        deeper = depth_here > depth[near]
        won = near[deeper]
        best[won], depth[won] = number, depth_here[deeper]
        x[won], y[won] = x_here[deeper], y_here[deeper]
    rows["x"], rows["y"] = x, y
    return best


def _footprints(tiles):
    """Footprint of each tile, None if it is not known."""
    # A file server takes its time for each, but answers many at once.
    some = [tiles[i : i + _AT_A_TIME] for i in range(0, len(tiles), _AT_A_TIME)]
    ahead = overlapped(_cards, some, together=_READERS)
    for group, read in zip(some, ahead, strict=True):
        yield from map(_footprint, group, read)


def _cards(tiles):
    return [read_cards(tile.path, tile.hdu) for tile in tiles]


def _footprint(tile, cards):
    try:
        shape, wcs = (None, None) if cards is None else geometry_of(cards)
        if wcs is None:
            shape, wcs, _ = read_header(tile)
        if wcs is not None:
            return footprint_of(wcs, shape)
    except Exception as error:  # there are many kinds for a WCS that is not usable
        # The task of a file that cannot be read fails as well, where that is written
        # down.
        _log.warning("no galaxy is on tile %r: %s", tile.name, error)
        return None
    _log.warning("no galaxy is on tile %r: it has no celestial WCS", tile.name)
    return None


def _whole_stacks(tiles):
    """Rows for all stamps of stacks, numbered from 1 on."""
    lengths = [read_header(tile).shape[0] for tile in tiles]
    index = np.concatenate([np.arange(length) for length in lengths])
    rows = Table({"id": np.arange(1, len(index) + 1), "index": index})
    return rows, np.repeat(np.arange(len(tiles)), lengths)


def _tasks(tiles, rows, number, keep, chunk):
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(len(tiles) + 1))
    tasks = []
    for index, tile in enumerate(tiles):
        own = order[ends[index] : ends[index + 1]]
        if tile.kind == "image" or len(own) <= chunk:
            tasks.append(Task(tile, tile.name, rows[own], tuple(keep)))
            continue
        # Neighbours in the file are read together.
        own = own[np.argsort(np.asarray(rows["index"])[own], kind="stable")]
        parts = range(0, len(own), chunk)
        width = len(str(len(parts) - 1))
        for part, start in enumerate(parts):
            some = rows[own[start : start + chunk]]
            name = f"{tile.name}.part{part:0{width}d}"
            tasks.append(Task(tile, name, some, tuple(keep)))
    return tasks
