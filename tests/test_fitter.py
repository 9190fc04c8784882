# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of CNNSersicFitter: what it measures, with a network that uses moments."""

import threading
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDData, StdDevUncertainty
from astropy.table import QTable, Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.flags import (
    BLOCK_AVERAGED,
    FULLY_MASKED,
    LOW_SNR,
    MASKED_CORE,
    NO_DATA,
    NON_FINITE,
    OUTSIDE_IMAGE,
    OUTSIDE_TRAINING_RANGE,
    TRUNCATED,
)
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies

PSF = moffat([3.0], 3.0)[0]
POSITIONS = np.array([[40.3, 50.2], [120.7, 60.1], [80.0, 130.4]])


def galaxies(positions=POSITIONS, flux=2e4, r_eff=4.0, ellip=0.3, theta=0.7):
    params = np.empty((len(positions), 7))
    params[:, :2] = positions
    params[:, 2:] = flux, r_eff, 1.0, ellip, theta
    return params


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(5)
    image = image_of_galaxies(galaxies(), PSF[np.newaxis], (180, 170))
    return image + rng.normal(3.0, 1.0, image.shape)


@pytest.fixture(scope="module")
def stack(field):
    return np.stack(
        [
            field[y - 30 : y + 31, x - 30 : x + 31]
            for x, y in np.rint(POSITIONS).astype(int)
        ]
    )


def assert_same(table, other):
    assert table.colnames == other.colnames
    for name in table.colnames:
        values, others = np.asarray(table[name]), np.asarray(other[name])
        np.testing.assert_allclose(values, others, rtol=1e-6, err_msg=name)


def test_positions_in_an_image(field, network):
    fitter = CNNSersicFitter(network)
    table = fitter(field, PSF, init_params=POSITIONS)
    assert isinstance(table, QTable)
    np.testing.assert_allclose(table["x_init"], POSITIONS[:, 0])
    np.testing.assert_allclose(table["x_fit"], POSITIONS[:, 0], atol=0.1)
    np.testing.assert_allclose(table["y_fit"], POSITIONS[:, 1], atol=0.1)
    np.testing.assert_allclose(table["flux_fit"], 2e4, rtol=0.1)
    np.testing.assert_allclose(table["local_bkg"], 3.0, atol=0.3)
    assert np.all(np.abs(table["theta_fit"].to_value("deg") - 40.1) < 5)
    assert list(table["flags"]) == [0, 0, 0]
    assert list(table["id"]) == [1, 2, 3]


def test_ids_and_names_of_a_table(field, network):
    table = Table({"id": [7, 8, 9]})
    table["xcentroid"], table["ycentroid"] = POSITIONS.T
    result = CNNSersicFitter(network)(field, PSF, init_params=table)
    assert list(result["id"]) == [7, 8, 9]


def test_one_central_galaxy(field, network):
    x, y = np.rint(POSITIONS[0]).astype(int)
    cutout = field[y - 35 : y + 36, x - 35 : x + 36]
    table = CNNSersicFitter(network)(cutout, PSF)
    assert len(table) == 1
    assert table["x_init"][0] == table["y_init"][0] == 35
    np.testing.assert_allclose(table["x_fit"], POSITIONS[0, 0] - x + 35, atol=0.1)


def test_stack_agrees_with_its_image(field, stack, network):
    fitter = CNNSersicFitter(network)
    in_stack = fitter(stack, PSF)
    in_image = fitter(field, PSF, init_params=POSITIONS)
    # The image's sky is known as a whole, that of a stamp is not.
    np.testing.assert_allclose(in_stack["flux_fit"], in_image["flux_fit"], rtol=1e-3)
    shift = np.rint(POSITIONS) - 30
    np.testing.assert_allclose(
        in_stack["x_fit"] + shift[:, 0], in_image["x_fit"], atol=1e-3
    )


def test_stack_with_a_psf_each(stack, network):
    fitter = CNNSersicFitter(network)
    one = fitter(stack, PSF)
    assert_same(one, fitter(stack, np.stack([PSF] * 3)))


