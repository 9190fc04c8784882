# Licensed under a 3-clause BSD style license - see LICENSE
"""The network of morphology: its inputs' symmetries, its loss and its training."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from astro_cnnfit.measures import LATENT_MEASURES, MEASURES, from_latent, latent_index
from astro_cnnfit.networks import build
from astro_cnnfit.networks.cas import CENTRES, OUTPUTS, WIDTHS, posterior, targets
from astro_cnnfit.networks.cas_layers import GrowthCurves, SymmetryCentre
from astro_cnnfit.training import TrainingConfig, train
from astro_cnnfit.training.galaxies import GalaxyStream, Library
from astro_cnnfit.weights import load_network

TINY = TrainingConfig(
    "cas",
    arguments={"filters": [4, 4, 4], "dense": [8]},
    priors={"procedural": 1.0},
    samples=64,
    batch_size=16,
    pool=64,
    calibration_samples=1024,
    checkpoint_minutes=0.0,
)


def gaussian(x_0=0.0, y_0=0.0, sigma=4.0):
    y, x = np.mgrid[:101, :101] - 50.0
    image = np.exp(-((x - x_0) ** 2 + (y - y_0) ** 2) / (2 * sigma**2))
    return image.astype(np.float32)


@pytest.fixture(scope="module")
def library():
    rng = np.random.default_rng(0)
    stamps = np.stack([gaussian(sigma=s) for s in rng.uniform(2, 6, 48)])
    labels = np.tile(CENTRES, (48, 1)) + 0.1 * rng.normal(0, WIDTHS, (48, 12))
    labels[:, latent_index("log_snr")] = -0.5
    return Library(stamps.astype(np.float16), labels)


@pytest.mark.parametrize(
    "centre", [(0, 0), (0.5, -1.0), (1.0, 0.5), (-3.5, 2.5), (6.0, -5.5)]
)
def test_the_centre_of_symmetry_is_found(centre):
    here, turned, found = SymmetryCentre()(100 * gaussian(*centre)[None])
    assert_allclose(ops.convert_to_numpy(found)[0], centre[::-1])
    inner = (0, slice(10, -10), slice(10, -10))
    difference = ops.convert_to_numpy(here - turned)
    assert_allclose(difference[inner], 0, atol=1e-4)
    # What remains of the offset is half a pixel at most.
    moved = ops.convert_to_numpy(here)[0]
    peak = np.unravel_index(moved.argmax(), moved.shape)
    assert np.abs(np.array(peak) - 50).max() <= 1


def test_noise_does_not_move_the_centre_far():
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 1, (32, 101, 101)) + 3 * gaussian(sigma=3.0)
    _, _, centre = SymmetryCentre()(stamps.astype("f4"))
    assert np.abs(ops.convert_to_numpy(centre)).max() < 4


def test_growth_curves_of_noise_are_near_zero():
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 1, (64, 101, 101)).astype("f4")
    here, turned, _ = SymmetryCentre()(stamps)
    scalars, flux = GrowthCurves()([here, here - turned])
    assert scalars.shape[1] == 3 + 1 + 5 * 12 + 11 + 2
    assert np.isfinite(ops.convert_to_numpy(scalars)).all()
    assert (ops.convert_to_numpy(flux) > 0).all()


def test_shapes_and_posterior():
    model = build("cas", filters=[4, 4, 4], dense=[8])
    output = ops.convert_to_numpy(model([np.stack([gaussian()] * 3) * 30]))
    assert output.shape == (3, OUTPUTS)
    mean, covariance = posterior(output)
    assert mean.shape == (3, len(LATENT_MEASURES))
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_targets_undo_the_posterior():
    labels = CENTRES + WIDTHS * np.random.default_rng(0).normal(size=(5, 12))
    output = np.zeros((5, OUTPUTS))
    output[:, :12] = targets(labels)
    assert_allclose(posterior(output)[0], labels, atol=1e-5)


def test_a_run_leaves_a_model(tmp_path, library):
    train(TINY, tmp_path, data=(library, library))
    network = load_network(tmp_path)
    assert network.stamp_size == 101
    assert not network.needs_psf
    description = network.description
    assert description["training"]["data"] == {"galaxies": 48, "held_out": 48}
    assert set(description["metrics"]) >= {"S/N 5-10", "S/N 20-100"}
    mean, covariance = network.predict(GalaxyStream(TINY, library).observed(0).stamps)
    assert mean.shape == (16, 12)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_a_run_needs_galaxies(tmp_path):
    with pytest.raises(ValueError, match="data must hold the training and"):
        train(TINY, tmp_path)


def test_batches_follow_from_seed_and_step(library):
    first = GalaxyStream(TINY, library).observed(7)
    stream = GalaxyStream(TINY, library)
    stream.observed(2)
    second = stream.observed(7)
    assert_allclose(first.stamps, second.stamps)
    assert_allclose(first.labels, second.labels)


def test_every_galaxy_is_used_once_a_pass(library):
    stream = GalaxyStream(TINY, library)
    rows = np.concatenate([stream._rows(step) for step in range(3)])
    assert sorted(rows) == list(range(48))


def test_latent_to_values():
    mean = np.tile(CENTRES, (2, 1))
    covariance = np.tile(np.diag(np.full(12, 1e-4)), (2, 1, 1))
    values, errors = from_latent(mean, covariance)
    assert set(values) == set(errors) == {measure.name for measure in MEASURES}
    assert_allclose(
        5 * np.log10(values["r80"] / values["r20"]), values["concentration"]
    )
    assert_allclose(errors["concentration"], 0.01)
    assert_allclose(errors["r50"] / values["r50"], 0.01 * np.log(10))
