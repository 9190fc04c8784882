# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the zero-points that units and headers tell."""

import logging
import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.inputs import Image, find_zeropoint, parse_image, read_image
from astro_cnnfit.psf import gaussian

DATA_FOLDER = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
PSF = gaussian(3.0)[0]
Y, X = np.mgrid[:71, :71] - 35.0
DATA = 300 * np.exp(-np.hypot(X, Y) / 3)
DATA += np.random.default_rng(3).normal(0, 1, X.shape)
# STScI's table for WFC3, in an image of the Frontier Fields.
F105W = {"PHOTFLAM": 3.0386574e-20, "PHOTPLAM": 10551.047}


def zeropoint(cards, data=DATA):
    return find_zeropoint(parse_image(fits.PrimaryHDU(data, fits.Header(cards))))


@pytest.mark.parametrize(
    ("cards", "value", "source"),
    [
        ({"BUNIT": "nJy"}, 31.4, "unit nJy"),
        ({"BUNIT": "uJy"}, 23.9, "unit uJy"),
        ({"BUNIT": "mJy"}, 16.4, "unit mJy"),
        ({"BUNIT": "Jy"}, 8.9, "unit Jy"),
        ({"BUNIT": "10.0*nanoJansky"}, 28.9, "unit 10 nJy"),
        ({"BUNIT": "nanomaggy"}, 22.5, "unit nmgy"),
        ({"BUNIT": "MJy/sr", "PIXAR_SR": 2.29e-14}, 28.0, "unit MJy / sr and PIXAR_SR"),
        ({"MAGZERO": 30.0}, 30.0, "MAGZERO of the header"),
        ({"MAGZERO": 22.5, "BUNIT": "nanomaggy"}, 22.5, "unit nmgy"),
        ({"MAGZERO": 30}, 30.0, "MAGZERO of the header"),
        ({"PHOTZP": 0.0, "PHOTSYS": "AB"}, 0.0, "PHOTZP of the header"),
        ({"PHOTZP": 30.0, "INSTRUME": "MegaPrime"}, 30.0, "PHOTZP of the header"),
        ({"MAGZP": 26.2, "INSTRUME": "ZTF/MOSAIC"}, 26.2, "MAGZP of the header"),
        ({"FLUXMAG0": 63095734448.0194}, 27.0, "FLUXMAG0 of the header"),
        ({**F105W, "BUNIT": "ELECTRONS/S"}, 26.2689, "PHOTFLAM and PHOTPLAM"),
        ({**F105W, "BUNIT": "ELECTRONS", "EXPTIME": 1000}, 33.7689, "PHOTFLAM and"),
        ({**F105W, "BUNIT": "COUNTS", "EXPTIME": 100.0}, 31.2689, "PHOTFLAM and"),
        ({**F105W, "BUNIT": "cps"}, 26.2689, "PHOTFLAM and PHOTPLAM"),
        ({**F105W, "BUNIT": "DN/s", "PHOTFNU": 1.1283712e-07}, 26.2689, "PHOTFLAM"),
        ({"BUNIT": "electron/s", "PHOTFNU": 1.1283712e-07}, 26.269, "PHOTFNU of"),
    ],
)  # fmt: skip
def test_what_is_recognised(cards, value, source):
    found = zeropoint(cards)
    assert found.value == pytest.approx(value, abs=2e-3)
    assert found.source.startswith(source)
    assert type(found.value) is float


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"BUNIT": "counts"},
        {"BUNIT": "MJy/sr"},  # of pixels of unknown size
        {"BUNIT": "mJy/beam"},
        {"MAGZERO": "30"},
        {"MAGZERO": True},
        {"MAGZERO": 24.0, "PHOTSYS": "VEGA"},
        {"MAGZERO": 24.0, "MAGSYS": "Vegamag"},
        {"MAGZERO": 21.326, "INSTRUME": "Mosaic3", "BUNIT": "counts/s"},
        {"MAGZERO": 20.562, "INSTRUME": "90prime", "BUNIT": "ADU"},
        {"PHOTZP": 24.0},
        {"PHOTZP": 24.0, "PHOTSYS": "VEGA"},
        {"MAGZP": 20.5, "TELESCOP": "WISE"},
        {"MAGZP": 20.8, "ORIGIN": "2MASS"},
        {"MAGZPT": 22.3},
        {"PHOTZPT": -21.1},
        {"FLUXMAG0": 0.0},
        F105W,  # of what, is not said
        {**F105W, "BUNIT": "ELECTRONS"},
        {**F105W, "BUNIT": "ELECTRONS", "EXPTIME": 0.0},
        {**F105W, "BUNIT": "m"},
        {"BUNIT": "ELECTRONS/S", "PHOTFLAM": 0.0, "PHOTPLAM": 10551.047},
        {"BUNIT": "ELECTRONS/S", "PHOTFLAM": 3e-20},
        {"PIXAR_SR": 2e-14},
    ],
)
def test_what_is_not_used(cards):
    assert zeropoint(cards) is None


def test_contradictions_name_both():
    with pytest.raises(ValueError, match=r"must be given: unit nJy says 31\.4"):
        zeropoint({"BUNIT": "nJy", "MAGZERO": 30.0})
    cards = {"MAGZERO": 27.006, "FLUXMAG0": 63095734448.0194}
    with pytest.raises(ValueError, match=r"MAGZERO of the header says .* FLUXMAG0 of"):
        zeropoint(cards)
    assert zeropoint({**cards, "MAGZERO": 27.004}).value == 27.004


