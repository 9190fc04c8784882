# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.psf.models import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.sersic.neighbours import find_neighbours

PSF = moffat(3.5, 3.0)
GALAXY = np.array([0.2, -0.1, 2.0e4, 4.0, 1.5, 0.3, 0.5])
NEIGHBOUR = np.array([14.0, -10.0, 8.0e3, 2.0, 1.0, 0.2, 0.0])
N = 64


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(7).normal(0, 1, (N, 61, 61)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return render_sersic_numpy(GALAXY[None], PSF)


@pytest.fixture(scope="module")
def neighbour():
    return render_sersic_numpy(NEIGHBOUR[None], PSF)


def test_noise_is_no_neighbour(noise, model):
    found = find_neighbours(model + noise, np.repeat(model, N, axis=0), 1.0)
    assert found.mask.shape == (N, 61, 61)
    assert found.mask.any(axis=(1, 2)).mean() < 0.15
    assert found.mask.mean() < 2e-3
    assert np.all(found.flux < 5e-3)


def test_neighbour_is_covered(noise, model, neighbour):
    found = find_neighbours(model + neighbour + noise, np.repeat(model, N, axis=0), 1.0)
    # What is left is lost in the noise or in the galaxy, which keeps its pixels.
    left = np.where(found.mask, 0, neighbour)
    assert np.all(left < 1.5 + 0.2 * model)
    assert np.median(left.sum(axis=(1, 2))) < 0.01 * neighbour.sum()
    assert not found.mask[:, 28:33, 28:33].any()
    assert found.mask.mean() < 0.25
    assert_allclose(found.flux, 0.4, atol=0.05)


def test_an_imperfect_model_is_no_neighbour(noise, model):
    wrong = np.add(GALAXY, [0.1, -0.05, 600.0, 0.1, 0.05, 0.02, 0.02])
    wrong = render_sersic_numpy(wrong[None], PSF)
    found = find_neighbours(model + noise, np.repeat(wrong, N, axis=0), 1.0)
    assert not found.mask[:, 24:37, 24:37].any()


def test_bright_neighbour_beside_the_galaxy(noise, model):
    bright = np.multiply(NEIGHBOUR, [0.6, 0.6, 20, 1, 1, 1, 1])
    bright = render_sersic_numpy(bright[None], PSF)
    found = find_neighbours(model + bright + noise, np.repeat(model, N, axis=0), 1.0)
    assert found.mask[:, 24, 38].all()
    assert np.all(found.flux > 3)


def test_close_neighbour_leaves_the_core(noise, model):
    close = NEIGHBOUR.copy()
    close[:2] = 5.5, -4.5
    close = render_sersic_numpy(close[None], PSF)
    found = find_neighbours(model + close + noise, np.repeat(model, N, axis=0), 1.0)
    assert found.mask[:, 25:28, 34:37].all()
    assert found.mask[:, 29:32, 29:32].mean() < 0.2


def test_negative_residuals_are_no_neighbours(noise, model, neighbour):
    found = find_neighbours(model - neighbour + noise, np.repeat(model, N, axis=0), 1.0)
    assert not found.mask[:, 18:24, 40:48].any()
    assert np.all(found.flux >= 0)


def test_masked_pixels(noise, model, neighbour):
    pixels = model + neighbour + noise
    mask = np.zeros(pixels.shape, bool)
    mask[:, 10:30, 36:54] = True
    pixels[:, 18, 40] = np.nan
    error = np.where(mask, 0, 1)
    with np.errstate(divide="ignore"):
        found = find_neighbours(pixels, np.repeat(model, N, axis=0), error, mask)
    assert not found.mask[mask].any()
    assert found.mask.mean() < 0.06
    plain = find_neighbours(pixels, np.repeat(model, N, axis=0), 1.0)
    assert not plain.mask[:, 18, 40].any()
    assert plain.mask[:, 21, 44].all()


def test_unit_and_company_do_not_matter(noise, model, neighbour):
    pixels = model + neighbour + noise
    models = np.repeat(model, N, axis=0)
    expected = find_neighbours(pixels, models, 1.0)
    found = find_neighbours(pixels[:1] * 8, models[:1] * 8, np.full((1, 61, 61), 8.0))
    assert_array_equal(found.mask[0], expected.mask[0])
    assert_allclose(found.flux[0], expected.flux[0], rtol=1e-4)
    none = find_neighbours(pixels[:0], models[:0], 1.0)
    assert none.mask.shape == (0, 61, 61)
