# Licensed under a 3-clause BSD style license - see LICENSE
"""Errors that are scaled until they hold."""

import numpy as np
import pytest

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.parameters import LATENT_NAMES
from astro_cnnfit.training.calibration import fit_calibration
from astro_cnnfit.weights.network import calibrate

N = 8000
NAMES = {"latent": LATENT_NAMES, "features": ARCHITECTURES["sersic"].features}


@pytest.fixture(scope="module")
def predictions():
    """Errors stated as 1; in truth they grow with the flux for three parameters."""
    rng = np.random.default_rng(4)
    mean = rng.normal(0, 1, (N, 7))
    truth_of_error = np.full((N, 7), 1.5)
    truth_of_error[:, :3] *= np.exp(0.4 * np.clip(mean[:, 2:3], -2, 2))
    true = mean + truth_of_error * rng.normal(0, 1, (N, 7))
    covariance = np.broadcast_to(np.eye(7), (N, 7, 7))
    return mean, covariance, true


def test_intervals_hold_in_every_third(predictions):
    mean, covariance, true = predictions
    calibration = fit_calibration(mean, covariance, true, **NAMES)
    _, covariance = calibrate(mean, covariance, calibration, LATENT_NAMES)
    inside = np.abs(mean - true) < np.sqrt(np.einsum("ijj->ij", covariance))
    order = np.argsort(mean[:, 2])
    for third in np.array_split(order, 3):
        np.testing.assert_allclose(inside[third].mean(axis=0), 0.683, atol=0.03)


def test_slopes_are_found(predictions):
    calibration = fit_calibration(*predictions, **NAMES)
    slopes = np.array(calibration["slopes"])
    np.testing.assert_allclose(slopes[:3, 0], 0.4, atol=0.05)
    np.testing.assert_allclose(slopes[3:], 0.0, atol=0.05)
    np.testing.assert_allclose(calibration["scale"], 1.5, rtol=0.05)


def test_a_network_without_errors_gets_its_scatter(predictions):
    mean, covariance, true = predictions
    calibration = fit_calibration(mean, 0 * covariance, true, **NAMES)
    _, covariance = calibrate(mean, 0 * covariance, calibration, LATENT_NAMES)
    inside = np.abs(mean - true) < np.sqrt(np.einsum("ijj->ij", covariance))
    np.testing.assert_allclose(inside.mean(axis=0), 0.683, atol=0.02)
