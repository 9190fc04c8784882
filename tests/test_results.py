# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the table of results, the model images and the astropy models."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.io.fits.verify import VerifyWarning
from astropy.nddata import NDData
from astropy.table import QTable
from astropy.wcs import WCS

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.flags import FLAGS
from astro_cnnfit.morphology import COLUMNS as MORPHOLOGY
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic import COLUMNS, column_table
from astro_cnnfit.sersic.images import (
    astropy_models,
    image_of_galaxies,
    stack_of_galaxies,
)
from astro_cnnfit.sersic.statistics import goodness, light_at

PSF = moffat([3.0], 3.0)[0]
ALWAYS = (
    "id x_init y_init x_fit y_fit flux_fit r_eff_fit n_fit ellip_fit theta_fit "
    "x_err y_err flux_err r_eff_err n_err ellip_err theta_err "
    "local_bkg n_pixels_fit qfit reduced_chi2 point_like_prob flags"
).split()


@pytest.fixture(scope="module")
def stamps():
    true = np.array([[30.2, 29.7, 2e4, 4.0, 1.0, 0.2, 0.7]])
    rng = np.random.default_rng(3)
    light = image_of_galaxies(true, PSF[np.newaxis], (61, 61))
    return light + rng.normal(2.0, 1.0, (4, 61, 61))


def test_columns_and_their_order(stamps, network):
    table = CNNSersicFitter(network)(stamps, PSF)
    assert table.colnames == ALWAYS
    names = [column.name for column in COLUMNS]
    full = CNNSersicFitter(network, zeropoint=25, pixel_scale=0.1)(stamps, PSF)
    assert full.colnames == [name for name in names if name in full.colnames]
    assert set(names) - set(full.colnames) == {"pa_fit", "pa_err", "sky_fit"}


def test_columns_are_described(stamps, network):
    table = CNNSersicFitter(network, zeropoint=25)(stamps, PSF)
    for name in table.colnames:
        assert table[name].info.description
    text = column_table()
    for column in COLUMNS:
        assert f"``{column.name}``" in text
    for flag in FLAGS:
        assert flag.name in text


def test_meta_is_plain_and_says_what_made_the_table(stamps, network):
    table = CNNSersicFitter(network, zeropoint=25)(stamps, PSF)
    assert table.meta["model"] == network.name
    assert table.meta["model_sha256"] == network.sha256
    assert table.meta["zeropoint"] == 25
    assert {"astro_cnnfit", "numpy", "keras"} <= set(table.meta)
    for value in table.meta.values():
        assert isinstance(value, (str, int, float, bool))


def test_meta_of_one_table_is_its_own(stamps, network):
    fitter = CNNSersicFitter(network)
    fitter(stamps, PSF).meta["numpy"] = "changed"
    assert fitter(stamps, PSF).meta["numpy"] != "changed"


@pytest.mark.parametrize("kind", ["ascii.ecsv", "fits"])
def test_table_survives_a_file(stamps, network, tmp_path, kind):
    table = CNNSersicFitter(network, pixel_scale=0.2)(stamps * u.nJy, PSF)
    table.meta = {}
    path = tmp_path / "table"
    table.write(path, format=kind)
    again = QTable.read(path, format=kind)
    assert again.colnames == table.colnames
    for name in table.colnames:
        assert again[name].unit == table[name].unit
        np.testing.assert_allclose(np.asarray(again[name]), np.asarray(table[name]))


def test_statistics_only_when_asked_for(stamps, network):
    table = CNNSersicFitter(network)(stamps, PSF)
    assert np.isnan(table["qfit"]).all()
    assert np.isnan(table["reduced_chi2"]).all()
    table = CNNSersicFitter(network, statistics=True)(stamps, PSF)
    assert np.isfinite(table["qfit"]).all()
    assert np.isfinite(table["reduced_chi2"]).all()


