# Licensed under a 3-clause BSD style license - see LICENSE
"""What the fuzz run changes, and what reads it: a good file and a function each."""

import gzip
import hashlib

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from astro_cnnfit.catalog.config import read_config as read_run
from astro_cnnfit.catalog.headers import image_hdus
from astro_cnnfit.catalog.sources import open_source
from astro_cnnfit.cli.files import read_table
from astro_cnnfit.inputs import (
    find_zeropoint,
    parse_image,
    parse_positions,
    read_image,
)
from astro_cnnfit.inputs.files import read_parts
from astro_cnnfit.networks import build
from astro_cnnfit.psf import as_psf_stamps, gaussian, read_psf
from astro_cnnfit.training import read_config as read_training
from astro_cnnfit.weights import write_model
from astro_cnnfit.weights.files import read_arrays, read_description

__all__ = ["TARGETS"]


def _model(folder):
    description = {
        "architecture": "galnet1",
        "arguments": {"filters": [2, 2, 2, 2], "dense": [2, 2, 2]},
        "trained_ranges": {"n": [0.3, 8.0]},
        "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
    }
    model = build("galnet1", **description["arguments"])
    return write_model(folder / "model", model, description)


def make_description(folder):
    """``model.json`` of a small model."""
    return _model(folder) / "model.json"


def make_weights(folder):
    """Weights of a small model."""
    return _model(folder) / "weights.safetensors"


def read_weights(folder):
    """Read weights, whatever their checksum."""
    content = (folder / "model" / "weights.safetensors").read_bytes()
    read_arrays(folder / "model", hashlib.sha256(content).hexdigest())


def make_image(folder):
    """A FITS image with a second one that is compressed."""
    data = np.random.default_rng(1).normal(size=(20, 24)).astype("float32")
    first = fits.PrimaryHDU(data)
    first.header["CTYPE1"], first.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    first.header["CD1_1"], first.header["CD2_2"] = -1e-4, 1e-4
    path = folder / "image.fits"
    fits.HDUList([first, fits.CompImageHDU(data, name="TWO")]).writeto(path)
    return path


def make_compressed(folder):
    """A compressed image alone."""
    data = np.random.default_rng(2).normal(size=(30, 40)).astype("float32")
    path = folder / "image.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data)]).writeto(path)
    return path


def make_zipped(folder):
    """An image in gzip."""
    data = np.zeros((30, 40), "int16")
    path = folder / "image.fits.gz"
    with gzip.open(path, "wb") as file:
        fits.PrimaryHDU(data).writeto(file)
    return path


