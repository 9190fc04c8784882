# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the parameter table and its transforms."""

import numpy as np
import pytest
from astropy.modeling.models import Sersic1D, Sersic2D
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from astro_cnnfit import parameters as p

physical = st.tuples(
    st.floats(-30, 30),
    st.floats(-30, 30),
    st.floats(1e-3, 1e9),
    st.floats(0.2, 30),
    st.floats(0.3, 8),
    st.floats(0.0, 0.95),
    st.floats(0, np.pi, exclude_max=True),
)


def circular_difference(a, b):
    return np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)


def test_names_follow_sersic2d():
    assert p.NAMES == ("x_0", "y_0", "flux", "r_eff", "n", "ellip", "theta")
    assert p.LATENT_NAMES == ("x", "y", "log_flux", "log_r_eff", "log_n", "e1", "e2")
    assert set(p.NAMES) - {"flux"} == set(Sersic2D.param_names) - {"amplitude"}
    for parameter in p.PARAMETERS:
        assert parameter.bounds[0] < parameter.bounds[1]
        assert parameter.description


@settings(deadline=None)
@given(st.lists(physical, min_size=1, max_size=5))
def test_round_trip(rows):
    params = np.array(rows)
    back = p.decode(p.encode(params))
    assert_allclose(back[:, :6], params[:, :6], rtol=1e-9, atol=1e-12)
    assert np.all((back[:, 6] >= 0) & (back[:, 6] < np.pi))
    angled = params[:, 5] > 1e-6
    assert np.all(circular_difference(back[:, 6], params[:, 6])[angled] < 1e-6)


@settings(deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(-0.4, 0.4))
def test_round_trip_of_latent(e1, e2):
    latent = np.array([0.3, -0.2, 3.0, 0.7, 0.2, e1, e2])
    assert_allclose(p.encode(p.decode(latent)), latent, atol=1e-12)


def test_theta_never_reaches_pi():
    latent = np.array([0, 0, 1, 1, 0, 0.3, -1e-300])
    assert p.decode(latent)[6] == 0.0


def test_needle_is_not_negative():
    params = p.decode([0, 0, 1, 1, 0, 1.2, 0.9])
    assert params[5] == 1.0


def test_single_row_and_deep_arrays():
    params = np.array([0.1, 0.2, 100.0, 3.0, 2.0, 0.4, 1.0])
    assert p.encode(params).shape == (7,)
    deep = np.broadcast_to(params, (2, 3, 7))
    assert_allclose(p.decode(p.encode(deep)), deep)


def test_bad_values_are_not_finite_and_silent():
    latent = p.encode([0, 0, -1.0, 0.0, 1.0, 0.2, 0.1])
    assert np.isnan(latent[2])
    assert latent[3] == -np.inf
    assert np.isinf(p.decode([0, 0, 400.0, 0, 0, 0, 0])[2])


@pytest.mark.parametrize("function", [p.encode, p.decode])
@pytest.mark.parametrize("shape", [(), (6,), (7, 3)])
def test_wrong_shape(function, shape):
    with pytest.raises(ValueError, match="7 values along its last axis"):
        function(np.ones(shape))


def numerical_jacobian(latent, step=1e-6):
    columns = []
    for index in range(7):
        shift = np.zeros(7)
        shift[index] = step
        difference = p.decode(latent + shift) - p.decode(latent - shift)
        difference[6] = (difference[6] + np.pi / 2) % np.pi - np.pi / 2
        columns.append(difference / (2 * step))
    return np.stack(columns, axis=-1)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-1, 4),
    st.floats(-0.5, 1.4),
    st.floats(-0.5, 0.9),
    st.floats(0.1, 0.9),
    st.floats(0, np.pi),
    st.integers(0, 2**32 - 1),
)
def test_covariance_matches_numerical_jacobian(flux, r_eff, n, e, theta, seed):
    latent = np.array(
        [0.1, -0.3, flux, r_eff, n, e * np.cos(2 * theta), e * np.sin(2 * theta)]
    )
    root = np.random.default_rng(seed).normal(size=(7, 7)) * 0.01
    covariance = root @ root.T
    jacobian = numerical_jacobian(latent)
    expected = jacobian @ covariance @ jacobian.T
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    difference = p.decode_covariance(latent, covariance) - expected
    assert np.all(np.abs(difference) < 1e-4 * scale)