@pytest.mark.parametrize("size", [(45, 47), (60, 60), (61, 61), (80, 91)])
def test_stack_of_another_size(network, size):
    ny, nx = size
    true = galaxies([[(nx - 1) / 2 + 0.3, (ny - 1) / 2]], r_eff=3.0)
    rng = np.random.default_rng(0)
    stamps = image_of_galaxies(true, PSF[np.newaxis], size)[np.newaxis]
    stamps = stamps + rng.normal(0, 1, stamps.shape)
    table = CNNSersicFitter(network)(stamps, PSF)
    np.testing.assert_allclose(table["x_fit"], true[:, 0], atol=0.1)
    np.testing.assert_allclose(table["flux_fit"], 2e4, rtol=0.1)
    assert bool(table["flags"][0] & TRUNCATED) == (min(size) < 61)


def test_stack_with_positions(network):
    true = galaxies([[40.2, 45.1]], r_eff=3.0)
    rng = np.random.default_rng(0)
    stamps = image_of_galaxies(true, PSF[np.newaxis], (91, 91))[np.newaxis]
    stamps = stamps + rng.normal(0, 1, stamps.shape)
    table = CNNSersicFitter(network)(stamps, PSF, init_params=[[40, 45]])
    np.testing.assert_allclose(table["x_fit"], 40.2, atol=0.1)
    with pytest.raises(ValueError, match="init_params must have a row for each"):
        CNNSersicFitter(network)(stamps, PSF, init_params=[[40, 45], [1, 1]])


def test_network_without_psf(stack, network_without_psf):
    fitter = CNNSersicFitter(network_without_psf)
    table = fitter(stack)
    assert np.isfinite(table["r_eff_fit"]).all()
    assert fitter.make_model_image(stack.shape).shape == stack.shape


def test_finder(field, network):
    def finder(data, mask=None):
        seen.append((data.shape, mask is None))
        return Table({"xcentroid": POSITIONS[:, 0], "ycentroid": POSITIONS[:, 1]})

    seen = []
    fitter = CNNSersicFitter(network, finder=finder)
    found = fitter(field, PSF)
    assert seen == [((180, 170), True)]
    assert_same(found, fitter(field, PSF, init_params=POSITIONS))
    with pytest.raises(ValueError, match="finder is for one image"):
        fitter(np.zeros((2, 61, 61)), PSF)


def test_photutils_finder(field, network):
    from photutils.detection import DAOStarFinder

    finder = DAOStarFinder(threshold=50.0, fwhm=6.0)
    table = CNNSersicFitter(network, finder=finder)(field - 3, PSF)
    assert len(table) == 3


def test_finder_that_finds_nothing(field, network):
    fitter = CNNSersicFitter(network, finder=lambda data, mask=None: None)
    table = fitter(field, PSF)
    assert len(table) == 0
    assert "r_eff_fit" in table.colnames
    assert fitter.results_to_models() == []
    assert np.all(fitter.make_model_image(field.shape) == 0)


def test_large_galaxy_is_block_averaged(network):
    true = galaxies([[150.4, 151.3]], flux=1e6, r_eff=30.0)
    rng = np.random.default_rng(1)
    image = image_of_galaxies(true, PSF[np.newaxis], (301, 301))
    image += rng.normal(0, 1, image.shape)
    fitter = CNNSersicFitter(network)
    table = fitter(image, PSF)
    assert table["flags"][0] & BLOCK_AVERAGED
    factor = fitter.fit_info[0]["block_factor"]
    assert factor >= 3
    np.testing.assert_allclose(table["x_fit"], 150.4, atol=0.5)
    np.testing.assert_allclose(table["y_fit"], 151.3, atol=0.5)
    np.testing.assert_allclose(table["flux_fit"], 1e6, rtol=0.1)
    np.testing.assert_allclose(table["r_eff_fit"], 25, rtol=0.2)
    # With a hint, the first look is at the right scale.
    network.calls.clear()
    positions = Table({"x": [150.0], "y": [151.0], "r_eff": [30.0]})
    hinted = fitter(image, PSF, init_params=positions)
    assert len(network.calls) < 3
    np.testing.assert_allclose(hinted["r_eff_fit"], table["r_eff_fit"], rtol=0.1)


def test_galaxy_off_the_given_position(field, network):
    off = POSITIONS + np.array([3, -3])
    table = CNNSersicFitter(network)(field, PSF, init_params=off)
    np.testing.assert_allclose(table["x_fit"], POSITIONS[:, 0], atol=0.15)
    np.testing.assert_allclose(table["x_init"], POSITIONS[:, 0] + 3)


