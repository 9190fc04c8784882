# Licensed under a 3-clause BSD style license - see LICENSE
"""
What measurers of morphology do with odd input, beyond the table of bad inputs.
"""

import warnings

import numpy as np
import pytest
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import CNNCASMeasurer, flags
from astro_cnnfit.wording import counted

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


def lost(measurer, image, segmap=None, *, count=1, **arguments):
    """Call, expect one warning, and return the flags of rows that are NaN."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = measurer(image, segmap, **arguments)
    assert [w.category for w in caught] == [AstropyUserWarning]
    assert caught[0].filename == __file__
    assert str(caught[0].message).startswith(f"{count} of {counted(len(table))} ")
    bad = np.isnan(table["concentration"]) & np.isnan(table["asymmetry"])
    assert np.count_nonzero(bad) == count
    return table["flags"][bad].tolist()


def test_an_empty_map(measurer):
    table = measurer(DATA, 0 * LABELS)
    assert len(table) == 0
    assert "concentration" in table.colnames


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


@pytest.mark.parametrize("pedestal", [1.0, -2.0, 1e5])
def test_an_image_whose_background_was_not_subtracted(measurer, pedestal):
    expected = measurer(DATA, LABELS)
    table = measurer(DATA + pedestal, LABELS)
    assert table["flags"].tolist() == [flags.SKY_PEDESTAL]
    assert np.allclose(table["local_bkg"] - expected["local_bkg"], pedestal, atol=0.01)
    for name in ("concentration", "asymmetry", "gini", "r50"):
        assert np.allclose(table[name], expected[name], rtol=0.01, atol=0.01)


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


def test_pixels_without_noise(measurer):
    data = 40 * np.exp(-np.hypot(X, Y) / 4)
    data[np.hypot(X, Y) > 30] = 0
    if "classical" in measurer.method:
        table = measurer(data, LABELS)
        assert np.isclose(table["concentration"][0], 2.7, atol=0.2)
        assert abs(table["asymmetry"][0]) < 0.05
    else:
        assert lost(measurer, data, LABELS)[0] & flags.NO_BACKGROUND
