# Licensed under a 3-clause BSD style license - see LICENSE
"""The renderer against GalSim, adaptive integration and its own symmetries."""

from itertools import pairwise

import galsim
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import ive

from astro_cnnfit.parameters import amplitude_from_flux
from astro_cnnfit.psf.models import gaussian, moffat
from astro_cnnfit.rendering import render_sersic, render_sersic_numpy
from astro_cnnfit.rendering.gaussians import (
    fit_amplitudes,
    gaussian_widths,
    sersic_profile,
)
from astro_cnnfit.simulation.priors import TABLE1, draw_galaxies, draw_psfs

PARAMS = np.array([[0.4, -0.7, 100.0, 5.0, 2.0, 0.4, 0.6]])
PSF = moffat(3.5, 3.0)
GSPARAMS = galsim.GSParams(
    maximum_fft_size=16384,
    folding_threshold=2e-5,
    stepk_minimum_hlr=30,
    kvalue_accuracy=1e-6,
    maxk_threshold=1e-4,
)


def draw_with_galsim(params, psf, shape=(61, 61)):
    """The same galaxy and the same PSF stamp, drawn by GalSim."""
    x_0, y_0, flux, r_eff, n, ellip, theta = params
    q = 1 - ellip
    # GalSim's half-light radius is that of the circle of the same area.
    galaxy = galsim.Sersic(
        n=n, half_light_radius=r_eff * np.sqrt(q), flux=flux, gsparams=GSPARAMS
    )
    galaxy = galaxy.shear(q=q, beta=theta * galsim.radians).shift(x_0, y_0)
    image = galsim.Image(psf.astype(float), scale=1)
    psf = galsim.InterpolatedImage(
        image, x_interpolant="lanczos15", gsparams=GSPARAMS, flux=1
    )
    convolved = galsim.Convolve(galaxy, psf, gsparams=GSPARAMS)
    ny, nx = shape
    return convolved.drawImage(nx=nx, ny=ny, scale=1, method="no_pixel").array


@pytest.fixture(scope="module")
def table1_draws():
    rng = np.random.default_rng(20)
    params = draw_galaxies(TABLE1, rng, 340)
    params = params[(params[:, 4] > 0.3) & (params[:, 4] < 6.2)][:300]
    psfs, _ = draw_psfs(TABLE1, rng, len(params))
    ours = render_sersic_numpy(params, psfs)
    theirs = np.array(
        [draw_with_galsim(p, s) for p, s in zip(params, psfs, strict=True)]
    )
    return ours, theirs


def test_pixels_agree_with_galsim(table1_draws):
    ours, theirs = table1_draws
    residual = np.abs(ours - theirs).max(axis=(1, 2)) / theirs.max(axis=(1, 2))
    assert len(residual) == 300
    assert residual.max() < 2e-3
    assert np.median(residual) < 3e-4


def test_flux_agrees_with_galsim(table1_draws):
    ours, theirs = table1_draws
    assert_allclose(ours.sum(axis=(1, 2)), theirs.sum(axis=(1, 2)), rtol=1e-3)


@pytest.mark.parametrize(
    ("r_eff", "n", "ellip", "fwhm"),
    [
        (0.2, 1.0, 0.0, 3.0),
        (0.2, 4.0, 0.8, 2.0),
        (30.0, 1.0, 0.5, 3.0),
        (30.0, 4.0, 0.2, 4.0),
        (30.0, 0.5, 0.95, 3.0),
        (10.0, 0.3, 0.95, 2.5),
        (5.0, 2.5, 0.95, 2.0),
        (3.0, 6.0, 0.3, 1.5),
        (3.0, 1.0, 0.9, 1.5),
    ],
)
def test_corners_of_the_range(r_eff, n, ellip, fwhm):
    params = np.array([[0.3, -0.2, 100.0, r_eff, n, ellip, 0.7]])
    psf = moffat(fwhm, 3.5)
    ours = render_sersic_numpy(params, psf)[0]
    theirs = draw_with_galsim(params[0], psf[0])
    assert np.abs(ours - theirs).max() < 2e-3 * theirs.max()
    assert_allclose(ours.sum(), theirs.sum(), rtol=2e-3)


def smoothed_profile(n, sigma, radius):
    """A round Sersic profile convolved with a Gaussian, at one radius."""

    def ring(log_r):
        r = np.exp(log_r)
        kernel = np.exp(-((radius - r) ** 2) / (2 * sigma**2))
        kernel *= ive(0, radius * r / sigma**2)
        return r**2 * sersic_profile(r, n) * kernel / sigma**2

    split = np.log(
        [1e-12, 1e-3 * sigma, sigma, radius + 5 * sigma, radius + 40 * sigma]
    )
    return sum(quad(ring, *edge, limit=200)[0] for edge in pairwise(split))


@pytest.mark.parametrize("n", [0.3, 0.37, 0.5, 1.0, 4.0, 6.2, 7.0, 8.0])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
def test_sum_of_gaussians_against_integration(n, sigma):
    radii = np.array([0.0, 0.5, 1.0, 2.0, 4.0]) * max(sigma, 0.5)
    exact = np.array([smoothed_profile(n, sigma, radius) for radius in radii])
    variance = gaussian_widths(n) ** 2 + sigma**2
    gaussians = np.exp(-0.5 * radii[:, None] ** 2 / variance) / (2 * np.pi * variance)
    assert np.abs(gaussians @ fit_amplitudes(n) - exact).max() < 1e-3 * exact[0]


