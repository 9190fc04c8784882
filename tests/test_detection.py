# Licensed under a 3-clause BSD style license - see LICENSE
"""Finding the objects of an image."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable, Table
from numpy.testing import assert_allclose, assert_array_equal
from photutils.segmentation import SegmentationImage, SourceCatalog

from astro_cnnfit.detection import GalaxyFinder, parse_finder
from astro_cnnfit.detection.knots import joined_knots
from astro_cnnfit.detection.sky import measure_sky
from astro_cnnfit.inputs import parse_positions

pytest.importorskip("skimage")

COLUMNS = (
    *("id", "x_centroid", "y_centroid", "flux", "r_eff_init", "a", "b", "theta"),
    *("n_pixels", "peak", "snr"),
)


def blob(shape, x, y, flux, sigma, q=1.0, theta=0.0):
    """An elliptical Gaussian."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    u_, v = xx - x, yy - y
    major = u_ * np.cos(theta) + v * np.sin(theta)
    minor = (v * np.cos(theta) - u_ * np.sin(theta)) / q
    profile = np.exp(-(major**2 + minor**2) / 2 / sigma**2)
    return flux * profile / (2 * np.pi * sigma**2 * q)


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(1)
    shape = (200, 240)
    pixels = 100 + rng.normal(size=shape)
    pixels += blob(shape, 50.3, 60.2, 3000, 2.0)
    pixels += blob(shape, 58.0, 66.0, 1500, 2.0)
    pixels += blob(shape, 170.0, 120.0, 40_000, 14.0, 0.5, 0.6)
    pixels += blob(shape, 30.6, 160.4, 300, 1.6)
    return pixels


PLACES = np.array([[50.3, 60.2], [58.0, 66.0], [170.0, 120.0], [30.6, 160.4]])


def rows_of(table):
    """Rows of the table nearest to the true places."""
    found = np.column_stack([table["x_centroid"], table["y_centroid"]])
    distance = np.hypot(*(PLACES[:, None] - found).transpose(2, 0, 1))
    assert (distance.min(axis=1) < 1).all()
    return distance.argmin(axis=1)


def test_objects_are_found_where_they_are(image):
    before = image.copy()
    found = GalaxyFinder().find(image)
    table = found.table
    assert tuple(table.colnames) == COLUMNS
    assert len(table) == 4
    rows = rows_of(table)
    assert_allclose(table["flux"][rows], [3000, 1500, 40_000, 300], rtol=0.15)
    # Half of a Gaussian's light lies within 1.18 sigma.
    assert_allclose(table["r_eff_init"][rows[2]], 1.18 * 14, rtol=0.15)
    assert_allclose(table["theta"][rows[2]].to_value("rad"), 0.6, atol=0.1)
    assert_allclose(table["b"][rows[2]] / table["a"][rows[2]], 0.5, atol=0.1)
    assert_allclose(np.median(found.background), 100, atol=0.1)
    assert_allclose(np.median(found.noise), 1, rtol=0.05)
    assert_array_equal(np.unique(found.segmentation.data), [0, *table["id"]])
    assert_array_equal(image, before)


def test_the_result_is_the_same_each_time(image):
    finder = GalaxyFinder()
    first, second = finder(image), finder(image)
    for name in first.colnames:
        assert_array_equal(first[name], second[name])


def test_the_fitter_can_take_the_table(image):
    positions = parse_positions(GalaxyFinder()(image))
    assert len(positions.x) == 4
    assert (positions.extra["r_eff"] > 0).all()


def test_units_scale_and_types(image):
    plain = GalaxyFinder()(image)
    unit = GalaxyFinder()(image * u.nJy)
    assert unit["flux"].unit == unit["peak"].unit == u.nJy
    assert_allclose(unit["flux"].value, plain["flux"])
    bright = GalaxyFinder()(1e-20 * image)
    assert_allclose(bright["x_centroid"], plain["x_centroid"], atol=1e-3)
    assert_allclose(bright["flux"], 1e-20 * plain["flux"], rtol=1e-3)
    big_endian = GalaxyFinder()(image.astype(">f4"))
    assert_allclose(big_endian["x_centroid"], plain["x_centroid"], atol=1e-3)
    assert len(GalaxyFinder()(NDData(image))) == 4


