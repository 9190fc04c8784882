# Licensed under a 3-clause BSD style license - see LICENSE
"""Configuration, stream, loop, checkpoints and what a run leaves behind."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.training import TrainingConfig, loop, read_config, train
from astro_cnnfit.training.stream import SceneStream
from astro_cnnfit.weights import available, load_network

pytestmark = pytest.mark.usefixtures("small_held_out_set")

TINY = TrainingConfig(
    "galnet2",
    arguments={"filters": [2, 2, 2, 2], "dense": [8, 8, 8]},
    samples=96,
    batch_size=8,
    pool=32,
    uses=2,
    calibration_samples=64,
    checkpoint_minutes=0.0,
)


def test_a_run_leaves_a_model(tmp_path):
    train(TINY, tmp_path, command="astro-cnnfit train galnet2")
    network = load_network(tmp_path)
    assert network.needs_psf
    assert network.stamp_size == 61
    assert network.psf_size == 25
    description = json.loads((tmp_path / "model.json").read_text())
    training = description["training"]
    assert training["command"] == "astro-cnnfit train galnet2"
    assert training["config"]["seed"] == TINY.seed
    assert training["steps"] == TINY.steps
    assert set(description["trained_ranges"]) == {
        "r_eff",
        "n",
        "ellip",
        "psf_fwhm",
        "snr",
    }
    assert set(description["metrics"]) == {"R2", "outliers", "NMAD"}
    stamps, psfs, _ = SceneStream(TINY).observed(0)
    latent, covariance = network.predict(stamps, psfs)
    assert latent.shape == (8, 7)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


class Killed(Exception):
    pass


def test_a_killed_run_resumes_with_nothing_lost(tmp_path, monkeypatch):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(TINY, straight)
    save, calls = loop.save_checkpoint, []

    def save_and_die(*args):
        save(*args)
        calls.append(args)
        if len(calls) == 5:
            raise Killed

    monkeypatch.setattr(loop, "save_checkpoint", save_and_die)
    with pytest.raises(Killed):
        train(TINY, broken)
    assert not (broken / "model.json").exists()
    monkeypatch.setattr(loop, "save_checkpoint", save)
    train(TINY, broken)
    one, other = (
        load_network(folder).model.get_weights() for folder in (straight, broken)
    )
    for a, b in zip(one, other, strict=True):
        assert_allclose(a, b, atol=2e-3)


def test_another_configuration_does_not_resume(tmp_path):
    train(TINY, tmp_path)
    with pytest.raises(ValueError, match=r"another configuration .*seed: 1 -> 2"):
        train(replace(TINY, seed=2), tmp_path)


def test_batches_follow_from_seed_and_step():
    first, again = SceneStream(TINY), SceneStream(TINY)
    batches = list(first.batches(0, 10))
    (stamps, psfs), targets = again.batch(9)
    assert_array_equal(batches[9][0][0], stamps)
    assert_array_equal(batches[9][0][1], psfs)
    assert_array_equal(batches[9][1], targets)
    # Steps 0 to 3 show each scene of the pool once, steps 4 to 7 once more.
    shapes = (
        [np.sort(b[1][:, 4]) for b in batches[:4]],
        [np.sort(b[1][:, 4]) for b in batches[4:8]],
    )
    assert_allclose(*[np.sort(np.concatenate(part)) for part in shapes])
    assert not np.array_equal(batches[0][0][0], batches[4][0][0])


@pytest.mark.parametrize("name", ["galnet1", "galnet2", "sersic"])
def test_bundled_configurations(name):
    config = read_config(name, samples=1280)
    assert config.architecture == name
    assert config.steps == 1280 // config.batch_size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("architecture = 'alexnet'", "architecture must be one of"),
        ("samples = 10", "config must name an architecture"),
        ("architecture = 'sersic'\nbatchsize = 1", "unknown keys .'batchsize'."),
        ("architecture = ", "not valid TOML"),
        ("architecture = 'sersic'\npriors = {flat = 1.0}", "priors must be of"),
        ("architecture = 'sersic'\nsamples = 0", "samples must be positive"),
        ("architecture = 'sersic'\npool = 100", "pool must be a multiple"),
    ],
)
def test_bad_configurations(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_missing_configuration(tmp_path):
    with pytest.raises(ValueError, match="config must be the path of a TOML file"):
        read_config(tmp_path / "none.toml")


# What networks were called when they were trained, where that was otherwise.
CALLED = {"sersic": "sersic_fast", "sersic_wide": "sersic"}


@pytest.mark.parametrize("name", available())
def test_bundled_weights_say_how_they_came_to_be(name):
    description = load_network(name).description
    training = description["training"]
    command = f"astro-cnnfit train {CALLED.get(name, name)}"
    assert training["command"].startswith(command)
    for key in ("config", "commit", "backend", "versions", "seconds", "date"):
        assert training[key]


def test_a_run_starts_from_given_weights(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train(TINY, first)
    train(replace(TINY, start_from=str(first), learning_rate=1e-9), second)
    before = load_network(first).model.get_weights()
    after = load_network(second).model.get_weights()
    for one, two in zip(before, after, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-3)
    origin = json.loads((first / "model.json").read_text())
    found = json.loads((second / "model.json").read_text())["training"]["started_from"]
    assert found["sha256"] == origin["sha256"]
    assert found["training"]["config"] == origin["training"]["config"]
    other = replace(TINY, start_from=str(first), arguments={})
    with pytest.raises(ValueError, match="start_from must be a model of the same"):
        train(other, tmp_path / "third")