@pytest.mark.parametrize("n", [6.5, 8.0])
def test_steep_galaxies_against_integration(n):
    # A round galaxy through a Gaussian PSF, wide enough to need no pixels.
    sigma, r_eff = 2.0, 4.0
    psf = gaussian(sigma * 2.3548, size=25)
    image = render_sersic_numpy([[0, 0, 1.0, r_eff, n, 0, 0]], psf)[0]
    # The PSF is integrated over pixels: one more variance of 1/12.
    width = np.sqrt(sigma**2 + 1 / 12) / r_eff
    radii = np.arange(0, 25, 3)
    exact = [smoothed_profile(n, width, r / r_eff) / r_eff**2 for r in radii]
    assert np.abs(image[30, 30 + radii] - exact).max() < 1e-3 * exact[0]


def test_total_flux_follows_equation_4():
    # A stamp many times larger than the galaxy holds all of it.
    params = [[0.0, 0.0, 123.0, 3.0, 1.0, 0.3, 0.4]]
    image = render_sersic_numpy(params, PSF, (121, 121))
    assert_allclose(image.sum(), 123.0, rtol=1e-4)
    # Half a galaxy wide, its amplitude is that of Eq. 4.
    params = [[0.0, 0.0, 123.0, 25.0, 1.0, 0.0, 0.0]]
    image = render_sersic_numpy(params, PSF)[0]
    assert_allclose(
        image[30, 55], amplitude_from_flux(123.0, 25.0, 1.0, 0.0), rtol=2e-2
    )


@settings(max_examples=20, deadline=None)
@given(
    r_eff=st.floats(0.2, 30),
    n=st.floats(0.3, 8),
    ellip=st.floats(0, 0.95),
    theta=st.floats(0, np.pi),
)
def test_symmetries(r_eff, n, ellip, theta):
    base = np.array([1.0, -2.0, 10.0, r_eff, n, ellip, theta])
    turned = base.copy()
    turned[[0, 1]], turned[6] = (2.0, 1.0), theta + np.pi / 2
    brighter = base.copy()
    brighter[2] *= 7
    image, rotated, scaled = render_sersic_numpy([base, turned, brighter], PSF)
    peak = image.max()
    assert np.all(np.isfinite(image))
    assert_allclose(np.rot90(image, -1), rotated, atol=2e-4 * peak)
    assert_allclose(scaled, 7 * image, rtol=1e-3, atol=1e-4 * peak)


def test_point_source_is_the_psf():
    image = render_sersic_numpy([[0, 0, 1.0, 0.01, 0.5, 0, 0]], PSF, (25, 25))
    assert_allclose(image[0], PSF[0], atol=1e-4 * PSF.max())


def test_one_psf_serves_all():
    params = np.repeat(PARAMS, 3, axis=0)
    one = render_sersic_numpy(params, PSF)
    each = render_sersic_numpy(params, np.repeat(PSF, 3, axis=0))
    assert_allclose(one, each, atol=1e-6)


def test_even_and_oblong_stamps():
    odd = render_sersic_numpy(PARAMS, PSF, (61, 41))[0]
    square = render_sersic_numpy(PARAMS, PSF)[0]
    assert_allclose(odd, square[:, 10:51], atol=1e-3 * square.max())
    shifted = PARAMS + np.array([0.5, 0.5, 0, 0, 0, 0, 0])
    even = render_sersic_numpy(PARAMS, PSF, (60, 60))[0]
    odd = render_sersic_numpy(shifted, PSF, (61, 61))[0]
    assert_allclose(even, odd[1:, 1:], atol=1e-4 * square.max())


def test_galaxy_outside_the_stamp():
    params = PARAMS.copy()
    params[0, :2] = 55.0, 0.0
    image = render_sersic_numpy(params, PSF)[0]
    # No copy of it comes in from the other side.
    assert image[:, :30].max() < 1e-4 * 100
    assert image[:, 60].max() == image.max()


def test_derivatives():
    """Gradients of a projection of the image against differences."""
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(61, 61)).astype("float32")

    def projection(params):
        return float(np.sum(render_sersic_numpy(params, PSF)[0] * weight, dtype=float))

    gradient = gradient_of(lambda p: ops.sum(render_sersic(p, PSF) * weight), PARAMS)
    for index, step in enumerate([0.05, 0.05, 1.0, 0.05, 0.02, 0.01, 0.01]):
        change = np.zeros_like(PARAMS)
        change[0, index] = step
        slope = (projection(PARAMS + change) - projection(PARAMS - change)) / (2 * step)
        assert_allclose(gradient[0, index], slope, rtol=0.05, atol=0.02)


def gradient_of(function, params):
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        params = tf.constant(params, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(params)
            value = function(params)
        return tape.gradient(value, params).numpy()
    jax = pytest.importorskip("jax", reason="gradients are tested on TensorFlow or JAX")
    return np.asarray(jax.grad(function)(jax.numpy.asarray(params, "float32")))
