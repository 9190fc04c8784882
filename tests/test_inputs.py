# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the parsers of images, positions and FITS files."""

import gzip
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.inputs import parse_image, parse_positions, read_image
from astro_cnnfit.inputs.files import find_image

PLAIN = np.arange(35, dtype=float).reshape(5, 7) + 1


def noncontiguous(array):
    wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]))
    wide[::2, ::3] = array
    return wide[::2, ::3]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


TWINS = {
    "list": PLAIN.tolist(),
    "big-endian": PLAIN.astype(">f4"),
    "integer": PLAIN.astype("i2"),
    "unsigned": PLAIN.astype(">u2"),
    "half": PLAIN.astype("f2"),
    "read-only": read_only(PLAIN),
    "fortran": np.asfortranarray(PLAIN),
    "non-contiguous": noncontiguous(PLAIN),
    "negative strides": PLAIN[::-1, ::-1].copy()[::-1, ::-1],
    "masked array": np.ma.array(PLAIN),
    "quantity": PLAIN * u.adu,
    "nddata": NDData(PLAIN),
    "ccddata": CCDData(PLAIN, unit="adu"),
    "hdu": fits.PrimaryHDU(PLAIN),
    "image hdu": fits.ImageHDU(PLAIN.astype("f4")),
    "compressed hdu": fits.CompImageHDU(PLAIN.astype("i4")),
    "masked quantity": Masked(PLAIN * u.adu, mask=False),
}


@pytest.mark.parametrize("data", TWINS.values(), ids=TWINS.keys())
def test_twins_agree(data):
    image = parse_image(data)
    assert_array_equal(image.data, PLAIN)
    assert image.data.dtype == np.float64
    assert image.data.dtype.isnative
    assert image.data.flags.c_contiguous
    assert image.mask is None
    assert image.error is None


@settings(deadline=None)
@given(
    hnp.arrays(
        hnp.floating_dtypes(sizes=(32, 64), endianness="?"),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4),
    )
)
def test_any_float_array(data):
    before = data.copy()
    image = parse_image(data)
    assert_array_equal(image.data, data.astype(float))
    bad = ~np.isfinite(data)
    assert_array_equal(np.zeros(data.shape, bool) if image.mask is None else image.mask,
                       bad)  # fmt: skip
    assert_array_equal(data, before)


def test_masks_of_all_kinds():
    mask = np.zeros(PLAIN.shape, bool)
    mask[2, 3] = True
    for given_mask in (mask, mask.astype("i4") * 16, mask.astype(">f4"), mask.tolist()):
        assert_array_equal(parse_image(PLAIN, mask=given_mask).mask, mask)
    assert_array_equal(parse_image(PLAIN, mask=fits.ImageHDU(mask * 1)).mask, mask)
    assert_array_equal(parse_image(np.ma.array(PLAIN, mask=mask)).mask, mask)
    assert_array_equal(parse_image(NDData(PLAIN, mask=mask)).mask, mask)
    assert_array_equal(parse_image(Masked(PLAIN, mask=mask)).mask, mask)
    with_nan = PLAIN.copy()
    with_nan[2, 3] = np.nan
    assert_array_equal(parse_image(with_nan).mask, mask)
    other = np.roll(mask, 1)
    assert_array_equal(parse_image(with_nan, mask=other).mask, mask | other)


def test_inputs_are_not_changed():
    data, mask = PLAIN.copy(), np.zeros(PLAIN.shape, bool)
    data[0, 0] = np.inf
    error = np.full(PLAIN.shape, 2.0)
    error[0, 1] = 0.0
    image = parse_image(data, mask=mask, error=error)
    assert image.mask.sum() == 2
    assert not mask.any()
    assert np.isinf(data[0, 0])