def test_transposed_images_have_transposed_objects(image):
    table, turned = GalaxyFinder()(image), GalaxyFinder()(image.T)
    order, other = np.argsort(table["flux"]), np.argsort(turned["flux"])
    assert_allclose(table["x_centroid"][order], turned["y_centroid"][other], atol=0.05)


def test_bad_pixels_belong_to_nothing(image):
    image = image.copy()
    mask = np.zeros(image.shape, bool)
    mask[150:170, 20:40] = True
    image[mask] = 1e6
    image[10:20, 100:110] = np.nan
    image[5, 5] = np.inf
    found = GalaxyFinder().find(image, mask=mask)
    assert len(found.table) == 3
    assert not (found.segmentation.data > 0)[mask].any()


def test_given_errors_count(image):
    error = np.ones(image.shape)
    # Thirty times the noise on one side: what is faint there is not found.
    error[:, :45] = 30
    noise = np.random.default_rng(3).normal(size=image.shape) * (error > 1) * 29.98
    found = GalaxyFinder().find(image + noise, error=error)
    assert len(found.table) == 3
    assert_array_equal(found.noise, error)


@pytest.mark.parametrize(
    "pixels",
    [
        np.random.default_rng(2).normal(size=(150, 150)),
        np.zeros((80, 80)),
        np.full((80, 80), 7.0),
        np.full((80, 80), np.nan),
        np.zeros((3, 2)),
        np.zeros((1, 1)),
    ],
    ids=["noise", "zeros", "constant", "NaN", "tiny", "one pixel"],
)
def test_nothing_is_found_where_nothing_is(pixels):
    found = GalaxyFinder().find(pixels)
    assert len(found.table) == 0
    assert tuple(found.table.colnames) == COLUMNS
    assert found.segmentation is None
    assert len(parse_positions(found.table).x) == 0


def test_nothing_is_found_where_all_is_masked(image):
    assert len(GalaxyFinder()(image, mask=np.ones(image.shape, bool))) == 0


def test_a_large_galaxy_is_not_taken_for_sky():
    shape = (500, 500)
    image = np.random.default_rng(4).normal(size=shape)
    image += blob(shape, 250, 250, 4e5, 60.0)
    found = GalaxyFinder(box_size=64).find(image)
    brightest = found.table[np.argmax(found.table["flux"])]
    assert_allclose(brightest["flux"], 4e5, rtol=0.1)
    assert np.abs(found.background).max() < 1.0


def test_knots_are_joined_and_neighbours_are_not():
    shape = (300, 300)
    disc = blob(shape, 150, 150, 5e5, 35.0)
    knots = [(180, 150), (150, 185), (120, 130), (140, 110)]
    spiral = disc + sum(blob(shape, x, y, 1500, 3.0) for x, y in knots)
    image = spiral + np.random.default_rng(5).normal(size=shape)
    image += blob(shape, 200, 210, 2e4, 2.0)
    table = GalaxyFinder()(image)
    assert len(table) == 2
    assert len(GalaxyFinder(deblend=False)(image)) == 1


def test_a_missing_package_is_named(image, monkeypatch):
    monkeypatch.setattr("astro_cnnfit.detection.segments.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="scikit-image"):
        GalaxyFinder()(image)


def test_joining_goes_from_the_highest_saddle_down():
    snr = np.array([[1.0, 10.0, 9.5, 9.8, 2.0, 8.0, 1.0]])
    labels = np.array([[1, 1, 2, 2, 3, 3, 3]])
    assert_array_equal(joined_knots(snr, labels, 3.5), [[1, 1, 1, 1, 3, 3, 3]])
    assert_array_equal(joined_knots(snr, 0 * labels, 3.5), 0 * labels)


def test_sky_of_an_image_without_free_pixels():
    sky = measure_sky(np.ones((50, 50)), np.ones((50, 50), bool), 10)
    assert np.isnan(sky.noise).all()
    assert (sky.level == 0).all()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"nsigma": 0}, "nsigma"),
        ({"nsigma": np.nan}, "nsigma"),
        ({"outskirts": 9}, "outskirts"),
        ({"npixels": 0}, "npixels"),
        ({"contrast": 2}, "contrast"),
        ({"n_levels": 0}, "n_levels"),
        ({"box_size": 1}, "box_size"),
        ({"fwhm": -1}, "fwhm"),
    ],
)
def test_bad_settings_are_named(changes, name):
    with pytest.raises(ValueError, match=name):
        GalaxyFinder(**changes)


