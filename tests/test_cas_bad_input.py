# Licensed under a 3-clause BSD style license - see LICENSE
"""What measurers of morphology do with input that is not as it should be."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import CNNCASMeasurer, flags

SIZE = 121
Y, X = np.mgrid[:SIZE, :SIZE] - 60.0
RNG = np.random.default_rng(4)
DATA = 40 * np.exp(-np.hypot(X, Y) / 4) + RNG.normal(0, 1, X.shape)
LABELS = np.where(np.hypot(X, Y) < 14, 1, 0)
FAR = np.hypot(X - 40, Y - 40) < 2.5
DATA.flags.writeable = LABELS.flags.writeable = False


@pytest.fixture(params=["classical", "network"])
def measurer(request, morphology_network):
    return CNNCASMeasurer(morphology_network, method=request.param)


BAD_CALLS = {
    "segmap of another shape": (
        {"segmap": LABELS[1:]}, ValueError, r"segmap must have the shape of the image",
    ),
    "segmap of a stack": (
        {"segmap": LABELS[np.newaxis]}, ValueError, r"segmap must have the shape",
    ),
    "segmap of floats": (
        {"segmap": LABELS.astype(float)}, TypeError, r"segmap must be .*float64",
    ),
    "segmap with a unit": (
        {"segmap": LABELS * u.Jy}, TypeError, r"segmap must be .*float64",
    ),
    "segmap is text": ({"segmap": "seg.fits"}, TypeError, r"segmap must be .*dtype"),
    "segmap of negative labels": (
        {"segmap": -LABELS}, ValueError, r"segmap must be .*negative label -1",
    ),
    "labels without segmap": (
        {"segmap": None, "labels": [1]}, ValueError, r"labels must be those",
    ),
    "labels of floats": ({"labels": [1.0]}, TypeError, r"labels must be integers"),
    "image of one dimension": (
        {"image": DATA[0]}, ValueError, r"image must be a 2-D image",
    ),
    "image of text": ({"image": "a"}, TypeError, r"image must hold real numbers"),
    "image of complex numbers": (
        {"image": DATA + 1j}, TypeError, r"image must hold real numbers",
    ),
    "mask of another shape": (
        {"mask": LABELS[1:] > 0}, ValueError, r"mask must have the shape of image",
    ),
    "error without unit": (
        {"image": DATA * u.Jy, "error": DATA}, ValueError, r"error must have the unit",
    ),
    "mask twice": (
        {"image": np.ma.array(DATA, mask=DATA > 3), "mask": DATA > 3},
        ValueError, r"mask must not be given",
    ),
    "positions of one column": (
        {"init_params": [[1.0], [2.0]]}, ValueError, r"init_params must be",
    ),
    "psf of zero sum": (
        {"psf": np.zeros((25, 25))}, ValueError, r"psf must have a positive sum",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_name_the_argument(case, measurer):
    changed, kind, message = BAD_CALLS[case]
    arguments = {"image": DATA, "segmap": LABELS, **changed}
    image = arguments.pop("image")
    with pytest.raises(kind, match=message):
        measurer(image, **arguments)
    assert measurer.results is None


def lost(measurer, image, segmap=None, *, count=1, **arguments):
    """Call, expect one warning, and return the flags of rows that are NaN."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = measurer(image, segmap, **arguments)
    assert [w.category for w in caught] == [AstropyUserWarning]
    assert caught[0].filename == __file__
    assert str(caught[0].message).startswith(f"{count} of {len(table)} galaxies")
    bad = np.isnan(table["concentration"]) & np.isnan(table["asymmetry"])
    assert np.count_nonzero(bad) == count
    return table["flags"][bad].tolist()


def test_a_label_that_is_not_there(measurer):
    assert lost(measurer, DATA, LABELS, labels=[1, 2]) == [flags.LABEL_MISSING]


def test_a_position_on_the_sky_of_the_map(measurer):
    found = lost(measurer, DATA, LABELS, init_params=[[60, 60], [10, 10]])
    assert found == [flags.LABEL_MISSING]


def test_a_position_outside_the_image(measurer):
    for segmap in (None, LABELS):
        found = lost(measurer, DATA, segmap, init_params=[[60, 60], [200, 10]])
        assert found == [flags.OUTSIDE_IMAGE]
    unknown = lost(measurer, DATA, init_params=[[60, 60], [np.nan, 10]])
    assert unknown == [flags.OUTSIDE_IMAGE]


def test_a_segment_of_one_pixel(measurer):
    labels = LABELS.copy()
    labels[100, 100] = 2
    assert lost(measurer, DATA, labels) == [flags.SEGMENT_SMALL]