@pytest.mark.parametrize("pedestal", [0.0, -50.0, 1e3, 1e6])
def test_pedestal_is_removed(stack, network, pedestal):
    fitter = CNNSersicFitter(network)
    table = fitter(stack, PSF)
    lifted = fitter(stack + pedestal, PSF)
    np.testing.assert_allclose(lifted["flux_fit"], table["flux_fit"], rtol=1e-3)
    np.testing.assert_allclose(
        lifted["local_bkg"] - pedestal, table["local_bkg"], atol=0.1
    )


def test_scale_of_the_data_does_not_matter(stack, network):
    fitter = CNNSersicFitter(network)
    table, scaled = fitter(stack, PSF), fitter(stack * 1e-9, PSF)
    np.testing.assert_allclose(scaled["flux_fit"], table["flux_fit"] * 1e-9, rtol=1e-4)
    np.testing.assert_allclose(scaled["r_eff_fit"], table["r_eff_fit"], rtol=1e-4)


def test_error_sets_the_noise(stack, network):
    fitter = CNNSersicFitter(network)
    fitter(stack, PSF, error=2.0)
    np.testing.assert_allclose([info["sky_sigma"] for info in fitter.fit_info], 2.0)
    fitter(stack, PSF)
    sigmas = [info["sky_sigma"] for info in fitter.fit_info]
    np.testing.assert_allclose(sigmas, 1.0, rtol=0.1)


def test_units_follow_the_data(stack, network):
    fitter = CNNSersicFitter(network, pixel_scale=0.2, zeropoint=30.0)
    table = fitter(stack * u.nJy, PSF, error=np.ones_like(stack) * u.nJy)
    assert table["flux_fit"].unit == table["flux_err"].unit == u.nJy
    assert table["local_bkg"].unit == u.nJy
    assert table["theta_fit"].unit == u.deg
    np.testing.assert_allclose(
        table["mag_fit"].to_value("mag"), 30 - 2.5 * np.log10(table["flux_fit"].value)
    )
    np.testing.assert_allclose(
        table["r_eff_sky_fit"].to_value("arcsec"), 0.2 * np.asarray(table["r_eff_fit"])
    )
    assert "pa_fit" not in table.colnames
    assert fitter.make_model_image(stack.shape).unit == u.nJy
    assert fitter.results_to_models()[0].amplitude.unit == u.nJy


def test_nddata_brings_its_own(field, network):
    mask = np.zeros(field.shape, bool)
    mask[:5] = True
    data = CCDData(field, mask=mask, uncertainty=StdDevUncertainty(1.5), unit="adu")
    data = NDData(
        field, mask=mask, unit="adu", uncertainty=StdDevUncertainty(field * 0 + 1.5)
    )
    table = CNNSersicFitter(network)(data, PSF, init_params=POSITIONS)
    plain = CNNSersicFitter(network)(
        field, PSF, init_params=POSITIONS, mask=mask, error=1.5
    )
    assert table["flux_fit"].unit == u.adu
    np.testing.assert_allclose(table["flux_fit"].value, plain["flux_fit"])


def wcs_of(cd):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [10.0, -40.0]
    wcs.wcs.crpix = [80, 80]
    wcs.wcs.cd = np.array(cd) * 0.3 / 3600
    return wcs


@pytest.mark.parametrize(
    ("cd", "pa_of_theta"),
    [
        ([[-1, 0], [0, 1]], lambda theta: theta - 90),  # north up, east left
        ([[1, 0], [0, 1]], lambda theta: 90 - theta),  # mirrored
        ([[0, 1], [1, 0]], lambda theta: theta),  # north along +x, east along +y
    ],
)
def test_position_angle_and_scale_from_the_wcs(field, network, cd, pa_of_theta):
    data = NDData(field, wcs=wcs_of(cd))
    table = CNNSersicFitter(network)(data, PSF, init_params=POSITIONS)
    theta, pa = (table[name].to_value("deg") for name in ("theta_fit", "pa_fit"))
    difference = (pa - pa_of_theta(theta) + 90) % 180 - 90
    np.testing.assert_allclose(difference, 0, atol=0.1)
    np.testing.assert_allclose(
        table["r_eff_sky_fit"].to_value("arcsec"),
        0.3 * np.asarray(table["r_eff_fit"]),
        rtol=1e-4,
    )
    sky = data.wcs.pixel_to_world(table["x_fit"], table["y_fit"])
    assert np.all(table["sky_fit"].separation(sky) < 1e-6 * u.arcsec)


