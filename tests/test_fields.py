# Licensed under a 3-clause BSD style license - see LICENSE
"""Simulated fields."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.psf import moffat
from astro_cnnfit.simulation import simulate_field
from astro_cnnfit.simulation.priors import GAIN, PIXEL_SCALE, SKY_SIGMA


@pytest.fixture(scope="module")
def field():
    return simulate_field((400, 500), seed=3)


def test_a_field_is_reproducible_and_whole(field):
    again = simulate_field((400, 500), seed=3)
    assert_array_equal(field.image, again.image)
    assert field.image.shape == field.error.shape == (400, 500)
    assert np.isfinite(field.image).all()
    assert_allclose(field.psf.sum(), 1, rtol=1e-5)
    other = simulate_field((400, 500), seed=4)
    assert not np.array_equal(field.image, other.image)


def test_objects_are_as_many_as_their_density_says():
    area = 400 * 500 * (PIXEL_SCALE / 60) ** 2
    for density in (1.0, 3.0):
        counts = [
            [np.sum((truth["mag"] < 24) & ~truth["is_star"]), truth["is_star"].sum()]
            for seed in range(4)
            for truth in [simulate_field((400, 500), density=density, seed=seed).truth]
        ]
        galaxies, stars = np.mean(counts, axis=0) / (area * density)
        assert_allclose(galaxies, 24, rtol=0.3)
        assert_allclose(stars, 3, rtol=0.6)


def test_truth_is_what_was_drawn(field):
    truth = field.truth
    assert_array_equal(truth["id"], np.arange(1, len(truth) + 1))
    assert (np.diff(truth["flux"]) <= 0).all()
    assert np.isnan(truth["r_eff"][truth["is_star"]]).all()
    assert np.isfinite(truth["r_eff"][~truth["is_star"]]).all()
    assert truth["theta"].unit == "rad"
    inside = (truth["x_0"] > 40) & (truth["x_0"] < 460)
    inside &= (truth["y_0"] > 40) & (truth["y_0"] < 360)
    brightest = truth[inside][0]
    x, y = round(brightest["x_0"]), round(brightest["y_0"])
    near = field.image[y - 3 : y + 4, x - 3 : x + 4]
    assert near.max() > 20 * SKY_SIGMA


def test_light_and_noise_are_those_of_the_truth(field):
    light = np.median(field.image)
    assert 0 <= light < SKY_SIGMA
    variance = np.percentile(field.error, 1) ** 2
    assert_allclose(variance, SKY_SIGMA**2, rtol=0.1)
    objects = (field.error**2 - SKY_SIGMA**2).sum() * GAIN
    # Of objects at the border a part lies outside.
    assert_allclose(objects, field.truth["flux"].sum(), rtol=0.2)


def test_stars_alone_and_nothing():
    stars = simulate_field((300, 300), density=1e-9, seed=1)
    assert len(stars.truth) == 0
    assert_allclose(stars.image.std(), SKY_SIGMA, rtol=0.02)
    none = simulate_field((300, 300), star_fraction=0, seed=1)
    assert not none.truth["is_star"].any()


def test_a_psf_may_be_given():
    psf = moffat(5.0, 3.0, size=25)[0]
    field = simulate_field((200, 200), psf=psf, seed=2)
    assert field.psf.shape == (41, 41)
    assert_allclose(field.psf[8:-8, 8:-8], psf, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (10,)}, "shape"),
        ({"shape": (10, 0)}, "shape"),
        ({"density": -1}, "density"),
        ({"density": np.nan}, "density"),
        ({"star_fraction": -1}, "star_fraction"),
        ({"limit": 16}, "limit"),
        ({"sky_sigma": 0}, "sky_sigma"),
    ],
)
def test_bad_calls_name_the_argument(changes, message):
    with pytest.raises(ValueError, match=message):
        simulate_field(**{"shape": (50, 50), **changes})