def test_a_segment_on_the_edge(measurer):
    cut = slice(None), slice(52, None)
    table = measurer(DATA[cut], LABELS[cut])
    assert table["flags"][0] & flags.SEGMENT_AT_EDGE
    assert table["flags"][0] & flags.APERTURE_OUTSIDE
    assert table["flags"][0] & flags.TRUNCATED


def test_an_empty_map(measurer):
    table = measurer(DATA, 0 * LABELS)
    assert len(table) == 0
    assert "concentration" in table.colnames


def test_all_masked(measurer):
    mask = np.ones(DATA.shape, bool)
    assert lost(measurer, DATA, LABELS, mask=mask) == [flags.FULLY_MASKED]
    assert lost(measurer, DATA, mask=mask) == [flags.FULLY_MASKED]
    assert lost(measurer, DATA * np.nan, LABELS) == [flags.NO_DATA]


def test_a_galaxy_that_is_masked(measurer):
    (bits,) = lost(measurer, DATA, LABELS, mask=LABELS > 0)
    assert bits & flags.NEGATIVE_FLUX
    assert bits & flags.MASKED_CORE


@pytest.mark.parametrize("value", [0.0, 1.0, -3e9])
def test_a_constant_image(measurer, value):
    constant = np.full(DATA.shape, value)
    assert lost(measurer, constant, LABELS) == [flags.NO_DATA]
    assert lost(measurer, constant) == [flags.NO_DATA]


def test_no_sky_outside_the_galaxy(measurer):
    everywhere = np.ones_like(LABELS)
    data = DATA + 30 * np.exp(-np.hypot(X, Y) / 60)
    table = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        table = measurer(data, everywhere)
    assert table["flags"][0] & flags.NO_BACKGROUND
    assert np.isnan(table["asymmetry_err"][0])
    assert np.isnan(table["local_bkg_err"][0])
    assert np.isnan(table["sky_sigma"][0])


def test_no_sky_but_known_errors(morphology_network):
    measurer = CNNCASMeasurer(morphology_network, method="network")
    table = measurer(DATA, np.ones_like(LABELS), error=np.ones(DATA.shape))
    assert table["flags"][0] & flags.NO_BACKGROUND
    assert np.isfinite(table["concentration"][0])


@pytest.mark.parametrize("pedestal", [1.0, -2.0, 1e5])
def test_an_image_whose_background_was_not_subtracted(measurer, pedestal):
    expected = measurer(DATA, LABELS)
    table = measurer(DATA + pedestal, LABELS)
    assert table["flags"].tolist() == [flags.SKY_PEDESTAL]
    assert np.allclose(table["local_bkg"] - expected["local_bkg"], pedestal, atol=0.01)
    for name in ("concentration", "asymmetry", "gini", "r50"):
        assert np.allclose(table[name], expected[name], rtol=0.01, atol=0.01)


def test_negative_flux(measurer):
    assert lost(measurer, -DATA, LABELS) == [flags.NEGATIVE_FLUX]
    labels = LABELS.copy()
    labels[FAR] = 2
    hole = np.where(FAR, -20, DATA)
    assert lost(measurer, hole, labels) == [flags.NEGATIVE_FLUX]


def test_one_warning_sums_up(measurer):
    labels = LABELS.copy()
    labels[20, 20] = 2
    labels[FAR] = 3
    data = np.where(FAR, -20, DATA)
    with pytest.warns(AstropyUserWarning, match=r"3 of 4 galaxies") as caught:
        measurer(data, labels, labels=[1, 2, 3, 7])
    assert len(caught) == 1
    for reason in ("1 segment_small", "1 negative_flux", "1 label_missing"):
        assert reason in str(caught[0].message)


def test_pixels_that_are_not_finite_are_masked(measurer):
    data = DATA.copy()
    data[30:35, 30:35] = np.nan
    data[90, 90] = -np.inf
    table = measurer(data, LABELS)
    assert np.isfinite(table["concentration"]).all()


def test_an_image_smaller_than_a_stamp(measurer):
    cut = slice(40, 81), slice(38, 85)
    table = measurer(DATA[cut], LABELS[cut])
    assert table["flags"][0] & flags.TRUNCATED
    assert np.isfinite(table["concentration"][0])


def test_an_image_of_one_pixel(measurer):
    found = lost(measurer, np.ones((1, 1)), np.ones((1, 1), int))
    assert found[0] & flags.SEGMENT_SMALL


def test_pixels_without_noise(measurer):
    data = 40 * np.exp(-np.hypot(X, Y) / 4)
    data[np.hypot(X, Y) > 30] = 0
    if "classical" in measurer.method:
        table = measurer(data, LABELS)
        assert np.isclose(table["concentration"][0], 2.7, atol=0.2)
        assert abs(table["asymmetry"][0]) < 0.05
    else:
        assert lost(measurer, data, LABELS)[0] & flags.NO_BACKGROUND
