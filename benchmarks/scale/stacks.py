# Licensed under a 3-clause BSD style license - see LICENSE
"""Stacks of stamps in HDF5, cut from simulated tiles."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

STAMP_SIZE = {"sersic": 61, "cas": 101}
"""Pixels on a side of the stamps that a measurer is given."""
CHUNK = 256


def simulate_stack(path, simulated, number, size):
    """
    Write stamps of the galaxies of the first two tiles, again and again.

    Parameters
    ----------
    path : path-like
        Where to; the catalogue goes beside it.
    simulated : `~simulated_tiles.Simulated`
        The tiles.
    number : int
        How many stamps.
    size : int
        Pixels on a side.

    Returns
    -------
    dict
        Paths of the stack, its ``catalog`` (``id, tile, index``) and its ``psf``.
    """
    import h5py

    path = Path(path)
    rows = Table.read(simulated.catalog)
    stamps = np.concatenate(
        [_cut(tile, rows, size) for tile in simulated.tiles[:2]]
    )[:number]  # fmt: skip
    with h5py.File(path, "w") as file:
        shape = (number, size, size)
        data = file.create_dataset(
            "stamps", shape, np.float32, chunks=(min(CHUNK, number), size, size)
        )
        for start in range(0, number, len(stamps)):
            part = stamps[: number - start]
            data[start : start + len(part)] = part
    index = np.arange(number)
    catalog = Table({"id": 2**60 + index, "tile": np.full(number, path.stem)})
    catalog["index"] = index
    beside = path.with_suffix(".parquet")
    catalog.write(beside, overwrite=True)
    psf = simulated.psf.format(stem=simulated.tiles[0].name.split(".")[0])
    return {"path": str(path), "catalog": str(beside), "psf": psf}


def _cut(tile, rows, size):
    """Stamps of the galaxies of a tile, (N, size, size)."""
    half = size // 2
    image = np.pad(fits.getdata(tile, 1), half, mode="reflect")
    own = rows[rows["tile_true"] == tile.name.split(".")[0]]
    stamps = np.empty((len(own), size, size), np.float32)
    places = np.rint(np.column_stack([own["x"], own["y"]])).astype(int)
    for stamp, (x, y) in zip(stamps, places, strict=True):
        stamp[:] = image[y : y + size, x : x + size]
    return stamps
