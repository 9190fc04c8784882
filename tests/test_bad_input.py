# Licensed under a 3-clause BSD style license - see LICENSE
"""
What the fitter does with input that is not as it should be.

Bad calls are exceptions that name the argument; odd but sound arrays give the
same answer as their plain twin. What is wrong with single galaxies is in
test_fitter.py, files in test_cli.py.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import Table
from astropy.utils.masked import Masked

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.psf import gaussian

PSF = gaussian(3.0)[0]
RNG = np.random.default_rng(8)
Y, X = np.mgrid[:61, :61] - 30.0
# Whole numbers, so that integers hold the same image.
STAMP = np.rint(5000 * np.exp(-np.hypot(X, Y / 0.7) / 3) + RNG.normal(50, 20, X.shape))
ONES = np.ones_like(STAMP)

# What is changed in a sound call, the exception, and what its message says.
BAD_CALLS = {
    "one dimension": ({"data": np.ones(61)}, ValueError, "data must be a 2-D image"),
    "four dimensions": (
        {"data": np.ones((2, 2, 61, 61))}, ValueError, "data must be a 2-D image",
    ),
    "a number": ({"data": 3.0}, ValueError, "data must be a 2-D image"),
    "empty image": ({"data": np.ones((0, 61))}, ValueError, "data must be .*empty"),
    "empty stack": ({"data": np.ones((0, 61, 61))}, ValueError, "data must be .*empty"),
    "None": ({"data": None}, TypeError, "data must hold real numbers"),
    "text": ({"data": "galaxy.fits"}, TypeError, "data must hold real numbers"),
    "objects": (
        {"data": np.full((61, 61), None)}, TypeError, "data must hold real numbers",
    ),
    "complex": ({"data": STAMP + 1j}, TypeError, "data must hold real numbers"),
    "truth values": ({"data": STAMP > 0}, TypeError, "data must hold real numbers"),
    "ragged": ({"data": [[1.0, 2.0], [3.0]]}, ValueError, "data must be a regular"),
    "no psf": ({"psf": None}, ValueError, "psf must be given"),
    "psf not finite": (
        {"psf": np.where(X[18:43, 18:43] == 3, np.nan, PSF)},
        ValueError, "psf must be finite",
    ),
    "psf of zero sum": ({"psf": PSF * 0}, ValueError, "psf must have a positive sum"),
    "psf of negative sum": ({"psf": -PSF}, ValueError, "psf must have a positive sum"),
    "psf too sharp": (
        {"psf": np.eye(25)[[12]].T * np.eye(25)[12]},
        ValueError, "psf must be sampled like the image",
    ),
    "psf too broad": (
        {"psf": gaussian(20.0, size=61)[0]},
        ValueError, "psf must be sampled like the image",
    ),
    "psf off its centre": (
        {"psf": np.roll(PSF, 4, axis=0)}, ValueError, "psf must be centred",
    ),
    "psf of one dimension": ({"psf": PSF[0]}, ValueError, "psf must be"),
    "psf of objects": ({"psf": PSF.astype(object)}, TypeError, "psf must hold real"),
    "psf is text": ({"psf": "psf.fits"}, TypeError, "psf must hold real"),
    "too many psfs": (
        {"psf": np.stack([PSF] * 3)}, ValueError, "psf must be one PSF or one for each",
    ),
    "oversampling": (
        {"psf_oversampling": 0}, ValueError, "psf_oversampling must be at least 1",
    ),
    "mask of another shape": (
        {"mask": np.zeros((61, 60), bool)}, ValueError, "mask must have the shape",
    ),
    "mask of text": (
        {"mask": np.full((61, 61), "x")}, TypeError, "mask must hold booleans",
    ),
    "mask twice": (
        {"data": NDData(STAMP, mask=STAMP > 1e9), "mask": STAMP > 1e9},
        ValueError, "mask must not be given",
    ),
    "error twice": (
        {"data": NDData(STAMP, uncertainty=StdDevUncertainty(ONES)), "error": ONES},
        ValueError, "error must not be given",
    ),
    "error of another shape": (
        {"error": np.ones((3, 3))}, ValueError, "error must be a number or have",
    ),
    "error of another unit": (
        {"data": STAMP * u.nJy, "error": ONES * u.m},
        ValueError, "error must have the unit",
    ),
    "error with unit, data without": (
        {"error": ONES * u.nJy}, ValueError, "error must have the unit",
    ),
    "positions without x and y": (
        {"init_params": Table({"ra": [1.0], "dec": [2.0]})},
        ValueError, "init_params columns ra and dec must be pixels",
    ),
    "positions of three numbers": (
        {"init_params": [[1.0, 2.0, 3.0]]}, ValueError, r"shape \(N, 2\)",
    ),
    "positions of text": ({"init_params": [["a", "b"]]}, TypeError, "init_params must"),
    "positions in degrees": (
        {"init_params": Table({"x": [1.0] * u.deg, "y": [2.0] * u.deg})},
        ValueError, "init_params",
    ),
    "positions for another stack": (
        {"data": STAMP[np.newaxis], "init_params": [[1.0, 2.0], [3.0, 4.0]]},
        ValueError, "init_params must have a row for each",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_call(name, network):
    changed, exception, message = BAD_CALLS[name]
    arguments = {"data": STAMP, "psf": PSF} | changed
    fitter = CNNSersicFitter(network)
    with pytest.raises(exception, match=message):
        fitter(**arguments)
    assert fitter.results is None
    assert network.calls == []


BAD_SETTINGS = {
    "refine": ({"refine": "yes"}, ValueError, "refine must be False, True or 'map'"),
    "pixel scale": ({"pixel_scale": -0.2}, ValueError, "pixel_scale must be"),
    "pixel scale is NaN": ({"pixel_scale": np.nan}, ValueError, "pixel_scale must be"),
    "pixel scale in metres": ({"pixel_scale": 1 * u.m}, ValueError, "pixel_scale must"),
    "two pixel scales": ({"pixel_scale": [1, 2]}, ValueError, "pixel_scale must be"),
    "zero-point": ({"zeropoint": "thirty"}, ValueError, "zeropoint must be"),
    "zero-point is NaN": ({"zeropoint": np.nan}, ValueError, "zeropoint must be"),
    "zero-point in metres": ({"zeropoint": 3 * u.m}, ValueError, "zeropoint must be"),
    "finder": ({"finder": 3}, TypeError, "finder must be a callable"),
    "batch size": ({"batch_size": 0}, ValueError, "batch_size must be"),
    "fractional batch size": ({"batch_size": 2.5}, ValueError, "batch_size must be"),
    "unknown model": ({"model": "resnet"}, ValueError, "model must be"),
    "model of another kind": ({"model": 3}, TypeError, "model must be"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_setting(name, bundled):
    changed, exception, message = BAD_SETTINGS[name]
    with pytest.raises(exception, match=message):
        CNNSersicFitter(**changed)


@pytest.mark.parametrize("zeropoint", [30, 30.0 * u.mag, 30.0 * u.ABmag])
def test_zeropoint_in_any_form(network, zeropoint):
    assert CNNSersicFitter(network, zeropoint=zeropoint).zeropoint == 30.0


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def in_steps(array):
    wide = np.zeros((122, 183))
    wide[::2, ::3] = array
    return wide[::2, ::3]


TWINS = {
    "list": lambda array: array.tolist(),
    "float32": lambda array: array.astype("f4"),
    "big-endian float64": lambda array: array.astype(">f8"),
    "big-endian float32": lambda array: array.astype(">f4"),
    "float16 would not hold it, int16 does": lambda array: array.astype("i2"),
    "big-endian int16": lambda array: array.astype(">i2"),
    "int64": lambda array: array.astype(int),
    "unsigned": lambda array: np.abs(array).astype("u2"),
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "every second of a larger array": in_steps,
    "mirrored view": lambda array: array[::-1].copy()[::-1],
    "masked array, nothing masked": np.ma.masked_array,
    "masked array with a mask": lambda array: np.ma.masked_array(array, array < -1e9),
    "astropy's Masked": lambda array: Masked(array, mask=array < -1e9),
    "Quantity without unit": lambda array: array << u.one,
    "NDData": NDData,
    "HDU": fits.ImageHDU,
    "primary HDU": lambda array: fits.PrimaryHDU(array.astype(">f4")),
}


@pytest.mark.parametrize("name", TWINS)
def test_twin_gives_the_same_answer(name, network):
    stamp = np.abs(STAMP)
    fitter = CNNSersicFitter(network)
    plain = fitter(stamp, PSF)
    twin = fitter(TWINS[name](stamp), PSF)
    for column in plain.colnames:
        np.testing.assert_allclose(
            np.asarray(twin[column], float), np.asarray(plain[column], float), rtol=1e-9
        )


@pytest.mark.parametrize("name", TWINS)
def test_twin_of_a_psf_gives_the_same_answer(name, network):
    psf = np.rint(PSF * 3e4)
    fitter = CNNSersicFitter(network)
    wide = np.zeros((122, 183))
    if name == "every second of a larger array":
        wide[: 2 * 25 : 2, : 3 * 25 : 3] = psf
        twin = wide[: 2 * 25 : 2, : 3 * 25 : 3]
    else:
        twin = TWINS[name](psf)
    plain, other = fitter(STAMP, psf), fitter(STAMP, twin)
    for column in plain.colnames:
        np.testing.assert_allclose(
            np.asarray(other[column], float),
            np.asarray(plain[column], float),
            rtol=1e-9,
        )


def test_masked_twins_agree(network):
    mask = np.zeros(STAMP.shape, bool)
    mask[5:9, 40:50] = True
    spoiled = np.where(mask, np.nan, STAMP)
    wild = np.where(mask, 1e9, STAMP)
    fitter = CNNSersicFitter(network)
    plain = fitter(STAMP, PSF, mask=mask)
    for twin in (
        spoiled,
        np.ma.masked_array(wild, mask),
        np.ma.masked_invalid(spoiled),
        Masked(wild, mask=mask),
        NDData(wild, mask=mask),
        np.where(mask, np.inf, STAMP),
    ):
        table = fitter(twin, PSF)
        for column in plain.colnames:
            np.testing.assert_allclose(
                np.asarray(table[column], float), np.asarray(plain[column], float)
            )
    for kind in (int, float, "u1"):
        table = fitter(wild, PSF, mask=mask.astype(kind))
        np.testing.assert_allclose(table["flux_fit"], plain["flux_fit"])
