# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the adapter for astropy.modeling and of what it conditions on."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.modeling.fitting import (
    Fitter,
    UnsupportedConstraintError,
    parallel_fit_dask,
)
from astropy.modeling.models import Const2D, GeneralSersic2D, Moffat2D, Sersic2D
from astropy.utils.exceptions import AstropyUserWarning

import astro_cnnfit
from astro_cnnfit.parameters import (
    THETA_ERR_MAX,
    amplitude_from_flux,
    decode,
    encode,
)
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.sersic import CNNSersicFitter, CNNSersicModelFitter
from astro_cnnfit.sersic.conditioning import (
    MODEL_NAMES,
    Posterior,
    condition,
    model_covariance,
    model_values,
)

PSF = moffat([3.5], 3.0)[0]
TRUE = (0.4, -0.3, 3000.0, 5.0, 2.0, 0.4, 0.6)
Y, X = np.mgrid[:61, :61].astype(float)


@pytest.fixture(scope="module")
def image():
    """One galaxy in unit noise."""
    galaxy = render_sersic_numpy(np.array([TRUE]), PSF[np.newaxis], (61, 61))[0]
    noise = np.random.default_rng(4).standard_normal(galaxy.shape)
    image = galaxy + noise + 2.0
    image.flags.writeable = False
    return image


@pytest.fixture
def fitter(network):
    """An adapter of the stand-in, which a name stands for."""
    return CNNSersicModelFitter(PSF, model=network)


def values(model):
    return {name: float(getattr(model, name).value) for name in model.param_names}


def latent_posterior(seed=1):
    """Some posterior with correlations."""
    rng = np.random.default_rng(seed)
    latent = encode(np.array([30.4, 29.7, 2000.0, 5.0, 2.0, 0.4, 0.6]))
    root = 0.05 * rng.standard_normal((7, 7))
    return latent, root @ root.T + 1e-4 * np.eye(7)


def test_is_a_fitter_of_astropy_and_a_public_name(fitter):
    assert astro_cnnfit.CNNSersicModelFitter is CNNSersicModelFitter
    assert isinstance(fitter, Fitter)
    assert fitter.fit_info is None


def test_agrees_with_the_table_of_the_fitter(fitter, network, image):
    fitted = fitter(Sersic2D(), X, Y, image, weights=np.ones_like(image))
    row = CNNSersicFitter(network)(image, PSF, error=np.ones_like(image))[0]
    assert fitted.x_0 == pytest.approx(row["x_fit"])
    assert fitted.y_0 == pytest.approx(row["y_fit"])
    assert fitted.r_eff == pytest.approx(row["r_eff_fit"])
    assert fitted.theta == pytest.approx(row["theta_fit"].to_value("rad"))
    shape = row["r_eff_fit"], row["n_fit"], row["ellip_fit"]
    assert fitted.amplitude == pytest.approx(
        amplitude_from_flux(row["flux_fit"], *shape)
    )
    assert fitted.stds["r_eff"] == pytest.approx(row["r_eff_err"])
    assert fitted.stds["theta"] == pytest.approx(row["theta_err"].to_value("rad"))
    info = fitter.fit_info
    assert info.success
    assert info["param_names"] == MODEL_NAMES
    assert info.flux == pytest.approx(row["flux_fit"])
    assert info.flux_err == pytest.approx(row["flux_err"])
    assert info.flag_names == []
    assert info.local_bkg == pytest.approx(2.0, abs=0.3)
    np.testing.assert_allclose(info.param_cov, fitted.cov_matrix.cov_matrix)
    assert fitted.cov_matrix["n", "n"] == pytest.approx(fitted.stds["n"] ** 2)


def test_changes_neither_model_nor_data(fitter, image):
    model = Sersic2D(n=1.1, fixed={"n": True})
    before = values(model)
    x, y, z, weights = X.copy(), Y.copy(), image.copy(), np.ones_like(image)
    fitted = fitter(model, x, y, z, weights=weights)
    assert fitted is not model
    assert values(model) == before
    assert model.stds is None
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(z, image)
    assert np.all(weights == 1)
    assert fitted.fixed["n"]


def test_inplace_changes_the_model(fitter, image):
    model = Sersic2D()
    assert fitter(model, X, Y, image, inplace=True) is model
    assert model.x_0 == pytest.approx(30.4, abs=0.3)