@pytest.mark.parametrize(
    "uncertainty",
    [
        StdDevUncertainty(np.full(PLAIN.shape, 2.0)),
        VarianceUncertainty(np.full(PLAIN.shape, 4.0)),
        InverseVariance(np.full(PLAIN.shape, 0.25)),
    ],
    ids=lambda uncertainty: uncertainty.uncertainty_type,
)
@pytest.mark.parametrize("unit", [None, "adu"])
def test_nddata_uncertainty(uncertainty, unit):
    image = parse_image(NDData(PLAIN, uncertainty=uncertainty, unit=unit))
    assert_array_equal(image.error, np.full(PLAIN.shape, 2.0))
    assert image.unit == (None if unit is None else u.adu)
    assert image.mask is None


def test_uncertainty_of_another_unit_is_converted():
    uncertainty = StdDevUncertainty(np.full(PLAIN.shape, 2.0), unit=u.mJy)
    image = parse_image(NDData(PLAIN, uncertainty=uncertainty, unit=u.Jy))
    assert_array_equal(image.error, np.full(PLAIN.shape, 0.002))


def test_zero_inverse_variance_is_a_bad_pixel():
    weight = np.ones(PLAIN.shape)
    weight[1, 1] = 0
    weight[2, 2] = -1
    image = parse_image(NDData(PLAIN, uncertainty=InverseVariance(weight)))
    assert_array_equal(np.argwhere(image.mask), [[1, 1], [2, 2]])


def test_unknown_uncertainty():
    data = NDData(PLAIN, uncertainty=UnknownUncertainty(PLAIN))
    with pytest.raises(ValueError, match="uncertainty of data must be a standard dev"):
        parse_image(data)


def test_wcs_and_unit():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cdelt = -1e-4, 1e-4
    assert parse_image(NDData(PLAIN, wcs=wcs)).wcs is not None
    hdu = fits.ImageHDU(PLAIN, header=wcs.to_header())
    hdu.header["BUNIT"] = "nJy"
    image = parse_image(hdu)
    assert image.unit == u.nJy
    assert image.wcs.has_celestial
    hdu.header["BUNIT"] = "counts of some kind"
    assert parse_image(hdu).unit is None
    assert parse_image(fits.ImageHDU(PLAIN)).wcs is None


def test_scalar_error():
    assert_array_equal(parse_image(PLAIN, error=3).error, np.full(PLAIN.shape, 3.0))
    error = parse_image(PLAIN * u.Jy, error=3 * u.mJy).error
    assert_array_equal(error, np.full(PLAIN.shape, 0.003))


def test_masked_error_is_a_bad_pixel():
    error = np.ma.array(np.ones(PLAIN.shape), mask=False)
    error[3, 3] = np.ma.masked
    assert_array_equal(np.argwhere(parse_image(PLAIN, error=error).mask), [[3, 3]])


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (None, TypeError, "must hold real numbers, got dtype object"),
        ("image.fits", TypeError, "must hold real numbers"),
        (PLAIN.astype(object), TypeError, "dtype object"),
        (PLAIN.astype(complex), TypeError, "dtype complex128"),
        (PLAIN > 2, TypeError, "dtype bool"),
        (3.0, ValueError, "0 dimensions"),
        (PLAIN[0], ValueError, "1 dimensions"),
        (PLAIN[None, None], ValueError, "4 dimensions"),
        (np.zeros((0, 5)), ValueError, "empty array"),
        (np.zeros((3, 0, 5)), ValueError, "empty array"),
        ([[1, 2], [3]], ValueError, "regular array"),
        (fits.PrimaryHDU(), ValueError, "HDU without data"),
    ],
)
def test_bad_data(data, error, match):
    with pytest.raises(error, match=match) as info:
        parse_image(data, argument="picture")
    assert "picture" in str(info.value)


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"mask": np.zeros((5, 6), bool)}, ValueError, r"mask must have the shape of"),
        ({"mask": np.full(PLAIN.shape, "a")}, TypeError, "mask must hold booleans"),
        ({"error": np.ones((5, 6))}, ValueError, "error must be a number or have"),
        ({"error": PLAIN * 1j}, TypeError, "error must hold real numbers"),
        ({"error": PLAIN * u.adu}, ValueError, "error must have the unit of data"),
    ],
)
def test_bad_mask_and_error(keywords, error, match):
    with pytest.raises(error, match=match):
        parse_image(PLAIN, **keywords)