def test_flux_error():
    latent = np.array([[0, 0, 2.0, 0.5, 0.1, 0.2, 0.1]] * 3)
    covariance = np.tile(np.eye(7) * 0.01**2, (3, 1, 1))
    result = p.decode_covariance(latent, covariance)
    assert result.shape == (3, 7, 7)
    assert_allclose(np.sqrt(result[:, 2, 2]), 100 * np.log(10) * 0.01)


@pytest.mark.parametrize("e", [0.0, 1e-300, 1e-8, 1e-3])
def test_angle_of_a_round_galaxy_is_capped(e):
    latent = np.array([0, 0, 2.0, 0.5, 0.1, e, 0.0])
    root = np.random.default_rng(3).normal(size=(7, 7)) * 0.05
    result = p.decode_covariance(latent, root @ root.T)
    assert np.all(np.isfinite(result))
    assert_allclose(np.sqrt(result[6, 6]), p.THETA_ERR_MAX)
    # Capping must leave a covariance: no correlation above 1.
    assert np.linalg.eigvalsh(result / np.sqrt(
        np.outer(np.diag(result), np.diag(result)))).min() > -1e-9  # fmt: skip


def test_nan_covariance_stays_nan():
    result = p.decode_covariance(np.full(7, np.nan), np.full((7, 7), np.nan))
    assert np.all(np.isnan(np.diag(result)))


def test_covariance_shape():
    with pytest.raises(ValueError, match="covariance must have shape"):
        p.decode_covariance(np.zeros((2, 7)), np.zeros((7, 7)))


@pytest.mark.parametrize("n", [0.3, 0.5, 1.0, 2.5, 4.0, 8.0])
def test_exact_b_holds_half_of_the_light(n):
    b = p.sersic_b(n)

    # With t = r^(1/n) as variable the cusp at the centre is gone.
    def light(inner, outer):
        return quad(lambda t: t ** (2 * n - 1) * np.exp(-b * t), inner, outer)[0]

    assert_allclose(light(0, 1), light(1, np.inf), rtol=1e-6)


def test_printed_b():
    n = np.linspace(0.36, 10, 200)
    difference = np.abs(p.sersic_b(n, method="galnets") - p.sersic_b(n))
    assert difference.max() < 0.012
    assert difference[n >= 1].max() < 2e-3
    # The lower branch as printed, which misses two terms of its source.
    expected = 0.01945 - 0.8902 * 0.3 + 10.95 * 0.3**2
    assert p.sersic_b(0.3, method="galnets") == pytest.approx(expected)
    assert p.sersic_b(0.3, method="galnets") > 2 * p.sersic_b(0.3)


def test_unknown_method():
    with pytest.raises(ValueError, match="method must be 'exact' or 'galnets'"):
        p.sersic_b(1.0, method="ciotti")


@pytest.mark.parametrize("n", [0.3, 0.5, 1.0, 2.0, 4.0, 6.0])
def test_total_flux_matches_sersic1d(n):
    profile = Sersic1D(3.0, 8.0, n)

    def ring(t):
        radius = 8.0 * t**n
        return 2 * np.pi * 0.6 * profile(radius) * radius * 8.0 * n * t ** (n - 1)

    expected = quad(ring, 0, 1)[0] + quad(ring, 1, 40)[0]
    assert_allclose(p.total_flux(3.0, 8.0, n, 0.4), expected, rtol=1e-5)


@settings(deadline=None)
@given(st.floats(1e-3, 1e6), st.floats(0.2, 30), st.floats(0.3, 8), st.floats(0, 0.9))
def test_amplitude_inverts_flux(flux, r_eff, n, ellip):
    amplitude = p.amplitude_from_flux(flux, r_eff, n, ellip)
    assert_allclose(p.total_flux(amplitude, r_eff, n, ellip), flux, rtol=1e-10)