def test_goodness_of_the_true_model():
    true = np.array([[0.2, -0.3, 2e4, 4.0, 1.0, 0.2, 0.7]] * 50)
    rng = np.random.default_rng(3)
    model = stack_of_galaxies(
        true + np.array([30, 30, 0, 0, 0, 0, 0]), PSF[np.newaxis], (61, 61)
    )
    data = model + 2 * rng.normal(0, 1, model.shape)
    mask = np.zeros(model.shape, bool)
    qfit, chi2, poor = goodness(data - model, model, mask, 2.0, true)
    assert not poor.any()
    # Seven parameters that were not fitted count as if they were.
    count = np.pi * 4.0**2 * 0.8
    assert np.mean(chi2) == pytest.approx(count / (count - 7), rel=0.1)
    assert np.mean(qfit) == pytest.approx(2 * 0.8 * count / 2e4, rel=0.1)
    mask[:] = True
    qfit, chi2, _ = goodness(data - model, model, mask, 2.0, true)
    assert np.isnan(qfit).all()
    assert np.isnan(chi2).all()


def test_light_is_that_of_astropy():
    rng = np.random.default_rng(0)
    params = np.column_stack(
        [
            *rng.uniform(-2, 2, (2, 5)),
            rng.uniform(1e2, 1e5, 5),
            rng.uniform(1, 20, 5),
            rng.uniform(0.3, 8, 5),
            rng.uniform(0, 0.9, 5),
            rng.uniform(0, np.pi, 5),
        ]
    )
    x, y = rng.uniform(-30, 30, (2, 40))
    light = light_at(params, x, y)
    expected = [model(x, y) for model in astropy_models(params)]
    np.testing.assert_allclose(light, expected, rtol=1e-4, atol=1e-10)


def test_models_have_the_total_flux():
    params = np.array([[300.3, 299.8, 1e4, 6.0, 1.5, 0.4, 0.5]])
    (model,) = astropy_models(params)
    y, x = np.mgrid[:600, :600]
    assert model(x, y).sum() == pytest.approx(1e4, rel=2e-3)
    assert (model.r_eff.value, model.n.value, model.ellip.value) == (6.0, 1.5, 0.4)


def test_models_of_the_fitter(stamps, network):
    fitter = CNNSersicFitter(network)
    table = fitter(stamps, PSF)
    models = fitter.results_to_models()
    assert [m.x_0.value for m in models] == list(table["x_fit"])
    theta = table["theta_fit"].to_value("rad")
    assert [m.theta.value for m in models] == pytest.approx(list(theta))


@pytest.mark.parametrize("shape", [(61, 61), (90, 130), (301, 300)])
@pytest.mark.parametrize("r_eff", [1.0, 12.0])
def test_image_holds_the_flux_where_it_should(shape, r_eff):
    ny, nx = shape
    params = np.array([[nx / 2 + 0.3, ny / 2 - 0.2, 1e4, r_eff, 0.6, 0.1, 0.3]])
    image = image_of_galaxies(params, PSF[np.newaxis], shape)
    assert image.shape == shape
    assert image.sum() == pytest.approx(1e4, rel=0.02)
    y, x = np.mgrid[:ny, :nx]
    assert (image * x).sum() / image.sum() == pytest.approx(params[0, 0], abs=0.05)
    assert (image * y).sum() / image.sum() == pytest.approx(params[0, 1], abs=0.05)


def test_image_of_galaxies_at_and_beyond_the_edge():
    params = np.array(
        [[0.0, 50.0, 1e4, 3.0, 1.0, 0.0, 0.0], [-500.0, 20.0, 1e4, 3.0, 1.0, 0.0, 0.0]]
    )
    image = image_of_galaxies(params, PSF[np.newaxis], (200, 200))
    assert 0.5e4 < image.sum() < 0.65e4
    assert image[50, 0] == image.max()


