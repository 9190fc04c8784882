# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the analytic PSFs and of what is measured on sampled ones."""

import galsim
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from astro_cnnfit import psf

# By default GalSim folds 0.5 per cent of the light back into the image.
PRECISE = galsim.GSParams(folding_threshold=2e-4, maxk_threshold=1e-5)


def galsim_moffat(fwhm, beta, ellip, theta, gsparams=PRECISE):
    return galsim.Moffat(beta=beta, fwhm=fwhm, gsparams=gsparams).shear(
        q=1 - ellip, beta=theta * galsim.radians
    )


def galsim_stamp(profile, size=25, scale=1):
    stamp = profile.drawImage(nx=size, ny=size, scale=scale).array
    return stamp / stamp.sum()


def true_fwhm(profile):
    """Diameter of the area above half maximum, of the profile and its pixel."""
    step = profile.calculateFWHM() / 60
    image = galsim.Convolve(profile, galsim.Pixel(1)).drawImage(
        nx=151, ny=151, scale=step, method="no_pixel"
    )
    return np.sqrt(4 / np.pi * np.sum(image.array > 0.5 * image.array.max())) * step


CASES = [
    (1.2, 3.0, 0.0, 0.0),
    (1.8, 2.5, 0.1, 0.7),
    (2.2, 4.5, 0.4, 2.0),
    (3.5, 3.0, 0.0, 0.0),
    (5.0, 2.2, 0.3, 1.0),
    (8.0, 3.5, 0.1, 3.0),
]


@pytest.mark.parametrize("case", CASES)
def test_moffat_matches_galsim(case):
    expected = galsim_stamp(galsim_moffat(*case))
    (stamp,) = psf.moffat(*case)
    assert np.abs(stamp - expected).max() < 5e-5 * expected.max()


def test_gaussian_matches_galsim():
    profile = galsim.Gaussian(fwhm=2.5, gsparams=PRECISE).shear(
        q=0.7, beta=0.5 * galsim.radians
    )
    expected = galsim_stamp(profile)
    (stamp,) = psf.gaussian(2.5, 0.3, 0.5)
    assert np.abs(stamp - expected).max() < 5e-5 * expected.max()


def test_double_moffat_matches_galsim():
    first, second = (2.5, 4.0, 0.1, 0.3), (5.0, 2.5, 0.3, 1.8)
    expected = galsim_stamp(
        0.7 * galsim_moffat(*first) + 0.3 * galsim_moffat(*second), size=31
    )
    (stamp,) = psf.double_moffat(*first, *second, 0.3, size=31)
    assert np.abs(stamp - expected).max() < 5e-5 * expected.max()


def test_double_moffat_with_one_component():
    first, second = (2.5, 4.0, 0.1, 0.3), (5.0, 2.5, 0.3, 1.8)
    assert_allclose(psf.double_moffat(*first, *second, 0), psf.moffat(*first))
    assert_allclose(psf.double_moffat(*first, *second, 1), psf.moffat(*second))


def test_many_at_once():
    columns = np.transpose(CASES)
    stamps = psf.moffat(*columns)
    assert stamps.shape == (len(CASES), 25, 25)
    assert stamps.dtype == np.float32
    assert_allclose(stamps.sum(axis=(1, 2)), 1, rtol=1e-5)
    for stamp, case in zip(stamps, CASES, strict=True):
        assert_allclose(stamp, psf.moffat(*case)[0], rtol=1e-5)
    assert psf.moffat([2.0, 3.0], 3.0, size=11).shape == (2, 11, 11)


