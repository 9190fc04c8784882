# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of CNNSersicFitter(refine=...), started by a network that uses moments."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.flags import AT_BOUND, BLOCK_AVERAGED, REFINE_FAILED
from astro_cnnfit.parameters import NAMES, encode
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies, stamps_of_galaxies

PSF = moffat([3.0], 3.0)
TRUE = np.array([[0.3, -0.2, 2e4, 4.0, 1.3, 0.3, 0.7]])
FITTED = "x_fit y_fit flux_fit r_eff_fit n_fit ellip_fit theta_fit".split()


class NearbyNetwork:
    """Says something near the truth, whatever it is shown, and not too sure."""

    name, sha256, needs_psf = "nearby", "0" * 64, True
    stamp_size, psf_size = 61, 25

    def __init__(self, params=TRUE, offset=0.03):
        self.latent = encode(params) + offset * np.array([1, -1, 1, 1, -1, 1, -1.0])
        self.trained_ranges = {"n": (0.3, 8.0), "psf_fwhm": (1.9, 6.6)}
        self.description = {"name": self.name}

    def predict(self, stamps, psfs=None, **keywords):
        latent = np.repeat(self.latent, len(stamps), axis=0)
        latent[:, 2] += self.flux_in(stamps)
        return latent, np.tile(0.05**2 * np.eye(7), (len(stamps), 1, 1))

    def flux_in(self, stamps):
        return 0.0


def draw(params=TRUE, n=6, noise=1.0, seed=0, psf=PSF):
    light = stamps_of_galaxies(np.repeat(params, n, axis=0), psf, (61, 61))
    return light + noise * np.random.default_rng(seed).normal(0, 1, light.shape)


def pulls(table, true=TRUE):
    expected = dict(zip(NAMES, true[0], strict=True))
    expected["theta"] = np.degrees(expected["theta"])
    expected["x_0"], expected["y_0"] = expected["x_0"] + 30, expected["y_0"] + 30
    values = []
    for name in NAMES:
        column = name.removesuffix("_0")
        found, error = (
            np.asarray(table[f"{column}_{kind}"]) for kind in ("fit", "err")
        )
        values.append((found - expected[name]) / error)
    return np.array(values)


@pytest.mark.parametrize("refine", [True, "map"])
def test_refined_is_nearer_to_the_truth(refine):
    stamps = draw() + 0.4
    plain = CNNSersicFitter(NearbyNetwork())(stamps, PSF[0], error=1.0)
    fitter = CNNSersicFitter(NearbyNetwork(), refine=refine)
    table = fitter(stamps, PSF[0], error=1.0)
    assert table.colnames == plain.colnames
    assert table.meta["refine"] == refine
    assert plain.meta["refine"] is False
    assert np.abs(pulls(table)).max() < 4.5
    assert 0.5 < np.std(pulls(table)) < 1.6
    for name in FITTED:
        error = name.replace("fit", "err")
        assert np.all(table[error] < plain[error])
    np.testing.assert_allclose(table["local_bkg"], 0.4, atol=0.1)
    np.testing.assert_allclose(table["reduced_chi2"], 1.1, atol=0.9)
    assert not np.any(table["flags"] & REFINE_FAILED)
    assert all(info["refined"] for info in fitter.fit_info)
    draws = fitter.sample(200, seed=1)
    spread = np.std(draws["n_fit"], axis=1) / table["n_err"]
    np.testing.assert_allclose(spread, 1, atol=0.3)


def test_unit_of_the_data_does_not_matter():
    stamps = draw()
    fitter = CNNSersicFitter(NearbyNetwork(), refine=True)
    table = fitter(stamps, PSF[0], error=1.0)
    scaled = fitter(stamps * 1e-9 * u.Jy, PSF[0], error=1e-9 * u.Jy)
    np.testing.assert_allclose(
        scaled["flux_fit"].value, 1e-9 * table["flux_fit"], rtol=1e-3
    )
    np.testing.assert_allclose(scaled["n_fit"], table["n_fit"], rtol=1e-3)


def test_masks_and_errors_are_honoured():
    stamps = draw()
    fitter = CNNSersicFitter(NearbyNetwork(), refine=True)
    mask = np.zeros(stamps.shape, bool)
    mask[:, 34:38, 20:50] = True
    stamps[mask] = 500.0
    table = fitter(stamps, PSF[0], error=1.0, mask=mask)
    assert np.abs(pulls(table)).max() < 4.5
    error = np.ones(stamps.shape)
    error[mask] = 1e6
    assert np.abs(pulls(fitter(stamps, PSF[0], error=error))).max() < 4.5


def test_neighbours_are_left_out():
    others = np.array([[14.0, 5.0, 1e4, 2.0, 1.0, 0.2, 0.0]])
    stamps = draw() + draw(others, noise=0.0)
    table = CNNSersicFitter(NearbyNetwork(), refine=True)(stamps, PSF[0])
    np.testing.assert_allclose(table["flux_fit"], 2e4, rtol=0.03)
    np.testing.assert_allclose(table["n_fit"], 1.3, rtol=0.06)


