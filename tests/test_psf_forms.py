# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the forms in which users have PSFs."""

import itertools
import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Const2D, Gaussian1D, Gaussian2D, Moffat2D
from astropy.nddata import CCDData, NDData
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from photutils.psf import (
    CircularGaussianPRF,
    CircularGaussianPSF,
    GriddedPSFModel,
    ImagePSF,
)

from astro_cnnfit import psf
from astro_cnnfit.psf import as_psf_stamps

DATA = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
needs_data = pytest.mark.skipif(
    DATA is None, reason="ASTRO_CNNFIT_TEST_DATA does not name the folder of images"
)

SHAPE = (3.0, 3.2, 0.1, 0.5)
STAMP = psf.moffat(*SHAPE)[0]


def sampled(step, size, centre=None):
    """Sample the effective PSF at `step` pixels, about a centre in samples."""
    fine = psf.moffat(*SHAPE, size=61)
    centre = (size - 1) / 2 if centre is None else centre
    points = 30 + step * (np.arange(size) - centre)
    return psf.sampling.resample(fine, points, points)[0]


@pytest.mark.parametrize(
    "form",
    [
        STAMP,
        7 * STAMP.astype(">f8"),
        STAMP.tolist(),
        STAMP[None],
        STAMP * u.dimensionless_unscaled,
        np.ma.array(STAMP),
        NDData(STAMP),
        CCDData(STAMP, unit="adu"),
        fits.ImageHDU(STAMP),
        fits.CompImageHDU(STAMP, compression_type="GZIP_2", quantize_level=0),
        psf.moffat(*SHAPE, size=51),
        psf.moffat(*SHAPE, size=51)[0, 5:-5],
        ImagePSF(STAMP),
    ],
)
def test_forms_agree(form):
    stamps = as_psf_stamps(form)
    assert stamps.shape == (1, 25, 25)
    assert stamps.dtype == np.float32
    assert_allclose(stamps.sum(), 1, rtol=1e-5)
    assert_allclose(stamps[0], STAMP, atol=2e-6)


def test_inputs_are_not_changed():
    given_psf = 3 * STAMP
    before = given_psf.copy()
    stamps = as_psf_stamps(given_psf)
    stamps[:] = 0
    assert_array_equal(given_psf, before)


def test_stack():
    stack = psf.moffat([2.0, 3.0, 4.0], 3.0) * np.array([1, 5, 9])[:, None, None]
    stamps = as_psf_stamps(stack, n=3)
    assert_allclose(stamps, psf.moffat([2.0, 3.0, 4.0], 3.0), atol=1e-6)
    assert as_psf_stamps(STAMP, n=100).shape == (1, 25, 25)
    with pytest.raises(ValueError, match="one for each of the 4 galaxies, got 3"):
        as_psf_stamps(stack, n=4)


def test_small_ones_are_padded_and_large_ones_cropped():
    small = as_psf_stamps(STAMP[6:-6, 6:-6])[0]
    inner = STAMP[6:-6, 6:-6]
    assert_allclose(small[6:-6, 6:-6], inner / inner.sum(), rtol=1e-5)
    assert small[:6].sum() == 0
    assert as_psf_stamps(STAMP, size=41).shape == (1, 41, 41)
    assert as_psf_stamps(STAMP, size=15).shape == (1, 15, 15)


@pytest.mark.parametrize("size", [40, 50])
@pytest.mark.parametrize("offset", [-0.5, 0.0, 0.5])
def test_even_sizes(size, offset):
    # Centred on the middle of the array, or the pixel to either side of it.
    array = sampled(1.0, size, (size - 1) / 2 + offset)
    assert_allclose(as_psf_stamps(array)[0], STAMP, atol=2e-4 * STAMP.max())


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 2.5])
@pytest.mark.parametrize("size", [91, 90])
def test_oversampled(factor, size):
    array = sampled(1 / factor, size)
    stamps = as_psf_stamps(array, oversampling=factor, size=15)
    expected = as_psf_stamps(STAMP, size=15)
    assert_allclose(stamps, expected, atol=2e-3 * STAMP.max())