def test_pixel_scale_goes_before_the_wcs(field, network):
    data = NDData(field, wcs=wcs_of([[-1, 0], [0, 1]]))
    fitter = CNNSersicFitter(network, pixel_scale=0.5 * u.arcsec / u.pix)
    table = fitter(data, PSF, init_params=POSITIONS)
    np.testing.assert_allclose(
        table["r_eff_sky_fit"].to_value("arcsec"), 0.5 * np.asarray(table["r_eff_fit"])
    )


def test_a_bad_galaxy_keeps_its_row(field, network):
    image = field.copy()
    image[100:161, 50:111] = np.nan
    positions = np.vstack([POSITIONS, [[-20.0, 30.0], [np.nan, 3.0]]])
    fitter = CNNSersicFitter(network)
    with pytest.warns(AstropyUserWarning, match="3 of 5 galaxies") as caught:
        table = fitter(image, PSF, init_params=positions)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert list(table["flags"][[2, 3, 4]]) == [NO_DATA, OUTSIDE_IMAGE, OUTSIDE_IMAGE]
    assert np.isnan(table["r_eff_fit"][2:]).all()
    assert np.isnan(table["theta_err"][2:]).all()
    assert np.isfinite(table["r_eff_fit"][:2]).all()
    assert np.isfinite(fitter.make_model_image(image.shape)).all()
    assert np.isnan(fitter.results_to_models()[2].r_eff.value)
    assert fitter.decode_flags()[2] == ["no_data"]


@pytest.mark.parametrize(
    ("change", "bit"),
    [
        (lambda stamps, mask: stamps.__setitem__(1, np.nan), NO_DATA),
        (lambda stamps, mask: stamps.__setitem__(1, 0.0), NO_DATA),
        (lambda stamps, mask: stamps.__setitem__(1, 7.5), NO_DATA),
        (lambda stamps, mask: stamps.__setitem__(1, -np.inf), NO_DATA),
        (lambda stamps, mask: mask.__setitem__(1, True), FULLY_MASKED),
    ],
)
def test_unusable_stamp(stack, network, change, bit):
    stamps, mask = stack.copy(), np.zeros(stack.shape, bool)
    change(stamps, mask)
    fitter = CNNSersicFitter(network)
    with pytest.warns(AstropyUserWarning, match="1 of 3"):
        table = fitter(stamps, PSF, mask=mask)
    assert table["flags"][1] == bit
    assert np.isnan(table["flux_fit"][1])
    whole = fitter(stack, PSF)
    np.testing.assert_allclose(table["flux_fit"][[0, 2]], whole["flux_fit"][[0, 2]])


def test_result_that_is_not_finite(stack, network):
    predict = network.predict

    def broken(stamps, psfs=None, **keywords):
        latent, covariance = predict(stamps, psfs, **keywords)
        latent[0, 3] = np.inf
        covariance[1, 2, 2] = np.nan
        return latent, covariance

    network.predict = broken
    with pytest.warns(AstropyUserWarning, match="2 non_finite"):
        table = CNNSersicFitter(network, statistics=True)(stack, PSF)
    assert list(table["flags"][:2]) == [NON_FINITE, NON_FINITE]
    assert np.isnan(table["flux_fit"][:2]).all()


def test_masked_pixels_hardly_matter(stack, network):
    fitter = CNNSersicFitter(network)
    table = fitter(stack, PSF)
    stamps = stack.copy()
    stamps[:, 10:14, 40:50] = 1e5
    mask = stamps == 1e5
    masked = fitter(stamps, PSF, mask=mask)
    np.testing.assert_allclose(masked["flux_fit"], table["flux_fit"], rtol=0.02)
    np.testing.assert_allclose(masked["n_pixels_fit"], 61**2 - 40)
    stamps[:, 30, 31] = np.nan
    core = fitter(stamps, PSF, mask=mask)
    assert np.all(core["flags"] & MASKED_CORE)


def test_flags_of_range_and_noise(network):
    rng = np.random.default_rng(2)
    faint = galaxies([[30, 30]], flux=100.0)
    stamps = image_of_galaxies(faint, PSF[np.newaxis], (61, 61))[np.newaxis]
    stamps = stamps + rng.normal(0, 1, stamps.shape)
    assert CNNSersicFitter(network)(stamps, PSF)["flags"][0] & LOW_SNR
    sharp = moffat([1.3], 3.0)[0]
    table = CNNSersicFitter(network)(stamps, sharp)
    assert table["flags"][0] & OUTSIDE_TRAINING_RANGE


