# Licensed under a 3-clause BSD style license - see LICENSE
"""The probability that an object is a point source."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.evaluation import (
    area_under_curve,
    calibration_error,
    completeness_at,
    reliability,
)
from astro_cnnfit.parameters import encode
from astro_cnnfit.psf import fwhm
from astro_cnnfit.training.point_like import UNRESOLVED, draw_objects, fit_point_like
from astro_cnnfit.weights import load_network, point_like_probability
from astro_cnnfit.weights.checking import check_description
from astro_cnnfit.weights.point_like import FEATURES, point_like_features


def posterior(n, is_point, rng, fwhm=3.5):
    """Posteriors as a perfect network would give them."""
    r_eff = np.where(is_point, 0.3, rng.uniform(1.5, 6.0, n))
    flux = 10 ** rng.uniform(2.5, 4, n)
    ellip = rng.uniform(0, 0.5, n)
    columns = [np.zeros(n), np.zeros(n), flux, r_eff, np.full(n, 1.0), ellip]
    latent = encode(np.column_stack([*columns, rng.uniform(0, np.pi, n)]))
    error = np.full((n, 7), 0.05)
    latent += rng.normal(size=latent.shape) * error
    return latent, error[:, :, None] ** 2 * np.eye(7)


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(1)
    is_point = rng.random(4000) < 0.5
    latent, covariance = posterior(4000, is_point, rng)
    widths = rng.uniform(3, 4, 4000)
    return {
        "latent": latent,
        "covariance": covariance,
        "psf_fwhm": widths,
        "is_point": is_point,
    }


@pytest.fixture(scope="module")
def fitted(measured):
    return fit_point_like(measured)


def test_a_fit_tells_points_from_galaxies(fitted):
    rng = np.random.default_rng(2)
    is_point = rng.random(2000) < 0.5
    probability = point_like_probability(*posterior(2000, is_point, rng), 3.5, fitted)
    assert area_under_curve(probability, is_point) > 0.999
    assert calibration_error(probability, is_point) < 0.02
    assert ((probability >= 0) & (probability <= 1)).all()


def test_a_fit_is_reproducible(measured, fitted):
    assert fit_point_like(measured) == fitted


def test_what_is_not_known_is_nan(fitted):
    rng = np.random.default_rng(3)
    latent, covariance = posterior(6, np.zeros(6, bool), rng)
    widths = np.full(6, 3.5)
    latent[0, 3] = np.nan
    covariance[1, 4, 4] = np.inf
    widths[2], widths[3] = 9.0, np.nan
    latent[4, 2] = -1.0
    with np.errstate(all="raise"):
        found = point_like_probability(latent, covariance, widths, fitted)
    assert_array_equal(np.isnan(found), [True] * 5 + [False])
    assert np.isnan(point_like_probability(latent, covariance, widths, None)).all()
    assert point_like_probability(latent[:0], covariance[:0], 3.5, fitted).shape == (0,)


def test_scaling_lengths_together_changes_the_width_alone():
    rng = np.random.default_rng(4)
    latent, covariance = posterior(5, np.zeros(5, bool), rng)
    larger = latent.copy()
    larger[:, 3] += np.log10(2)
    first = point_like_features(latent, covariance, 3.0)
    second = point_like_features(larger, covariance, 6.0)
    place = FEATURES.index("psf_fwhm")
    assert_allclose(second[:, place] - first[:, place], np.log10(2))
    rest = np.arange(len(FEATURES)) != place
    assert_allclose(first[:, rest], second[:, rest])


def test_half_of_the_objects_are_points():
    rng = np.random.default_rng(5)
    parts = list(draw_objects(400, rng, shares={"wide": 1.0}))
    params = np.concatenate([part[2] for part in parts])
    is_point = params[:, 3] < 0.01
    assert len(params) == 400
    assert 0.4 < is_point.mean() < 0.6
    stamps, psfs = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    assert stamps.shape[1:] == (61, 61)
    assert psfs.shape[1:] == (25, 25)


@pytest.mark.parametrize("name", ["sersic", "sersic_wide"])
def test_bundled_networks_tell_stars_from_galaxies(name):
    network = load_network(name)
    point_like = network.description["point_like"]
    found, truth = [], []
    for stamps, psfs, params, _ in draw_objects(600, np.random.default_rng(6)):
        latent, covariance = network.predict(stamps, psfs)
        widths = fwhm(psfs)
        found.append(point_like_probability(latent, covariance, widths, point_like))
        truth.append(params[:, 3] < UNRESOLVED * widths)
    found, truth = np.concatenate(found), np.concatenate(truth)
    assert np.isfinite(found).mean() > 0.99
    assert area_under_curve(found, truth) > 0.94
    assert calibration_error(found, truth, 5) < 0.06


# The description of a model may be anybody's.


@pytest.fixture
def description(fitted):
    return {
        "architecture": "sersic",
        "arguments": {},
        "trained_ranges": {"n": [0.3, 8]},
        "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
        "sha256": "",
        "point_like": copy.deepcopy(fitted),
    }


def test_a_good_description_passes(description):
    check_description(description)
    del description["point_like"]
    check_description(description)


WRONG = {
    "none": None,
    "list": [],
    "features": {"features": ["__class__"]},
    "centre of texts": {"centre": ["a"] * 8},
    "centre too short": {"centre": [0.0]},
    "centre not finite": {"centre": [np.nan] * 8},
    "width of zero": {"width": [0.0] * 8},
    "clip negative": {"clip": -1.0},
    "clip endless": {"clip": np.inf},
    "no layers": {"layers": []},
    "layers of texts": {"layers": ["a"]},
    "layer without bias": {"layers": [{"weights": [[0.0]] * 8}]},
    "bias of a number": {"layers": [{"weights": [[0.0]] * 8, "bias": 0.0}]},
    "weights of another size": {"layers": [{"weights": [[0.0]] * 7, "bias": [0.0]}]},
    "more than one output": {
        "layers": [{"weights": [[0.0] * 2] * 8, "bias": [0.0] * 2}]
    },
    "empty layer": {"layers": [{"weights": [[]] * 8, "bias": []}]},
    "weights not finite": {"layers": [{"weights": [[np.inf]] * 8, "bias": [0.0]}]},
    "weights too large": {"layers": [{"weights": [[10**400]] * 8, "bias": [0.0]}]},
    "layer too wide": {
        "layers": [
            {"weights": [[0.0] * 5000] * 8, "bias": [0.0] * 5000},
            {"weights": [[0.0]] * 5000, "bias": [0.0]},
        ]
    },
    "too many layers": {"layers": [{"weights": [[0.0]] * 8, "bias": [0.0]}] * 99},
    "ranges that are none": {"ranges": None},
    "ranges of one": {"ranges": {"snr": [1, 2]}},
    "ranges upside down": {"ranges": {"snr": [1, 2], "psf_fwhm": [2, 1]}},
    "ranges of truths": {"ranges": {"snr": [1, 2], "psf_fwhm": [True, True]}},
}


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG)
def test_wrong_descriptions_are_refused(description, values):
    if isinstance(values, dict):
        values = {**description["point_like"], **values}
    with pytest.raises(ValueError, match="must have a point_like with"):
        check_description({**description, "point_like": values})


def test_of_another_kind_of_network_it_is_refused(description):
    description |= {"architecture": "cas"}
    number = 12
    zeros = np.zeros((number, number)).tolist()
    description["calibration"] = {"scale": [1.0] * number, "covariance": zeros}
    with pytest.raises(ValueError, match="must have a point_like with"):
        check_description(description)


# Measures of two classes.


def test_reliability_and_its_error():
    rng = np.random.default_rng(7)
    probability = rng.random(20_000)
    truth = rng.random(20_000) < probability
    table = reliability(probability, truth, 5)
    assert_allclose(table["probability"], table["fraction"], atol=0.03)
    assert table["n"].sum() == 20_000
    assert calibration_error(probability, truth) < 0.015
    assert calibration_error(probability, rng.random(20_000) < 0.5) > 0.2
    assert np.isnan(reliability([0.1, np.nan], [True, True], 2)["fraction"][1])
    assert reliability([1.0], [True], 4)["n"][3] == 1


def test_area_under_curve():
    assert area_under_curve([0.1, 0.2, 0.8], [False, False, True]) == 1
    assert area_under_curve([0.5, 0.5], [False, True]) == 0.5
    assert np.isnan(area_under_curve([0.5], [True]))


def test_completeness_at_a_contamination():
    probability = np.array([0.9, 0.8, 0.7, 0.6])
    truth = np.array([True, True, False, True])
    assert completeness_at(0.0, probability, truth) == (2 / 3, 0.8)
    assert completeness_at(0.25, probability, truth) == (1.0, 0.6)
    none, cut = completeness_at(0.0, [0.9, 0.9], [True, False])
    assert none == 0
    assert np.isnan(cut)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        reliability([0.1], [True, False])
