# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tiles of a survey with a catalogue of positions, as many as a benchmark needs.

    python benchmarks/scale/simulated_tiles.py FOLDER --tiles 40 --galaxies 2500

A tile is like one of KiDS's r band: pixels of 0.2 arcsec, zero-point 30, sky noise
2.26 a pixel, 12 electrons a count, galaxies and PSF of `TABLE1`, fainter galaxies in
between, and a sky pedestal. It is quantised and compressed as fpack does. A few tiles
are drawn; the others are copies of them elsewhere on the sky, so that a million
galaxies are there in minutes. Neighbouring tiles overlap, and each galaxy of the
catalogue lies deepest inside its own.
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import QTable, vstack
from astropy.wcs import WCS

PIXEL_SCALE, ZEROPOINT, SKY_SIGMA, GAIN, PEDESTAL = 0.2, 30.0, 2.26, 12.0, 40.0
# Above 2^53, where floats cannot tell whole numbers apart.
FIRST_ID = 2**60 + 1
UNIQUE = 2
CELL, JITTER = 24, 8
QUANTIZE_LEVEL = 4
SEED = 20_261


@dataclass(frozen=True)
class Simulated:
    """Where everything is, as the arguments of ``measure_catalog`` take it."""

    tiles: tuple
    """Paths of the tiles."""
    psf: str
    """Pattern of the PSFs' paths."""
    catalog: Path
    """Parquet table ``id, ra, dec`` and the truth."""
    galaxies: int