def test_image_without_noise(network):
    true = galaxies([[30.2, 29.9]])
    stamp = image_of_galaxies(true, PSF[np.newaxis], (61, 61))
    table = CNNSersicFitter(network)(stamp, PSF)
    np.testing.assert_allclose(table["flux_fit"], 2e4, rtol=0.1)
    assert np.isfinite(table["x_err"]).all()


def test_oversampled_psf(stack, network):
    fitter = CNNSersicFitter(network)
    one = fitter(stack, PSF)
    fine = np.kron(PSF, np.ones((3, 3)))
    assert_same(one, fitter(stack, fine, psf_oversampling=3))


def test_gridded_psf(field, network):
    from photutils.psf import GriddedPSFModel

    meta = {"grid_xypos": [(0, 0), (169, 0), (0, 179), (169, 179)], "oversampling": 1}
    model = GriddedPSFModel(NDData(np.stack([PSF] * 4), meta=meta))
    fitter = CNNSersicFitter(network)
    table = fitter(field, model, init_params=POSITIONS)
    assert_same(table, fitter(field, PSF, init_params=POSITIONS))


def test_inputs_are_not_changed(field, network):
    image, psf, positions = field.copy(), PSF.copy(), POSITIONS.copy()
    mask = np.zeros(image.shape, bool)
    mask[45:50, 35:45] = True
    kept = mask.copy()
    fitter = CNNSersicFitter(network, statistics=True)
    fitter(image, psf, init_params=positions, mask=mask)
    fitter.make_residual_image(image)
    np.testing.assert_array_equal(image, field)
    np.testing.assert_array_equal(psf, PSF)
    np.testing.assert_array_equal(positions, POSITIONS)
    np.testing.assert_array_equal(mask, kept)


def test_attributes_after_a_call(stack, network):
    fitter = CNNSersicFitter(network)
    assert fitter.results is fitter.fit_info is fitter.init_params is None
    table = fitter(stack, PSF)
    assert fitter.results is table
    assert fitter.init_params.colnames == ["id", "x_init", "y_init"]
    info = fitter.fit_info
    assert len(info) == 3
    assert info[-1]["param_cov"].shape == (7, 7)
    assert [entry["block_factor"] for entry in info] == [1, 1, 1]
    errors = np.sqrt(np.diag(info[0]["param_cov"]))
    np.testing.assert_allclose(errors[3], table["r_eff_err"][0])
    np.testing.assert_allclose(info[0]["param_values"][2], table["flux_fit"][0])


@pytest.mark.parametrize(
    "use",
    [
        lambda fitter: fitter.make_model_image((61, 61)),
        lambda fitter: fitter.make_residual_image(np.ones((61, 61))),
        lambda fitter: fitter.results_to_models(),
        lambda fitter: fitter.decode_flags(),
    ],
)
def test_methods_before_a_call(network, use):
    with pytest.raises(ValueError, match="call the fitter with data first"):
        use(CNNSersicFitter(network))


def test_calls_from_two_threads(stack, network):
    fitter = CNNSersicFitter(network)
    expected = [fitter(stack[:1], PSF), fitter(stack, PSF)]
    found = {}

    def work(number):
        for _ in range(10):
            found.setdefault(number, []).append(fitter([stack[:1], stack][number], PSF))

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 1):
        assert len(found[number]) == 10
        for table in found[number]:
            assert_same(table, expected[number])
    assert len(fitter.results) == len(fitter.fit_info) == len(fitter.init_params)


def test_many_chunks_give_what_one_gives(stack, network, monkeypatch):
    fitter = CNNSersicFitter(network)
    many = np.tile(stack, (5, 1, 1))
    psfs = np.stack([PSF] * 15)
    table = fitter(many, psfs)
    monkeypatch.setattr("astro_cnnfit.sersic.measure._CHUNK", 4)
    small = CNNSersicFitter(network, batch_size=2)
    assert_same(table, small(many, psfs))
    assert max(network.calls[-4:]) <= 4


def test_progress_bar(stack, network, capfd):
    CNNSersicFitter(network, progress_bar=True)(stack, PSF)
    assert "3/3" in capfd.readouterr().err
    CNNSersicFitter(network)(stack, PSF)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_warned_of_without_reason(stack, network):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNNSersicFitter(network, zeropoint=30.0)(stack, PSF)
