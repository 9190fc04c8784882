# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the PSF that is made of an image's own stars."""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit import CNNSersicFitter, psf
from astro_cnnfit.plotting import plot_psf
from astro_cnnfit.psf import as_psf_stamps, psf_from_stars
from astro_cnnfit.psf.moments import adaptive_moments, cut_out

DATA = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
SHAPE = (400, 420)
BETA = 3.0


def draw(image, fwhm, x, y, flux, size=61):
    """Add Moffat profiles to an image."""
    x_pixel, y_pixel = np.rint(x).astype(int), np.rint(y).astype(int)
    shape = (fwhm, BETA, 0.05, 0.4)
    stamps = psf.double_moffat(
        *shape, *shape, 0.0, x_0=x - x_pixel, y_0=y - y_pixel, size=size
    )
    half = size // 2
    padded = np.pad(image, half)
    for stamp, column, row, light in zip(stamps, x_pixel, y_pixel, flux, strict=True):
        padded[row : row + size, column : column + size] += light * stamp
    return padded[half:-half, half:-half]


def simulate(fwhm=3.0, n=40, others=40, seed=1, gradient=0.0, low=3e3):
    """Draw stars among wider sources; return the image and the stars."""
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(0, length - 1, n) for length in SHAPE[::-1])
    flux = 10 ** rng.uniform(np.log10(low), 5, n)
    image = draw(np.zeros(SHAPE), fwhm + gradient * (x / SHAPE[1] - 0.5), x, y, flux)
    x_o, y_o = (rng.uniform(0, length - 1, others) for length in SHAPE[::-1])
    light = 10 ** rng.uniform(3, 4.3, others)
    image = draw(image, fwhm * rng.uniform(1.3, 3, others), x_o, y_o, light)
    image += 30 + rng.normal(0, 1, SHAPE) * np.sqrt(1 + np.maximum(image, 0) / 20)
    return image, Table({"x": x, "y": y, "flux": flux})


def truth(fwhm, size=25):
    return psf.moffat(fwhm, BETA, 0.05, 0.4, size=size)[0]


def distance(table, stars):
    """Distance of each row from the nearest star."""
    return np.hypot(
        table["x"][:, None] - np.array(stars["x"]),
        table["y"][:, None] - np.array(stars["y"]),
    ).min(axis=1)


@pytest.fixture(scope="module")
def field():
    return simulate()


@pytest.fixture(scope="module")
def made(field):
    return psf_from_stars(field[0])


class TestMoments:
    @pytest.mark.parametrize("fwhm", [1.8, 3.0, 5.0])
    def test_gaussian(self, fwhm):
        sigma = fwhm / 2.3548
        y, x = np.mgrid[-15:16, -15:16]
        stamp = np.exp(-((x - 0.3) ** 2 + (y + 0.2) ** 2) / (2 * sigma**2))
        found = adaptive_moments(7 * stamp[np.newaxis])
        # Sums over pixels are no integrals where the weight is narrower than one.
        tolerance = 1e-3 if fwhm > 2 else 0.03
        assert_allclose([found.x[0], found.y[0]], [0.3, -0.2], atol=tolerance)
        assert_allclose(found.fwhm, fwhm, rtol=tolerance)
        assert_allclose(found.flux, 7 * 2 * np.pi * sigma**2, rtol=2 * tolerance)
        assert_allclose([found.e1, found.e2], 0, atol=tolerance)

    def test_ellipticity(self):
        y, x = np.mgrid[-15:16, -15:16]
        along_x = np.exp(-(x**2) / 12 - y**2 / 6)
        diagonal = np.exp(-((x + y) ** 2) / 24 - (x - y) ** 2 / 12)
        found = adaptive_moments(np.array([along_x, diagonal]))
        assert found.e1[0] > 0.1 > abs(found.e2[0])
        assert found.e2[1] > 0.1 > abs(found.e1[1])

    def test_nothing_there(self):
        found = adaptive_moments(-np.ones((2, 15, 15)))
        assert np.isnan(found.x).all()

    def test_cut_out(self):
        data = np.arange(100.0).reshape(10, 10)
        cut = cut_out(data, np.array([4, 5]), np.array([2, 7]), 3)
        assert_array_equal(cut[0], data[1:4, 3:6])
        assert_array_equal(cut[1], data[6:9, 4:7])