def test_residual_of_a_stack(stamps, network):
    fitter = CNNSersicFitter(network)
    table = fitter(stamps, PSF)
    model = fitter.make_model_image(stamps.shape)
    np.testing.assert_allclose(fitter.make_residual_image(stamps), stamps - model)
    with_sky = fitter.make_model_image(stamps.shape, include_local_bkg=True)
    sky = with_sky - model
    np.testing.assert_allclose(sky[:, 0, 0], table["local_bkg"])
    assert abs(np.median(stamps - with_sky)) < 0.3


def test_residual_keeps_the_kind_of_the_data(stamps, network):
    fitter = CNNSersicFitter(network)
    fitter(stamps * u.nJy, PSF)
    residual = fitter.make_residual_image(stamps * u.nJy)
    assert residual.unit == u.nJy
    data = NDData(stamps, unit=u.nJy, mask=stamps > 1e9)
    residual = fitter.make_residual_image(data)
    assert isinstance(residual, NDData)
    assert residual.unit == u.nJy
    assert residual.mask is not None
    with pytest.raises(ValueError, match="data must have the unit"):
        fitter.make_residual_image(stamps)


@pytest.mark.parametrize("shape", [(61, 61), (3, 61, 61), (4, 61, 0), 61, "abc"])
def test_shape_of_a_model_image(stamps, network, shape):
    fitter = CNNSersicFitter(network)
    fitter(stamps, PSF)
    with pytest.raises(ValueError, match=r"shape must be \(4, ny, nx\)"):
        fitter.make_model_image(shape)


def test_model_image_with_another_psf(stamps, network):
    fitter = CNNSersicFitter(network)
    fitter(stamps, PSF)
    broad = fitter.make_model_image(stamps.shape, psf=moffat([5.0], 3.0))
    assert broad.max() < fitter.make_model_image(stamps.shape).max()


def test_numbers_are_shown_with_few_digits_and_kept_with_all(tmp_path, stamps, network):
    data = NDData(stamps, unit="nJy")
    table = CNNSersicFitter(network, zeropoint=25, pixel_scale=0.1)(data, PSF)
    assert table["x_fit"].info.format == table["n_err"].info.format == ".3f"
    assert table["flux_fit"].info.format == ".6g"
    assert table["mag_fit"].info.format == table["ellip_fit"].info.format == ".4f"
    shown = table.pformat(max_lines=-1, max_width=-1)[-1].split()
    assert len(shown) == len(table.colnames)
    assert max(map(len, shown)) < 12
    for name in ("a.ecsv", "a.fits"):
        with warnings.catch_warnings():
            # Names of settings are longer than the eight letters of a FITS keyword.
            warnings.simplefilter("ignore", VerifyWarning)
            table.write(tmp_path / name)
        again = QTable.read(tmp_path / name)
        for column in table.colnames:
            np.testing.assert_array_equal(again[column], table[column])


def test_all_numbers_have_a_format():
    # Identifiers, counts and coordinates are shown as they are.
    plain = {"id", "n_pixels_fit", "flags", "sky_fit", "sky_centroid", "block_factor"}
    for column in (*COLUMNS, *MORPHOLOGY):
        assert (column.format is None) == (column.name in plain), column.name


def test_csv_keeps_all_digits_where_it_is_told_to(stamps, network, tmp_path):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ("RA---TAN", "DEC--TAN"), (-1e-4, 1e-4)
    table = CNNSersicFitter(network, zeropoint=25)(NDData(stamps[0], wcs=wcs), PSF)
    table.write(tmp_path / "table.ecsv")
    exact = QTable.read(tmp_path / "table.ecsv")
    table.write(tmp_path / "table.csv", formats=dict.fromkeys(table.colnames, ""))
    plain = QTable.read(tmp_path / "table.csv")
    for name in ("x_fit", "flux_fit", "mag_fit", "r_eff_err", "theta_fit"):
        value = np.asarray(u.Quantity(table[name]).value)
        np.testing.assert_array_equal(u.Quantity(exact[name]).value, value)
        np.testing.assert_array_equal(plain[name], value)
