# Licensed under a 3-clause BSD style license - see LICENSE
"""Pixels and the sky: sizes and angles there, and positions from there."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import MaskedColumn, QTable, Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.inputs import parse_image, parse_positions
from astro_cnnfit.inputs.sky import pixel_area, sky_to_pixels
from astro_cnnfit.sersic.sky import sky_columns

SCALE = 0.2 / 3600


def make_wcs(
    *, ctype=("RA---TAN", "DEC--TAN"), crval=(150.0, 2.0), matrix=((-1, 0), (0, 1)),
    sip=None,
):  # fmt: skip
    """Make a WCS of an image of 200 x 200 pixels of 0.2 arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ctype, crval, (100.5, 100.5)
    wcs.wcs.cd = np.array(matrix) * SCALE
    header = wcs.to_header()
    if sip is not None:
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header["A_ORDER"] = header["B_ORDER"] = 2
        for key, value in sip.items():
            header[key] = value
    return WCS(header)


def turned(angle, flip=-1, stretch=1.0):
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[cos, -sin], [sin, cos]]) @ np.diag([flip * stretch, 1.0])


SIP = {"A_2_0": 3e-4, "A_1_1": -2e-4, "B_0_2": 4e-4, "B_1_1": 1e-4}
WCSS = {
    "usual": make_wcs(),
    "east to the right": make_wcs(matrix=turned(0, flip=1)),
    "upside down": make_wcs(matrix=((-1, 0), (0, -1))),
    "rotated": make_wcs(matrix=turned(37)),
    "rotated and flipped": make_wcs(matrix=turned(-130, flip=1)),
    "pixels that are not square": make_wcs(matrix=turned(20, stretch=1.7)),
    "sheared": make_wcs(matrix=((-1, 0.4), (0.1, 1.2))),
    "distorted": make_wcs(sip=SIP),
    "distorted and rotated": make_wcs(sip=SIP, matrix=turned(70)),
    "declination first": make_wcs(
        ctype=("DEC--TAN", "RA---TAN"), crval=(2.0, 150.0), matrix=((1, 0), (0, -1))
    ),
    "galactic": make_wcs(ctype=("GLON-TAN", "GLAT-TAN")),
    "ecliptic, rotated": make_wcs(
        ctype=("ELON-TAN", "ELAT-TAN"), matrix=turned(50), crval=(10, -60)
    ),
    "at the pole": make_wcs(crval=(10.0, 90.0)),
    "beside the south pole": make_wcs(crval=(200.0, -89.999)),
    "around RA 0": make_wcs(crval=(0.0, 40.0), matrix=turned(80)),
    "another projection": make_wcs(ctype=("RA---CAR", "DEC--CAR"), crval=(30.0, 0.0)),
}

PLACES = np.array([[100, 100.0], [20, 150], [180, 10], [99.5, 60]])
SHAPES = np.array([[5, 0.5, 0.3], [3, 0.1, 2.0], [8, 0.8, 1.2], [4, 0.3, 3.1]])


def make_params():
    params = np.ones((len(PLACES), 7))
    params[:, :2], params[:, [3, 5, 6]] = PLACES, SHAPES
    return params


def by_outline(wcs, place, shape):
    """Semi-major axis and PA of an ellipse that is drawn in pixels, from the sky."""
    r_eff, ellip, theta = shape
    # Small, for the WCS to be the same all over it; the size is put back below.
    shrink = 0.02 / r_eff
    t = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    a, b = shrink * r_eff * np.cos(t), shrink * r_eff * (1 - ellip) * np.sin(t)
    x = place[0] + a * np.cos(theta) - b * np.sin(theta)
    y = place[1] + a * np.sin(theta) + b * np.cos(theta)
    centre = wcs.pixel_to_world(*place).icrs
    outline = wcs.pixel_to_world(x, y).icrs.transform_to(centre.skyoffset_frame())
    east, north = outline.lon.wrap_at(180 * u.deg), outline.lat
    moments = np.cov(east.to_value("arcsec"), north.to_value("arcsec"), ddof=0)
    values, vectors = np.linalg.eigh(moments)
    pa = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1])) % 180
    return np.sqrt(2 * values[1]) / shrink, pa