def test_units_of_data_and_error():
    with pytest.raises(ValueError, match="error must have the unit of data, Jy"):
        parse_image(PLAIN * u.Jy, error=PLAIN)
    with pytest.raises(ValueError, match="not convertible"):
        parse_image(PLAIN * u.Jy, error=PLAIN * u.s)


def test_image_that_was_taken_apart_before():
    image = parse_image(PLAIN.astype("f4"), mask=PLAIN > 3, single=True)
    assert parse_image(image) is image
    with pytest.raises(ValueError, match="error must not be given"):
        parse_image(image, error=1.0)
    with pytest.raises(ValueError, match="mask must not be given"):
        parse_image(image, mask=PLAIN > 3)


def test_given_twice():
    mask = PLAIN > 3
    for data in (
        NDData(PLAIN, mask=mask),
        np.ma.array(PLAIN, mask=mask),
        Masked(PLAIN, mask=mask),
    ):
        with pytest.raises(ValueError, match="mask must not be given"):
            parse_image(data, mask=mask)
    data = NDData(PLAIN, uncertainty=StdDevUncertainty(PLAIN))
    with pytest.raises(ValueError, match="error must not be given"):
        parse_image(data, error=PLAIN)


class TestPositions:
    x = np.array([1.0, 2.5, 3.0])
    y = np.array([4.0, 5.0, 6.5])

    @pytest.mark.parametrize(
        ("x_name", "y_name"),
        [("x_init", "y_init"), ("x", "y"), ("xcentroid", "ycentroid"),
         ("x_centroid", "y_centroid"), ("x_0", "y_0"), ("xcen", "ycen")],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", [Table, QTable, dict])
    def test_columns(self, x_name, y_name, kind):
        positions = parse_positions(kind({x_name: self.x, y_name: self.y}))
        assert_array_equal(positions.ids, [1, 2, 3])
        assert_array_equal(positions.x, self.x)
        assert_array_equal(positions.y, self.y)
        assert positions.extra == {}

    def test_id_hint_and_order_of_names(self):
        table = QTable(
            {"id": ["a", "b", "c"], "x": self.y, "y": self.x, "r_eff": self.y * 2}
        )
        table["x_init"], table["y_init"] = self.x * u.pix, self.y * u.pix
        ids, x, y, extra = parse_positions(table)
        assert_array_equal(ids, ["a", "b", "c"])
        assert_array_equal(x, self.x)
        assert_array_equal(y, self.y)
        assert_array_equal(extra["r_eff"], self.y * 2)
        table["r_eff_init"] = self.x
        assert_array_equal(parse_positions(table).extra["r_eff"], self.x)

    @pytest.mark.parametrize(
        "column",
        [
            MaskedColumn([1, 2, 3], mask=[False, True, False]),
            MaskedColumn([1.0, 2, 3], mask=[False, True, False], unit="pix"),
            Masked([1.0, 2, 3] * u.pix, mask=[False, True, False]),
        ],
    )
    def test_missing_entries_become_nan(self, column):
        for kind in (Table, QTable):
            positions = parse_positions(kind({"x": column, "y": self.y}))
            assert_array_equal(positions.x, [1, np.nan, 3])

    def test_arrays(self):
        pairs = np.stack([self.x, self.y], axis=1)
        for given_pairs in (pairs, pairs.tolist(), pairs.astype(">f4"), pairs * u.pix):
            positions = parse_positions(given_pairs)
            assert_array_equal(positions.x, self.x)
            assert_array_equal(positions.y, self.y)
        assert parse_positions((3, 4)).x.tolist() == [3.0]
        assert len(parse_positions(np.zeros((0, 2))).x) == 0
        structured = np.rec.fromarrays([self.x, self.y], names="x,y")
        assert_array_equal(parse_positions(structured).y, self.y)

    def test_data_frame(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"id": [7, 8, 9], "x": self.x, "y": self.y})
        assert_array_equal(parse_positions(frame).ids, [7, 8, 9])

    @pytest.mark.parametrize(
        ("value", "error", "match"),
        [
            (Table({"ra": [1.0], "dec": [2.0]}), ValueError, "ra and dec must be pix"),
            (Table({"ra": [1.0], "y": [2.0]}), ValueError, "columns with x and y"),
            (Table({"x": [1.0], "ycen": [2.0]}), ValueError, "got x, ycen"),
            (Table(), ValueError, "got none"),
            (Table({"x": ["1"], "y": [2]}), TypeError, "column 'x' must hold a real"),
            (QTable({"x": [1] * u.deg, "y": [2]}), ValueError, "must be in pixels"),
            (np.zeros((3, 2)) * u.arcsec, ValueError, "must be in pixels"),
            (np.zeros((2, 3)), ValueError, "shape"),
            (np.zeros(3), ValueError, "shape"),
            ("table.ecsv", TypeError, "got the name of a file, 'table.ecsv'"),
            (None, TypeError, "got NoneType"),
            ([[1, 2], [3]], ValueError, "regular array"),
        ],
    )
    def test_bad_positions(self, value, error, match):
        with pytest.raises(error, match=match) as info:
            parse_positions(value)
        assert "init_params" in str(info.value)


