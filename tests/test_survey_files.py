# Licensed under a 3-clause BSD style license - see LICENSE
"""Images as surveys deliver them: several extensions, bit masks, units as labels."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData, StdDevUncertainty
from astropy.table import QTable, Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.cli import main
from astro_cnnfit.inputs import find_zeropoint, parse_image, read_image
from astro_cnnfit.inputs.extensions import COMPANIONS, find_science
from astro_cnnfit.inputs.files import read_parts
from astro_cnnfit.inputs.masks import flag_bits, parse_bad_bits, parse_mask
from astro_cnnfit.psf import gaussian

SIDE = 101
Y, X = np.mgrid[:SIDE, :SIDE] - 50.0
RNG = np.random.default_rng(5)
DATA = (300 * np.exp(-np.hypot(X, Y) / 4) + RNG.normal(0, 2, X.shape)).astype("f4")
PSF = gaussian(3.0)[0]
DETECTED = "HIERARCH MP_DETECTED"
BITS = np.zeros(DATA.shape, np.int32)
BITS[20, 30], BITS[21, 30], BITS[22, 30] = 1, 4, 4 + 4096


def sky_header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (53.1, -27.8), (51, 51)
    wcs.wcs.cdelt = -0.03 / 3600, 0.03 / 3600
    return wcs.to_header()


def jwst_i2d():
    """Imitate a mosaic of JWST: MJy/sr, errors and weights."""
    header = sky_header()
    header["BUNIT"] = "MJy/sr"
    header["PIXAR_SR"] = (0.03 / 206264.806247) ** 2
    weight = np.ones(DATA.shape, "f4")
    weight[:, :3] = 0
    return fits.HDUList([
        fits.PrimaryHDU(),
        fits.ImageHDU(DATA, header, name="SCI"),
        fits.ImageHDU(np.full(DATA.shape, 2, "f4"), name="ERR"),
        fits.ImageHDU(np.ones((1, *DATA.shape), "i4"), name="CON"),
        fits.ImageHDU(weight, name="WHT"),
        fits.ImageHDU(np.full(DATA.shape, 9, "f4"), name="VAR_POISSON"),
        fits.BinTableHDU(Table({"a": [1]}), name="HDRTAB"),
    ])  # fmt: skip


def jwst_cal():
    """Imitate a single exposure of JWST: a bit mask, and its noise in parts."""
    hdus = jwst_i2d()
    return fits.HDUList(
        [*hdus[:3], fits.ImageHDU(BITS, name="DQ"), hdus["VAR_POISSON"]]
    )


def hst_drz(unit="ELECTRONS/S"):
    """Imitate a mosaic of HST, whose photometry may stand in the first header."""
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"] = 1000.0
    primary.header["PHOTFLAM"], primary.header["PHOTPLAM"] = 3.0386574e-20, 10551.047
    header = sky_header()
    header["BUNIT"] = unit
    weight = np.full(DATA.shape, 1000, "f4")
    weight[0] = 0
    return fits.HDUList([
        primary,
        fits.ImageHDU(DATA, header, name="SCI", ver=1),
        fits.ImageHDU(weight, name="WHT", ver=1),
        fits.ImageHDU(np.ones(DATA.shape, "i4"), name="CTX", ver=1),
    ])  # fmt: skip


def hst_flt():
    """Imitate an exposure of ACS: two chips, whose errors may have no pixels."""
    hdus = [fits.PrimaryHDU()]
    for version in (1, 2):
        hdus += [
            fits.ImageHDU(DATA + version, name="SCI", ver=version),
            fits.ImageHDU(np.full(DATA.shape, version, "f4"), name="ERR", ver=version),
            fits.ImageHDU(BITS.astype("i2"), name="DQ", ver=version),
        ]
    hdus += [fits.ImageHDU(np.zeros((4, 4), "f4"), name="D2IMARR")]
    return fits.HDUList(hdus)


def hsc_calexp(named=False):
    """Imitate HSC: nameless extensions of a type, and masks with names of bits."""
    header = fits.Header({"MP_BAD": 0, "MP_SAT": 2, DETECTED: 5, "MP_EDGE": 12})
    bits = BITS | np.where(np.hypot(X, Y) < 20, 32, 0).astype(np.int32)
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(DATA, sky_header()),
        fits.ImageHDU(bits, header),
        fits.ImageHDU(np.full(DATA.shape, 4, "f4")),
    ]
    hdus[0].header["FLUXMAG0"] = 63095734448.0194
    for hdu, name in zip(hdus[1:], ("IMAGE", "MASK", "VARIANCE"), strict=True):
        hdu.header["EXTNAME" if named else "EXTTYPE"] = name
    return fits.HDUList(hdus)


class TestExtensions:
    def test_jwst_mosaic(self):
        image = parse_image(jwst_i2d())
        assert_array_equal(image.data, DATA)
        assert image.unit == u.MJy / u.sr
        assert_array_equal(image.error, 2)
        assert_array_equal(image.mask, np.broadcast_to(np.arange(SIDE) < 3, X.shape))
        assert image.wcs.has_celestial

    def test_jwst_exposure(self):
        assert_array_equal(parse_image(jwst_cal()).mask, BITS > 0)
        assert_array_equal(parse_image(jwst_cal(), bad_bits=[1]).mask, BITS == 1)
        assert parse_image(jwst_cal(), bad_bits=[8]).mask is None
        assert parse_image(jwst_cal(), bad_bits=[]).mask is None

    def test_hst_mosaic(self):
        image = parse_image(hst_drz())
        assert image.unit == u.electron / u.s
        assert image.error is None
        assert_array_equal(image.mask, np.broadcast_to(np.arange(SIDE) < 1, X.shape).T)

    @pytest.mark.parametrize("named", [False, True])
    def test_hsc(self, named):
        hdus = hsc_calexp(named)
        image = parse_image(hdus, bad_bits=["bad", "Sat"])
        assert_array_equal(image.error, 2)
        assert_array_equal(image.mask, BITS > 0)
        assert_array_equal(parse_image(hdus, bad_bits=["EDGE", 1]).mask,
                           (BITS & 4097) > 0)  # fmt: skip
        with pytest.raises(ValueError, match=r"bad_bits must be .*DETECTED marks"):
            parse_image(hdus)
        with pytest.raises(ValueError, match=r"bad_bits must be .*DETECTED marks"):
            parse_image(DATA, mask=hdus[2])
        assert parse_image(DATA, mask=hdus[2], bad_bits=["SAT"]).mask.sum() == 2

    def test_two_chips(self):
        with pytest.raises(ValueError, match=r"several .*: SCI,1 \(1\), SCI,2 \(4\)"):
            parse_image(hst_flt(), argument="exposure")
        for chip, hdu in ((1, ("SCI", 1)), (2, 4), (2, ("sci", 2))):
            image = parse_image(hst_flt(), hdu=hdu)
            assert_array_equal(image.data, DATA + chip)
            assert_array_equal(image.error, chip)
            assert_array_equal(image.mask, BITS > 0)
        with pytest.raises(ValueError, match="no image in HDU 'SKY'"):
            parse_image(hst_flt(), hdu="SKY")
        with pytest.raises(ValueError, match="hdu must not be given"):
            parse_image(DATA, hdu=1)

    def test_order_of_errors(self):
        shape = DATA.shape
        science = fits.ImageHDU(DATA, name="sci")
        by_kind = {"ERR": 2.0, "VARIANCE": 9.0, "IVAR": 1 / 16}
        hdus = [fits.ImageHDU(np.full(shape, v), name=k) for k, v in by_kind.items()]
        for first, expected in enumerate((2, 3, 4)):
            found = fits.HDUList([fits.PrimaryHDU(), *hdus[first:][::-1], science])
            assert_array_equal(parse_image(found).error, expected)

    def test_variances_that_are_none(self):
        variance = np.ones(DATA.shape)
        variance[0, :3] = 0, -1, np.nan
        for name in ("VAR", "IVAR", "ERR"):
            hdus = [fits.PrimaryHDU(DATA), fits.ImageHDU(variance, name=name)]
            mask = parse_image(fits.HDUList(hdus)).mask
            assert_array_equal(np.argwhere(mask), [[0, 0], [0, 1], [0, 2]])

    def test_only_image_without_name(self):
        hdus = fits.HDUList([fits.PrimaryHDU(DATA)])
        assert_array_equal(parse_image(hdus).data, DATA)
        compressed = fits.CompImageHDU(BITS, name="CCD3")
        hdus = fits.HDUList([fits.PrimaryHDU(), compressed])
        assert_array_equal(parse_image(hdus).data, BITS)
        stack = fits.HDUList([fits.PrimaryHDU(np.stack([DATA, DATA]))])
        assert parse_image(stack).data.shape == (2, SIDE, SIDE)

    @pytest.mark.parametrize(
        ("hdus", "match"),
        [
            ([], "holds no image"),
            ([fits.PrimaryHDU()], "holds no image"),
            ([fits.PrimaryHDU(DATA), fits.ImageHDU(DATA, name="B")],
             r"several images: PRIMARY \(0\), B \(1\)"),
            ([fits.PrimaryHDU(), fits.ImageHDU(DATA, name="ERR")], "holds no image"),
            ([fits.PrimaryHDU(DATA), fits.ImageHDU(DATA[:9], name="ERR")],
             "ERR must have the shape of PRIMARY"),
        ],
    )  # fmt: skip
    def test_bad_lists(self, hdus, match):
        with pytest.raises(ValueError, match=match) as info:
            parse_image(fits.HDUList(hdus), argument="mosaic")
        assert "mosaic" in str(info.value)

    def test_given_twice(self):
        with pytest.raises(ValueError, match="error must not be given"):
            parse_image(jwst_i2d(), error=1.0)
        with pytest.raises(ValueError, match="mask must not be given"):
            parse_image(jwst_cal(), mask=BITS)
        # Missing coverage is no mask of its own.
        image = parse_image(jwst_i2d(), mask=BITS)
        assert image.mask.sum() == 3 * SIDE + 3

    def test_companions_that_are_constant_without_pixels(self):
        error = fits.ImageHDU(name="ERR")
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(DATA, name="SCI"), error])
        assert parse_image(hdus).error is None

    def test_list_is_not_changed(self):
        hdus = jwst_cal()
        before = [None if hdu.data is None else hdu.data.copy() for hdu in hdus]
        parse_image(hdus, bad_bits=[4])
        for hdu, data in zip(hdus, before, strict=True):
            assert_array_equal(hdu.data, data)

    def test_every_companion_is_found(self):
        for companion in COMPANIONS:
            for name in companion.names:
                extra = fits.ImageHDU(np.ones(DATA.shape, "i4"), name=name.lower())
                image = parse_image(fits.HDUList([fits.PrimaryHDU(DATA), extra]))
                assert (image.error is not None) == (
                    companion.role in ("error", "variance", "weight")
                )
                assert (image.mask is not None) == (companion.role == "mask")

    def test_from_a_file_that_is_closed(self, tmp_path):
        jwst_cal().writeto(tmp_path / "a.fits")
        with fits.open(tmp_path / "a.fits") as hdus:
            image = parse_image(hdus, bad_bits=[4], single=True)
        assert_array_equal(image.data, DATA)
        assert image.mask.sum() == 2


def test_damaged_cards_say_nothing():
    hdus = hsc_calexp()
    for hdu, keyword in ((hdus[0], "FLUXMAG0"), (hdus[2], "MP_SAT")):
        card = fits.Card.fromstring(f"{keyword:8s}= 6.3.E'+")
        hdu.header.remove(keyword)
        hdu.header.append(card)
    hdus[1].header.append(fits.Card.fromstring("BUNIT   = 'nJy"))
    image = parse_image(hdus, bad_bits=["BAD"])
    assert image.unit is None
    assert image.mask.sum() == 1
    assert find_zeropoint(image) is None
    with pytest.raises(ValueError, match="got 'SAT'"):
        parse_image(hdus, bad_bits=["SAT"])


class TestUnitsAsLabels:
    def test_error_without_unit(self):
        hdu = jwst_i2d()["SCI"]
        for error in (np.full(DATA.shape, 2.0), 2.0, jwst_i2d()["ERR"]):
            assert_array_equal(parse_image(hdu, error=error).error, 2)

    def test_error_with_another_unit(self):
        science, error = jwst_i2d()["SCI"], jwst_i2d()["ERR"]
        error.header["BUNIT"] = "kJy/sr"
        assert_allclose(parse_image(science, error=error).error, 0.002)
        error.header["BUNIT"] = "m"
        with pytest.raises(ValueError, match="error must have the unit of data"):
            parse_image(science, error=error)
        # What has no unit takes the numbers of what has one.
        assert_array_equal(parse_image(DATA, error=error).error, 2)

    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("ELECTRONS/S", u.electron / u.s), ("electron/s", u.electron / u.s),
            ("e-/s", u.electron / u.s), ("ELECTRONS", u.electron), ("COUNTS", u.ct),
            ("Counts/Sec", u.ct / u.s), ("ADU", u.adu), ("DN/s", u.DN / u.s),
            ("10.0*nanoJansky", 10 * u.nJy), ("MJY/SR", u.MJy / u.sr),
            ("nanomaggy", u.nmgy), ("nanomaggies", u.nmgy), ("microJy", u.uJy),
            ("erg/s/cm2/Hz", u.erg / u.s / u.cm**2 / u.Hz),
            ("counts of some kind", None), ("", None), (3, None),
        ],
    )  # fmt: skip
    def test_spellings(self, text, unit):
        hdu = fits.PrimaryHDU(DATA)
        hdu.header["BUNIT"] = text
        assert parse_image(hdu).unit == unit


class TestBits:
    @pytest.mark.parametrize(
        "dtype", ["u1", "i1", "i2", ">i2", "u2", ">i4", "u4", "i8", "u8"]
    )
    def test_kinds_of_integers(self, dtype):
        dtype = np.dtype(dtype)
        top = 1 << (8 * dtype.itemsize - 1)
        values = np.array([[0, 1, 2, 3, top, top + 1]], dtype=np.uint64)
        values = values.astype(f"u{dtype.itemsize}").view(f"i{dtype.itemsize}")
        values = values.astype(dtype)
        before = values.copy()
        for bits, expected in (
            ([1], [0, 1, 0, 1, 0, 1]), ([2], [0, 0, 1, 1, 0, 0]),
            ([1, 2], [0, 1, 1, 1, 0, 1]), ([top], [0, 0, 0, 0, 1, 1]),
            ([], [0] * 6), (2, [0, 0, 1, 1, 0, 0]), ({1, 2}, [0, 1, 1, 1, 0, 1]),
            (np.array([1]), [0, 1, 0, 1, 0, 1]),
        ):  # fmt: skip
            assert_array_equal(
                parse_mask(values, values.shape, "data", bad_bits=bits), [expected]
            )
        assert_array_equal(parse_mask(values, values.shape, "data"), values != 0)
        assert_array_equal(values, before)

    @pytest.mark.parametrize(
        ("bad_bits", "error", "match"),
        [
            ([3], ValueError, "powers of two.*; got 3"),
            ([0], ValueError, "got 0"),
            ([-1], ValueError, "got -1"),
            ([1.0], TypeError, r"got 1\.0"),
            ([True], TypeError, "got True"),
            (1.5, TypeError, r"got 1\.5"),
            ([None], TypeError, "got None"),
            (["SAT"], ValueError, "got 'SAT', and the names are: none"),
            ("SAT", ValueError, "got 'SAT', and the names are: none"),
            (
                [1 << 40],
                ValueError,
                "mask, of dtype int32; got 1099511627776",
            ),
        ],
    )
    def test_bad_ones(self, bad_bits, error, match):
        with pytest.raises(error, match=match) as info:
            parse_image(DATA, mask=BITS, bad_bits=bad_bits)
        assert "bad_bits" in str(info.value)

    def test_masks_without_bits(self):
        for mask in (BITS > 0, BITS.astype(float)):
            with pytest.raises(TypeError, match="bad_bits are for a mask of whole"):
                parse_image(DATA, mask=mask, bad_bits=[1])
        for data in (DATA, jwst_i2d(), NDData(DATA)):
            with pytest.raises(ValueError, match="bad_bits must not be given: neither"):
                parse_image(data, bad_bits=[1])
        with pytest.raises(ValueError, match="bad_bits must not be given"):
            parse_image(parse_image(DATA), bad_bits=[1])

    def test_names(self):
        header = hsc_calexp()[2].header
        names = flag_bits(header)
        assert names == {"BAD": 1, "SAT": 4, "DETECTED": 32, "EDGE": 4096}
        assert parse_bad_bits([" sat ", "EDGE", 2], names) == 4 + 4096 + 2
        with pytest.raises(ValueError, match="got 'CR', and the names are: BAD, DETEC"):
            parse_bad_bits(["CR"], names)
        assert flag_bits({"MP_A": 64, "MP_B": -1, "MP_C": "x", "X": 1}) == {}

    def test_flag_of_objects_that_is_not_set(self):
        header = fits.Header({DETECTED: 5})
        mask = parse_image(DATA, mask=fits.ImageHDU(BITS, header)).mask
        assert_array_equal(mask, BITS > 0)

    def test_nddata(self):
        image = parse_image(NDData(DATA, mask=BITS), bad_bits=[4096])
        assert image.mask.sum() == 1

    def test_flags_of_ccddata(self):
        data = CCDData(DATA, unit="adu", mask=BITS == 1)
        data.flags = BITS
        assert parse_image(data).mask.sum() == 1
        assert_array_equal(parse_image(data, bad_bits=[4]).mask, BITS > 0)
        data.mask = None
        assert_array_equal(parse_image(data, bad_bits=[4]).mask, (BITS & 4) > 0)
        data.flags, data.mask = None, BITS  # of which a CCDData makes booleans
        with pytest.raises(TypeError, match="got a mask of dtype bool"):
            parse_image(data, bad_bits=[1])


class TestCalls:
    def test_fitter(self, network):
        fitter = CNNSersicFitter(network)
        table = fitter(jwst_cal(), PSF, bad_bits=[1])
        assert table["n_pixels_fit"][0] == 61**2 - 1
        assert table.meta["error_given"]
        assert table["flux_fit"].unit == u.MJy / u.sr
        assert {"sky_fit", "pa_fit", "mag_fit"} <= set(table.colnames)
        residual = fitter.make_residual_image(jwst_cal())
        assert residual.shape == DATA.shape
        table = fitter(DATA, PSF, mask=BITS, bad_bits=[4096])
        assert table["n_pixels_fit"][0] == 61**2 - 1

    def test_residual_needs_no_mask(self, network):
        fitter = CNNSersicFitter(network)
        fitter(hsc_calexp(), PSF, bad_bits=["SAT"])
        assert fitter.make_residual_image(hsc_calexp()).shape == DATA.shape

    def test_psf_from_a_file_of_extensions(self, network):
        psf = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(PSF, name="PSF_STAR")])
        table = CNNSersicFitter(network)(DATA, psf)
        assert_allclose(table["x_fit"], CNNSersicFitter(network)(DATA, PSF)["x_fit"])

    def test_measurer_of_morphology(self):
        measurer = CNNCASMeasurer(method="classical")
        hdus = jwst_cal()
        table = measurer(hdus, bad_bits=[4096])
        same = measurer(DATA, mask=BITS & 4096, error=np.full(DATA.shape, 2.0))
        assert_allclose(table["concentration"], same["concentration"])
        assert table["flux"].unit == u.MJy / u.sr
        (source,) = measurer.source_morphology(hdus, bad_bits=[4096])
        assert source.concentration == table["concentration"][0]
        sky = parse_image(hdus).wcs.pixel_to_world([50], [50])
        at = measurer(hdus, bad_bits=[4096], init_params=sky)
        assert_allclose(at["concentration"], table["concentration"], rtol=1e-6)

    def test_ccddata(self, network):
        header = sky_header()
        data = CCDData(
            DATA, unit="nJy", mask=BITS > 0, wcs=WCS(header), meta=dict(header),
            uncertainty=StdDevUncertainty(np.full(DATA.shape, 2.0)),
        )  # fmt: skip
        fitter = CNNSersicFitter(network)
        table = fitter(data, PSF)
        assert table["n_pixels_fit"][0] == 61**2 - 3
        assert fitter.make_residual_image(data).meta == data.meta


class TestFiles:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, bundled, monkeypatch):
        monkeypatch.chdir(tmp_path)
        fits.writeto("psf.fits", PSF)
        jwst_cal().writeto("cal.fits")
        hsc_calexp().writeto("hsc.fits")
        hst_flt().writeto("flt.fits")
        return tmp_path

    def measure(self, name, *arguments):
        arguments = ["measure", name, "--psf", "psf.fits", "-o", "t.ecsv", *arguments]
        assert main(arguments) == 0
        return QTable.read("t.ecsv")

    def test_parts(self):
        image = parse_image(read_parts("cal.fits"))
        assert_array_equal(image.mask, BITS > 0)
        assert_array_equal(image.error, 2)
        # Where nothing is named, the first image counts, as for read_image.
        fits.HDUList([fits.PrimaryHDU(DATA), fits.ImageHDU(BITS)]).writeto("two.fits")
        assert_array_equal(read_parts("two.fits").values, DATA)
        assert_array_equal(read_image("two.fits").data, DATA)

    def test_extensions_of_the_image(self, capsys):
        table = self.measure("cal.fits", "--bad-bits", "1,4096")
        assert table["n_pixels_fit"][0] == 61**2 - 2
        assert table.meta["error_given"]
        assert "PIXAR_SR" in table.meta["zeropoint_source"]
        assert "zero-point" in capsys.readouterr().out
        table = self.measure("hsc.fits", "--bad-bits", "SAT")
        assert table["n_pixels_fit"][0] == 61**2 - 2
        assert table.meta["zeropoint"] == pytest.approx(27.0)
        self.measure("flt.fits", "--hdu", "SCI,2")
        self.measure("flt.fits", "--hdu", "1")

    def test_what_is_given_counts(self, capsys):
        fits.writeto("mask.fits", (BITS & 4096).astype("i4"))
        for name, value in (
            ("error", 3.0),
            ("variance", 9.0),
            ("inverse-variance", 1 / 9),
        ):
            values = np.full(DATA.shape, value)
            values[30, 30] = 0
            fits.writeto(f"{name}.fits", values)
            table = self.measure(
                "cal.fits", "--mask", "mask.fits", f"--{name}", f"{name}.fits",
                "--zeropoint", "25",
            )  # fmt: skip
            assert table["n_pixels_fit"][0] == 61**2 - 2
            assert table.meta["zeropoint_source"] == "user"
        assert "zero-point" not in capsys.readouterr().out

    def test_positions_on_the_sky(self):
        sky = parse_image(jwst_cal()).wcs.pixel_to_world([50, 48], [50, 51])
        Table({"ra": sky.ra.deg, "dec": sky.dec.deg}).write("c.csv")
        table = self.measure("cal.fits", "--bad-bits", "1", "--catalog", "c.csv")
        assert_allclose(table["x_init"], [50, 48], atol=1e-4)

    def test_morphology(self):
        arguments = ["morphology", "hsc.fits", "--bad-bits", "SAT", "-o", "m.ecsv"]
        assert main([*arguments, "--method", "classical"]) == 0
        assert len(QTable.read("m.ecsv")) == 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["flt.fits"], "several images: SCI,1 (1), SCI,2 (4)"),
            (["flt.fits", "--hdu", "SKY"], "no image in HDU 'SKY'"),
            (["hsc.fits"], "bad_bits must be given"),
            (["hsc.fits", "--bad-bits", "CR"], "got 'CR', and the names are"),
            (["cal.fits", "--bad-bits", "3"], "got 3"),
            (["cal.fits", "--variance", "psf.fits"], "--variance must have the shape"),
        ],
    )
    def test_messages(self, arguments, message, capsys):
        assert main(["measure", *arguments, "--psf", "psf.fits", "-o", "t.ecsv"]) == 2
        assert message in capsys.readouterr().err


def test_find_science_by_number():
    assert find_science(hst_flt(), hdu=4) == 4
    with pytest.raises(ValueError, match="no image in HDU 0"):
        find_science(hst_flt(), hdu=0)
