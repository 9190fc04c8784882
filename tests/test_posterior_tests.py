# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the tests of posteriors, on Gaussians whose coverage is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from astro_cnnfit.evaluation import (
    gaussian_samples,
    rank_uniformity,
    sbc_ranks,
    tarp,
)

N, N_DRAWS = 1500, 99


@pytest.fixture(scope="module")
def scenes():
    """A prior of unit width, data with noise 0.5: the posterior is known."""
    rng = np.random.default_rng(5)
    true = rng.normal(0, 1, (N, 3))
    root = np.array([[0.5, 0, 0], [0.3, 0.4, 0], [0, -0.2, 0.3]])
    noise = root @ root.T
    data = true + rng.normal(0, 1, (N, 3)) @ root.T
    covariance = np.linalg.inv(np.eye(3) + np.linalg.inv(noise))
    mean = data @ (np.linalg.inv(noise) @ covariance)
    return mean, np.tile(covariance, (N, 1, 1)), true


def draws(mean, covariance):
    return gaussian_samples(mean, covariance, N_DRAWS, seed=7)


def test_samples_are_gaussian():
    covariance = np.array([[[4.0, 1.0], [1.0, 2.0]]])
    samples = gaussian_samples([[1.0, -2.0]], covariance, 50_000, seed=0)
    assert samples.shape == (1, 50_000, 2)
    assert_allclose(samples[0].mean(axis=0), [1, -2], atol=0.05)
    assert_allclose(np.cov(samples[0].T), covariance[0], atol=0.08)


def test_tarp_of_right_posteriors(scenes):
    mean, covariance, true = scenes
    result = tarp(draws(mean, covariance), true, seed=1)
    assert result.levels.shape == result.coverage.shape == (51,)
    assert (result.levels[0], result.levels[-1]) == (0, 1)
    assert (result.coverage[0], result.coverage[-1]) == (0, 1)
    assert_allclose(result.coverage, result.levels, atol=0.04)
    assert result.p_value > 0.01
    again = tarp(draws(mean, covariance), true, seed=1)
    assert_allclose(again.coverage, result.coverage)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_tarp_of_wrong_widths(scenes, factor):
    mean, covariance, true = scenes
    result = tarp(draws(mean, factor * covariance), true, seed=1)
    assert result.p_value < 1e-6
    place = np.searchsorted(result.levels, 0.9)
    assert (result.coverage[place] < result.levels[place]) == (factor < 1)


def test_tarp_sees_what_one_parameter_after_the_other_does_not(scenes):
    mean, covariance, true = scenes
    independent = covariance * np.eye(3)
    samples = draws(mean, independent)
    table = rank_uniformity(sbc_ranks(samples, true), N_DRAWS, names="abc")
    assert np.all(table["p_value"] > 1e-3)
    # References beside the posterior, along the correlation that was lost.
    references = mean + 3 * np.array([1.0, 1.0, 0.0])
    assert tarp(samples, true, references=references, seed=1).p_value < 1e-3


def test_tarp_of_a_shifted_posterior(scenes):
    mean, covariance, true = scenes
    assert tarp(draws(mean + 0.4, covariance), true, seed=1).p_value < 1e-4


def test_ranks_of_right_posteriors(scenes):
    mean, covariance, true = scenes
    ranks = sbc_ranks(draws(mean, covariance), true)
    assert ranks.shape == true.shape
    assert ranks.min() >= 0
    assert ranks.max() <= N_DRAWS
    table = rank_uniformity(ranks, N_DRAWS, names=("a", "b", "c"))
    assert list(table["parameter"]) == ["a", "b", "c"]
    assert_allclose(table["mean"], 0.5, atol=0.03)
    assert_allclose(table["spread"], 1.0, atol=0.04)
    assert np.all(table["p_value"] > 1e-3)
    assert np.all(table["distance"] < 0.05)


def test_ranks_of_wrong_posteriors(scenes):
    mean, covariance, true = scenes
    narrow = sbc_ranks(draws(mean, covariance / 4), true)
    table = rank_uniformity(narrow, N_DRAWS, names="abc")
    assert np.all(table["spread"] > 1.15)
    assert np.all(table["p_value"] < 1e-6)
    shifted = sbc_ranks(draws(mean + 0.3, covariance), true)
    table = rank_uniformity(shifted, N_DRAWS, names="abc")
    assert np.all(table["mean"] < 0.42)
    assert np.all(table["chi2_per_bin"] > 3)


def test_bins_that_do_not_divide_the_ranks():
    rng = np.random.default_rng(0)
    ranks = rng.integers(0, 101, (20_000, 1))
    table = rank_uniformity(ranks, 100, n_bins=7, names="a")
    assert table["p_value"][0] > 1e-3


def test_bad_input(scenes):
    mean, covariance, true = scenes
    samples = draws(mean, covariance)
    with pytest.raises(ValueError, match="samples must have shape"):
        tarp(samples[:, :, :2], true)
    with pytest.raises(ValueError, match="samples must have shape"):
        sbc_ranks(samples[:5], true)
    with pytest.raises(ValueError, match="true must have shape"):
        sbc_ranks(samples, true[0])
    with pytest.raises(ValueError, match="references must have shape"):
        tarp(samples, true, references=true[:3])
    ranks = sbc_ranks(samples, true)
    with pytest.raises(ValueError, match="within 0 and 50"):
        rank_uniformity(ranks, 50, names="abc")
    with pytest.raises(ValueError, match="n_bins"):
        rank_uniformity(ranks, N_DRAWS, n_bins=500, names="abc")
    with pytest.raises(ValueError, match="names must be 3"):
        rank_uniformity(ranks, N_DRAWS)