class TestReadImage:
    def test_first_image(self, tmp_path):
        path = tmp_path / "a.fits"
        table = fits.BinTableHDU(Table({"x": [1]}))
        cube = fits.ImageHDU(PLAIN[None].astype("f4"), name="CUBE")
        second = fits.ImageHDU(PLAIN.astype("i2") + 1, name="SECOND")
        hdus = [fits.PrimaryHDU(), table, cube, fits.CompImageHDU(PLAIN), second]
        fits.HDUList(hdus).writeto(path)
        assert_array_equal(read_image(path).data, PLAIN)
        assert_array_equal(read_image(str(path), "second").data, PLAIN + 1)
        assert_array_equal(read_image(path, 2).data, PLAIN[None])

    def test_stack_if_there_is_no_image(self, tmp_path):
        path = tmp_path / "a.fits.gz"
        fits.writeto(path, PLAIN[None])
        assert read_image(path).data.shape == (1, 5, 7)

    def test_scaled_integers_with_blank(self, tmp_path):
        path = tmp_path / "a.fits"
        hdu = fits.PrimaryHDU(np.array([[1, 2], [3, -99]], "i2"))
        hdu.header["BLANK"] = -99
        hdu.header["BSCALE"] = 0.5
        hdu.header["BZERO"] = 10.0
        hdu.writeto(path)
        image = read_image(path)
        assert_array_equal(image.data, [[10.5, 11], [11.5, np.nan]])
        assert_array_equal(image.mask, [[False, False], [False, True]])

    @staticmethod
    def assert_one_line(path, error, match, **keywords):
        with pytest.raises(error, match=match) as info:
            read_image(path, argument="psf", **keywords)
        message = str(info.value)
        assert "\n" not in message
        assert str(path) in message
        assert message.startswith("psf ")

    def test_missing(self, tmp_path):
        self.assert_one_line(tmp_path / "a.fits", FileNotFoundError, "no such file")
        self.assert_one_line(tmp_path, FileNotFoundError, "no such file")

    @pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 2880, b"SIMPLE  = T"])
    def test_not_fits(self, tmp_path, content):
        path = tmp_path / "a.fits"
        path.write_bytes(content)
        self.assert_one_line(path, OSError, "not a readable FITS file")

    @pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
    @pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5, 0.9])
    def test_truncated(self, tmp_path, suffix, fraction):
        path = tmp_path / "whole.fits"
        noise = np.random.default_rng(0).normal(size=(100, 100))
        fits.writeto(path, noise)
        content = path.read_bytes()
        content = gzip.compress(content) if suffix == "fits.gz" else content
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content[: int(fraction * len(content))])
        self.assert_one_line(path, OSError, "not a readable FITS file")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"NAXIS1  =", b"NAXIS9  ="),
            (b"NAXIS2  =                  100", b"NAXIS2  = 99999999999999999999"),
            (b"BITPIX  =", b"BITPIX  x"),
            (b"SIMPLE  =                    T", b"SIMPLE  =                  '"),
        ],
    )
    def test_damaged_headers(self, tmp_path, old, new):
        fits.writeto(tmp_path / "whole.fits", np.zeros((100, 100)))
        content = (tmp_path / "whole.fits").read_bytes()
        assert old in content
        path = tmp_path / "a.fits"
        path.write_bytes(content.replace(old, new))
        self.assert_one_line(path, OSError, "not a readable FITS file")

    def test_damaged_header_that_astropy_finds_again_and_again(self, tmp_path):
        class Endless:
            def __getitem__(self, index):
                return object()

        with pytest.raises(OSError, match="header of HDU 0 is damaged"):
            find_image(Endless(), None, "a.fits")

    def test_damaged_compressed_image(self, tmp_path):
        path = tmp_path / "a.fits.fz"
        noise = np.random.default_rng(0).normal(size=(40, 40))
        fits.CompImageHDU(noise.astype("f4")).writeto(path)
        content = bytearray(path.read_bytes())
        content[-2880:] = b"\xff" * 2880
        path.write_bytes(content)
        self.assert_one_line(path, OSError, "not a readable FITS file")

    def test_no_image(self, tmp_path):
        path = tmp_path / "a.fits"
        fits.HDUList(
            [fits.PrimaryHDU(), fits.BinTableHDU(Table({"x": [1]}), name="CAT")]
        ).writeto(path)
        self.assert_one_line(path, ValueError, "holds no 2-D image")
        self.assert_one_line(path, ValueError, "no image in HDU 'CAT'", hdu="CAT")
        self.assert_one_line(path, ValueError, "no image in HDU 5", hdu=5)
        self.assert_one_line(path, ValueError, "no image in HDU 'SCI'", hdu="SCI")


