# Licensed under a 3-clause BSD style license - see LICENSE
"""The fitter with the networks that ship: do the numbers come out right?"""

import numpy as np
import pytest

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.cli.demo import find_galaxy
from astro_cnnfit.datasets import load_field
from astro_cnnfit.inputs import read_image
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.weights import available

pytestmark = pytest.mark.skipif(
    "sersic" not in available(), reason="the default network is not in this build"
)


@pytest.fixture(scope="module")
def fitter():
    return CNNSersicFitter("sersic", zeropoint=30.0)


def test_field_of_the_demonstration(fitter):
    data, psf, truth = load_field()
    table = fitter(data, psf, init_params=truth["x_init", "y_init"])
    position = np.hypot(table["x_fit"] - truth["x"], table["y_fit"] - truth["y"])
    assert position.max() < 0.3
    magnitude = table["mag_fit"].to_value("mag") - truth["mag"].to_value("mag")
    assert np.abs(magnitude).max() < 0.2
    assert np.median(np.abs(magnitude)) < 0.03
    size = np.asarray(table["r_eff_fit"]) / np.asarray(truth["r_eff"]) - 1
    assert np.abs(size).max() < 0.25
    assert np.median(np.abs(size)) < 0.03
    assert np.abs(table["ellip_fit"] - truth["ellip"]).max() < 0.15
    pulls = (table["n_fit"] - truth["n"]) / table["n_err"]
    assert np.median(np.abs(pulls)) < 2
    assert table["sky_fit"][0].ra.deg == pytest.approx(180.0, abs=0.1)


@pytest.mark.parametrize(
    ("r_eff", "n", "ellip", "tolerance"),
    [(12.0, 1.0, 0.5, 0.06), (25.0, 1.0, 0.3, 0.1), (40.0, 2.0, 0.5, 0.2)],
)
def test_large_galaxies(fitter, r_eff, n, ellip, tolerance):
    psf = moffat([3.5], 3.0)
    true = np.array([[150.3, 149.8, 3e5, r_eff, n, ellip, 0.6]])
    rng = np.random.default_rng(0)
    image = image_of_galaxies(true, psf, (301, 301)) + rng.normal(0, 1, (301, 301))
    table = fitter(image, psf[0])
    assert table["r_eff_fit"][0] == pytest.approx(r_eff, rel=tolerance)
    assert table["n_fit"][0] == pytest.approx(n, rel=2 * tolerance)
    assert table["flux_fit"][0] == pytest.approx(3e5, rel=tolerance)


def test_galaxy_cut_by_the_edge(fitter):
    psf = moffat([3.5], 3.0)
    true = np.array([[10.3, 60.0, 2e4, 4.0, 1.5, 0.3, 0.6]])
    rng = np.random.default_rng(0)
    image = image_of_galaxies(true, psf, (121, 121)) + rng.normal(0, 1, (121, 121))
    table = fitter(image, psf[0], init_params=[[10, 60]])
    assert table["r_eff_fit"][0] == pytest.approx(4.0, rel=0.05)
    assert table["flux_fit"][0] == pytest.approx(2e4, rel=0.05)


@pytest.mark.skipif(find_galaxy() is None, reason="needs statmorph's test image")
@pytest.mark.parametrize("model", ["sersic", "galnet1"])
def test_real_galaxy_agrees_with_statmorph(model):
    image = read_image(find_galaxy()).data
    fitter = CNNSersicFitter(model)
    table = fitter(image, moffat([3.5], 3.0)[0] if model == "sersic" else None)
    # statmorph's own fit of this image, from its tests.
    loose = 1 if model == "sersic" else 2
    assert table["x_fit"][0] == pytest.approx(81.56, abs=1)
    assert table["y_fit"][0] == pytest.approx(80.40, abs=1)
    assert table["r_eff_fit"][0] == pytest.approx(22.46, rel=0.1 * loose)
    assert table["n_fit"][0] == pytest.approx(0.612, rel=0.2 * loose)
    assert table["ellip_fit"][0] == pytest.approx(0.05, abs=0.05 * loose)
