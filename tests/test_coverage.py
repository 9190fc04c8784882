# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from numpy.testing import assert_allclose

from astro_cnnfit.evaluation import binned_coverage, coverage, pulls


@pytest.fixture
def draws():
    rng = np.random.default_rng(2)
    root = np.tril(rng.normal(size=(20_000, 7, 7))) + 2 * np.eye(7)
    true = rng.normal(size=(20_000, 7))
    mean = true + (root @ rng.normal(size=(20_000, 7, 1)))[..., 0]
    return mean, root @ np.swapaxes(root, 1, 2), true


def test_right_errors_cover(draws):
    table = coverage(*draws)
    assert list(table["parameter"])[-1] == "joint"
    for name, level in (("50%", 0.5), ("68%", 0.68), ("95%", 0.95)):
        assert_allclose(table[name], level, atol=0.015)
    assert_allclose(table["pull_std"][:7], 1, atol=0.03)
    assert_allclose(table["pull_median"][:7], 0, atol=0.03)


def test_small_errors_undercover(draws):
    mean, covariance, true = draws
    table = coverage(mean, covariance / 4, true)
    assert np.all(table["68%"] < 0.45)
    assert_allclose(table["pull_std"][:7], 2, atol=0.06)
    assert_allclose(pulls(mean, covariance / 4, true), 2 * pulls(*draws))


def test_bad_input(draws):
    mean, covariance, true = draws
    with pytest.raises(ValueError, match="one shape"):
        coverage(mean, covariance, true[:5])
    with pytest.raises(ValueError, match="covariance"):
        coverage(mean, covariance[:, :6], true)
    with pytest.raises(ValueError, match="levels"):
        coverage(mean, covariance, true, levels=(68,))


def test_coverage_in_bins(draws):
    mean, covariance, true = draws
    covariance = covariance.copy()
    snr = np.arange(len(mean), dtype=float)
    # Errors are too small in the lowest third.
    covariance[snr < len(mean) / 3] /= 9
    snr[:10] = np.nan
    size = np.ones(len(mean))
    table = binned_coverage(mean, covariance, true, {"snr": snr, "size": size})
    assert list(table["quantity"]) == ["snr"] * 24 + ["size"] * 8
    first, *_ = table[(table["parameter"] == "log_n") & (table["bin"] == 0)]
    assert first["68%"] < 0.35
    assert (first["low"], first["count"]) == (10, pytest.approx(6664, abs=2))
    others = table[(table["quantity"] == "snr") & (table["bin"] > 0)]
    assert_allclose(others["68%"], 0.68, atol=0.03)


def test_bad_bins(draws):
    with pytest.raises(ValueError, match=r"by\['snr'\] must have shape"):
        binned_coverage(*draws, {"snr": [1.0, 2.0]})
    with pytest.raises(ValueError, match="n_bins must be positive"):
        binned_coverage(*draws, {"snr": draws[0][:, 0]}, n_bins=0)
