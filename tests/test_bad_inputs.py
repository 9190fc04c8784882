# Licensed under a 3-clause BSD style license - see LICENSE
"""
What comes of input that is not as it should be: one table, a row a case.

Each row names what is handed in, to which entry point, and what must come of it:

- `refused`: an exception that names the argument and what it takes;
- `lost`: the row is kept with NaN and a flag, with one warning a call, and the
  rows of other galaxies are what they are without it;
- `flagged`: a value, and a flag that says what is wrong with it;
- `right`: what comes of the same input without the fault, to within a tolerance.

The documentation (docs/robustness.rst) sums the table up.
"""

# ruff: noqa: E501 (a row of the table is a line)

import gzip
import warnings
from pathlib import Path
from typing import NamedTuple

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.utils.masked import Masked
from astropy.wcs import WCS

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter, flags
from astro_cnnfit.catalog.positions import read_positions
from astro_cnnfit.cli import main
from astro_cnnfit.inputs import read_image
from astro_cnnfit.inputs.files import read_parts
from astro_cnnfit.psf import as_psf_stamps, gaussian, read_psf
from astro_cnnfit.sersic.images import image_of_galaxies, stamps_of_galaxies
from astro_cnnfit.wording import counted

PSF = gaussian(3.0)[0]
RNG = np.random.default_rng(8)
Y, X = np.mgrid[:61, :61] - 30
TRUE = np.array([[0.3, -0.2, 4e5, 4.0, 1.5, 0.3, 0.7]])
# Whole and positive numbers, so that integers hold the same image.
STAMP = stamps_of_galaxies(TRUE, PSF[np.newaxis], (61, 61))[0]
STAMP = np.rint(STAMP + RNG.normal(100, 20, X.shape))
ONES = np.ones_like(STAMP)
NO_MASK = np.zeros(STAMP.shape, bool)
STACK = np.stack([STAMP, STAMP[::-1], STAMP.T])
LARGE_PSF = gaussian(3.0, size=61)[0]
UNIT_FLUX = stamps_of_galaxies(TRUE, PSF[np.newaxis], (61, 61))[0][8:53, 8:53]
UNIT_FLUX = UNIT_FLUX / UNIT_FLUX.sum()

POSITIONS = np.array([[40.3, 50.2], [120.7, 60.1], [80.0, 130.4]])
FIELD = np.tile(TRUE, (3, 1))
FIELD[:, :2] = POSITIONS
FIELD = image_of_galaxies(FIELD, PSF[np.newaxis], (180, 170))
FIELD = FIELD + RNG.normal(3.0, 20.0, FIELD.shape)

CAS_Y, CAS_X = np.mgrid[:121, :121] - 60.0
RADIUS = np.hypot(CAS_X, CAS_Y)
GALAXY = 40 * np.exp(-RADIUS / 4) + RNG.normal(0, 1, CAS_X.shape)
LABELS = np.where(RADIUS < 14, 1, 0)
FAR = np.hypot(CAS_X - 40, CAS_Y - 40) < 2.5
for _array in (PSF, STAMP, STACK, FIELD, GALAXY, LABELS):
    _array.flags.writeable = False


class Outcome(NamedTuple):
    """What must come of a row of the table."""

    kind: str
    exception: type = None
    match: str = ""
    bits: int = 0
    rows: tuple = (0,)
    tolerance: float = 0.0


def refused(exception, match):
    """An exception, and what its message says."""
    return Outcome("refused", exception, match)


def lost(bits, *rows):
    """NaN and these flags, in these rows."""
    return Outcome("lost", bits=bits, rows=rows or (0,))


def flagged(bits, *rows):
    """A value and at least these flags."""
    return Outcome("flagged", bits=bits, rows=rows or (0,))


def right(tolerance=1e-9):
    """The same as without the fault; a tolerance from 0.1 on is in stated errors."""
    return Outcome("right", tolerance=tolerance)


def spoiled(where, value, array=STAMP):
    """Return a copy with other values somewhere."""
    array = np.array(array, float)
    array[where] = value
    return array


# The entry points: each takes what is changed in a sound call and returns a table.


def fit(tools, changed):
    """Call the fitter with a stand-in for its network."""
    fitter = CNNSersicFitter(tools.network)
    try:
        return fitter(**{"data": STAMP, "psf": PSF} | changed)
    except (TypeError, ValueError):
        assert fitter.results is None
        assert tools.network.calls == []
        raise


def fit_field(tools, changed):
    """Call the fitter for the three galaxies of an image."""
    return fit(tools, {"data": FIELD, "init_params": POSITIONS} | changed)


def fit_stack(tools, changed):
    """Call the fitter for three stamps."""
    return fit(tools, {"data": STACK} | changed)


def fit_truly(tools, changed):
    """Call the fitter with the network that ships."""
    return tools.sersic()(**{"data": STAMP, "psf": PSF} | changed)


def make_fitter(tools, changed):
    """Make a fitter, and call it."""
    return CNNSersicFitter(**{"model": tools.network} | changed)(STAMP, PSF)


def classical(tools, changed, method="classical"):
    """Call the classical measurer of morphology."""
    measurer = CNNCASMeasurer(tools.morphology, method=method)
    arguments = {"image": GALAXY, "segmap": LABELS} | changed
    try:
        return measurer(arguments.pop("image"), **arguments)
    except (TypeError, ValueError):
        assert measurer.results is None
        raise


def learned(tools, changed):
    """Call the measurer of morphology with a stand-in for its network."""
    return classical(tools, changed, method="network")


both = (classical, learned)


def stamps_of(tools, changed):
    """Make stamps of a PSF."""
    return {"stamps": as_psf_stamps(**{"psf": PSF} | changed)}


def psf_file(tools, path):
    """Read a PSF from a file."""
    return {"stamps": as_psf_stamps(read_psf(path), positions=([3.0], [4.0]))}


def image_file(tools, path):
    """Read an image from a file."""
    return {"data": read_image(path).data}


def named_image(tools, path):
    """Read an extension of an image of a name that is not there."""
    return {"data": read_image(path, "ERR").data}


def image_parts(tools, path):
    """Read an image from a file, with what stands beside it."""
    return {"data": read_parts(path).data}


def positions(tools, changed):
    """Read the positions of a catalogue."""
    options = {
        name: changed.pop(name) for name in ("columns", "keep") if name in changed
    }
    table = {"id": [1, 2], "ra": [1.0, 2.0], "dec": [1.0, 2.0], **changed}
    table = QTable({k: v for k, v in table.items() if v is not None})
    return dict(read_positions(table, **options)[0])


def catalog(tools, changed):
    """Measure a catalogue on a tile."""
    pytest.importorskip("pyarrow")
    from astro_cnnfit.catalog import measure_catalog, read_catalog

    folder = tools.folder
    if not (folder / "tile.fits").exists():
        fits.writeto(folder / "tile.fits", FIELD.astype("f4"))
        fits.writeto(folder / "psf.fits", PSF)
    table = {"id": [1, 2, 3], "x": POSITIONS[:, 0], "y": POSITIONS[:, 1]}
    options = {"tiles": folder / "tile.fits", "psf": folder / "psf.fits"}
    options |= changed.pop("options", {})
    table = Table({k: v for k, v in (table | changed).items() if v is not None})
    tools.calls += 1
    output = folder / f"out{tools.calls}"
    measure_catalog(
        options.pop("tiles"),
        table,
        output=output,
        client="serial",
        retries=0,
        **options,
    )
    return read_catalog(output)