@pytest.mark.parametrize("wcs", WCSS.values(), ids=WCSS)
class TestColumns:
    def test_ellipse_is_that_of_the_sky(self, wcs):
        columns = sky_columns(make_params(), np.zeros((4, 7, 7)), wcs=wcs)
        for row, (place, shape) in enumerate(zip(PLACES, SHAPES, strict=True)):
            r_eff, pa = by_outline(wcs, place, shape)
            assert_allclose(columns["r_eff_sky_fit"][row], r_eff, rtol=2e-4)
            off = (columns["pa_fit"][row] - pa + 90) % 180 - 90
            assert abs(off) < 0.02
        assert np.all((columns["pa_fit"] >= 0) & (columns["pa_fit"] < 180))

    def test_errors_are_those_of_small_steps(self, wcs):
        params, covariance = make_params(), np.zeros((4, 7, 7))
        root = 1e-5 * np.array([[1.0, 0, 0], [0.02, 0.1, 0], [-0.03, 0.05, 0.1]])
        chosen = np.ix_([3, 5, 6], [3, 5, 6])
        covariance[:, *chosen] = root @ root.T
        columns = sky_columns(params, covariance, wcs=wcs)
        steps = []
        for step in root.T:
            ends = []
            for sign in (1, -1):
                moved = params.copy()
                moved[:, [3, 5, 6]] += sign * step
                ends.append(sky_columns(moved, covariance, wcs=wcs))
            pa = ends[0]["pa_fit"] - ends[1]["pa_fit"]
            steps.append([
                (ends[0]["r_eff_sky_fit"] - ends[1]["r_eff_sky_fit"]) / 2,
                ((pa + 90) % 180 - 90) / 2,
            ])  # fmt: skip
        expected = np.sqrt(np.sum(np.square(steps), axis=0))
        assert_allclose(columns["r_eff_sky_err"], expected[0], rtol=1e-3)
        assert_allclose(columns["pa_err"], expected[1], rtol=1e-3)

    def test_there_and_back(self, wcs):
        coordinates = sky_columns(make_params(), np.zeros((4, 7, 7)), wcs=wcs)
        coordinates = coordinates["sky_fit"]
        for given in (coordinates, coordinates.icrs, coordinates.galactic):
            positions = parse_positions(given, wcs)
            assert_allclose(positions.x, PLACES[:, 0], atol=1e-3)
            assert_allclose(positions.y, PLACES[:, 1], atol=1e-3)
            assert_array_equal(positions.ids, [1, 2, 3, 4])

    def test_area(self, wcs):
        corners = np.array([[-0.5, 0.5, 0.5, -0.5], [-0.5, -0.5, 0.5, 0.5]]) + 99.5
        centre = wcs.pixel_to_world(99.5, 99.5)
        sky = wcs.pixel_to_world(*corners).transform_to(centre.skyoffset_frame())
        x, y = sky.lon.wrap_at(180 * u.deg).rad, sky.lat.rad
        area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
        assert_allclose(pixel_area(wcs, (200, 200)), area, rtol=1e-3)


def test_round_galaxy_on_square_pixels():
    params, covariance = make_params(), np.zeros((4, 7, 7))
    params[:, 5] = 0
    covariance[:, 6, 6], covariance[:, 3, 3] = 0.01, 0.04
    columns = sky_columns(params, covariance, wcs=make_wcs(sip={}))
    assert_allclose(columns["r_eff_sky_fit"], params[:, 3] * 0.2, rtol=1e-5)
    assert_allclose(columns["r_eff_sky_err"], 0.04, rtol=1e-3)
    assert_allclose(columns["pa_err"], np.degrees(0.1), rtol=1e-3)


def test_galaxy_that_is_round_in_pixels_alone():
    params = make_params()
    params[:, 5] = 0
    wcs = make_wcs(matrix=((-2, 0), (0, 1)))
    columns = sky_columns(params, np.zeros((4, 7, 7)), wcs=wcs)
    assert_allclose(columns["r_eff_sky_fit"], params[:, 3] * 0.4, rtol=1e-5)
    assert_allclose(columns["pa_fit"], 90, atol=0.1)