@pytest.mark.parametrize(("single", "kind"), [(True, "f4"), (False, "f8")])
def test_single_precision_stays_where_it_is_asked_for(single, kind):
    data = np.ones((3, 5, 5), "f4")
    image = parse_image(data, single=single)
    assert image.data.dtype == kind
    assert np.shares_memory(image.data, data) == single
    assert parse_image(data.astype(int), single=single).data.dtype == "f8"


def test_sums_that_overflow_are_not_bad_pixels():
    data = np.full((4, 4), 3e38, "f4")
    assert parse_image(data, single=True).mask is None
    data[1, 2] = np.inf
    assert parse_image(data, single=True).mask.sum() == 1


@pytest.mark.parametrize("name", ["data", "mask", "error", "psf"])
@pytest.mark.parametrize("kind", [str, Path])
def test_the_name_of_a_file_is_refused_with_what_opens_it(network, name, kind):
    image = np.random.default_rng(1).normal(0, 1, (61, 61)) * u.nJy
    arguments = {"data": image, "psf": np.ones((25, 25)), name: kind("a.fits")}
    readers = {"data": "fits.open", "psf": "psf.read_psf"}
    reader = readers.get(name, "fits.open, and give its HDU")
    with pytest.raises(TypeError, match=f"{name} must .*a.fits.*{reader}"):
        CNNSersicFitter(network)(**arguments)


@pytest.mark.parametrize("shape", [(61, 61, 3), (40, 50, 4), (5, 5, 3)])
def test_a_colour_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"data must .*a colour image.*moveaxis"):
        parse_image(np.ones(shape))


@pytest.mark.parametrize("shape", [(3, 61, 61), (9, 5, 5), (9, 3, 3), (1, 4, 4)])
def test_small_stamps_and_stacks_of_colours_are_no_colour_image(shape):
    assert parse_image(np.ones(shape)).data.shape == shape