def test_a_stack_is_refused():
    with pytest.raises(ValueError, match="data must be one image"):
        GalaxyFinder()(np.zeros((3, 20, 20)))


# What `finder=` may be.


@pytest.mark.parametrize("finder", ["default", True, GalaxyFinder()])
def test_the_default_finder(finder, image):
    assert len(parse_finder(finder)(image)) == 4


@pytest.mark.parametrize("finder", [None, False])
def test_no_finder(finder):
    assert parse_finder(finder) is None


def test_a_callable_is_called_as_before(image):
    seen = {}

    def finder(data, mask=None):
        seen["mask"] = mask
        return Table({"xcentroid": [3.0], "ycentroid": [4.0]})

    mask = np.zeros(image.shape, bool)
    table = parse_finder(finder)(image, mask=mask, error=np.ones(image.shape))
    assert table["xcentroid"][0] == 3
    assert seen["mask"] is mask
    assert parse_finder(lambda data, mask=None: None)(image).shape == (0, 2)


@pytest.mark.parametrize("kind", [SegmentationImage, np.array, np.ndarray.tolist])
def test_a_segmentation_image(kind, image):
    found = GalaxyFinder().find(image)
    labels = found.segmentation.data * 10
    table = parse_finder(kind(labels))(image)
    assert_array_equal(table["id"], 10 * found.table["id"])
    assert_allclose(table["x_centroid"], found.table["x_centroid"], atol=0.05)
    assert_allclose(table["flux"], found.table["flux"], rtol=0.05)
    masked = parse_finder(kind(labels))(image, mask=labels == 10)
    assert len(masked) == len(table) - 1
    with pytest.raises(ValueError, match="finder must be a segmentation image"):
        parse_finder(kind(labels))(image[1:])


def test_catalogues(image):
    found = GalaxyFinder().find(image)
    catalogue = SourceCatalog(image - 100, found.segmentation)
    table = parse_finder(catalogue)(image)
    assert_array_equal(table["id"], found.table["id"])
    assert_allclose(table["x_centroid"], found.table["x_centroid"], atol=1.5)
    given = QTable({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    assert parse_finder(given)(image)["x"][1] == 2


@pytest.mark.parametrize(
    ("finder", "error", "message"),
    [
        ("fast", ValueError, "finder must be .* got 'fast'"),
        (3, TypeError, "finder must be .* got int"),
        (GalaxyFinder, TypeError, "finder must be .* got the class GalaxyFinder"),
        (np.zeros((5, 5)), TypeError, "finder must hold integers"),
        (np.zeros(5, int), ValueError, "finder must be a segmentation image"),
        (-np.ones((5, 5), int), ValueError, "finder .* negative"),
        (Table({"a": [1]}), ValueError, "finder must have columns with x and y"),
        (Table({"x": ["a"], "y": ["b"]}), TypeError, "finder column 'x'"),
    ],
    ids=str,
)
def test_bad_finders_are_named(finder, error, message):
    with pytest.raises(error, match=message):
        parse_finder(finder)


@pytest.mark.parametrize(
    "finder", ["default", np.eye(5, dtype=int), Table({"x": [1.0], "y": [2.0]})]
)
def test_finders_can_be_sent_to_workers(finder):
    assert pickle.loads(pickle.dumps(parse_finder(finder))) is not None


@pytest.mark.parametrize("turn", range(4))
def test_objects_on_the_border_are_inside(turn):
    """A profile that rises up to the edge has its place in the last pixel."""
    y, x = np.mgrid[:80, :90]
    image = np.random.default_rng(2).normal(size=x.shape)
    image += 200 * np.exp(-((x - 90.4) ** 2 + (y - 40) ** 2) / 18)
    image = np.rot90(image, turn)
    table = GalaxyFinder()(image)
    ny, nx = image.shape
    assert len(table) == 1
    assert -0.5 < table["x_centroid"][0] < nx - 0.5
    assert -0.5 < table["y_centroid"][0] < ny - 0.5