@settings(deadline=None)
@given(st.floats(1.5, 6), st.floats(1.5, 6), st.floats(0, 0.6), st.floats(0, np.pi))
def test_symmetries(fwhm, beta, ellip, theta):
    (stamp,) = psf.moffat(fwhm, beta, ellip, theta)
    assert_allclose(stamp, stamp[::-1, ::-1], atol=1e-6)
    (turned,) = psf.moffat(fwhm, beta, ellip, theta + np.pi / 2)
    assert_allclose(turned, np.rot90(stamp, -1), atol=1e-6)
    (mirrored,) = psf.moffat(fwhm, beta, ellip, -theta)
    assert_allclose(mirrored, stamp[::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("function", "values", "match"),
    [
        (psf.gaussian, (0.0,), "fwhm must be positive"),
        (psf.gaussian, (np.nan,), "fwhm must be finite"),
        (psf.gaussian, ([[1.0]],), "fwhm must be a number or a 1-D array"),
        (psf.moffat, (2.0, 1.0), "beta must be above 1"),
        (psf.moffat, (2.0, 3.0, 1.0), "ellip must be in"),
        (psf.double_moffat, (2, 3, 0, 0, 4, 3, 0, 0, 1.5), "fraction must be between"),
    ],
)
def test_bad_parameters(function, values, match):
    with pytest.raises(ValueError, match=match):
        function(*values)


@pytest.mark.parametrize("size", [24, 0, 25.5])
def test_bad_size(size):
    with pytest.raises(ValueError, match="size must be a positive odd number"):
        psf.gaussian(2.0, size=size)


@pytest.mark.parametrize("case", [case for case in CASES if case[0] >= 1.8])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.5)])
def test_fwhm(case, shift):
    profile = galsim_moffat(*case, gsparams=None)
    stamp = galsim_stamp(profile.shift(shift))
    (width,) = psf.fwhm(stamp)
    assert_allclose(width, true_fwhm(profile), rtol=0.015)
    x, y = psf.centroid(stamp)
    assert_allclose([x[0] - 12, y[0] - 12], shift, atol=0.03)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1.8, 8),
    st.floats(2, 5),
    st.floats(0, 0.3),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
)
def test_fwhm_of_any_moffat(fwhm, beta, ellip, dx, dy):
    profile = galsim_moffat(fwhm, beta, ellip, 0.7, gsparams=None)
    (width,) = psf.fwhm(galsim_stamp(profile.shift(dx, dy)))
    assert_allclose(width, true_fwhm(profile), rtol=0.03)


def test_fwhm_with_noise():
    rng = np.random.default_rng(5)
    stamps = psf.moffat(3.5, 3.0) + rng.normal(0, 2e-4, (300, 25, 25))
    widths = psf.fwhm(stamps)
    assert widths.shape == (300,)
    assert_allclose(widths, psf.fwhm(psf.moffat(3.5, 3.0))[0], rtol=0.03)


def test_no_stamp_has_no_width_and_no_centre():
    nothing = np.zeros((0, 25, 25))
    assert psf.fwhm(nothing).shape == (0,)
    assert [axis.shape for axis in psf.centroid(nothing)] == [(0,), (0,)]


def test_fwhm_of_nothing():
    stamps = np.zeros((2, 25, 25))
    assert np.all(np.isnan(psf.fwhm(stamps)))
    stamps[1, 12, 12] = 1
    assert np.isnan(psf.fwhm(stamps)[0])
    assert psf.fwhm(stamps)[1] < 1.3
    assert np.isnan(psf.centroid(stamps)[0][0])
    with pytest.raises(ValueError, match="psf must be a stamp"):
        psf.fwhm(np.zeros(5))


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("case", [case for case in CASES if case[0] >= 2.5])
def test_block_average_matches_galsim(case, factor):
    expected = galsim_stamp(galsim_moffat(*case), scale=factor)
    large = psf.moffat(*case, size=25 * factor + 1 - factor % 2)
    (stamp,) = psf.block_average(large, factor)
    assert stamp.shape == (25, 25)
    assert_allclose(stamp.sum(), 1, rtol=1e-5)
    # Half-pixel steps of even factors are interpolated, whole steps are exact.
    tolerance = 5e-5 if factor % 2 else 3e-3
    assert np.abs(stamp - expected).max() < tolerance * expected.max()


def test_block_average_of_a_small_stamp():
    stamp = psf.block_average(psf.gaussian([2.0, 3.0], size=11), 3, size=9)
    assert stamp.shape == (2, 9, 9)
    assert_allclose(stamp.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_block_average_arguments():
    with pytest.raises(ValueError, match="psf must have an odd size"):
        psf.block_average(np.ones((24, 24)), 2)
    for factor in (0, 1.5):
        with pytest.raises(ValueError, match="factor must be a positive integer"):
            psf.block_average(np.ones((25, 25)), factor)


@pytest.mark.parametrize("hole", [0.0, 0.3])
def test_airy_matches_galsim(hole):
    fwhm = 3.0
    lam_over_diam = fwhm / 1.028993969962188
    profile = galsim.Airy(
        lam_over_diam=lam_over_diam,
        obscuration=hole,
        gsparams=galsim.GSParams(folding_threshold=1e-3),
    )
    expected = galsim_stamp(profile.shift(0.3, -0.2))
    (stamp,) = psf.airy(fwhm, hole, x_0=0.3, y_0=-0.2)
    assert np.abs(stamp - expected).max() < 2e-3 * expected.max()


def test_airy_refuses_an_obscured_aperture():
    with pytest.raises(ValueError, match="obscuration must be in"):
        psf.airy(3.0, 1.0)


def test_softening_keeps_the_sum_and_widens():
    sharp = psf.moffat([1.2, 3.0], 3.0)
    soft = psf.soften(sharp)
    assert_allclose(soft.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert (psf.fwhm(soft) > psf.fwhm(sharp)).all()