def command(tools, line):
    """Measure from the command line; what it prints is the message."""
    line = line if line and not str(line[0]).startswith("-") else ["image.fits", *line]
    fits.writeto("image.fits", STAMP, overwrite=True)
    fits.writeto("psf.fits", PSF, overwrite=True)
    before = sorted(tools.folder.iterdir())
    status = main(
        ["measure", line[0], "--psf", "psf.fits", "-o", "table.ecsv", *line[1:]]
    )
    captured = tools.capsys.readouterr()
    if status:
        assert status == 2
        assert captured.out == ""
        assert captured.err.startswith("astro-cnnfit measure: error: ")
        assert captured.err.count("\n") == 1
        assert sorted(tools.folder.iterdir()) == before
        raise SystemExit(captured.err)
    return QTable.read("table.ecsv")


# Forms of one array: whole numbers from 0 to 60,000.


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def in_steps(array):
    wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]))
    wide[::2, ::3] = array
    return wide[::2, ::3]


FORMS = {
    "list": lambda array: array.tolist(),
    "float32": lambda array: array.astype("f4"),
    "big-endian float64": lambda array: array.astype(">f8"),
    "big-endian float32": lambda array: array.astype(">f4"),
    "int64": lambda array: array.astype(int),
    "int32": lambda array: array.astype("i4"),
    "big-endian int32": lambda array: array.astype(">i4"),
    "uint16": lambda array: array.astype("u2"),
    "big-endian uint16": lambda array: array.astype(">u2"),
    "long double": lambda array: array.astype("g"),
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "every second of a larger array": in_steps,
    "mirrored view": lambda array: array[::-1].copy()[::-1],
    "masked array, nothing masked": np.ma.masked_array,
    "masked array with a mask": lambda array: np.ma.masked_array(array, array < -1),
    "astropy's Masked": lambda array: Masked(array, mask=array < -1),
    "Quantity without unit": lambda array: array << u.one,
    "NDData": NDData,
    "HDU": fits.ImageHDU,
    "primary HDU": lambda array: fits.PrimaryHDU(array.astype(">f4")),
}
WHOLE_PSF = np.rint(PSF * 3e5)

# The mask of a corner, and what may stand below it.
CORNER = NO_MASK.copy()
CORNER[5:9, 40:50] = True
WILD = spoiled(CORNER, 1e9)
UNKNOWN = spoiled(CORNER, np.nan)