class TestAccuracy:
    @pytest.mark.parametrize("fwhm", [2.5, 3.5, 5.0])
    def test_one_psf(self, fwhm):
        image, stars = simulate(fwhm)
        found = psf_from_stars(image)
        assert (distance(found.stars[found.stars["used"]], stars) < 0.5).all()
        expected = truth(fwhm)
        assert_allclose(found.fwhm, psf.fwhm(expected)[0], rtol=0.015)
        assert np.abs(found.stamp - expected).sum() < 0.04
        x, y = psf.centroid(found.stamp)
        assert_allclose([x, y], 12, atol=0.02)

    def test_one_that_varies(self):
        image, _ = simulate(3.5, n=90, others=10, gradient=0.6)
        found = psf_from_stars(image, degree=1)
        assert found.varies
        x, y = np.array([20.0, 210, 400]), np.full(3, 200.0)
        stamps = as_psf_stamps(found, positions=(x, y))
        expected = psf.moffat(3.5 + 0.6 * (x / SHAPE[1] - 0.5), BETA, 0.05, 0.4)
        assert_allclose(psf.fwhm(stamps), psf.fwhm(expected), rtol=0.025)

    def test_galaxies_are_more(self):
        image, stars = simulate(3.0, n=15, others=150)
        found = psf_from_stars(image)
        assert (distance(found.stars[found.stars["used"]], stars) < 0.5).all()
        assert_allclose(found.fwhm, psf.fwhm(truth(3.0))[0], rtol=0.03)

    def test_tiny_and_huge_units(self, field, made):
        for scale in (1e-13, 1e9):
            found = psf_from_stars(scale * field[0])
            assert_allclose(found.stamp, made.stamp, atol=1e-6)

    def test_inputs_are_not_changed(self, field):
        image = field[0].copy()
        psf_from_stars(image)
        assert_array_equal(image, field[0])

    def test_given_stars(self, field, made):
        image, stars = field
        bright = stars[np.argsort(stars["flux"])[-12:]]
        bright.add_row({"x": np.nan, "y": 3.0, "flux": 1.0})
        bright["id"] = np.arange(13) + 100
        found = psf_from_stars(image, stars=bright)
        assert set(found.stars["id"]) == set(bright["id"])
        assert found.stars["reason"][12] == "edge"
        assert_allclose(found.fwhm, made.fwhm, rtol=0.02)


class TestChoice:
    def test_table_tells_why(self, made):
        used = made.stars["used"]
        assert (made.stars["reason"][used] == "").all()
        assert (made.stars["reason"][~used] != "").all()
        assert {"extended", "neighbour", "edge"} <= set(made.stars["reason"])
        assert np.isfinite(made.stars["misfit"][used]).all()
        assert made.centred.shape == (used.sum(), 25, 25)
        assert_allclose(np.median(made.centred.sum(axis=(1, 2))), 1, atol=0.05)

    def test_saturated_stars(self, field):
        image, _ = field
        level = np.percentile(image, 99.93)
        clipped = psf_from_stars(np.minimum(image, level))
        assert "saturated" in clipped.stars["reason"]
        top = image.max() / 4
        told = psf_from_stars(image, saturation=top)
        assert told.stars["peak"][told.stars["used"]].max() <= top

    def test_masked_stars(self, field, made):
        image, _ = field
        first = made.stars[made.stars["used"]][0]
        mask = np.zeros(SHAPE, bool)
        mask[round(first["y"]), round(first["x"])] = True
        broken = np.where(mask, np.nan, image)
        for found in (
            psf_from_stars(image, mask=mask),
            psf_from_stars(broken),
            psf_from_stars(NDData(image, mask=mask)),
        ):
            used = found.stars[found.stars["used"]]
            assert distance(used, Table([first])).min() > 3
            assert len(used) > 5

    def test_most_stars(self, field):
        found = psf_from_stars(field[0], max_stars=4)
        assert found.stars["used"].sum() <= 4
        assert "enough" in found.stars["reason"]

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"min_snr": 1e9}, "at least 3 stars that show the PSF, got 0; .* faint"),
            ({"degree": 4}, "at least 45 stars that show the PSF"),
            ({"degree": 9}, "degree must be a whole number from 0 to 4, got 9"),
            ({"size": 24}, "size must be an odd number from 5 on"),
            ({"size": 399}, "data must be wider than the PSF and its margin"),
            ({"data": np.ones((3, 90, 90))}, "data must be one image"),
            ({"data": np.ones((90, 90))}, "data must have noise"),
            ({"data": np.full((90, 90), np.nan)}, "pixels that are not masked"),
            ({"stars": [[1.0, 2, 3]]}, "stars must be a table or an array"),
            ({"stars": [[-5.0, 2]]}, "got 0; other candidates: 1 edge"),
        ],
    )
    def test_refused(self, field, change, match):
        with pytest.raises(ValueError, match=match):
            psf_from_stars(**({"data": field[0]} | change))

    def test_noise_alone(self):
        noise = np.random.default_rng(3).normal(0, 1, (200, 200))
        with pytest.raises(ValueError, match=r"at least 3 stars .* got 0"):
            psf_from_stars(noise)