def test_angle_stays_below_a_half_turn():
    params = make_params()
    params[:, 6] = np.pi / 2 + np.array([1e-17, 1e-13, -1e-13, 0])
    columns = sky_columns(params, np.zeros((4, 7, 7)), wcs=make_wcs())
    assert np.all((columns["pa_fit"] >= 0) & (columns["pa_fit"] < 180))


def test_rows_without_result():
    params = make_params()
    params[1] = np.nan
    columns = sky_columns(params, np.zeros((4, 7, 7)), wcs=make_wcs(sip=SIP))
    assert_array_equal(np.isnan(columns["r_eff_sky_fit"]), [0, 1, 0, 0])
    assert_array_equal(np.isnan(columns["sky_fit"].ra.deg), [0, 1, 0, 0])


def test_wcs_that_is_not_celestial():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "WAVE", "TIME"
    assert sky_columns(make_params(), np.zeros((4, 7, 7)), wcs=wcs) == {}
    assert pixel_area(wcs, (5, 5)) is None
    with pytest.raises(ValueError, match="WCS of data is not celestial"):
        parse_positions(SkyCoord([1], [2], unit="deg"), wcs)


class TestPositions:
    wcs = make_wcs(sip=SIP)
    sky = wcs.pixel_to_world(*PLACES.T)

    @pytest.mark.parametrize(
        "name",
        ["sky_init", "sky_fit", "sky_centroid", "skycoord", "sky", "coord"],
    )
    def test_columns_of_coordinates(self, name):
        table = QTable({"id": [4, 3, 2, 1], name: self.sky.fk5, "r_eff": SHAPES[:, 0]})
        positions = parse_positions(table, self.wcs)
        assert_array_equal(positions.ids, [4, 3, 2, 1])
        assert_allclose(positions.x, PLACES[:, 0], atol=1e-3)
        assert_allclose(positions.y, PLACES[:, 1], atol=1e-3)
        assert_array_equal(positions.extra["r_eff"], SHAPES[:, 0])

    @pytest.mark.parametrize(
        "names", [("ra", "dec"), ("RA", "DEC"), ("ALPHA_J2000", "DELTA_J2000")]
    )
    def test_right_ascension_and_declination(self, names):
        for ra, dec in (
            (self.sky.ra.deg, self.sky.dec.deg),
            (self.sky.ra.to(u.rad), self.sky.dec.to(u.arcmin)),
            (self.sky.ra, self.sky.dec),
        ):
            positions = parse_positions(QTable({names[0]: ra, names[1]: dec}), self.wcs)
            assert_allclose(positions.x, PLACES[:, 0], atol=1e-3)
            assert_allclose(positions.y, PLACES[:, 1], atol=1e-3)

    def test_pixels_go_first(self):
        table = QTable({"x": [1.0] * 4, "y": [2.0] * 4, "sky": self.sky})
        assert_array_equal(parse_positions(table, self.wcs).x, 1)
        assert_array_equal(parse_positions(table).y, 2)

    def test_one_coordinate(self):
        assert_allclose(parse_positions(self.sky[0], self.wcs).x, [100], atol=1e-3)

    def test_unknown_and_impossible_ones(self):
        ra = MaskedColumn(self.sky.ra.deg, mask=[False, True, False, False])
        dec = self.sky.dec.deg.copy()
        dec[2], dec[3] = 95, np.nan
        positions = parse_positions(Table({"ra": ra, "dec": dec}), self.wcs)
        assert_array_equal(np.isnan(positions.x), [0, 1, 1, 1])
        assert_array_equal(np.isnan(positions.y), [0, 1, 1, 1])

    @pytest.mark.parametrize("wcs", WCSS.values(), ids=WCSS)
    def test_far_side_of_the_sky(self, wcs):
        here = wcs.pixel_to_world(100, 100).icrs
        far = here.directional_offset_by(20 * u.deg, 179.9 * u.deg)
        x, y = sky_to_pixels(wcs, far.reshape(1))
        # Never a pixel of the image.
        assert not (abs(x[0] - 100) < 1000 and abs(y[0] - 100) < 1000)

    @pytest.mark.parametrize(
        ("given", "match"),
        [
            (sky, "init_params must be pixels, or data must have a WCS"),
            (QTable({"sky_fit": sky}), "column 'sky_fit' must be pixels, or data must"),
            (Table({"ra": [1.0], "dec": [1.0]}), "columns ra and dec must be pixels"),
        ],
    )
    def test_without_wcs(self, given, match):
        with pytest.raises(ValueError, match=match):
            parse_positions(given)

    def test_bad_ones(self):
        with pytest.raises(ValueError, match=r"coordinates, got shape \(2, 2\)"):
            parse_positions(self.sky.reshape(2, 2), self.wcs)
        table = QTable({"ra": [1.0] * u.m, "dec": [1.0] * u.deg})
        with pytest.raises(ValueError, match="'ra' must be an angle, got unit m"):
            parse_positions(table, self.wcs)
        with pytest.raises(TypeError, match="column 'ra' must hold a real number"):
            parse_positions(Table({"ra": ["10h"], "dec": ["2d"]}), self.wcs)


