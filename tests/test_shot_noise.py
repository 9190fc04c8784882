# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the noise of a galaxy's own light, told from its residuals."""

import numpy as np
import pytest

from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import stamps_of_galaxies
from astro_cnnfit.sersic.shot_noise import error_with_shot_noise

PSF = moffat([3.0], 3.0)


def observed(gain, flux=2e4, n=40, seed=0):
    params = np.array([[0.2, -0.3, flux, 4.0, 1.5, 0.3, 0.7]] * n)
    models = stamps_of_galaxies(params, PSF, (61, 61))
    error = np.sqrt(1 + gain * models)
    noise = np.random.default_rng(seed).normal(0, 1, models.shape)
    return models + error * noise, models, error


@pytest.mark.parametrize("gain", [0.0, 0.04, 0.5])
def test_noise_is_found(gain):
    light, models, error = observed(gain)
    found = error_with_shot_noise(light, models, np.zeros(light.shape, bool))
    ratio = (found / error)[:, 30, 30]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert 0.7 < ratio.min() < ratio.max() < 1.5
    np.testing.assert_allclose(found[:, 0, 0], error[:, 0, 0], rtol=0.02)


def test_smooth_misfit_and_masked_pixels_are_no_noise():
    light, models, error = observed(0.04)
    mask = np.zeros(light.shape, bool)
    mask[:, 35:40, 35:40] = True
    light = light + 0.05 * models
    light[mask] = 1e5
    found = error_with_shot_noise(light, models, mask)
    assert np.median((found / error)[:, 30, 30]) == pytest.approx(1, abs=0.15)


def test_faint_galaxies_keep_the_noise_of_the_sky():
    light, models, _ = observed(0.0, flux=200.0)
    found = error_with_shot_noise(light, models, np.zeros(light.shape, bool))
    assert np.median(found[:, 30, 30]) < 1.3


def test_nothing_left():
    light, models, _ = observed(0.04, n=2)
    found = error_with_shot_noise(light, models, np.ones(light.shape, bool))
    np.testing.assert_array_equal(found, 1.0)