def simulate_tiles(
    folder, n_tiles, galaxies_per_tile, size=4096, seed=SEED, compress=True,
    unique=UNIQUE,
):  # fmt: skip
    """
    Write tiles, a PSF for each, and a catalogue.

    Parameters
    ----------
    folder : path-like
        Where to: ``tiles/tile_00000.fits.fz``, ``psfs/tile_00000.fits`` and
        ``catalog.parquet``.
    n_tiles : int
        How many tiles.
    galaxies_per_tile : int
        Galaxies of the catalogue on each; as many fainter ones lie between them.
    size : int
        Pixels on a side, 64 at least.
    seed : int
        Of the random numbers.
    compress : bool
        Whether to compress tiles (RICE); otherwise they are plain FITS.
    unique : int
        How many tiles are drawn, the others being copies of them.

    Returns
    -------
    `Simulated`

    Raises
    ------
    ValueError
        If a tile has no room for so many galaxies.
    """
    folder = Path(folder)
    for name in ("tiles", "psfs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    suffix = ".fits.fz" if compress else ".fits"
    paths = [folder / "tiles" / f"tile_{i:05d}{suffix}" for i in range(n_tiles)]
    centres = tile_centres(n_tiles, size)
    tables = []
    for i, (path, centre) in enumerate(zip(paths, centres, strict=True)):
        psf = folder / "psfs" / f"tile_{i:05d}.fits"
        source = i % unique
        if i < unique:
            table = _write_tile(path, psf, galaxies_per_tile, size, centre, (seed, i))
            tables.append(table)
        else:
            shutil.copyfile(paths[source], path)
            shutil.copyfile(folder / "psfs" / f"tile_{source:05d}.fits", psf)
            _move(path, centre)
    catalog = _catalog(tables, centres, size)
    catalog.write(folder / "catalog.parquet", overwrite=True)
    pattern = str(folder / "psfs" / "{stem}.fits")
    return Simulated(tuple(paths), pattern, folder / "catalog.parquet", len(catalog))


def tile_centres(number, size):
    """(ra, dec) of tiles side by side in rows, each overlapping the next."""
    step = (size - _overlap(size)) * PIXEL_SCALE / 3600
    columns = int(np.ceil(np.sqrt(number)))
    row, column = np.divmod(np.arange(number), columns)
    dec = row * step
    ra = (150.0 - column * step / np.cos(np.radians(dec))) % 360
    return np.column_stack([ra, dec])


def tile_wcs(centre, size):
    """WCS of a tile: north up, east to the left."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [(size + 1) / 2] * 2
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    return wcs


def _overlap(size):
    return max(size // 32, 8)


def _write_tile(path, psf_path, number, size, centre, seed):
    """Draw a tile and its PSF; return the truth in pixels."""
    from astro_cnnfit.sersic.images import image_of_galaxies
    from astro_cnnfit.simulation.priors import TABLE1, draw_psfs

    rng = np.random.default_rng(seed)
    psf, _ = draw_psfs(TABLE1, rng, 1)
    detected, params = _draw_galaxies(rng, number, size)
    light = image_of_galaxies(params, psf, (size, size))
    noise = np.sqrt(SKY_SIGMA**2 + np.maximum(light, 0) / GAIN)
    image = PEDESTAL + light + noise * rng.standard_normal(light.shape)
    header = tile_wcs(centre, size).to_header()
    header["BUNIT"] = "ct"
    header["ZEROPT"] = ZEROPOINT, "[mag] magnitude of unit flux"
    header["GAIN"] = GAIN, "electrons per count"
    fits.HDUList([fits.PrimaryHDU(), _image_hdu(path, image, header)]).writeto(
        path, overwrite=True
    )
    fits.writeto(psf_path, psf[0], overwrite=True)
    return _truth(detected, params[:number])


def _image_hdu(path, image, header):
    image = image.astype(np.float32)
    if path.suffix != ".fz":
        return fits.ImageHDU(image, header, name="SCI")
    return fits.CompImageHDU(
        image, header, name="SCI", compression_type="RICE_1",
        quantize_level=QUANTIZE_LEVEL, quantize_method=1, dither_seed=1,
    )  # fmt: skip


def _draw_galaxies(rng, number, size):
    """Detected positions (number, 2), and (2 number, 7) with fainter ones after."""
    from astro_cnnfit.simulation.priors import TABLE1, draw_galaxies

    margin = _overlap(size) // 2 + 4 + JITTER
    cells = (size - 2 * margin) // CELL
    if 2 * number > cells**2:
        raise ValueError(
            f"galaxies_per_tile must be at most {cells**2 // 2} with size={size}, got "
            f"{number}"
        )
    row, column = np.divmod(rng.permutation(cells**2)[: 2 * number], cells)
    places = margin + CELL * (np.column_stack([column, row]) + 0.5)
    places += rng.uniform(-JITTER, JITTER, places.shape)
    params = draw_galaxies(TABLE1, rng, 2 * number)
    faint = TABLE1.neighbour_flux(rng, 20 * number)
    faint = faint[faint < 10 ** (0.4 * (ZEROPOINT - 22)) / SKY_SIGMA]
    params[number:, 2] = faint[:number]
    # Faint ones are small: without far wings they are drawn in small stamps.
    params[number:, 3] = np.minimum(params[number:, 3], 6.0)
    params[number:, 4] = np.minimum(params[number:, 4], 2.0)
    params[:, :2] += places
    params[:, 2] *= SKY_SIGMA
    return places[:number], params


def _truth(detected, params):
    """What the catalogue keeps, in pixels of the tile."""
    x, y, flux, r_eff, n, ellip, theta = params.T
    table = QTable({"x": detected[:, 0], "y": detected[:, 1]})
    table["x_true"], table["y_true"] = x, y
    table["mag_true"] = (ZEROPOINT - 2.5 * np.log10(flux)) * u.mag
    table["r_eff_true"] = r_eff * PIXEL_SCALE * u.arcsec
    table["n_true"], table["ellip_true"] = n, ellip
    table["theta_true"] = np.degrees(theta) * u.deg
    return table


def _move(path, centre):
    """Give a tile another place on the sky; its pixels stay as they are."""
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["CRVAL1"], hdus[1].header["CRVAL2"] = map(float, centre)


def _catalog(tables, centres, size):
    """The rows of all tiles, with identifiers and places on the sky."""
    rows = []
    for i, centre in enumerate(centres):
        own = tables[i % len(tables)].copy()
        ra, dec = tile_wcs(centre, size).all_pix2world(own["x"], own["y"], 0)
        own.add_columns(
            [np.full(len(own), f"tile_{i:05d}"), ra * u.deg, dec * u.deg],
            names=["tile_true", "ra", "dec"],
            indexes=[0, 0, 0],
        )
        rows.append(own)
    catalog = vstack(rows, metadata_conflicts="silent")
    ids = FIRST_ID + np.arange(len(catalog), dtype=np.int64)
    catalog.add_column(ids, name="id", index=0)
    return catalog


def main():
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiles", type=int, default=40)
    parser.add_argument("--galaxies", type=int, default=2500, help="on each tile")
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--plain", action="store_true", help="do not compress")
    given = parser.parse_args()
    found = simulate_tiles(
        given.folder, given.tiles, given.galaxies, given.size, given.seed,
        not given.plain,
    )  # fmt: skip
    print(f"{found.galaxies} galaxies on {len(found.tiles)} tiles")


if __name__ == "__main__":
    main()