@pytest.mark.parametrize("shift", [0.0, -30.0, 1000.0])
def test_any_offset_and_either_order_of_axes(fitter, image, shift):
    model = Sersic2D(x_0=30 + shift, y_0=30 + shift)
    plain = fitter(model, X + shift, Y + shift, image)
    assert plain.x_0 - shift == pytest.approx(30.4, abs=0.3)
    turned = fitter(model, X.T + shift, Y.T + shift, image.T)
    assert values(turned) == pytest.approx(values(plain))


def test_start_of_the_model_chooses_the_galaxy(fitter, image):
    wide = np.full((61, 150), 2.0) + np.random.default_rng(0).normal(size=(61, 150))
    wide[:, 80:141] = image
    y, x = np.mgrid[:61, :150]
    fitted = fitter(Sersic2D(x_0=110, y_0=30), x, y, wide)
    assert fitted.x_0 == pytest.approx(110.4, abs=0.3)
    with pytest.raises(ValueError, match="x_0 and y_0 must lie within"):
        fitter(Sersic2D(x_0=200, y_0=30), x, y, wide)


def test_default_position_is_the_middle_of_the_image(fitter, image):
    middle = fitter(Sersic2D(x_0=30, y_0=30), X, Y, image)
    assert values(fitter(Sersic2D(), X, Y, image)) == values(middle)


def test_units_of_the_data(fitter, image):
    plain = fitter(Sersic2D(), X, Y, image, weights=1.0)
    fitted = fitter(
        Sersic2D(), 0.2 * X * u.arcsec, 0.2 * Y * u.arcsec, image * u.mJy,
        weights=np.ones_like(image) / u.mJy,
    )  # fmt: skip
    assert fitted.amplitude.quantity.unit == u.mJy
    assert fitted.amplitude.value == pytest.approx(plain.amplitude.value)
    assert fitted.r_eff.quantity.unit == u.arcsec
    assert fitted.r_eff.value == pytest.approx(0.2 * plain.r_eff.value)
    assert fitted.x_0.quantity.to_value(u.arcsec) == pytest.approx(0.2 * plain.x_0)
    assert fitted.theta.unit is None
    assert fitted.stds["r_eff"] == pytest.approx(0.2 * plain.stds["r_eff"])
    # The model can be evaluated at the coordinates that it was fitted at.
    assert fitted(X * u.arcsec, Y * u.arcsec).unit == u.mJy


def test_units_of_the_model_are_kept(fitter, image):
    model = Sersic2D(
        amplitude=1 * u.uJy, x_0=6 * u.arcsec, y_0=6 * u.arcsec, r_eff=1 * u.arcmin,
        theta=10 * u.deg, bounds={"r_eff": (None, 0.01)},
    )  # fmt: skip
    plain = fitter(Sersic2D(), X, Y, image)
    fitted = fitter(model, 0.2 * X * u.arcsec, 0.2 * Y * u.arcsec, image * u.mJy)
    assert fitted.amplitude.unit == u.uJy
    assert fitted.r_eff.quantity.to_value(u.arcmin) == pytest.approx(0.01)
    assert fitter.fit_info.at_bounds == ["r_eff"]
    assert fitted.theta.unit == u.deg
    assert fitted.theta.quantity.to_value("rad") == pytest.approx(plain.theta.value)
    assert fitted.stds["theta"] == pytest.approx(np.degrees(plain.stds["theta"]))
    assert model.theta.value == 10


def test_angle_with_a_unit_needs_no_unit_of_the_data(fitter, image):
    fitted = fitter(Sersic2D(theta=100 * u.deg), X, Y, image)
    assert fitted.theta.unit == u.deg
    assert fitted.x_0.unit is None


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_one_fixed_parameter_keeps_its_value(fitter, image, name):
    free = fitter(Sersic2D(), X, Y, image)
    value = getattr(free, name).value
    value += 0.05 if name in ("x_0", "y_0") else 0.01 * value
    model = Sersic2D(x_0=30, y_0=30, fixed={name: True})
    setattr(model, name, value)
    fitted = fitter(model, X, Y, image)
    assert getattr(fitted, name).value == value
    assert name not in fitted.stds.param_names
    assert len(fitted.cov_matrix.cov_matrix) == 6
    assert 0 < fitter.fit_info.fixed_distance < 10


def test_far_fixed_values_warn(fitter, image):
    model = Sersic2D(n=7.9, fixed={"n": True})
    with pytest.warns(AstropyUserWarning, match="standard deviations from"):
        fitter(model, X, Y, image)


