# Licensed under a 3-clause BSD style license - see LICENSE
"""Errors of galaxies among light that was not found."""

import numpy as np
import pytest

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.confusion import variance_excess, widened
from astro_cnnfit.sersic.field import measure_field
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.weights import load_network

NOTHING = np.empty((0, 7))
PARAMS = np.array([[50.0, 50, 900, 3, 1, 0.2, 0], [80.0, 50, 900, 12, 1, 0.2, 0]])


def field(n, seed=1, side=400):
    """Noise and many faint objects."""
    rng = np.random.default_rng(seed)
    params = np.tile([0.0, 0, 25, 2, 1, 0, 0], (n, 1))
    params[:, :2] = rng.uniform(0, side, (n, 2))
    light = image_of_galaxies(params, moffat([3.5], 3.0), (side, side))
    return light + rng.standard_normal((side, side))


@pytest.mark.parametrize("with_error", [False, True])
def test_noise_alone_has_no_excess(with_error):
    """On no scale, whatever the errors are called."""
    pixels = 7 * field(0)
    image = parse_image(pixels, error=np.full_like(pixels, 7) if with_error else None)
    assert variance_excess(image, image.data, NOTHING).max() < 0.05


def test_faint_light_has_one_that_grows_with_the_scale():
    """More objects make more of it; bad pixels change little; nothing is written."""
    few, many = (
        variance_excess(parse_image(f), f, NOTHING) for f in (field(500), field(2000))
    )
    assert np.all(many > few)
    assert many[2] > many[0] > 0.05
    pixels = field(2000)
    error = np.ones_like(pixels)
    pixels[:100, :100] = np.nan
    error[300:, 300:] = np.nan
    image = parse_image(pixels, error=np.nan_to_num(error, nan=1.0))
    before = image.data.copy()
    found = variance_excess(image, image.data, NOTHING)
    np.testing.assert_array_equal(image.data, before)
    np.testing.assert_allclose(found[:3], many[:3], rtol=0.25)


def test_no_good_pixels():
    """Nothing is known, so nothing is added."""
    image = parse_image(np.ones((50, 50)), mask=np.ones((50, 50), bool))
    assert not variance_excess(image, image.data, NOTHING).any()


def test_larger_galaxies_gain_more():
    """Without an excess nothing changes; correlations never do."""
    covariance = np.tile(np.eye(7) + 0.5, (2, 1, 1))
    refined = np.array([False, False])
    same = widened(covariance, PARAMS, refined, np.zeros(6))
    np.testing.assert_array_equal(same, covariance)
    excess = np.linspace(0.1, 1, 6)
    wide = widened(covariance, PARAMS, refined, excess)
    spread = np.sqrt(np.diagonal(wide, axis1=1, axis2=2))
    assert np.all(spread[1] > spread[0])
    correlation = wide / (spread[:, :, None] * spread[:, None, :])
    np.testing.assert_allclose(correlation[:, 0, 1], 1 / 3)
    together = widened(covariance, PARAMS, ~refined, excess)
    assert np.all(together[:, 2, 2] > wide[:, 2, 2])


def test_only_those_in_others_light():
    """Errors of a galaxy by itself are those of one pass; the others grow."""
    pixels = field(2500, seed=2)
    params = np.array([[60.0, 60, 3000, 3, 1, 0.2, 1], [78.0, 60, 3000, 3, 1, 0.2, 2]])
    params = np.vstack([params, params[:1]])
    params[2, :2] = 300
    psf = moffat([3.5], 3.0)
    image = parse_image(pixels + image_of_galaxies(params, psf, pixels.shape))
    network = load_network("sersic")
    one, six = (
        measure_field(network, image, *params[:, :2].T, psf, iterations=n)
        for n in (1, 6)
    )
    ratio = np.sqrt(six.latent_covariance / one.latent_covariance)[:, 2, 2]
    assert ratio[2] == 1
    assert np.all(ratio[:2] > 1.1)
    np.testing.assert_array_equal(one.covariance[2], six.covariance[2])
    assert np.all(six.covariance[:2, 2, 2] > 1.1 * one.covariance[:2, 2, 2])
