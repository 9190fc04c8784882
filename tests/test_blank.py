# Licensed under a 3-clause BSD style license - see LICENSE
"""Zeros that stand for no data."""

import numpy as np
import pytest

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.inputs.blank import blank_pixels

SHAPE = (60, 70)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
BEYOND = X + 2 * Y > 130
GALAXY = 500 * np.exp(-np.hypot(X - 30, Y - 25) / 3)


def noise(level, sigma, seed=1):
    """Sky with noise and a galaxy."""
    return GALAXY + np.random.default_rng(seed).normal(level, sigma, SHAPE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [0.0, 100.0])
def test_beyond_the_edge_of_a_mosaic(level, dtype):
    blank = blank_pixels(np.where(BEYOND, 0, noise(level, 5.0)).astype(dtype))
    assert not blank[~BEYOND].any()
    assert np.count_nonzero(blank) > 0.9 * np.count_nonzero(BEYOND)


def test_whole_numbers_on_a_sky():
    blank = blank_pixels(np.where(BEYOND, 0, np.rint(noise(100, 20))))
    assert np.count_nonzero(blank) > 0.9 * np.count_nonzero(BEYOND)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.rint(noise(0.0, 0.6)), id="whole numbers about zero"),
        pytest.param(
            np.random.default_rng(2).poisson(GALAXY + 0.05).astype(float),
            id="counts of few photons",
        ),
        pytest.param(np.where(BEYOND, 0, GALAXY), id="a model without noise"),
        pytest.param(np.zeros(SHAPE), id="zeros alone"),
        pytest.param(noise(0.0, 1.0), id="no zeros"),
        pytest.param(np.where(X % 3 == 0, 0, noise(0, 1)), id="zeros in columns"),
        pytest.param(np.where(BEYOND, 0, np.nan), id="nothing else"),
    ],
)
def test_zeros_that_are_data(image):
    assert not np.any(blank_pixels(image))


def test_each_image_of_a_stack_by_itself():
    whole = noise(100, 5.0)
    stack = np.stack([whole, np.where(BEYOND, 0, whole), 0 * whole])
    blank = blank_pixels(stack)
    assert blank.shape == stack.shape
    assert blank.any(axis=(1, 2)).tolist() == [False, True, False]


def test_they_are_masked_where_asked_for():
    image = np.where(BEYOND, 0, noise(100, 5.0)).astype(np.float32)
    before = image.copy()
    assert parse_image(image).mask is None
    found = parse_image(image, single=True, find_blank=True)
    assert found.data.dtype == np.float32
    assert np.array_equal(found.mask, np.isnan(found.data))
    assert np.array_equal(image, before)


def test_a_galaxy_near_the_edge_of_a_mosaic():
    """It was measured on a plateau, of zero light beyond the edge."""
    image = np.where(X > 48, 0, noise(100, 5.0))
    psf = np.exp(-(np.hypot(*(np.mgrid[:25, :25] - 12)) ** 2) / 4.5)
    fitter = CNNSersicFitter()
    good = fitter(noise(0, 5.0), psf / psf.sum(), init_params=[(30, 25)])
    near = fitter(image, psf / psf.sum(), init_params=[(30, 25)])
    for name in ("flux", "r_eff"):
        off = near[f"{name}_fit"] - good[f"{name}_fit"]
        assert abs(off[0]) < 2 * good[f"{name}_err"][0]