def test_distortion_in_a_table_of_the_file():
    """A WCS whose distortion is an extension is that of the list of HDUs alone."""
    header = make_wcs().to_header()
    header["CPDIS1"] = header["CPDIS2"] = "LOOKUP"
    for axis in (1, 2):
        header[f"DP{axis}"] = f"EXTVER: {axis}"
        header[f"DP{axis}.EXTVER"] = float(axis)
        header[f"DP{axis}.NAXES"] = 2.0
        header[f"DP{axis}.AXIS.1"], header[f"DP{axis}.AXIS.2"] = 1.0, 2.0
    tables = []
    for axis in (1, 2):
        table = fits.ImageHDU(np.full((4, 4), 3.0 * axis, "f4"), name="WCSDVARR")
        table.ver = axis
        table.header.update(
            CRPIX1=1.0, CRPIX2=1.0, CRVAL1=1.0, CRVAL2=1.0, CDELT1=70.0, CDELT2=70.0
        )
        tables.append(table)
    science = fits.ImageHDU(np.ones((200, 200)), header, name="SCI")
    image = parse_image(fits.HDUList([fits.PrimaryHDU(), science, *tables]))
    straight = make_wcs().pixel_to_world(103.0, 106.0)
    bent = image.wcs.pixel_to_world(100.0, 100.0)
    assert straight.separation(bent).arcsec < 1e-6
    positions = parse_positions(straight.reshape(1), image.wcs)
    assert_allclose([positions.x[0], positions.y[0]], 100, atol=1e-3)


def test_fitter_takes_coordinates(network):
    psf = np.exp(-(np.hypot(*np.mgrid[-12:13, -12:13]) ** 2) / 4)
    y, x = np.mgrid[:200, :200]
    data = 50 * np.exp(-np.hypot(x - 100, y - 100) / 4) + np.random.default_rng(
        1
    ).normal(size=(200, 200))
    wcs = make_wcs(sip=SIP)
    sky = SkyCoord([wcs.pixel_to_world(100, 100), SkyCoord(10 * u.deg, -80 * u.deg)])
    fitter = CNNSersicFitter(network)
    with pytest.warns(UserWarning, match="1 of 2"):
        table = fitter(NDData(data, wcs=wcs), psf, init_params=sky)
    assert_allclose(table["x_init"][0], 100, atol=1e-3)
    assert len(table) == 2
    assert table["flags"][1] != 0
    assert np.isnan(table["flux_fit"][1])
    assert np.isfinite(table["pa_fit"][0])
    with pytest.raises(ValueError, match="data must have a WCS"):
        fitter(data, psf, init_params=sky)
    with pytest.raises(ValueError, match="data is no single image"):
        fitter(NDData(np.stack([data, data]), wcs=wcs), psf, init_params=sky)