def make_extensions(folder):
    """An image with errors and a mask of named bits, and its zero-point."""
    data = np.random.default_rng(3).normal(size=(12, 14)).astype("float32")
    header = fits.Header({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
    header.update({"CD1_1": -1e-4, "CD2_2": 1e-4, "CRVAL1": 9.0, "CRVAL2": 5.0})
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "B_1_1": 1e-4})
    header.update({"BUNIT": "MJy/sr", "PIXAR_SR": 1e-14, "MAGZERO": 28.9})
    names = fits.Header({"MP_SAT": 1, "MP_CR": 3})
    path = folder / "image.fits"
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(data, header, name="SCI"),
        fits.ImageHDU(np.abs(data), name="ERR"),
        fits.ImageHDU((data > 1).astype("int32"), names, name="DQ"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def read_extensions(folder):
    """Read an image with all that stands beside it."""
    image = parse_image(read_parts(folder / "image.fits"), bad_bits=[2, "SAT"])
    find_zeropoint(image)
    if image.wcs is not None:
        parse_positions(SkyCoord([9.0], [5.0], unit="deg"), image.wcs)


def make_table(folder):
    """A catalogue in FITS."""
    path = folder / "table.fits"
    columns = {"id": np.arange(9), "ra": np.ones(9), "name": ["abc"] * 9}
    Table(columns).write(path)
    return path


def read_source(folder):
    """Read all columns of a catalogue."""
    source = open_source(folder / "table.fits")
    source.read(source.colnames)


def make_csv(folder):
    """A catalogue in ECSV."""
    path = folder / "table.ecsv"
    columns = {"id": np.arange(9), "x": np.ones(9), "name": ["abc"] * 9}
    Table(columns).write(path)
    return path


def make_psf(folder):
    """PSFs at positions of an image."""
    path = folder / "psf.fits"
    cube = fits.PrimaryHDU(np.repeat(gaussian(3.0), 4, axis=0))
    positions = Table({"x": [0.0, 9, 0, 9], "y": [0.0, 0, 9, 9]})
    fits.HDUList([cube, fits.BinTableHDU(positions)]).writeto(path)
    return path


def make_psfex(folder):
    """A PSF as PsfEx writes it, with a polynomial of the first degree."""
    path = folder / "psf.fits"
    masks = (
        np.repeat(gaussian(3.0), 3, axis=0) * np.array([1, 0.01, 0.01])[:, None, None]
    )
    column = fits.Column(
        "PSF_MASK", f"{masks.size}E", dim="(25,25,3)", array=masks[np.newaxis]
    )
    hdu = fits.BinTableHDU.from_columns([column], name="PSF_DATA")
    keys = {"POLNAXIS": 2, "POLNGRP": 1, "POLDEG1": 1, "PSF_SAMP": 1.0, "PSFNAXIS": 3}
    for number, name in enumerate(("X_IMAGE", "Y_IMAGE"), start=1):
        keys |= {f"POLGRP{number}": 1, f"POLNAME{number}": name}
        keys |= {f"POLZERO{number}": 500.0, f"POLSCAL{number}": 1000.0}
    for number, length in enumerate(masks.shape[::-1], start=1):
        keys[f"PSFAXIS{number}"] = length
    hdu.header.update(keys)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def read_stamps(folder):
    """Read PSFs and evaluate them at a position."""
    as_psf_stamps(read_psf(folder / "psf.fits"), positions=([3.0], [4.0]))


def make_run(folder):
    """Configuration of a catalogue run."""
    path = folder / "run.toml"
    path.write_text(
        'output = "out"\n[tiles]\npath = "tiles/*.fits.fz"\nhdu = 1\n'
        'mask = "{folder}/{stem}_mask.fits"\n[catalog]\npath = "table.fits"\n'
        'columns = {id = "ID"}\n[sersic]\nmodel = "sersic"\n[cas]\n[run]\nworkers = 2\n'
    )
    return path


def make_training(folder):
    """Configuration of a training."""
    path = folder / "training.toml"
    path.write_text(
        'architecture = "sersic"\nsamples = 1000\nlearning_rate = 1e-3\n'
        "[arguments]\nfilters = [2, 2, 2]\n[priors]\ntable1 = 1.0\n"
    )
    return path


# A function that writes a good file into a folder, and one that reads what is there.
TARGETS = {
    "description": (make_description, lambda f: read_description(str(f / "model"))),
    "weights": (make_weights, read_weights),
    "image": (make_image, lambda f: read_image(f / "image.fits", "TWO")),
    "compressed image": (make_compressed, lambda f: read_image(f / "image.fits.fz")),
    "zipped image": (make_zipped, lambda f: read_image(f / "image.fits.gz")),
    "extensions": (make_extensions, read_extensions),
    "tile": (make_image, lambda f: image_hdus(f / "image.fits")),
    "catalogue": (make_table, read_source),
    "text catalogue": (make_csv, lambda f: read_table(f / "table.ecsv", "catalog")),
    "psf": (make_psf, read_stamps),
    "psfex": (make_psfex, read_stamps),
    "run": (make_run, lambda f: read_run(f / "run.toml")),
    "training": (make_training, lambda f: read_training(f / "training.toml")),
}