def sky_field(centre=(10.0, -40.0)):
    """Put the field on the sky."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = centre, (80, 80)
    wcs.wcs.cdelt = -0.3 / 3600, 0.3 / 3600
    return NDData(FIELD, wcs=wcs)


def on_the_sky(centre, turns=0.0):
    """Hand in the field with its positions as right ascension and declination."""
    data = sky_field(centre)
    sky = data.wcs.pixel_to_world(*POSITIONS.T)
    table = Table({"ra": sky.ra.deg + turns, "dec": sky.dec.deg})
    return {"data": data, "init_params": table}


def moved(row, x, y):
    """Positions of the field, one of which is another."""
    table = POSITIONS.copy()
    table[row] = x, y
    return {"init_params": table}


def masked_position():
    """Positions of the field, one of which is missing."""
    x = MaskedColumn(POSITIONS[:, 0], mask=[False, True, False])
    return {"init_params": Table({"x": x, "y": POSITIONS[:, 1]})}


def psf_with(*bad):
    """PSFs of three galaxies, the second of which is something else."""
    return {"psf": np.stack([PSF, *bad, PSF])}


def labelled(where, label=2):
    """The map of segments with another one."""
    labels = LABELS.copy()
    labels[where] = label
    return labels


# Files; each function writes one and returns its name.


def cut(fraction):
    """Write an image that ends too early."""

    def write(folder):
        fits.writeto(folder / "a.fits", STAMP)
        content = (folder / "a.fits").read_bytes()
        (folder / "a.fits").write_bytes(content[: int(fraction * len(content))])
        return folder / "a.fits"

    return write


def altered(old, new, count=1):
    """Write an image with other bytes in it."""

    def write(folder):
        fits.writeto(folder / "a.fits", STAMP)
        content = (folder / "a.fits").read_bytes()
        assert old in content
        (folder / "a.fits").write_bytes(content.replace(old, new, count))
        return folder / "a.fits"

    return write


def holds(content, name="a.fits"):
    """Write a file of these bytes."""

    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def hdus_of(*hdus):
    """Write these HDUs."""

    def write(folder):
        fits.HDUList([hdu.copy() for hdu in hdus]).writeto(folder / "a.fits")
        return folder / "a.fits"

    return write


def corrupt_tiles(folder):
    """Write an image of fpack and spoil its last tiles."""
    path = folder / "a.fits.fz"
    fits.CompImageHDU(STAMP.astype("f4")).writeto(path)
    content = bytearray(path.read_bytes())
    content[-2880:] = b"\xff" * 2880
    path.write_bytes(content)
    return path


def bomb(side):
    """Write a small file that says it is a giant: a header, and zeros in gzip."""

    def write(folder):
        header = fits.PrimaryHDU(np.zeros((2, 2), "u1")).header
        header["NAXIS1"] = header["NAXIS2"] = side
        path = folder / "a.fits.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(header.tostring().encode())
            for _ in range(20):
                file.write(bytes(10**6))
        return path

    return write


def blank_integers(folder):
    """Write whole numbers with BLANK in a corner."""
    data = spoiled(CORNER, -32768).astype("i2")
    hdu = fits.PrimaryHDU(data)
    hdu.header["BLANK"] = -32768
    hdu.writeto(folder / "blank.fits")
    return ["blank.fits"]


def beside(name, array):
    """Write another file beside the image, and give it to an option."""

    def write(folder):
        option, value = name, f"{name.strip('-')}_.fits"
        fits.writeto(folder / value, array)
        return [option, value] if option.startswith("-") else [value]

    return write


def listing(table, name="catalog.ecsv"):
    """Write a catalogue, and give it to the command."""

    def write(folder):
        Table(table).write(folder / name)
        return ["--catalog", name]

    return write


def of_negative_size(folder):
    """Write extensions, the first of which says that it ends before it begins."""
    path = hdus_of(fits.PrimaryHDU(), fits.ImageHDU(STAMP, name="SCI"))(folder)
    content = path.read_bytes().replace(
        b"GCOUNT  =                    1", b"GCOUNT  =                   -1"
    )
    path.write_bytes(content)
    return path


HOSTILE_HEADERS = {
    "no END": altered(b"END" + b" " * 77, b" " * 80),
    "axis of another name": altered(b"NAXIS1  =", b"NAXIS9  ="),
    "axis beyond all numbers": altered(
        b"NAXIS2  =                   61", b"NAXIS2  = 99999999999999999999"
    ),
    "negative axis": altered(
        b"NAXIS2  =                   61", b"NAXIS2  =                  -61"
    ),
    "BITPIX of no kind": altered(
        b"BITPIX  =                  -64", b"BITPIX  =                   17"
    ),
    "SIMPLE that is text": altered(
        b"SIMPLE  =                    T", b"SIMPLE  =                  '"
    ),
}

REAL = (TypeError, "data must hold real numbers")
UNREADABLE = (OSError, "not a readable FITS file")
STREAK = (np.abs(Y - 0.3 * X - 12) < 0.6) & (np.abs(X) < 12)
HALF = 0.5 * STAMP.max()

# fmt: off
TABLE = {
    "Pixels": {
        "a NaN in the border": (fit_truly, right(0.5), {"data": spoiled((5, 7), np.nan)}),
        "a NaN in the core": (fit_truly, flagged(flags.MASKED_CORE), {"data": spoiled((30, 31), np.nan)}),
        "a row of NaN": (fit_truly, flagged(flags.MASKED_CORE), {"data": spoiled(np.s_[30], np.nan)}),
        "a column of NaN off the galaxy": (fit_truly, right(0.5), {"data": spoiled(np.s_[:, 8], np.nan)}),
        "a border of NaN": (fit_truly, right(1), {"data": np.where(np.maximum(abs(X), abs(Y)) > 26, np.nan, STAMP)}),
        "half of it NaN": (fit_truly, flagged(flags.MASKED_CORE), {"data": spoiled(np.s_[:, 31:], np.nan)}),
        "a core of NaN": (fit_truly, flagged(flags.MASKED_CORE), {"data": spoiled(np.s_[28:33, 28:33], np.nan)}),
        "all NaN but one": (fit_truly, lost(flags.NO_DATA), {"data": np.where((X == 0) & (Y == 0), STAMP, np.nan)}),
        "all NaN": (fit_stack, lost(flags.NO_DATA, 1), {"data": spoiled(1, np.nan, STACK)}),
        "infinities": (fit_truly, right(0.5), {"data": spoiled((5, [7, 9]), [np.inf, -np.inf])}),
        "all infinite": (fit_stack, lost(flags.NO_DATA, 1), {"data": spoiled(1, -np.inf, STACK)}),
        "all zero": (fit_stack, lost(flags.NO_DATA, 1), {"data": spoiled(1, 0.0, STACK)}),
        "a constant": (fit_stack, lost(flags.NO_DATA, 1), {"data": spoiled(1, 7.5, STACK)}),
        "a constant and NaN": (fit_stack, lost(flags.NO_DATA, 1), {"data": spoiled(1, np.where(X > 3, np.nan, 2.5), STACK)}),
        "a block of zeros on sky that is subtracted": (fit_truly, right(2), {"data": np.where((X > 9) & (Y < -9), 0, STAMP - 100)}),
        "negative flux": (fit_truly, flagged(flags.LOW_SNR), {"data": 200 - STAMP}),
        "two values in turn": (fit_truly, flagged(flags.SATURATED), {"data": np.where((X + Y) % 2, 1.0, -1.0)}),
        "a ramp": (fit_truly, flagged(flags.NEIGHBOUR), {"data": 1.0 * X}),
        "one pixel alone": (fit_truly, flagged(flags.OUTSIDE_TRAINING_RANGE), {"data": np.where((X == 0) & (Y == 0), 1e4, 0.0)}),
        "a hot pixel in the border": (fit_truly, right(1), {"data": spoiled((5, 5), 6e4)}),
        "a cosmic ray beside the galaxy": (fit_truly, flagged(flags.NEIGHBOUR), {"data": np.where(STREAK, 1e5, STAMP)}),
        "a cosmic ray that is masked": (fit_truly, right(1), {"data": np.where(STREAK, 1e5, STAMP), "mask": STREAK}),
        "a cosmic ray in one pixel of the core": (fit_truly, flagged(flags.BAD_PIXEL), {"data": spoiled((30, 31), 1e5)}),
        "-999 in one pixel of the core": (fit_truly, flagged(flags.BAD_PIXEL), {"data": spoiled((30, 30), -999)}),
        "zeros in a corner, sky that is not subtracted": (fit_truly, right(2), {"data": spoiled(np.s_[:25, 36:], 0)}),
        "zeros around, sky that is not subtracted": (fit_truly, right(2), {"data": np.where(np.maximum(abs(X), abs(Y)) > 20, 0, STAMP)}),
        "all masked but the core": (fit_truly, flagged(flags.NO_BACKGROUND), {"mask": np.hypot(X, Y) > 6}),
        "a track of a cosmic ray through the core": (fit_truly, flagged(flags.OUTSIDE_TRAINING_RANGE), {"data": spoiled(np.s_[30, 30:33], 1e5)}),
        "saturation": (fit_truly, flagged(flags.SATURATED), {"data": np.minimum(STAMP, HALF)}),
        "saturation of whole numbers": (fit_truly, flagged(flags.SATURATED), {"data": np.minimum(STAMP, HALF).astype("u2")}),
        "a bleed trail through the core": (fit_truly, flagged(flags.SATURATED | flags.NEIGHBOUR), {"data": np.where((np.abs(X) < 2) & (Y > -20), HALF, np.minimum(STAMP, HALF))}),
        "a bleed trail beside the galaxy": (fit_truly, flagged(flags.NEIGHBOUR), {"data": np.where(np.abs(X - 14) < 2, 6e4, STAMP)}),
        "-999 in one pixel": (fit_truly, right(1), {"data": spoiled((20, 20), -999)}),
        "-999 in a corner": (fit_truly, flagged(flags.NEIGHBOUR), {"data": spoiled(np.s_[:20, 40:], -999)}),
        "-999 in eight rows": (fit_truly, flagged(flags.NEIGHBOUR), {"data": spoiled(np.s_[:8], -999)}),
        "-32768 in the core": (fit_truly, flagged(flags.LOW_SNR), {"data": spoiled(np.s_[29:32, 29:32], -32768)}),
        "1e30 in one pixel": (fit_truly, lost(flags.NON_FINITE), {"data": spoiled((5, 5), 1e30)}),
        "1e30 in the core": (fit_truly, lost(flags.NON_FINITE), {"data": spoiled((30, 30), 1e30)}),
        "1e30 in a corner": (fit_truly, flagged(flags.NEIGHBOUR), {"data": spoiled(np.s_[:8, :20], 1e30)}),
        "BLANK of whole numbers": (command, right(0.1), blank_integers),
        "a core that is masked": (fit_truly, flagged(flags.MASKED_CORE), {"mask": np.maximum(abs(X), abs(Y)) < 3}),
        "a wide core that is masked": (fit_truly, flagged(flags.MASKED_CORE | flags.LOW_SNR), {"mask": np.maximum(abs(X), abs(Y)) < 11}),
        "a corner that is masked": (fit_truly, right(0.5), {"mask": (X > 9) & (Y > 9)}),
        "all masked": (fit_stack, lost(flags.FULLY_MASKED, 1), {"mask": np.stack([NO_MASK, ~NO_MASK, NO_MASK])}),
        "errors of zero and NaN": (fit_truly, right(1), {"error": np.where(CORNER, np.nan, np.where(X == 20, 0, 20.0))}),
        "all errors NaN": (fit, lost(flags.FULLY_MASKED), {"error": ONES * np.nan}),
        "all errors zero": (fit, lost(flags.FULLY_MASKED), {"error": 0 * ONES}),
        "morphology of NaN": (both, lost(flags.NO_DATA), {"image": GALAXY * np.nan}),
        "morphology of infinities": (both, lost(flags.NO_DATA), {"image": GALAXY * np.inf}),
        "morphology of a constant": (both, lost(flags.NO_DATA), {"image": 0 * GALAXY - 3e9}),
        "morphology of zeros": (both, lost(flags.NO_DATA), {"image": 0 * GALAXY}),
        "morphology of all masked": (both, lost(flags.FULLY_MASKED), {"mask": LABELS > -1}),
        "morphology of negative flux": (both, lost(flags.NEGATIVE_FLUX), {"image": -GALAXY}),
        "morphology of a hole": (both, lost(flags.NEGATIVE_FLUX, 1), {"image": np.where(FAR, -20, GALAXY), "segmap": labelled(FAR)}),
        "morphology of a masked galaxy": (both, lost(flags.NEGATIVE_FLUX | flags.MASKED_CORE), {"mask": LABELS > 0}),
        "morphology with some NaN": (both, flagged(0), {"image": spoiled(np.s_[20:24, 20:24], np.nan, GALAXY)}),
        "morphology above a pedestal": (both, flagged(flags.SKY_PEDESTAL), {"image": GALAXY + 1e5}),
    },
    "Geometry": {
        "a galaxy at the edge": (fit_field, flagged(flags.TRUNCATED), {"data": FIELD[:, 30:], "init_params": POSITIONS - [30, 0]}),
        "a position outside": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), moved(1, -20, 30)),
        "a position just outside": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), moved(1, 169.51, 30)),
        "a position far outside": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), moved(1, 1e300, 30)),
        "a position that is NaN": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), moved(1, np.nan, 30)),
        "a position that is infinite": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), moved(1, 5, -np.inf)),
        "a position that is masked": (fit_field, lost(flags.OUTSIDE_IMAGE, 1), masked_position()),
        "positions of text": (fit_field, refused(TypeError, "init_params must"), {"init_params": [["a", "b"]]}),
        "positions of three numbers": (fit_field, refused(ValueError, r"init_params must .*shape \(N, 2\)"), {"init_params": [[1.0, 2.0, 3.0]]}),
        "positions in degrees": (fit_field, refused(ValueError, "init_params.*must be in pixels"), {"init_params": Table({"x": [1.0] * u.deg, "y": [2.0] * u.deg})}),
        "positions in arcsec": (fit_field, refused(ValueError, "init_params.*must be in pixels"), {"init_params": Table({"x": [1.0] * u.arcsec, "y": [2.0] * u.arcsec})}),
        "positions on the sky without a WCS": (fit_field, refused(ValueError, "init_params columns ra and dec must be pixels"), {"init_params": Table({"ra": [1.0], "dec": [2.0]})}),
        "coordinates without a WCS": (fit_field, refused(ValueError, "init_params must be pixels"), {"init_params": SkyCoord([1.0], [2.0], unit="deg")}),
        "positions for another stack": (fit_stack, refused(ValueError, "init_params must have a row for each image of the stack, 3, got 1"), {"init_params": [[1.0, 2.0]]}),
        "positions at the meridian": (fit_field, right(1e-6), on_the_sky((0.0, 0.0))),
        "right ascensions beyond 360": (fit_field, right(1e-6), on_the_sky((0.0, 0.0), 360.0)),
        "negative right ascensions": (fit_field, right(1e-6), on_the_sky((359.999, 45.0), -360.0)),
        "positions around the pole": (fit_field, right(1e-6), on_the_sky((0.0, 90.0))),
        "positions around the other pole": (fit_field, right(1e-6), on_the_sky((123.0, -90.0))),
        "declinations beyond the pole": (fit_field, lost(flags.OUTSIDE_IMAGE, 0), {"data": sky_field(), "init_params": Table({"ra": [10.0], "dec": [95.0]})}),
        "the other side of the sky": (fit_field, lost(flags.OUTSIDE_IMAGE, 0), {"data": sky_field(), "init_params": SkyCoord([190.0], [40.0], unit="deg")}),
        "a position that is there twice": (fit_field, right(), {"init_params": POSITIONS[[0, 1, 2, 0]]}),
        "no positions": (fit_field, right(), {"init_params": np.zeros((0, 2))}),
        "a stamp of even size": (fit_truly, flagged(flags.TRUNCATED), {"data": STAMP[:60, :60]}),
        "a stamp of unequal sides": (fit_truly, flagged(flags.TRUNCATED), {"data": STAMP[5:56]}),
        "one pixel": (fit, lost(flags.NO_DATA), {"data": np.ones((1, 1))}),
        "a line of pixels": (fit, flagged(flags.TRUNCATED), {"data": STAMP[30:31]}),
        "a large stamp": (fit_truly, flagged(0), {"data": np.pad(STAMP, 510, mode="reflect")}),
        "a stack with its galaxies last": (fit, refused(ValueError, "make it a stack of 3 images with numpy.moveaxis"), {"data": np.moveaxis(STACK, 0, -1)}),
        "the mask of a stack with its galaxies last": (fit_stack, refused(ValueError, "mask must have the shape"), {"mask": np.moveaxis(STACK, 0, -1) > 1e9}),
        "a mask with its axes exchanged": (fit_field, refused(ValueError, "mask must have the shape"), {"mask": FIELD.T > 1e9}),
        "a mask of another shape": (fit, refused(ValueError, "mask must have the shape"), {"mask": NO_MASK[:, 1:]}),
        "an error of another shape": (fit, refused(ValueError, "error must be a number or have"), {"error": np.ones((3, 3))}),
        "one dimension": (fit, refused(ValueError, "data must be a 2-D image"), {"data": STAMP[0]}),
        "four dimensions": (fit, refused(ValueError, "data must be a 2-D image"), {"data": np.ones((2, 2, 61, 61))}),
        "a number": (fit, refused(ValueError, "data must be a 2-D image"), {"data": 3.0}),
        "an empty image": (fit, refused(ValueError, "data must be .*empty"), {"data": np.ones((0, 61))}),
        "an empty stack": (fit, refused(ValueError, "data must be .*empty"), {"data": np.ones((0, 61, 61))}),
        "morphology of one dimension": (both, refused(ValueError, "image must be a 2-D image"), {"image": GALAXY[0]}),
        "morphology of one pixel": (both, lost(flags.NO_DATA | flags.SEGMENT_SMALL | flags.SEGMENT_AT_EDGE), {"image": np.ones((1, 1)), "segmap": np.ones((1, 1), int)}),
        "morphology of a small image": (both, flagged(flags.TRUNCATED), {"image": GALAXY[40:81, 38:85], "segmap": LABELS[40:81, 38:85]}),
        "morphology with a mask of another shape": (both, refused(ValueError, "mask must have the shape of image"), {"mask": LABELS[1:] > 0}),
        "morphology at a position outside": (both, lost(flags.OUTSIDE_IMAGE, 1), {"segmap": None, "init_params": [[60, 60], [200, 10]]}),
        "morphology at a position that is NaN": (both, lost(flags.OUTSIDE_IMAGE, 1), {"init_params": [[60, 60], [np.nan, 10]]}),
        "morphology at a position of sky": (both, lost(flags.LABEL_MISSING, 1), {"init_params": [[60, 60], [10, 10]]}),
        "morphology at positions of one column": (both, refused(ValueError, "init_params must be"), {"init_params": [[1.0], [2.0]]}),
        "a segment at the edge": (both, flagged(flags.SEGMENT_AT_EDGE | flags.APERTURE_OUTSIDE | flags.TRUNCATED), {"image": GALAXY[:, 52:], "segmap": LABELS[:, 52:]}),
        "a segment that is all of the image": (learned, flagged(flags.NO_BACKGROUND), {"segmap": np.ones_like(LABELS), "error": np.ones(GALAXY.shape)}),
        "a segment of one pixel": (both, lost(flags.SEGMENT_SMALL, 1), {"segmap": labelled((100, 100))}),
        "a label that is not there": (both, lost(flags.LABEL_MISSING, 1), {"labels": [1, 2]}),
        "no segments": (both, right(), {"segmap": 0 * LABELS}),
        "a segmap of another shape": (both, refused(ValueError, "segmap must have the shape of the image"), {"segmap": LABELS[1:]}),
        "a segmap of a stack": (both, refused(ValueError, "segmap must have the shape"), {"segmap": LABELS[np.newaxis]}),
    },
    "Types and units": {
        **{f"data: {name}": (fit, right(), {"data": form(STAMP)}) for name, form in FORMS.items()},
        **{f"psf: {name}": (fit, right(1e-6), {"psf": form(WHOLE_PSF)}) for name, form in FORMS.items()},
        "float16": (fit, right(0.05), {"data": STAMP.astype("f2")}),
        "objects that are numbers": (fit, refused(*REAL), {"data": STAMP.astype(object)}),
        "None": (fit, refused(*REAL), {"data": None}),
        "the name of a file": (fit, refused(TypeError, "data must hold real numbers, got the name of a file, 'galaxy.fits': read it first, with astropy.io.fits.open"), {"data": "galaxy.fits"}),
        "an array of text": (fit, refused(*REAL), {"data": STAMP.astype(str)}),
        "objects": (fit, refused(*REAL), {"data": np.full((61, 61), None)}),
        "complex": (fit, refused(*REAL), {"data": STAMP + 1j}),
        "truth values": (fit, refused(*REAL), {"data": STAMP > 200}),
        "dates": (fit, refused(*REAL), {"data": STAMP.astype("M8[s]")}),
        "ragged lists": (fit, refused(ValueError, "data must be a regular"), {"data": [[1.0, 2.0], [3.0]]}),
        "a mask of text": (fit, refused(TypeError, "mask must hold booleans"), {"mask": np.full((61, 61), "x")}),
        "a mask of numbers": (fit, right(), {"data": WILD, "mask": CORNER.astype(float), "_instead": {"mask": CORNER}}),
        "a mask of bytes": (fit, right(), {"data": WILD, "mask": CORNER.astype("u1"), "_instead": {"mask": CORNER}}),
        "NaN below the mask": (fit, right(), {"data": UNKNOWN, "_instead": {"mask": CORNER}}),
        "infinities below the mask": (fit, right(), {"data": spoiled(CORNER, np.inf), "mask": CORNER, "_instead": {"mask": CORNER}}),
        "a masked array": (fit, right(), {"data": np.ma.masked_array(WILD, CORNER), "_instead": {"mask": CORNER}}),
        "a masked array of NaN": (fit, right(), {"data": np.ma.masked_invalid(UNKNOWN), "_instead": {"mask": CORNER}}),
        "astropy's Masked with a mask": (fit, right(), {"data": Masked(WILD, mask=CORNER), "_instead": {"mask": CORNER}}),
        "NDData with a mask": (fit, right(), {"data": NDData(WILD, mask=CORNER), "_instead": {"mask": CORNER}}),
        "a mask twice": (fit, refused(ValueError, "mask must not be given"), {"data": NDData(STAMP, mask=CORNER), "mask": CORNER}),
        "an error twice": (fit, refused(ValueError, "error must not be given"), {"data": NDData(STAMP, uncertainty=StdDevUncertainty(ONES)), "error": ONES}),
        "an error of complex numbers": (fit, refused(TypeError, "error must hold real numbers"), {"error": ONES * 1j}),
        "an error of another unit": (fit, refused(ValueError, "error must have the unit"), {"data": STAMP * u.nJy, "error": ONES * u.m}),
        "an error with unit, data without": (fit, refused(ValueError, "error must have the unit"), {"error": ONES * u.nJy}),
        "an error without unit, data with": (fit, refused(ValueError, "error must have the unit"), {"data": STAMP * u.nJy, "error": ONES}),
        "an error in a larger unit": (fit, right(1e-5), {"data": STAMP * u.nJy, "error": 20e-3 * ONES * u.uJy, "_instead": {"data": STAMP * u.nJy, "error": 20 * ONES * u.nJy}}),
        "magnitudes": (fit, refused(ValueError, "data must be in linear units"), {"data": STAMP * u.mag}),
        "magnitudes of a zero-point": (fit, refused(ValueError, "data must be in linear units"), {"data": STAMP * u.ABmag}),
        "surface brightness in magnitudes": (fit, refused(ValueError, "data must be in linear units"), {"data": STAMP * u.mag / u.arcsec**2}),
        "refine of another kind": (make_fitter, refused(ValueError, "refine must be False, True or 'map'"), {"refine": "yes"}),
        "a negative pixel scale": (make_fitter, refused(ValueError, "pixel_scale must be"), {"pixel_scale": -0.2}),
        "a pixel scale of NaN": (make_fitter, refused(ValueError, "pixel_scale must be"), {"pixel_scale": np.nan}),
        "a pixel scale in metres": (make_fitter, refused(ValueError, "pixel_scale must"), {"pixel_scale": 1 * u.m}),
        "two pixel scales": (make_fitter, refused(ValueError, "pixel_scale must be"), {"pixel_scale": [1, 2]}),
        "a zero-point of text": (make_fitter, refused(ValueError, "zeropoint must be"), {"zeropoint": "thirty"}),
        "a zero-point of NaN": (make_fitter, refused(ValueError, "zeropoint must be"), {"zeropoint": np.nan}),
        "a zero-point in metres": (make_fitter, refused(ValueError, "zeropoint must be"), {"zeropoint": 3 * u.m}),
        "a finder that is none": (make_fitter, refused(TypeError, "finder must be a callable"), {"finder": 3}),
        "a batch size of 0": (make_fitter, refused(ValueError, "batch_size must be"), {"batch_size": 0}),
        "a fractional batch size": (make_fitter, refused(ValueError, "batch_size must be"), {"batch_size": 2.5}),
        "an unknown model": (make_fitter, refused(ValueError, "model must be"), {"model": "resnet"}),
        "a model of another kind": (make_fitter, refused(TypeError, "model must be"), {"model": 3}),
        "morphology of text": (both, refused(TypeError, "image must hold real numbers"), {"image": "a"}),
        "morphology of complex numbers": (both, refused(TypeError, "image must hold real numbers"), {"image": GALAXY + 1j}),
        "morphology with an error without unit": (both, refused(ValueError, "error must have the unit"), {"image": GALAXY * u.Jy, "error": GALAXY}),
        "morphology with a mask twice": (both, refused(ValueError, "mask must not be given"), {"image": np.ma.array(GALAXY, mask=GALAXY > 3), "mask": GALAXY > 3}),
        "a segmap of floats": (both, refused(TypeError, "segmap must be .*float64"), {"segmap": LABELS.astype(float)}),
        "a segmap with a unit": (both, refused(TypeError, "segmap must be .*float64"), {"segmap": LABELS * u.Jy}),
        "a name of a segmap": (both, refused(TypeError, "segmap must hold integers, got the name of a file, 'seg.fits': read it first, with astropy.io.fits.getdata"), {"segmap": "seg.fits"}),
        "a path of a segmap": (both, refused(TypeError, "segmap must hold integers, got the name of a file"), {"segmap": Path("seg.fits")}),
        "a segmap of words": (both, refused(TypeError, "segmap must be .*dtype"), {"segmap": LABELS.astype(str)}),
        "a name of a mask": (fit, refused(TypeError, "mask must hold booleans .*'bad.fits': read it first"), {"mask": "bad.fits"}),
        "a name of errors": (fit, refused(TypeError, "error must hold real numbers, got the name of a file"), {"error": Path("error.fits")}),
        "a name of positions": (fit_field, refused(TypeError, "init_params must be a table .*'places.csv': read it first, with astropy.table"), {"init_params": "places.csv"}),
        "a name of a segmap to find with": (make_fitter, refused(TypeError, "finder must be .*got the name of a file, 'seg.fits': read it first"), {"finder": "seg.fits"}),
        "a path of a segmap to find with": (make_fitter, refused(TypeError, "finder must be .*got the name of a file, 'seg'"), {"finder": Path("seg")}),
        "a misspelt finder": (make_fitter, refused(ValueError, "finder must be .*got 'Default'"), {"finder": "Default"}),
        "negative labels": (both, refused(ValueError, "segmap must be .*negative label -1"), {"segmap": -LABELS}),
        "labels without a segmap": (both, refused(ValueError, "labels must be those"), {"segmap": None, "labels": [1]}),
        "labels of floats": (both, refused(TypeError, "labels must be integers"), {"labels": [1.0]}),
    },
    "PSFs": {
        "swapped with the image": (fit, refused(ValueError, r"data of shape \(25, 25\) .* psf of shape \(61, 61\) .* are they swapped"), {"data": PSF, "psf": STAMP}),
        "swapped with the image, as an HDU": (fit, refused(ValueError, "are they swapped"), {"data": fits.ImageHDU(PSF), "psf": fits.PrimaryHDU(STAMP)}),
        "swapped with a field": (fit_field, refused(ValueError, "are they swapped"), {"data": PSF, "psf": NDData(FIELD)}),
        "swapped with a stack": (fit_stack, refused(ValueError, "are they swapped"), {"data": np.stack([PSF] * 3), "psf": STACK * u.nJy}),
        "larger than the image": (fit, right(1e-6), {"data": STAMP[8:53, 8:53], "psf": LARGE_PSF, "_instead": {"data": STAMP[8:53, 8:53]}}),
        "larger than the image, and in counts": (fit, right(1e-6), {"data": STAMP[8:53, 8:53], "psf": 900 * LARGE_PSF, "_instead": {"data": STAMP[8:53, 8:53]}}),
        "larger than a galaxy of unit flux": (fit, right(1e-6), {"data": UNIT_FLUX, "psf": LARGE_PSF, "_instead": {"data": UNIT_FLUX}}),
        "oversampled, of a galaxy of unit flux": (fit, right(1e-3), {"data": UNIT_FLUX, "psf": 9 * gaussian(9.0, size=75)[0], "psf_oversampling": 3, "_instead": {"data": UNIT_FLUX}}),
        "none": (fit, refused(ValueError, "psf must be given"), {"psf": None}),
        "of any sum": (fit, right(1e-6), {"psf": 1e-9 * PSF}),
        "of even size, centred on the middle": (fit_truly, right(1), {"psf": gaussian(3.0, size=61)[0][18:42, 18:42]}),
        "with a NaN": (fit, refused(ValueError, "psf must be finite"), {"psf": spoiled((12, 12), np.nan, PSF)}),
        "with masked pixels": (fit, refused(ValueError, "psf must be finite and without masked"), {"psf": np.ma.array(PSF, mask=PSF < 1e-3)}),
        "of zero sum": (fit, refused(ValueError, "psf must have a positive sum"), {"psf": 0 * PSF}),
        "of negative sum": (fit, refused(ValueError, "psf must have a positive sum"), {"psf": -PSF}),
        "with some negative wings": (fit_truly, right(1), {"psf": PSF - 1e-6}),
        "half a pixel off its centre": (fit_truly, flagged(0), {"psf": 0.5 * (PSF + np.roll(PSF, 1, axis=1))}),
        "off its centre": (fit, refused(ValueError, "psf must be centred"), {"psf": np.roll(PSF, 4, axis=0)}),
        "a delta function": (fit, refused(ValueError, "psf must be sampled like the image"), {"psf": spoiled((12, 12), 1, 0 * PSF)}),
        "too wide": (fit, refused(ValueError, "psf must be sampled like the image"), {"psf": gaussian(20.0, size=61)[0]}),
        "constant": (fit, refused(ValueError, "psf must be sampled like the image"), {"psf": np.ones((25, 25))}),
        "wider than in training": (fit_truly, flagged(flags.OUTSIDE_TRAINING_RANGE), {"psf": gaussian(9.0)[0]}),
        "oversampled, and not said so": (fit_truly, flagged(flags.OUTSIDE_TRAINING_RANGE), {"psf": np.kron(PSF, np.ones((3, 3)))}),
        "oversampled six times, and not said so": (fit, refused(ValueError, "psf must be sampled like .*needs its oversampling"), {"psf": np.kron(PSF, np.ones((6, 6)))}),
        "not oversampled, but said so": (fit, refused(ValueError, "psf must be sampled like"), {"psf_oversampling": 3}),
        "an oversampling of 0": (fit, refused(ValueError, "oversampling must be at least 1"), {"psf_oversampling": 0}),
        "an oversampling of NaN": (fit, refused(ValueError, "oversampling must be at least 1"), {"psf_oversampling": np.nan}),
        "of one dimension": (fit, refused(ValueError, "psf must be"), {"psf": PSF[0]}),
        "of four dimensions": (fit, refused(ValueError, "psf must be"), {"psf": PSF[None, None]}),
        "empty": (fit, refused(ValueError, "psf must be"), {"psf": np.ones((0, 25))}),
        "of objects": (fit, refused(TypeError, "psf must hold real"), {"psf": np.full((25, 25), None)}),
        "of complex numbers": (stamps_of, refused(TypeError, "psf must hold real"), {"psf": PSF * 1j}),
        "text": (fit, refused(TypeError, "psf must hold real"), {"psf": "psf.fits"}),
        "more than galaxies": (fit, refused(ValueError, "psf must be one PSF, got 3"), {"psf": np.stack([PSF] * 3)}),
        "less than galaxies": (fit_stack, refused(ValueError, "psf must be one PSF or one for each of the 3 galaxies"), {"psf": np.stack([PSF] * 2)}),
        "one of three with a NaN": (fit_stack, lost(flags.BAD_PSF, 1), psf_with(spoiled((12, 12), np.nan, PSF))),
        "one of three empty": (fit_stack, lost(flags.BAD_PSF, 1), psf_with(0 * PSF)),
        "one of three off its centre": (fit_stack, lost(flags.BAD_PSF, 1), psf_with(np.roll(PSF, 5, axis=1))),
        "one of three too sharp": (fit_stack, lost(flags.BAD_PSF, 1), psf_with(spoiled((12, 12), 1, 0 * PSF))),
        "one of three missing": (fit_stack, lost(flags.BAD_PSF, 1), {"psf": [PSF, None, PSF]}),
        "all three bad": (fit_stack, refused(ValueError, "psf must have a positive sum"), {"psf": np.zeros((3, 25, 25))}),
        "of zero sum, for morphology": (both, refused(ValueError, "psf must have a positive sum"), {"psf": np.zeros((25, 25))}),
        "stamps of even size": (stamps_of, refused(ValueError, "size must be an odd number"), {"size": 24}),
        "a file that ends too early": (psf_file, refused(*UNREADABLE), cut(0.5)),
        "a file without an image": (psf_file, refused(ValueError, "holds no 2-D image"), hdus_of(fits.PrimaryHDU())),
        "a file that is missing": (psf_file, refused(OSError, "no such file"), lambda folder: folder / "a.fits"),
        "a file of zeros": (command, refused(SystemExit, "psf must have a positive sum"), beside("--psf", 0 * PSF)),
        "a file of NaN": (command, refused(SystemExit, "psf must be finite"), beside("--psf", PSF * np.nan)),
        "a file of another sampling": (command, refused(SystemExit, "psf must be sampled"), ["--psf-oversampling", "3"]),
    },
    "Files": {
        "missing": (command, refused(SystemExit, "IMAGE absent.fits: no such file"), ["absent.fits"]),
        "a folder": (command, refused(SystemExit, "IMAGE .: no such file"), ["."]),
        "empty": (image_file, refused(*UNREADABLE), holds(b"")),
        "not FITS": (image_file, refused(*UNREADABLE), holds(b"this is no FITS file\n" * 200)),
        "zeros": (image_file, refused(*UNREADABLE), holds(bytes(2880))),
        "the beginning of a header": (image_file, refused(*UNREADABLE), holds(b"SIMPLE  = T")),
        "a picture": (image_file, refused(*UNREADABLE), holds(b"\x89PNG\r\n\x1a\n" + bytes(9000))),
        **{f"cut at {part}": (image_file, refused(*UNREADABLE), cut(part)) for part in (0.02, 0.1, 0.5, 0.9)},
        **{name: (image_file, refused(*UNREADABLE), write) for name, write in HOSTILE_HEADERS.items()},
        "an extension of negative size": (image_file, refused(*UNREADABLE), of_negative_size),
        "an extension of negative size, of a name": (named_image, refused(*UNREADABLE), of_negative_size),
        "a PSF of negative size": (psf_file, refused(*UNREADABLE), of_negative_size),
        "gzip that is cut": (image_file, refused(*UNREADABLE), holds(gzip.compress(bytes(9000))[:30], "a.fits.gz")),
        "gzip of something else": (image_file, refused(*UNREADABLE), holds(gzip.compress(b"hello"), "a.fits.gz")),
        "gzip in name alone": (image_file, refused(*UNREADABLE), holds(b"hello", "a.fits.gz")),
        "a bomb in gzip that claims a giant": (image_file, refused(*UNREADABLE), bomb(10**6)),
        "a bomb in gzip beyond all memory": (image_file, refused(*UNREADABLE), bomb(10**9)),
        "tiles of fpack that are corrupt": (image_file, refused(*UNREADABLE), corrupt_tiles),
        "no image": (image_file, refused(ValueError, "holds no 2-D image"), hdus_of(fits.PrimaryHDU())),
        "a spectrum": (image_file, refused(ValueError, "holds no 2-D image"), hdus_of(fits.PrimaryHDU(np.ones(5)))),
        "a table": (image_file, refused(ValueError, "holds no 2-D image"), hdus_of(fits.PrimaryHDU(), fits.BinTableHDU(Table({"x": [1]})))),
        "without the extension of the image": (image_parts, refused(ValueError, "holds no image"), hdus_of(fits.PrimaryHDU(), fits.ImageHDU(STAMP, name="ERR"))),
        "errors of another shape": (image_parts, refused(ValueError, "ERR must have the shape"), hdus_of(fits.PrimaryHDU(), fits.ImageHDU(STAMP, name="SCI"), fits.ImageHDU(PSF, name="ERR"))),
        "a mask of another shape": (command, refused(SystemExit, "--mask must have the shape"), beside("--mask", PSF)),
        "an error of another shape": (command, refused(SystemExit, "--error must have the"), beside("--error", PSF)),
        "a mask that is missing": (command, refused(SystemExit, "--mask absent.fits: no such file"), ["--mask", "absent.fits"]),
        "an unknown model": (command, refused(SystemExit, "model must be"), ["--model", "resnet"]),
        "a negative scale": (command, refused(SystemExit, "pixel_scale must be"), ["--pixel-scale", "-1"]),
        "output in no folder": (command, refused(SystemExit, "--output must be in a folder"), ["-o", "absent/table.ecsv"]),
        "output of no kind": (command, refused(SystemExit, "--output must end on .ecsv"), ["-o", "table.xyz"]),
        "output is a folder": (command, refused(SystemExit, "--output must"), ["-o", "."]),
        "a figure in no folder": (command, refused(SystemExit, "--figure must be in a folder"), ["--figure", "absent/f.png"]),
        "a figure of no kind": (command, refused(SystemExit, "--figure"), ["--figure", "figure.xyz"]),
    },
    "Catalogues": {
        "missing": (command, refused(SystemExit, "--catalog absent.ecsv: no such"), ["--catalog", "absent.ecsv"]),
        "without x and y": (command, refused(SystemExit, "x and y"), listing({"mag": [1.0]})),
        "torn": (command, refused(SystemExit, "--catalog torn.ecsv: not a readable"), lambda folder: ["--catalog", holds(b"# %ECSV 1.0\n# ---\n# datatype:\n", "torn.ecsv")(folder).name]),
        "empty file": (command, refused(SystemExit, "columns with x and y"), lambda folder: ["--catalog", holds(b"", "no.csv")(folder).name]),
        "a FITS image instead": (command, refused(SystemExit, "--catalog psf.fits"), ["--catalog", "psf.fits"]),
        "x of text": (command, refused(SystemExit, "column 'x' must hold a real"), listing({"x": ["far"], "y": [1.0]})),
        "x in arcsec": (command, refused(SystemExit, "must be in pixels"), listing({"x": [30.0] * u.arcsec, "y": [30.0] * u.arcsec})),
        "no rows": (catalog, right(), {"id": [], "x": [], "y": []}),
        "identifiers that are there twice": (catalog, refused(ValueError, "must be unique, got 1 more than once: 7"), {"id": [7, 7, 8]}),
        "identifiers beyond 2^53": (catalog, right(1e-9), {"id": [2**60 + 1, 2**60 + 2, 2**60 + 3]}),
        "a position that is NaN": (catalog, lost(flags.OUTSIDE_IMAGE, 1), {"x": [POSITIONS[0, 0], np.nan, POSITIONS[2, 0]]}),
        "a position outside": (catalog, lost(flags.OUTSIDE_IMAGE, 1), {"x": [POSITIONS[0, 0], -1e9, POSITIONS[2, 0]]}),
        "no identifiers": (catalog, right(1e-9), {"id": None}),
        "text for identifiers": (positions, refused(ValueError, "more than once: a"), {"id": ["a", "a"]}),
        "identifiers that are not whole": (positions, refused(TypeError, "whole numbers or text, got dtype fl"), {"id": [1.5, 2]}),
        "large identifiers that were rounded": (positions, refused(TypeError, "whole numbers or text"), {"id": [1e17, 2]}),
        "identifiers that are masked": (positions, refused(ValueError, "id must not have missing"), {"id": MaskedColumn([1, 2], mask=[1, 0])}),
        "right ascensions of text": (positions, refused(TypeError, "ra must hold real numbers"), {"ra": ["1", "2"]}),
        "right ascensions in metres": (positions, refused(ValueError, "ra must be an angle, got unit m"), {"ra": [1, 2] * u.m}),
        "no right ascensions": (positions, refused(ValueError, "columns ra and dec|ra, dec"), {"ra": None}),
        "a column that is named and missing": (positions, refused(ValueError, "the column 'RA' for ra"), {"columns": {"ra": "RA"}}),
        "a name that is misspelt": (positions, refused(ValueError, "got 'Ra'"), {"columns": {"Ra": "ra"}}),
        "a column to keep that is missing": (positions, refused(ValueError, "has no 'mag'"), {"keep": ["mag"]}),
        "a column that will be made": (positions, refused(ValueError, "has a column of"), {"flags": [1, 2], "keep": ["flags"]}),
        "a column of results": (positions, refused(ValueError, "has a column of"), {"n_fit": [1, 2], "keep": ["n_fit"]}),
        "a column to keep twice": (positions, refused(ValueError, "each column once"), {"a": [1, 2], "keep": ["a", "a"]}),
        "a column of complex numbers": (positions, refused(TypeError, "'a' has dtype complex"), {"a": [1j, 2], "keep": ["a"]}),
    },
}
# fmt: on

CASES = {
    f"{kind}: {name}": case
    for kind, cases in TABLE.items()
    for name, case in cases.items()
}
# Morphology is measured in two ways, of which each must do the same.
CASES = {
    f"{name}, {entry.__name__}" if case[0] is both else name: (entry, *case[1:])
    for name, case in CASES.items()
    for entry in (both if case[0] is both else case[:1])
}


class Tools:
    """What entry points need; networks are loaded by those that use them."""

    calls = 0

    def __init__(self, folder, network, morphology, sersic, capsys):
        self.folder, self.network = folder, network
        self.morphology, self.sersic, self.capsys = morphology, sersic, capsys


@pytest.fixture(scope="module")
def sersic():
    """Return a function that loads the network that ships, once."""
    from astro_cnnfit.weights import available, load_network

    if "sersic" not in available():
        return lambda: pytest.skip(reason="the default network is not in this build")
    network = load_network("sersic")
    return lambda: CNNSersicFitter(network)


@pytest.fixture
def tools(tmp_path, sersic, bundled, network, morphology_network, capsys, monkeypatch):
    """A folder that is the working directory, and networks."""
    monkeypatch.chdir(tmp_path)
    return Tools(tmp_path, network, morphology_network, sersic, capsys)


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name, tools):
    entry, outcome, change = CASES[name]
    change = change(tools.folder) if callable(change) else change
    change = change.copy() if isinstance(change, (dict, list)) else change
    instead = change.pop("_instead", {}) if isinstance(change, dict) else []
    if outcome.kind == "refused":
        with pytest.raises(outcome.exception, match=outcome.match):
            entry(tools, change)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = entry(tools, change)
    told = [str(w.message) for w in caught if w.category is AstropyUserWarning]
    if entry is catalog:
        told = []  # the run tells in its summary
    assert [
        str(w.message) for w in caught if w.category is not AstropyUserWarning
    ] == []
    undisturbed = entry(tools, instead)
    CHECKS[outcome.kind](outcome, table, undisturbed, told, entry)


def is_lost(table):
    """Rows without a result."""
    if len(table) == 0:
        return np.zeros(0, bool)
    name = "r_eff_fit" if "r_eff_fit" in table.colnames else "concentration"
    return np.isnan(np.asarray(table[name], float))


def check_lost(outcome, table, undisturbed, told, entry):
    """NaN and flags, one warning, and other rows that do not know of it."""
    rows = list(outcome.rows)
    assert np.flatnonzero(is_lost(table)).tolist() == rows
    assert np.asarray(table["flags"])[rows].tolist() == [outcome.bits] * len(rows)
    if entry is not catalog:
        assert len(told) == 1
        assert told[0].startswith(f"{len(rows)} of {counted(len(table))}")
    others = [row for row in range(len(table)) if row not in rows]
    if len(undisturbed) == len(table):
        assert_close(table[others], undisturbed[others], 1e-6)


def check_flagged(outcome, table, undisturbed, told, entry):
    """A value with flags, of which nothing else is said."""
    rows = list(outcome.rows)
    assert told == []
    assert not is_lost(table)[rows].any()
    bits = np.asarray(table["flags"])[rows]
    assert np.all(bits & outcome.bits == outcome.bits), flags.decode_flags(bits)
    assert not np.any(np.asarray(undisturbed["flags"])[:1] & outcome.bits)


def check_right(outcome, table, undisturbed, told, entry):
    """The same results and flags, as far as there are rows."""
    assert told == []
    assert not is_lost(table).any()
    n = min(len(table), len(undisturbed))
    assert_close(table[:n], undisturbed[:n], outcome.tolerance)
    if n:
        np.testing.assert_array_equal(table["flags"][:n], undisturbed["flags"][:n])


CHECKS = {"lost": check_lost, "flagged": check_flagged, "right": check_right}


def assert_close(table, expected, tolerance):
    """Compare results: relative, or from 0.1 on in units of the stated errors."""
    for column in table.colnames:
        if column in ("id", "tile") or not hasattr(table[column], "dtype"):
            continue
        if column not in expected.colnames:
            continue  # what only a WCS brings
        values = np.asarray(table[column], float)
        others = np.asarray(expected[column], float)
        if tolerance < 0.1:
            np.testing.assert_allclose(
                values, others, rtol=tolerance, atol=1e-9, err_msg=column
            )
        elif (
            column.endswith("_fit") and column.replace("_fit", "_err") in table.colnames
        ):
            error = np.asarray(expected[column.replace("_fit", "_err")], float)
            assert np.all(np.abs(values - others) <= tolerance * error), column


@pytest.mark.parametrize("zeropoint", [30, 30.0 * u.mag, 30.0 * u.ABmag])
def test_zeropoint_in_any_form(network, zeropoint):
    assert CNNSersicFitter(network, zeropoint=zeropoint).zeropoint == 30.0


def test_there_are_enough_cases():
    assert len(CASES) > 200
    kinds = {outcome.kind for _, outcome, _ in CASES.values()}
    assert kinds == {"refused", "lost", "flagged", "right"}