def test_all_parameters_fixed(fitter, image):
    free = fitter(Sersic2D(), X, Y, image)
    model = Sersic2D(**values(free), fixed=dict.fromkeys(MODEL_NAMES, True))
    fitted = fitter(model, X, Y, image)
    assert values(fitted) == values(model)
    assert fitted.stds.stds == []


def test_bounds_hold_and_are_told(fitter, image):
    free = fitter(Sersic2D(), X, Y, image)
    high = 0.9 * free.r_eff.value
    model = Sersic2D(bounds={"r_eff": (None, high), "theta": (-np.pi, 0)})
    fitted = fitter(model, X, Y, image)
    assert fitted.r_eff.value == pytest.approx(high)
    assert fitter.fit_info.at_bounds == ["r_eff"]
    assert fitted.theta.value == pytest.approx(free.theta.value - np.pi)
    assert fitted.stds["r_eff"] == pytest.approx(free.stds["r_eff"])


def test_weights_of_zero_and_bad_pixels_are_left_out(fitter, image):
    spoilt, weights = image.copy(), np.ones_like(image)
    spoilt[25:28, 40:44] = 1e4
    weights[25:28, 40:44] = 0
    spoilt[50, 10] = np.nan
    weights[3, 3] = np.nan
    plain = fitter(Sersic2D(), X, Y, image, weights=1.0)
    fitted = fitter(Sersic2D(), X, Y, spoilt, weights=weights)
    assert fitted.r_eff.value == pytest.approx(plain.r_eff.value, rel=0.05)
    masked = np.ma.array(image, mask=spoilt > 1e3)
    assert fitter(Sersic2D(), X, Y, masked).r_eff.value == pytest.approx(
        plain.r_eff.value, rel=0.05
    )


def test_galaxy_that_cannot_be_measured_is_nan(fitter):
    model = Sersic2D(n=2, fixed={"n": True})
    with pytest.warns(AstropyUserWarning, match="no_data"):
        fitted = fitter(model, X, Y, np.zeros((61, 61)))
    assert np.isnan(fitted.r_eff.value)
    assert fitted.n.value == 2
    assert not fitter.fit_info.success
    assert fitter.fit_info.flag_names == ["no_data"]
    assert fitted.stds["r_eff"] is None


def test_model_image_leaves_noise(fitter, image):
    model = Sersic2D(amplitude_from_flux(3000, 5, 2, 0.4), 5, 2, 30.4, 29.7, 0.4, 0.6)
    residual = image - 2 - fitter.model_image(model, X, Y)
    assert residual.std() == pytest.approx(1, abs=0.05)
    turned = fitter.model_image(model, X.T, Y.T)
    np.testing.assert_allclose(turned.T, fitter.model_image(model, X, Y), atol=1e-4)
    arcsec = Sersic2D(
        model.amplitude.value * u.Jy, 1 * u.arcsec, 2, 6.08 * u.arcsec,
        5.94 * u.arcsec, 0.4, 0.6,
    )  # fmt: skip
    drawn = fitter.model_image(arcsec, 0.2 * X * u.arcsec, 0.2 * Y * u.arcsec)
    assert drawn.unit == u.Jy
    np.testing.assert_allclose(drawn.value, turned.T, rtol=1e-4, atol=1e-4)


def test_transposed_image_has_a_transposed_psf(network, image):
    psf = moffat([3.5], 3.0, 0.3, 0.2)[0]
    seen = []
    predict = network.predict

    def spy(stamps, psfs=None, **options):
        seen.append(psfs[0])
        return predict(stamps, psfs, **options)

    network.predict = spy
    fitter = CNNSersicModelFitter(psf, model=network)
    fitter(Sersic2D(), X, Y, image)
    fitter(Sersic2D(), X.T, Y.T, image.T)
    np.testing.assert_array_equal(seen[-1], seen[0].T)


