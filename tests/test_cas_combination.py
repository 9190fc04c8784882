# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how the network's and the classical value become one."""

import json

import numpy as np
import pytest

from astro_cnnfit.measures import LATENT_MEASURES, latent_index
from astro_cnnfit.morphology.combination import (
    COMBINED,
    classical_latent,
    combine,
    regressed,
)
from astro_cnnfit.morphology.combination_fit import (
    add_combination,
    classical_values,
    fit_combination,
)
from astro_cnnfit.morphology.library import draw_library
from astro_cnnfit.networks import build
from astro_cnnfit.training import TrainingConfig
from astro_cnnfit.weights import available, read_description, write_model

A, SNR = latent_index("asymmetry"), latent_index("log_snr")
N = 6000


def galaxies(rng, n=N, correlation=0.0):
    """True, classical and network's values: the classical ones biased."""
    number = len(LATENT_MEASURES)
    true = rng.normal(0.5, 0.2, (n, number))
    true[:, SNR] = rng.uniform(0.2, 1.7, n)
    noise = 10 ** -true[:, SNR, None]
    shared = rng.normal(0, 1, (n, number))
    own = correlation * shared + np.sqrt(1 - correlation**2) * rng.normal(
        0, 1, (n, number)
    )
    network, classical = 0.05, 0.4 * noise
    mean = true + network * shared
    mean[:, SNR] = true[:, SNR]
    seen = true + classical * own
    seen[:, A] += 0.05 - 0.2 * true[:, A]
    seen[:, SNR] = true[:, SNR] + rng.normal(0, 0.02, n)
    covariance = np.tile(np.eye(number) * network**2, (n, 1, 1))
    return true, seen, mean, covariance


@pytest.fixture(scope="module", params=[0.0, 0.6])
def case(request):
    rng = np.random.default_rng(7)
    true, seen, mean, covariance = galaxies(rng, correlation=request.param)
    fit = fit_combination(seen, mean, covariance, true)
    return (
        request.param,
        json.loads(json.dumps(fit)),
        galaxies(rng, correlation=request.param),
    )


def test_bias_is_removed(case):
    _, fit, (true, seen, *_) = case
    bright = true[:, SNR] > 1
    error = regressed(seen, fit)[:, A] - true[:, A]
    assert abs((seen - true)[bright, A].mean()) > 0.005
    assert abs(error[bright].mean()) < 0.004
    high = true[:, A] > 0.7
    assert abs(error[bright & high].mean()) < 0.01


def test_errors_and_correlation_are_found(case):
    correlation, fit, _ = case
    table = fit["quantities"]["gini"]
    expected = 0.4 * 10 ** -np.array(fit["log_snr"])
    # Where the noise is small it can be told; elsewhere the prior helps.
    assert np.allclose(table["error"][3:5], expected[3:5], rtol=0.25)
    assert np.allclose(table["correlation"][3:5], correlation, atol=0.2)


def test_combination_is_better_than_both(case):
    _, fit, (true, seen, mean, covariance) = case
    found, errors, weights = combine(seen, mean, covariance, fit)
    value = regressed(seen, fit)
    for low, high in ((0.2, 0.5), (0.7, 1.0), (1.2, 1.7)):
        rows = (true[:, SNR] > low) & (true[:, SNR] < high)
        scatters = [np.std(v[rows, A] - true[rows, A]) for v in (found, mean, value)]
        assert scatters[0] < 1.03 * min(scatters[1:])
    deviation = np.abs(found - true)[:, A] / np.sqrt(errors[:, A, A])
    assert 0.63 < np.mean(deviation < 1) < 0.73
    faint, bright = true[:, SNR] < 0.4, true[:, SNR] > 1.5
    assert weights[faint, A].mean() > 0.7
    assert weights[bright, A].mean() < 0.2
    assert ((weights >= 0) & (weights <= 1)).all()


def test_covariances_stay_covariances(case):
    _, fit, (_, seen, mean, covariance) = case
    _, errors, _ = combine(seen, mean, covariance, fit)
    assert (np.linalg.eigvalsh(errors[:50]) > 0).all()


def test_undefined_and_not_trusted(case):
    _, fit, (_, seen, mean, covariance) = case
    seen, mean, covariance = seen[:4].copy(), mean[:4], covariance[:4]
    seen[0] = np.nan
    seen[1, latent_index("gini")] = np.nan
    trusted = np.array([True, True, True, False])
    found, errors, weights = combine(seen, mean, covariance, fit, trusted=trusted)
    assert np.array_equal(found[0], mean[0])
    assert np.allclose(errors[0], covariance[0])
    assert (weights[0] == 1).all()
    # The regression needs all that it was made with.
    assert (weights[1] == 1).all()
    assert weights[3, A] == 0
    assert found[3, A] == seen[3, A]
    assert weights[3, latent_index("x")] == 1


def test_classical_values_in_the_networks_order():
    values = {name: np.array([0.5, np.nan]) for name in LATENT_MEASURES[:6]}
    values |= {"r20": np.array([10.0, -1]), "r50": np.array([100.0, 0])}
    values |= {"rpetro_ellip": np.array([1.0, 2]), "sn_per_pixel": np.array([10, 1])}
    latent = classical_latent(values)
    assert latent.shape == (2, 12)
    assert latent[0, [6, 7, 8, 11]].tolist() == [1, 2, 0, 1]
    assert np.isnan(latent[1, [0, 6, 7, 9, 10]]).all()


def test_what_comes_with_the_package():
    if "cas" not in available():
        pytest.skip(reason="'cas' is not in this build")
    fit = read_description("cas")[1]["combination"]
    assert set(fit["quantities"]) == set(COMBINED)


def test_a_network_learns_how_to_be_combined(tmp_path, monkeypatch):
    monkeypatch.setattr("astro_cnnfit.morphology.combination_fit._CHUNK", 100)
    monkeypatch.setattr("astro_cnnfit.morphology.library.CHUNK", 40)
    config = TrainingConfig(
        "cas",
        arguments={"filters": [2, 2, 2], "dense": [4]},
        priors={"procedural": 1.0},
        galaxies=60,
    )
    library = draw_library(40, "held_out", config.priors, 1)
    model = build("cas", **config.arguments)
    calibration = {"scale": [1.0] * 12, "covariance": np.zeros((12, 12)).tolist()}
    description = {"architecture": "cas", "arguments": config.arguments}
    description |= {"calibration": calibration, "trained_ranges": {}}
    write_model(tmp_path, model, description)
    add_combination(tmp_path, config, library, 1)
    fit = read_description(tmp_path)[1]["combination"]
    assert set(fit["quantities"]) == set(COMBINED)
    assert np.isfinite(fit["quantities"]["asymmetry"]["error"]).all()


def test_classical_values_of_noisy_stamps():
    y, x = np.mgrid[:101, :101] - 50.0
    noise = np.random.default_rng(2).normal(0, 1, (2, 101, 101))
    stamps = noise + 60 * np.exp(-np.hypot(x, y) / 5)
    latent = classical_values(stamps)
    assert latent.shape == (2, 12)
    assert np.allclose(latent[:, 0], 2.7, atol=0.2)
    assert np.allclose(latent[:, latent_index("log_rpetro")], np.log10(18), atol=0.05)