def test_area_of_the_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crpix = ("RA---TAN", "DEC--TAN"), (36, 36)
    wcs.wcs.cdelt = -0.06 / 3600, 0.03 / 3600
    header = wcs.to_header()
    header["BUNIT"] = "MJy/sr"
    found = zeropoint(header)
    area = 0.06 * 0.03 / 206264.806247**2
    expected = -2.5 * np.log10(1e6 * area / 3630.78)
    assert found.value == pytest.approx(expected, abs=1e-3)
    assert found.source == "unit MJy / sr and the WCS"
    header["PIXAR_SR"] = area
    assert zeropoint(header).value == pytest.approx(expected, abs=1e-3)
    data = NDData(DATA, unit="MJy/sr", wcs=wcs)
    assert find_zeropoint(parse_image(data)).value == pytest.approx(expected, abs=1e-3)


def test_other_forms_of_images():
    assert find_zeropoint(parse_image(DATA)) is None
    assert find_zeropoint(parse_image(DATA * u.adu)) is None
    assert find_zeropoint(parse_image(DATA * u.nJy)).value == pytest.approx(31.4)
    data = NDData(DATA, meta={"magzero": 25.0})
    assert find_zeropoint(parse_image(data)).value == 25.0
    data = NDData(DATA, meta={"BUNIT": "nJy"})
    assert find_zeropoint(parse_image(data)).value == pytest.approx(31.4)
    data = CCDData(DATA, unit="electron/s", meta=fits.Header(F105W))
    assert find_zeropoint(parse_image(data)).value == pytest.approx(26.2689, abs=1e-3)
    # What was put together by hand says itself what counts.
    assert find_zeropoint(Image(DATA, unit=u.nJy)) is None


def test_log(caplog):
    with caplog.at_level(logging.INFO, logger="astro_cnnfit"):
        zeropoint({"FLUXMAG0": 1e9, "MAGZP": 20.5})
    assert "22.5000 (AB), from FLUXMAG0 of the header" in caplog.text
    assert "MAGZP of the header is not used" in caplog.text


class TestFitter:
    hdu = fits.PrimaryHDU(DATA, fits.Header({"MAGZERO": 27.0}))

    def test_that_of_the_header(self, network):
        fitter = CNNSersicFitter(network)
        table = fitter(self.hdu, PSF)
        expected = 27 - 2.5 * np.log10(table["flux_fit"])
        assert_allclose(table["mag_fit"].value, expected)
        assert table.meta["zeropoint"] == 27.0
        assert table.meta["zeropoint_source"] == "MAGZERO of the header"
        assert fitter.zeropoint is None
        draws = fitter.sample(3, seed=1)
        assert_allclose(draws["mag_fit"].value, 27 - 2.5 * np.log10(draws["flux_fit"]))

    def test_that_of_the_user_counts(self, network):
        hdu = fits.PrimaryHDU(DATA, fits.Header({"MAGZERO": 27.0, "BUNIT": "nJy"}))
        table = CNNSersicFitter(network, zeropoint=25.0)(hdu, PSF)
        assert table.meta["zeropoint"] == 25.0
        assert table.meta["zeropoint_source"] == "user"
        with pytest.raises(ValueError, match="zeropoint must be given"):
            CNNSersicFitter(network)(hdu, PSF)

    def test_none(self, network):
        table = CNNSersicFitter(network)(DATA, PSF)
        assert "mag_fit" not in table.colnames
        assert not {"zeropoint", "zeropoint_source"} & set(table.meta)

    def test_units(self, network):
        fitter = CNNSersicFitter(network)
        table = fitter(DATA * u.uJy, PSF)
        expected = table["flux_fit"].to_value(u.ABmag)
        assert_allclose(table["mag_fit"].value, expected)

    @pytest.mark.parametrize(
        ("suffix", "cards"),
        [
            ("ecsv", {"BUNIT": "MJy/sr", "PIXAR_SR": 2e-14}),
            ("fits", {"BUNIT": "MJy/sr", "PIXAR_SR": 2e-14}),
            ("fits", {**F105W, "BUNIT": "ct/s"}),
        ],
    )
    def test_meta_is_written(self, network, tmp_path, suffix, cards):
        from astro_cnnfit.cli.files import write_table

        hdu = fits.PrimaryHDU(DATA, fits.Header(cards))
        table = CNNSersicFitter(network)(hdu, PSF)
        write_table(table, tmp_path / f"t.{suffix}")
        meta = QTable.read(tmp_path / f"t.{suffix}").meta
        found = {key.lower(): value for key, value in meta.items()}
        assert found["zeropoint_source"] == table.meta["zeropoint_source"]


@pytest.mark.skipif(DATA_FOLDER is None, reason="needs ASTRO_CNNFIT_TEST_DATA")
class TestRealFiles:
    def test_hst(self):
        name = "abell_2744_dwarf_galaxy_f105w.fits.gz"
        path = Path(DATA_FOLDER) / "hst_a2744" / name
        assert find_zeropoint(read_image(path)).value == pytest.approx(26.269, abs=1e-3)

    def test_decam(self):
        name = "testcase12_c4d_170916_045042_ooi_r_ls9.N1*.fits"
        paths = sorted((Path(DATA_FOLDER) / "decam").glob(name))
        with fits.open(paths[0]) as hdus:
            header = hdus[0].header
            # The file has the zero-point for a second as well.
            expected = header["MAGZPT"] + 2.5 * np.log10(header["EXPTIME"])
            found = find_zeropoint(parse_image(hdus))
        assert found.value == pytest.approx(expected, abs=2e-3)

    def test_hsc(self):
        paths = sorted((Path(DATA_FOLDER) / "hsc_field").glob("*_i.fits"))
        with fits.open(paths[0]) as hdus:
            image = parse_image(hdus, bad_bits=["BAD", "SAT", "CR", "NO_DATA"])
            assert find_zeropoint(image).value == pytest.approx(27.0, abs=1e-4)
            assert image.wcs is not None
            assert image.error is not None
