# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of smoothness, Gini, M20, concentration and errors, on known numbers."""

import numpy as np
import pytest
from scipy import ndimage

from astro_cnnfit.morphology.apertures import Ellipse
from astro_cnnfit.morphology.concentration import concentration, concentration_error
from astro_cnnfit.morphology.cutout import cutout_slices, outliers
from astro_cnnfit.morphology.gini_m20 import gini, m20, petrosian_segment
from astro_cnnfit.morphology.growth import growth_curve
from astro_cnnfit.morphology.signal import radius_error, sn_per_pixel
from astro_cnnfit.morphology.smoothness import boxcar, clumps


@pytest.mark.parametrize("width", [3, 5])
def test_boxcar_of_an_odd_width_is_a_plain_mean(width):
    image = np.random.default_rng(0).random((20, 20))
    expected = ndimage.uniform_filter(image, width, mode="reflect")
    np.testing.assert_allclose(boxcar(image, width), expected, atol=1e-12)


def test_boxcar_does_not_jump_with_its_width():
    image = np.random.default_rng(0).random((20, 20))
    for width in (2.0, 2.9999, 3.0, 4.7):
        near = boxcar(image, width + 1e-4)
        np.testing.assert_allclose(boxcar(image, width), near, atol=1e-3)
    assert boxcar(image, 0.7) is image


def test_boxcar_keeps_a_constant():
    np.testing.assert_allclose(boxcar(np.full((9, 9), 3.0), 2.6), 3.0)


def test_clumps_are_never_negative():
    image = np.zeros((9, 9))
    image[4, 4] = 9.0
    found = clumps(image, boxcar(image, 3.0))
    assert found[4, 4] == pytest.approx(8.0)
    assert found.sum() == pytest.approx(8.0)


def test_gini_of_equal_and_of_single_pixels():
    assert gini(np.ones(50)) == pytest.approx(0.0)
    assert gini(np.eye(1, 50)[0]) == pytest.approx(1.0)
    # The mean difference over twice the mean, with n - 1.
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.5)
    assert gini(np.array([-1.0, 3.0])) == gini(np.array([3.0, 1.0]))


def test_gini_of_too_little():
    assert np.isnan(gini(np.ones(1)))
    assert np.isnan(gini(np.zeros(5)))


def test_m20_by_hand():
    image = np.zeros((9, 9))
    image[4, 2], image[4, 6] = 1.0, 1.0
    image[4, 4] = 8.0
    image[1, 4], image[7, 4] = 3.0, 3.0
    # The pixel in the middle alone has 20 %, and no moment.
    assert np.isnan(m20(image, image > 0))
    image[4, 4], image[4, 2], image[4, 6] = 0.0, 8.0, 8.0
    # 8, 8, 3, 3: the brightest are the two at 2, moments 2 * 8 * 4 of 2 * 3 * 9 more.
    assert m20(image, image > 0) == pytest.approx(np.log10(64.0 / 118.0))


def test_m20_of_too_little():
    image = np.zeros((9, 9))
    assert np.isnan(m20(image, image == 0))
    assert np.isnan(m20(image + 1.0, image > 0))


def test_segment_ends_near_the_petrosian_radius():
    y, x = np.mgrid[:61, :61]
    image = np.exp(-np.hypot(x - 30, y - 30) / 4.0)
    segment = petrosian_segment(image, Ellipse(30.0, 30.0), 12.0)
    assert np.sqrt(segment.sum() / np.pi) == pytest.approx(12.0, rel=0.03)


def test_segment_has_only_pixels_connected_with_the_brightest():
    y, x = np.mgrid[:61, :61]
    image = np.exp(-np.hypot(x - 20, y - 30) / 2.0)
    other = 0.5 * np.exp(-np.hypot(x - 50, y - 30) / 2.0)
    segment = petrosian_segment(image + other, Ellipse(20.0, 30.0), 6.0)
    assert segment[30, 20]
    assert not segment[30, 50]


def test_concentration_and_its_error():
    assert concentration(2.0, 20.0) == pytest.approx(5.0)
    change = concentration(2.0, 20.1) - concentration(2.0, 20.0)
    assert concentration_error(2.0, 20.0, 0.0, 0.1) == pytest.approx(change, rel=0.01)


def test_sn_per_pixel():
    assert sn_per_pixel(np.pi, 0.5, 2.0, 0.25) == pytest.approx(2.0)


def test_error_of_a_radius_holds():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:41, :41]
    image = np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / 18.0)
    valid, circle = np.ones(image.shape, bool), Ellipse(20.0, 20.0)
    growth = growth_curve(image, valid, circle, 20.0)
    sigma, found = 0.02, []
    total = np.interp(12.0, growth.radii, growth.flux)
    radius = np.interp(0.8 * total, growth.flux, growth.radii)
    for _ in range(100):
        noisy = image + sigma * rng.standard_normal(image.shape)
        own = growth_curve(noisy, valid, circle, 20.0)
        whole = np.interp(12.0, own.radii, own.flux)
        found.append(own.radii[np.argmax(own.flux >= 0.8 * whole)])
    error = radius_error(growth, radius, 0.8, 12.0, sigma)
    assert np.std(found) == pytest.approx(error, rel=0.25)
    assert np.isnan(radius_error(growth._replace(flux=-growth.flux), 5, 0.8, 12, 1.0))


def test_cutout_is_two_and_a_half_times_the_segment():
    segment = np.zeros((200, 200), bool)
    segment[90:130, 80:110] = True
    rows, columns = cutout_slices(segment)
    assert (rows.start, rows.stop) == (60, 160)
    assert (columns.start, columns.stop) == (45, 145)
    segment[:] = False
    segment[2, 3] = True
    rows, columns = cutout_slices(segment)
    assert (rows.start, rows.stop, columns.stop) == (0, 26, 27)


def test_outliers_are_single_bright_pixels():
    image = np.random.default_rng(4).standard_normal((30, 30))
    image[10, 12] = 100.0
    found = outliers(image)
    assert found[10, 12]
    assert found.sum() == 1
