# Licensed under a 3-clause BSD style license - see LICENSE
"""CASNET's data, its training, and training for one's own survey."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.measures import LATENT_MEASURES, latent_index
from astro_cnnfit.morphology.casnet_data import casnet_dataset, draw_casnet, draw_snr
from astro_cnnfit.morphology.casnet_training import train_casnet
from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.training import read_config
from astro_cnnfit.training.galaxies import Library
from astro_cnnfit.training.retrain import retrain
from astro_cnnfit.weights import load_network

TINY = {"filters": [4, 4, 4], "dense": [8, 8]}


@pytest.fixture(scope="module")
def library():
    """Gaussian galaxies with a companion; labels that are roughly theirs."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:101, :101] - 50.0
    stamps, labels = [], np.zeros((24, len(LATENT_MEASURES)))
    for row in range(24):
        width, share = rng.uniform(3.5, 7), rng.uniform(0, 0.4)
        stamp = np.exp(-(x**2 + y**2) / 2 / width**2)
        stamp += share * np.exp(-((x - width) ** 2 + y**2) / width**2)
        stamps.append(stamp / stamp.sum())
        labels[row, latent_index("log_rpetro")] = np.log10(2.3 * width)
        area = np.pi * (2.3 * width) ** 2
        labels[row, latent_index("log_snr")] = -np.log10(area)
    return Library(np.array(stamps, dtype=np.float16), labels)


def test_snr_is_that_of_the_paper():
    snr = draw_snr(np.random.default_rng(1), 50_000)
    assert len(snr) == 50_000
    assert snr.min() > 2
    assert_allclose(np.median(snr), 4.5, atol=0.1)
    assert np.mean(snr > 20) < 0.01


def test_labels_are_measured_on_the_noisy_stamps(library):
    found = casnet_dataset(library, np.random.default_rng(2), 60)
    n = len(found.stamps)
    assert 40 < n <= 60
    assert found.stamps.shape == (n, 60, 60)
    assert found.stamps.dtype == np.float16
    assert_array_equal(found.stamps.max(axis=(1, 2)), 1)
    assert found.truth.shape == (n, len(LATENT_MEASURES))
    for values in found.measured.values():
        assert values.shape == (n,)
        assert np.isfinite(values).all()
    assert (found.measured["sn_per_pixel"] > 2).all()
    assert (found.measured["rpetro_ellip"] > 5).all()
    given = 10 ** found.truth[:, latent_index("log_snr")]
    assert_allclose(np.median(found.measured["sn_per_pixel"] / given), 1, atol=0.2)
    again = casnet_dataset(library, np.random.default_rng(2), 60)
    assert_array_equal(again.stamps, found.stamps)


def test_empty_libraries(library):
    with pytest.raises(ValueError, match="galaxies must not be empty and n must be"):
        casnet_dataset(Library(*(part[:0] for part in library)), None, 5)
    with pytest.raises(ValueError, match="got 24 and 0"):
        casnet_dataset(library, None, 0)


def test_a_folder_keeps_the_stamps(library, tmp_path):
    first = draw_casnet(library, 30, 4, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 1
    again = draw_casnet(Library(library.stamps * 0, library.labels), 30, 4, tmp_path)
    assert_array_equal(first.stamps, again.stamps)
    assert_array_equal(first.measured["asymmetry"], again.measured["asymmetry"])
    other = draw_casnet(library, 30, 5)
    assert len(other.stamps) <= 30


@pytest.mark.parametrize("name", ["casnet_a", "casnet_c"])
def test_a_run_leaves_a_model(name, library, tmp_path):
    config = read_config(
        name, arguments=TINY, galaxies=40, epochs=2, batch_size=8, policy="float32"
    )
    train_casnet(config, tmp_path, data=(library, library), command="mine")
    network = load_network(tmp_path)
    assert network.name == name
    assert network.stamp_size == 60
    description = json.loads((tmp_path / "model.json").read_text())
    assert description["training"]["command"] == "mine"
    assert description["training"]["config"] == config.as_dict()
    assert description["training"]["data"]["galaxies"] <= 40
    quantity = {"casnet_a": "asymmetry", "casnet_c": "concentration"}[name]
    ranges = description["trained_ranges"]
    assert set(ranges) == {quantity, "sn_per_pixel", "rpetro_ellip"}
    assert set(description["metrics"][quantity]) <= {"bias", "MAE", "RMSE", "r"}
    stamps = casnet_dataset(library, np.random.default_rng(2), 10).stamps
    mean, covariance = network.predict(stamps)
    assert mean.shape == (len(stamps), 1)
    assert (covariance > 0).all()


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 0.1, (32, 60, 60)).astype(np.float32)
    folder = tmp_path_factory.mktemp("pretrained")
    return retrain(
        "casnet_a", stamps, rng.uniform(0, 1, 32), folder,
        arguments=TINY, epochs=1, batch_size=8,
    )  # fmt: skip


def test_fine_tuning_begins_with_given_weights(pretrained, tmp_path):
    rng = np.random.default_rng(2)
    stamps, labels = rng.normal(0, 0.1, (20, 60, 60)), rng.uniform(0, 1, (20, 12))
    retrain(
        "casnet_a", stamps, labels, tmp_path, start_from=pretrained,
        epochs=1, batch_size=8, freeze=True, validation=(stamps, labels),
    )  # fmt: skip
    before, after = load_network(pretrained), load_network(tmp_path)
    kernel = before.model.get_weights()[0]
    assert_array_equal(kernel, after.model.get_weights()[0])
    assert not np.array_equal(
        before.model.get_weights()[-2], after.model.get_weights()[-2]
    )
    started = after.description["training"]["started_from"]
    assert started["sha256"] == before.sha256
    # The scatter of the held-out galaxies is the error that comes out.
    mean, covariance = after.predict(stamps)
    error = np.abs(mean[:, 0] - labels[:, latent_index("asymmetry")])
    assert_allclose(np.sqrt(covariance[:, 0, 0]), np.quantile(error, 0.6827), rtol=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "sersic"}, "name must be an architecture for morphology"),
        ({"name": "alexnet"}, "got 'alexnet'"),
        ({"labels": np.zeros((20, 5))}, r"labels must have shape \(N, 12\)"),
        ({"labels": np.zeros(19)}, "stamps and labels must be two or more"),
        ({"validation": 0.0}, "or a share between 0 and 1"),
        ({"name": "casnet_c"}, "start_from must be a model of the same architecture"),
        ({"arguments": {"dense": [4]}}, "start_from must be a model of the same"),
        ({"storage": "int4"}, "storage must be one of"),
    ],
)
def test_bad_calls(pretrained, tmp_path, changes, message):
    call = {
        "name": "casnet_a",
        "stamps": np.zeros((20, 60, 60)),
        "labels": np.zeros(20),
        "start_from": pretrained,
        "epochs": 1,
        **changes,
    }
    with pytest.raises(ValueError, match=message):
        retrain(output=tmp_path, **call)


def test_registry_has_both():
    for name, quantity in (("casnet_a", "asymmetry"), ("casnet_c", "concentration")):
        row = ARCHITECTURES[name]
        assert row.latent == (quantity,)
        assert row.task == "casnet"
        assert not row.needs_psf