def test_it_goes_into_a_measurement(field, made, network):
    image, _ = field
    table = CNNSersicFitter(network)(image, made, init_params=[[200.0, 210.0]])
    assert len(table) == 1
    with pytest.raises(TypeError, match="data must hold real numbers"):
        psf_from_stars("image.fits")


def test_units(field, made):
    error = np.full(SHAPE, 1.2) * u.nJy
    found = psf_from_stars(field[0] * u.nJy, error=error)
    assert_allclose(found.fwhm, made.fwhm, rtol=0.01)


class TestFigure:
    @pytest.fixture
    def axes(self):
        figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(10, 8))
        return figure.subplots(2, 2)

    def test_panels(self, made, axes):
        returned = plot_psf(made, axes=axes)
        assert list(returned) == list(axes.ravel())
        titles = [axis.get_title() for axis in returned]
        assert titles[:3] == ["candidates", "PSF", "mean residual"]
        assert f"{made.fwhm:.2f}" in titles[3]
        used = returned[0].collections[1].get_offsets()
        assert len(used) == made.stars["used"].sum()
        residual = returned[2].images[0].get_array()
        assert np.abs(residual).max() < 5  # per cent

    def test_one_that_varies(self, axes):
        image, _ = simulate(3.5, n=60, others=10, gradient=0.6)
        plot_psf(psf_from_stars(image, degree=1), axes=axes)

    def test_new_figure(self, made):
        plt = pytest.importorskip("matplotlib.pyplot")
        with plt.rc_context({"backend": "agg"}):
            axes = plot_psf(made)
            axes[0].figure.canvas.draw()
            plt.close(axes[0].figure)

    def test_refused(self, made, axes):
        with pytest.raises(TypeError, match="what psf_from_stars returns, got ndarray"):
            plot_psf(made.stamp)
        with pytest.raises(ValueError, match="axes must be four, got 2"):
            plot_psf(made, axes=axes[0])


@pytest.mark.skipif(DATA is None, reason="ASTRO_CNNFIT_TEST_DATA is not set")
@pytest.mark.parametrize(("band", "fwhm"), [("r", 2.54), ("i", 2.74)])
def test_real_field(band, fwhm):
    image = fits.getdata(Path(DATA) / "kids_field" / f"{band}.fits")[:1300, :1300]
    found = psf_from_stars(image)
    assert found.stars["used"].sum() > 10
    assert_allclose(found.fwhm, fwhm, rtol=0.05)
    assert np.median(found.stars["misfit"][found.stars["used"]]) < 0.03


def large_galaxy(light):
    """Return a galaxy with eight stars on its light, and distances from its centre."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    radius = np.hypot(x - 210, y - 200)
    angle = np.arange(8) * np.pi / 4
    near = 210.3 + 65 * np.cos(angle), 200.2 + 65 * np.sin(angle)
    image = draw(light * np.exp((65 - radius) / 16), 3.0, *near, np.full(8, 2e4))
    return image, radius


def test_stars_on_a_galaxy_are_left_out():
    image, radius = large_galaxy(13.0)
    field, _ = simulate(n=40, others=0, seed=4)
    found = psf_from_stars(image + field, mask=radius < 40).stars
    lit = found["reason"] == "on a galaxy"
    assert np.count_nonzero(lit) > 4
    used = found["local_bkg"][found["used"]]
    assert np.min(found["local_bkg"][lit]) > np.max(used)


def test_they_are_used_less_its_light_where_there_are_no_others():
    image, radius = large_galaxy(35.0)
    noise = np.random.default_rng(1).normal(30, 1, SHAPE)
    found = psf_from_stars(image + noise, mask=radius < 40)
    assert np.count_nonzero(found.stars["used"]) > 4
    # Left in, that light makes the difference 0.9.
    assert np.abs(found.stamp - truth(3.0)).sum() < 0.4
