# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of PSFs that are sampled finely, with and without the pixel."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from photutils.psf import ImagePSF

from astro_cnnfit import psf
from astro_cnnfit.psf import as_psf_stamps

FWHM, BETA = 2.4, 3.0


def profile(x, y):
    """Evaluate the profile itself, without any pixel."""
    alpha2 = FWHM**2 / (4 * (2 ** (1 / BETA) - 1))
    return (1 + (x**2 + y**2) / alpha2) ** -BETA


def effective(x, y):
    """Integrate it over the pixel about each point."""
    nodes, weights = np.polynomial.legendre.leggauss(9)
    return sum(
        v * w * profile(x + a / 2, y + b / 2) / 4
        for a, v in zip(nodes, weights, strict=True)
        for b, w in zip(nodes, weights, strict=True)
    )


def sampled(function, oversampling, size, offset=(0.0, 0.0)):
    """Sample every 1 / oversampling pixels; the offset is in pixels of the image."""
    steps = (np.arange(size) - (size - 1) / 2) / oversampling
    x, y = np.meshgrid(steps - offset[0], steps - offset[1])
    return function(x, y)


def expected(size=15, offset=(0.0, 0.0)):
    stamp = sampled(effective, 1, size, offset)
    return stamp / stamp.sum()


@pytest.mark.parametrize("oversampling", [1, 2, 3, 4, 5, 2.5, 3.3, 8])
@pytest.mark.parametrize("even", [0, 1])
@pytest.mark.parametrize("function", [profile, effective])
def test_oversampled(oversampling, even, function):
    size = 2 * int(16 * oversampling) + 1 + even
    array = sampled(function, oversampling, size)
    stamps = as_psf_stamps(
        array, size=15, oversampling=oversampling, includes_pixel=function is effective
    )
    # At a FWHM of 2.4, one sample per pixel is hardly enough to go between them.
    tolerance = 2e-3 if oversampling > 1 else 3e-2
    assert_allclose(stamps[0], expected(), atol=tolerance * expected().max())


@pytest.mark.parametrize("function", [profile, effective])
def test_part_of_a_pixel_off_the_centre(function):
    offset = (0.3, -0.2)
    array = sampled(function, 4, 121, offset)
    stamps = as_psf_stamps(
        array, size=15, oversampling=4, includes_pixel=function is effective
    )
    found = expected(offset=offset)
    assert_allclose(stamps[0], found, atol=2e-3 * found.max())


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_even_size_centred_beside_the_middle(shift):
    offset = (shift / 4, shift / 4)
    array = sampled(effective, 4, 120, offset)
    stamps = as_psf_stamps(array, size=15, oversampling=4)
    assert_allclose(stamps[0], expected(), atol=2e-3 * expected().max())


def test_the_pixel_matters():
    array = sampled(profile, 4, 121)
    without = as_psf_stamps(array, size=15, oversampling=4)
    whole = as_psf_stamps(array, size=15, oversampling=4, includes_pixel=False)
    growth = psf.fwhm(whole)[0] ** 2 - psf.fwhm(without)[0] ** 2
    assert 0.3 < growth < 0.8


@pytest.mark.parametrize("function", [profile, effective])
def test_models_are_told(function):
    whole = function is effective
    model = ImagePSF(sampled(function, 4, 121), oversampling=4)
    stamps = as_psf_stamps(model, size=15, includes_pixel=whole)
    assert_allclose(stamps[0], expected(), atol=3e-3 * expected().max())
    if whole:
        assert_allclose(stamps, as_psf_stamps(model, size=15))


def test_a_stack_knows():
    stack = psf.PSFStack(
        sampled(profile, 4, 121)[np.newaxis], [0], [0],
        oversampling=4, includes_pixel=False,
    )  # fmt: skip
    stamps = as_psf_stamps(stack, size=15, positions=([3.0], [4.0]))
    assert_allclose(stamps[0], expected(), atol=2e-3 * expected().max())


@pytest.mark.parametrize("oversampling", [2, 3, 4.5])
@pytest.mark.parametrize("kind", ["Gaussian", "Moffat", "Airy"])
def test_as_galsim_draws_it(kind, oversampling):
    galsim = pytest.importorskip("galsim")
    options = {
        "Gaussian": {"fwhm": 2.2},
        "Moffat": {"fwhm": 2.6, "beta": 2.8, "trunc": 0.0},
        "Airy": {"lam_over_diam": 2.6, "obscuration": 0.3},
    }
    profile = getattr(galsim, kind)(**options[kind]).shear(e1=0.1, e2=0.05)
    size = 2 * int(20 * oversampling) + 1
    truth = profile.drawImage(nx=15, ny=15, scale=1.0).array  # over each pixel
    truth = truth / truth.sum()
    scale = 1 / oversampling
    # "no_pixel" samples the profile; the convolution with a pixel is effective.
    fine = profile.drawImage(nx=size, ny=size, scale=scale, method="no_pixel").array
    whole = galsim.Convolve(profile, galsim.Pixel(1.0))
    whole = whole.drawImage(nx=size, ny=size, scale=scale, method="no_pixel").array
    for array, includes_pixel in ((fine, False), (whole, True)):
        stamps = as_psf_stamps(
            array, size=15, oversampling=oversampling, includes_pixel=includes_pixel
        )
        assert_allclose(stamps[0], truth, atol=3e-3 * truth.max())