def test_what_does_not_converge_keeps_the_network_s_answer():
    stamps = draw()
    far = NearbyNetwork(TRUE + np.array([8, 8, 0, -3, 0, 0, 0]), offset=0.0)
    stamps[0] = draw(n=1, noise=1.0)[0] - 30 * np.eye(61)
    plain = CNNSersicFitter(far)(stamps, PSF[0], error=1.0)
    fitter = CNNSersicFitter(far, refine=True)
    table = fitter(stamps, PSF[0], error=1.0)
    failed = (table["flags"] & REFINE_FAILED) > 0
    assert failed.any()
    for name in FITTED:
        np.testing.assert_allclose(table[name][failed], plain[name][failed])
    assert [info["refined"] for info in fitter.fit_info] == list(~failed)


def test_averaged_galaxy_is_refined():
    true = np.array([[150.4, 151.3, 1e6, 20.0, 1.0, 0.3, 0.7]])
    rng = np.random.default_rng(1)
    image = image_of_galaxies(true, PSF, (301, 301)) + rng.normal(0, 1, (301, 301))
    # Averaged 3 x 3, and in units of the noise that smoothing leaves.
    seen = true / np.array([[1, 1, 9 / 3 * 0.53, 3, 1, 1, 1]])
    seen[0, :2] = 0.0
    network = NearbyNetwork(seen)
    fitter = CNNSersicFitter(network, refine=True)
    start = {"x": [150.0], "y": [151.0], "r_eff": [20.0]}
    table = fitter(image, PSF[0], error=1.0, init_params=Table(start))
    assert fitter.fit_info[0]["block_factor"] == 3
    assert table["flags"][0] & BLOCK_AVERAGED
    assert not table["flags"][0] & REFINE_FAILED
    for name, value in zip(FITTED[:6], true[0], strict=False):
        found, error = table[name][0], table[name.replace("fit", "err")][0]
        # Averages are modelled to half a per cent.
        assert abs(found - value) < 4.5 * error + 5e-3 * abs(value), name


@pytest.mark.parametrize(("factor", "r_eff"), [(2, 15.0), (4, 28.0)])
def test_cusp_of_an_averaged_galaxy(factor, r_eff):
    # The PSF is as narrow as the blocks' own: their image is aliased.
    psf, side = moffat([1.8], 3.0), 61 * factor
    centre = np.full(2, (side - 1) / 2)
    true = np.array([[*centre, 1e6, r_eff, 4.0, 0.3, 0.6]])
    image = image_of_galaxies(true, psf, (side, side))
    seen = true / [1, 1, factor * 0.53, factor, 1, 1, 1]
    seen[0, :2] = 0.0
    fitter = CNNSersicFitter(NearbyNetwork(seen), refine=True)
    start = {"x": centre[:1], "y": centre[1:], "r_eff": [r_eff]}
    table = fitter(image, psf[0], error=1.0, init_params=Table(start))
    assert fitter.fit_info[0]["block_factor"] == factor
    assert fitter.fit_info[0]["refined"]
    for name, value in zip(FITTED[2:6], true[0, 2:], strict=False):
        np.testing.assert_allclose(table[name], value, rtol=0.01, err_msg=name)


def test_bound_of_a_refined_galaxy():
    true = np.array([[0.3, -0.2, 2e4, 4.0, 0.3, 0.3, 0.7]])
    network = NearbyNetwork(TRUE * [1, 1, 1, 1, 0.3, 1, 1])
    table = CNNSersicFitter(network, refine=True)(draw(true), PSF[0])
    low = table["n_fit"] < 0.303
    assert low.any()
    assert np.all(table["flags"][low] & AT_BOUND)


def test_lost_galaxies_stay_lost():
    stamps = draw(n=3)
    stamps[1] = np.nan
    fitter = CNNSersicFitter(NearbyNetwork(), refine=True)
    with pytest.warns(AstropyUserWarning, match="1 of 3"):
        table = fitter(stamps, PSF[0])
    assert np.isnan(table["flux_fit"][1])
    assert np.isfinite(table["flux_fit"][[0, 2]]).all()
    assert not fitter.fit_info[1]["refined"]
    with pytest.warns(AstropyUserWarning, match="3 of 3"):
        fitter(stamps * np.nan, PSF[0])


def test_inputs_are_not_changed():
    stamps = draw(n=2)
    kept, error = stamps.copy(), np.ones_like(stamps)
    CNNSersicFitter(NearbyNetwork(), refine="map")(stamps, PSF[0], error=error)
    np.testing.assert_array_equal(stamps, kept)
    np.testing.assert_array_equal(error, 1.0)


@pytest.mark.parametrize("refine", ["MAP", "yes", 1, 0, None, 2.5, ["map"]])
def test_bad_refine(refine):
    with pytest.raises(ValueError, match="refine must be False, True or 'map'"):
        CNNSersicFitter(NearbyNetwork(), refine=refine)


def test_refinement_needs_a_psf(network_without_psf):
    fitter = CNNSersicFitter(network_without_psf, refine=True)
    with pytest.raises(ValueError, match="psf must be given: refine=True needs one"):
        fitter(draw(n=1))