def bad_calls():
    z = np.ones((61, 61))
    tied = Sersic2D(tied={"r_eff": lambda model: model.n})
    pix = u.pix
    return [
        (Sersic2D() + Const2D(), X, Y, z, {}, TypeError, "must be a Sersic2D"),
        (Moffat2D(), X, Y, z, {}, TypeError, "must be a Sersic2D"),
        (GeneralSersic2D(), X, Y, z, {}, TypeError, "must be a Sersic2D"),
        (
            Sersic2D(*np.full((7, 2), 0.5), n_models=2),
            X,
            Y,
            z,
            {},
            ValueError,
            "set of",
        ),
        (tied, X, Y, z, {}, UnsupportedConstraintError, "tied"),
        (Sersic2D(), X[0], Y[:, 0], z[0], {}, ValueError, "z must be|x must be 2-D"),
        (Sersic2D(), X[:5], Y, z, {}, ValueError, "^x must be 2-D"),
        (Sersic2D(), X, Y[:5], z, {}, ValueError, "^y must be 2-D"),
        (Sersic2D(), X**1.1, Y, z, {}, ValueError, "^x must be the coord"),
        (Sersic2D(), X, 2 * Y, z, {}, ValueError, "^y must be the coord"),
        (Sersic2D(), -X, -Y, z, {}, ValueError, "^x must be the coord"),
        (Sersic2D(), X, Y, z * 1j, {}, TypeError, "z must"),
        (Sersic2D(), X.astype(str), Y, z, {}, TypeError, "x must hold real"),
        (Sersic2D(), X, Y, z, {"weights": -z}, ValueError, "weights must not"),
        (Sersic2D(), X, Y, z, {"weights": z[:3]}, ValueError, "weights must be one"),
        (Sersic2D(), X * pix, Y, z, {}, u.UnitsError, "^y must have a unit"),
        (Sersic2D(), X, Y * pix, z, {}, u.UnitsError, "^x must have a unit"),
        (Sersic2D(x_0=1 * pix), X, Y, z, {}, u.UnitsError, "x and y must have"),
        (Sersic2D(1 * u.Jy), X, Y, z, {}, u.UnitsError, "z must have a unit"),
        (Sersic2D(r_eff=-1, fixed={"r_eff": True}), X, Y, z, {}, ValueError, "r_eff"),
        (Sersic2D(ellip=1, fixed={"ellip": True}), X, Y, z, {}, ValueError, "ellip"),
    ]


@pytest.mark.parametrize("call", bad_calls())
def test_bad_calls_name_the_argument(fitter, call):
    model, x, y, z, options, kind, message = call
    with pytest.raises(kind, match=message):
        fitter(model, x, y, z, **options)
    assert fitter.fit_info is None


def test_bad_settings_are_refused_at_once(network):
    with pytest.raises(ValueError, match="psf must be given"):
        CNNSersicModelFitter(None, model=network)
    with pytest.raises(TypeError, match="model"):
        CNNSersicModelFitter(PSF, model=3)
    with pytest.raises(ValueError, match="psf"):
        CNNSersicModelFitter(-PSF, model=network)
    with pytest.raises(ValueError, match="psf_oversampling"):
        CNNSersicModelFitter(PSF, model=network, psf_oversampling=0.5)


@pytest.mark.parametrize("refine", [True, "map"])
def test_refinement_is_conditioned_as_well(network, image, refine):
    # The stand-in is too coarse to start from.
    fitter = CNNSersicModelFitter(PSF, refine=refine)
    fitted = fitter(Sersic2D(), X, Y, image, weights=1.0)
    assert fitter.fit_info.refined
    assert abs(fitted.n - 2) < 4 * fitted.stds["n"]
    assert abs(fitted.r_eff - 5) < 4 * fitted.stds["r_eff"]
    held = fitter(Sersic2D(n=2, fixed={"n": True}), X, Y, image, weights=1.0)
    assert held.stds["r_eff"] < fitted.stds["r_eff"]
    with pytest.raises(ValueError, match="psf must be given"):
        CNNSersicModelFitter(None, model=network, refine=refine)
    with pytest.raises(ValueError, match="refine"):
        CNNSersicModelFitter(PSF, model=network, refine="yes")


def test_network_without_psf(network_without_psf, image):
    fitter = CNNSersicModelFitter(None, model=network_without_psf)
    fitted = fitter(Sersic2D(), X, Y, image)
    assert fitted.x_0 == pytest.approx(30.4, abs=0.3)
    assert fitter.model_image(fitted, X, Y).shape == (61, 61)


def test_pickled_copy_loads_its_network_when_called(bundled, image):
    fitter = CNNSersicModelFitter(PSF)
    expected = values(fitter(Sersic2D(), X, Y, image))
    bundled.clear()
    copy = pickle.loads(pickle.dumps(fitter))
    assert not bundled
    assert copy.fit_info is None
    assert values(copy(Sersic2D(), X, Y, image)) == expected
    assert list(bundled) == ["sersic"]


def test_network_itself_is_not_pickled(fitter):
    with pytest.raises(TypeError, match="name or folder"):
        pickle.dumps(fitter)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("axes", ["world", "pixels"])
