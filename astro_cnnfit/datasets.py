# Licensed under a 3-clause BSD style license - see LICENSE
"""
The small simulated field that comes with the package, and how it was made.

The field is like a KiDS r-band image (Li et al. 2022): pixels of 0.2 arcsec,
zero-point 30, sky noise 2.26 a pixel, 12 electrons a count, seeing of 0.7
arcsec. Sixteen galaxies are to be measured; fainter galaxies and stars, some of
them close by, are in the way. A sky pedestal remains, as in real images.
"""

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import QTable, Table
from astropy.wcs import WCS

from astro_cnnfit.psf import moffat

__all__ = ["load_field", "make_field"]

FIELD = "data/demo_field.fits"
"""Path of the field's file within the package."""

PIXEL_SCALE = 0.2
ZEROPOINT = 30.0
SKY_SIGMA = 2.26
GAIN = 12.0
PEDESTAL = 40.0
SEED = 20220411
_SIDE = 250
_CELLS = 4
_N_FAINT, _N_STARS = 24, 6
_STAR_SIZE = 0.01


def load_field():
    """
    Read the field that comes with the package.

    Returns
    -------
    data : `~astropy.nddata.NDData`
        (250, 250) with unit and WCS.
    psf : `~numpy.ndarray`
        (25, 25)
    truth : `~astropy.table.QTable`
        ``id, x_init, y_init, x, y, flux, mag, r_eff, n, ellip, theta, pa``.
    """
    from importlib.resources import as_file, files

    with as_file(files("astro_cnnfit") / FIELD) as path, fits.open(path) as hdus:
        image = hdus[0]
        data = NDData(
            image.data.astype(float), unit=image.header["BUNIT"], wcs=WCS(image.header)
        )
        psf = hdus["PSF"].data.astype(float)
        truth = QTable.read(hdus["TRUTH"])
    return data, psf, truth


def make_field(seed=SEED):
    """
    Make the field anew.

    Parameters
    ----------
    seed : int
        Of the random numbers; the default made the file that ships.

    Returns
    -------
    `~astropy.io.fits.HDUList`
        The image, its PSF (``PSF``) and the true parameters (``TRUTH``).
    """
    from astro_cnnfit.sersic.images import image_of_galaxies

    rng = np.random.default_rng(seed)
    psf = moffat(fwhm=[0.7 / PIXEL_SCALE], beta=3.0, ellip=0.05, theta=0.6)
    galaxies = _draw_galaxies(rng)
    others = _draw_others(rng, galaxies)
    light = image_of_galaxies(np.vstack([galaxies, others]), psf, (_SIDE, _SIDE))
    noise = np.sqrt(SKY_SIGMA**2 + np.maximum(light, 0) / GAIN)
    image = PEDESTAL + light + noise * rng.standard_normal(light.shape)
    header = _wcs().to_header()
    header["BUNIT"] = "ct"
    header["ZEROPT"] = ZEROPOINT, "[mag] magnitude of unit flux"
    truth = fits.table_to_hdu(_truth_table(galaxies))
    truth.name = "TRUTH"
    return fits.HDUList(
        [
            fits.PrimaryHDU(image.astype(np.float32), header=header),
            fits.ImageHDU(psf[0].astype(np.float32), name="PSF"),
            truth,
        ]
    )


def _draw_galaxies(rng):
    """One galaxy near the middle of each cell, (16, 7)."""
    n = _CELLS**2
    cell = _SIDE / _CELLS
    row, column = np.divmod(np.arange(n), _CELLS)
    x, y = (
        (place + 0.5) * cell - 0.5 + rng.uniform(-6, 6, n) for place in (column, row)
    )
    return np.column_stack(
        [
            *(x, y, _flux(rng.uniform(18.2, 20.7, n))),
            10 ** rng.uniform(np.log10(2.0), np.log10(9.0), n),
            10 ** rng.uniform(np.log10(0.6), np.log10(5.0), n),
            *(rng.uniform(0.05, 0.7, n), rng.uniform(0, np.pi, n)),
        ]
    )


def _draw_others(rng, galaxies):
    """Fainter galaxies and stars, no nearer than nine pixels to a galaxy."""
    n = _N_FAINT + _N_STARS
    places = rng.uniform(0, _SIDE - 1, (40 * n, 2))
    distance = np.hypot(*(places[:, None] - galaxies[None, :, :2]).transpose(2, 0, 1))
    x, y = places[distance.min(axis=1) > 9][:n].T
    others = np.column_stack(
        [
            *(x, y, _flux(rng.uniform(21.0, 23.5, n))),
            *(rng.uniform(1.0, 4.0, n), rng.uniform(0.7, 2.0, n)),
            *(rng.uniform(0.1, 0.6, n), rng.uniform(0, np.pi, n)),
        ]
    )
    others[:_N_STARS, 2] = _flux(rng.uniform(19.0, 21.5, _N_STARS))
    others[:_N_STARS, 3:6] = _STAR_SIZE, 0.5, 0.0
    return others


def _flux(magnitude):
    return 10 ** (0.4 * (ZEROPOINT - magnitude))


def _wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [180.0, 0.5]
    wcs.wcs.crpix = [(_SIDE + 1) / 2] * 2
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    return wcs


def _truth_table(galaxies):
    x, y, flux, r_eff, n, ellip, theta = galaxies.T
    table = Table({"id": np.arange(1, len(galaxies) + 1)})
    # A catalogue of detections knows the centres to about a pixel.
    table["x_init"], table["y_init"] = np.rint(x), np.rint(y)
    table["x"], table["y"], table["flux"] = x, y, flux
    table["mag"] = ZEROPOINT - 2.5 * np.log10(flux)
    table["r_eff"], table["n"], table["ellip"] = r_eff, n, ellip
    table["r_eff_sky"] = r_eff * PIXEL_SCALE
    table["theta"] = np.degrees(theta)
    # East is to the left: north is +y, and angles turn the same way.
    table["pa"] = (np.degrees(theta) - 90) % 180
    units = {"flux": u.ct, "mag": u.mag, "r_eff_sky": u.arcsec}
    for name, unit in (units | {"theta": u.deg, "pa": u.deg}).items():
        table[name].unit = unit
    table.meta["ZEROPT"] = ZEROPOINT
    return table