def test_oversampled_without_saying_so():
    array = sampled(1 / 8, 201)
    with pytest.raises(ValueError, match="psf must be sampled like the image"):
        as_psf_stamps(array)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_off_centre_is_left_as_it_is(dx, dy):
    fine = psf.moffat(*SHAPE, size=41)
    points = np.arange(25) + 8.0
    array = psf.sampling.resample(fine, points - dy, points - dx)[0]
    stamps = as_psf_stamps(array)
    assert_allclose(stamps[0], array / array.sum(), atol=1e-7)
    x, y = psf.centroid(stamps)
    assert_allclose([x[0] - 12, y[0] - 12], [dx, dy], atol=0.05)


class TestModels:
    def test_astropy_models_are_integrated_over_the_pixel(self):
        model = Gaussian2D(5.0, 40.3, -7.0, 1.0, 1.0)
        stamps = as_psf_stamps(model)
        assert_allclose(stamps, psf.gaussian(2.354820), atol=1e-5)
        alpha = 3.0 / (2 * np.sqrt(2 ** (1 / 3) - 1))
        stamps = as_psf_stamps(Moffat2D(1.0, 0, 0, alpha, 3.0))
        assert_allclose(stamps, psf.moffat(3.0, 3.0), atol=1e-5)

    def test_photutils_models(self):
        expected = psf.gaussian(2.5)
        for model in (CircularGaussianPSF(fwhm=2.5), CircularGaussianPRF(fwhm=2.5)):
            model.x_0, model.y_0 = 100.2, 50.9
            assert_allclose(as_psf_stamps(model), expected, atol=1e-5)

    def test_sum_of_models(self):
        model = Gaussian2D(1, 3, 4, 1, 1) + Gaussian2D(0.1, 3, 4, 2, 2)
        stamps = as_psf_stamps(model)
        assert_allclose(psf.centroid(stamps), 12, atol=1e-6)

    @pytest.mark.parametrize("oversampling", [1, 2, 4])
    def test_image_psf(self, oversampling):
        array = sampled(1 / oversampling, 40 * oversampling + 1)
        array *= oversampling**2 / array.sum()
        model = ImagePSF(array, x_0=33.3, y_0=12, oversampling=oversampling)
        assert_allclose(as_psf_stamps(model)[0], STAMP, atol=1e-3 * STAMP.max())

    def test_model_with_oversampling(self):
        with pytest.raises(ValueError, match="oversampling is for arrays"):
            as_psf_stamps(ImagePSF(STAMP), oversampling=2)

    def test_not_one_model_of_two_inputs(self):
        for model in (Gaussian1D(), Gaussian2D([1, 2], x_mean=[0, 0], y_mean=[0, 0])):
            with pytest.raises(ValueError, match="psf must be one model of two inputs"):
                as_psf_stamps(model)

    def test_not_a_psf(self):
        with pytest.raises(ValueError, match="psf must be sampled like the image"):
            as_psf_stamps(Const2D(1.0))


def gridded(x_grid, y_grid, oversampling=2):
    corners = list(itertools.product(x_grid, y_grid))
    widths = [2.5 + 0.004 * x + 0.002 * y for x, y in corners]
    step = np.arange(51 * oversampling) - (51 * oversampling - 1) / 2
    r2 = np.add.outer(step**2, step**2) / oversampling**2
    stamps = [np.exp(-4 * np.log(2) * r2 / width**2) for width in widths]
    stamps = [stamp * oversampling**2 / stamp.sum() for stamp in stamps]
    meta = {"grid_xypos": corners, "oversampling": oversampling}
    return GriddedPSFModel(NDData(np.array(stamps), meta=meta))


class TestGrid:
    def test_matches_photutils(self):
        model = gridded([10, 100, 300], [0, 200])
        x = np.array([10.0, 55.5, 250.2, 300.0])
        y = np.array([0.0, 150.0, 33.3, 200.0])
        stamps = as_psf_stamps(model, positions=(x, y), n=4)
        assert stamps.shape == (4, 25, 25)
        for stamp, x_0, y_0 in zip(stamps, x, y, strict=True):
            grid_y, grid_x = np.mgrid[-12:13, -12:13]
            expected = model.evaluate(grid_x + x_0, grid_y + y_0, 1.0, x_0, y_0)
            assert_allclose(stamp, expected / expected.sum(), atol=1e-6)

    def test_beyond_the_grid_and_unknown(self):
        model = gridded([10, 100], [0, 200])
        outside = as_psf_stamps(model, positions=([-50, np.nan], [500, 200]))
        inside = as_psf_stamps(model, positions=([10, 10], [200, 200]))
        assert_allclose(outside, inside)

    def test_single_psf(self):
        model = gridded([10], [20])
        stamps = as_psf_stamps(model, positions=([1, 2], [3, 4]))
        assert stamps.shape == (2, 25, 25)
        assert_allclose(stamps[0], stamps[1])

    def test_positions(self):
        model = gridded([10, 100], [0, 200])
        with pytest.raises(ValueError, match="needs positions"):
            as_psf_stamps(model)
        with pytest.raises(ValueError, match="positions must be two arrays"):
            as_psf_stamps(model, positions=([1, 2], [3]))