def test_parallel_fit_of_a_cube(bundled, image, scheduler, axes):
    pytest.importorskip("dask.array")
    rng = np.random.default_rng(7)
    cube = image + 0.3 * rng.standard_normal((6, 61, 61))
    cube[4] = 0
    fitter = CNNSersicModelFitter(PSF)
    # astropy's pixels count the first fitted axis as x.
    world, x, y = None, Y, X
    if axes == "world":
        world, x, y = (np.arange(61.0), np.arange(61.0) + 100), Y, X + 100
    fitted = parallel_fit_dask(
        model=Sersic2D(),
        fitter=fitter,
        data=cube,
        weights=np.ones_like(cube),
        fitting_axes=(1, 2),
        world=world,
        chunk_n_max=2,
        scheduler=scheduler,
        fit_info=("snr", "flags", "param_cov"),
    )
    for row in (0, 3, 5):
        alone = CNNSersicModelFitter(PSF)(Sersic2D(), x, y, cube[row], weights=1.0)
        for name in MODEL_NAMES:
            assert getattr(fitted, name)[row] == pytest.approx(
                getattr(alone, name).value
            )
    assert np.isnan(fitted.r_eff[4])
    assert fitter.fit_info.get_property_as_array("param_cov").shape == (6, 7, 7)


def test_values_and_covariance_of_the_model():
    latent, covariance = latent_posterior()
    covariance = covariance / 1e4
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(latent, covariance, 20_000)
    seen = np.array([list(model_values(draw).values()) for draw in draws])
    expected = np.cov(seen, rowvar=False)
    scale = np.sqrt(np.diag(expected))
    found = model_covariance(Posterior(latent, covariance, 0.0))
    np.testing.assert_allclose(
        found / np.outer(scale, scale), expected / np.outer(scale, scale), atol=0.03
    )


KNOWN = [
    {"n": 2.2},
    {"x_0": 30.5, "y_0": 29.6},
    {"r_eff": 4.8, "n": 2.1, "ellip": 0.35, "theta": 0.7},
    {"ellip": 0.3},
    {"ellip": 0.0},
    {"theta": 0.75},
    {"amplitude": 8.5},
    {"amplitude": 8.5, "ellip": 0.3, "n": 2.2},
]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: " ".join(known))
def test_conditioning_finds_the_most_probable_point(known):
    """No point that has the known values is more probable."""
    latent, covariance = latent_posterior()
    found = condition(latent, covariance, known)
    values = model_values(found.latent)
    for name, value in known.items():
        assert values[name] == pytest.approx(value, abs=1e-6)
    precision = np.linalg.inv(covariance)
    offset = found.latent - latent
    assert found.distance == pytest.approx(np.sqrt(offset @ precision @ offset))
    rng = np.random.default_rng(3)
    root = np.linalg.cholesky(covariance + 1e-15 * np.eye(7))
    for step in 10.0 ** rng.uniform(-3, 0.5, 8):
        # Moved along the surface: conditioned on the same from another mean.
        other = condition(latent + step * root @ rng.normal(size=7), covariance, known)
        offset = other.latent - latent
        assert offset @ precision @ offset >= found.distance**2 * (1 - 1e-6) - 1e-9


def test_conditional_covariance_is_that_of_draws():
    latent, covariance = latent_posterior()
    latent, covariance = latent, covariance / 100
    draws = np.random.default_rng(5).multivariate_normal(latent, covariance, 400_000)
    n = decode(draws)[:, 4]
    near = draws[np.abs(n - 2.02) < 0.003]
    found = condition(latent, covariance, {"n": 2.02})
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(found.latent / scale, near.mean(0) / scale, atol=0.06)
    unit = np.outer(scale, scale)
    np.testing.assert_allclose(
        found.covariance / unit, np.cov(near, rowvar=False) / unit, atol=0.06
    )


def test_angle_across_the_galaxy_leaves_it_round():
    latent, covariance = latent_posterior()
    found = condition(latent, covariance, {"theta": 0.6 + np.pi / 2})
    assert model_values(found.latent)["ellip"] == pytest.approx(0, abs=1e-6)
    assert model_covariance(found)[5, 5] > 0


def test_angle_of_a_round_galaxy_is_unknown():
    latent, covariance = latent_posterior()
    found = condition(latent, covariance, {"ellip": 0.0})
    assert np.sqrt(model_covariance(found)[6, 6]) == pytest.approx(THETA_ERR_MAX)