def shifted(pixels):
    return np.roll(psf.moffat(*SHAPE, size=41)[0], pixels, axis=1)


@pytest.mark.parametrize(
    ("bad", "error", "match"),
    [
        (None, TypeError, "psf must hold real numbers"),
        ("psf.fits", TypeError, "psf must hold real numbers"),
        (STAMP.astype(complex), TypeError, "psf must hold real numbers"),
        (STAMP[0], ValueError, "psf must be a 2-D image"),
        (np.zeros((0, 25, 25)), ValueError, "psf must be .* got an empty array"),
        (np.where(STAMP == STAMP.max(), np.nan, STAMP), ValueError, "psf must be fin"),
        (np.ma.masked_greater(STAMP, 0.01), ValueError, "without masked pixels"),
        (np.zeros((25, 25)), ValueError, "psf must have a positive sum"),
        (-STAMP, ValueError, "psf must have a positive sum"),
        (STAMP - 1, ValueError, "psf must have a positive sum"),
        (shifted(2), ValueError, "psf must be centred .* got 2.0"),
        (np.pad([[1.0]], 12), ValueError, "psf must be sampled like .* got 0.4"),
        (psf.gaussian(20.0), ValueError, "psf must be sampled like the image"),
        (np.ones((25, 25)), ValueError, "psf must be sampled like the image"),
    ],
)
def test_bad_psf(bad, error, match):
    with pytest.raises(error, match=match):
        as_psf_stamps(bad)


def test_bad_stamp_of_a_stack_is_named():
    stack = np.repeat(STAMP[None], 4, axis=0)
    stack[2] = 0
    with pytest.raises(ValueError, match="stamp 2, one of 1"):
        as_psf_stamps(stack)


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"size": 24}, "size must be an odd number"),
        ({"size": 1}, "size must be an odd number"),
        ({"oversampling": 0.5}, "oversampling must be at least 1"),
        ({"oversampling": np.nan}, "oversampling must be at least 1"),
    ],
)
def test_bad_arguments(keywords, match):
    with pytest.raises(ValueError, match=match):
        as_psf_stamps(STAMP, **keywords)


@needs_data
@pytest.mark.parametrize(
    ("path", "fwhm"),
    [
        ("hst_goods/psf.fits", 1.95),
        ("hst_a2744/f105w_psf.fits.gz", 2.7),
        ("gama_9band/psf_r.fits", 3.7),
        ("hsc_field/222.51551376,0.09749601_r_psf.fits", 3.2),
        ("hst_reference/AEGIS_F814w_PSF_images_01.fits", 3.56),
        ("hsc_decals_galaxies/copsf_59.1067_-30.4848.fits", 4.0),
        ("nearby/psf_moffat_51.fits", 2.73),
    ],
)
def test_real_psfs(path, fwhm):
    with fits.open(Path(DATA) / path) as hdus:
        stamps = as_psf_stamps(hdus[0])
    assert_allclose(stamps.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert_allclose(psf.fwhm(stamps)[0], fwhm, rtol=0.03)
    # The shift by half a pixel, where there is one, does not ring.
    assert stamps.min() > -0.01 * stamps.max()


@needs_data
def test_cosmos_psfs_of_all_sizes():
    path = Path(DATA) / "hst_reference" / "real_galaxy_PSF_images.fits"
    with fits.open(path) as hdus:
        widths = [psf.fwhm(as_psf_stamps(hdu))[0] for hdu in hdus]
    assert 3.0 < min(widths) < max(widths) < 4.5


@needs_data
@pytest.mark.parametrize("number", [1, 2, 3])
def test_hsc_psfs(number):
    array = np.load(Path(DATA) / "hsc_decals_galaxies" / f"gal{number}_psf.npy")
    stamps = as_psf_stamps(array)
    # Cropping 43 pixels to 25 loses little of the light.
    assert_allclose(stamps[0], array[9:-9, 9:-9] / array.sum(), rtol=0.03, atol=1e-5)
