# Licensed under a 3-clause BSD style license - see LICENSE
"""Smaller networks: pruned from wider ones, and taught by them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from astro_cnnfit.networks import build
from astro_cnnfit.networks.likelihood import (
    covariances,
    mean_and_root,
    student_loss,
    taught_loss,
)
from astro_cnnfit.networks.narrowing import narrowed_sersic
from astro_cnnfit.training import TrainingConfig, train
from astro_cnnfit.training.stream import SceneStream
from astro_cnnfit.training.teaching import TaughtStream, half_taught_loss
from astro_cnnfit.weights import load_network

pytestmark = pytest.mark.usefixtures("small_held_out_set")

WIDE, NARROW = (4, 6, 8), (3, 4, 4)
TINY = TrainingConfig(
    "sersic",
    arguments={"filters": list(WIDE), "dense": [8]},
    samples=32,
    batch_size=8,
    pool=32,
    uses=1,
    calibration_samples=64,
)


@pytest.fixture(scope="module")
def wide_weights():
    rng = np.random.default_rng(5)
    model = build("sersic", filters=WIDE)
    return [rng.normal(0, 0.2, w.shape).astype("float32") for w in model.weights]


@pytest.fixture
def images():
    rng = np.random.default_rng(6)
    stamps = rng.normal(0, 1, (3, 61, 61)).astype("float32")
    stamps[:, 28:33, 28:33] += 50
    return [stamps, rng.uniform(0, 0.01, (3, 25, 25)).astype("float32")]


def outputs(filters, arrays, images):
    model = build("sersic", filters=filters)
    model.set_weights(arrays)
    return ops.convert_to_numpy(model(images))


def silenced(arrays, level, channels):
    """Weights with which these channels of a resolution are zero."""
    arrays = [array.copy() for array in arrays]
    scale, shift, entry, entry_bias, _, _, second, second_bias = arrays[
        6 + 8 * level : 14 + 8 * level
    ]
    shifts = entry.shape[-1] + np.array(channels)
    for array in (entry, entry_bias, second, second_bias):
        array[..., channels] = 0
    scale[:, shifts] = shift[shifts] = 0
    return arrays


def test_narrowing_drops_what_carries_nothing(wide_weights, images):
    arrays = silenced(wide_weights, 0, [2])
    arrays = silenced(arrays, 1, [0, 3])
    arrays = silenced(arrays, 2, [1, 2, 5, 7])
    for level, inner in enumerate(([0], [1, 2], [0, 3, 4, 6])):
        arrays[10 + 8 * level][..., inner] = 0
        arrays[11 + 8 * level][inner] = 0
    # Of two channels of the last convolution one stays.
    arrays[30][..., 0] = arrays[31][0] = 0
    narrow = narrowed_sersic(arrays, NARROW)
    expected = outputs(WIDE, arrays, images)
    assert_allclose(outputs(NARROW, narrow, images), expected, rtol=1e-3, atol=1e-3)


def test_narrowing_to_the_same_width_changes_nothing(wide_weights):
    narrow = narrowed_sersic(wide_weights, WIDE)
    for one, two in zip(narrow, wide_weights, strict=True):
        assert_allclose(one, two)


@pytest.mark.parametrize(
    ("filters", "message"),
    [((5, 6, 8), "filters must be no more than"), ((3, 4), "of 2 resolutions")],
)
def test_what_cannot_be_narrowed(wide_weights, filters, message):
    with pytest.raises(ValueError, match=message):
        narrowed_sersic(wide_weights, filters)


def some_outputs(number=50):
    rng = np.random.default_rng(7)
    return rng.normal(0, 1, (number, 35)).astype("float32")


def test_a_teacher_gives_mean_and_covariance():
    output = some_outputs()
    mean, covariance = covariances(output, 7)
    taught = mean_and_root(output, 7).astype(float)
    root = taught[:, 7:].reshape(-1, 7, 7)
    assert_allclose(taught[:, :7], mean, rtol=1e-6)
    assert_allclose(root @ np.swapaxes(root, 1, 2), covariance, rtol=1e-3, atol=1e-4)


def test_a_teacher_without_doubt_is_the_truth():
    output, taught = some_outputs(), np.zeros((50, 56), np.float32)
    taught[:, :7] = some_outputs()[::-1, :7]
    expected = student_loss(ops.convert_to_tensor(taught[:, :7]), output)
    assert_allclose(taught_loss(ops.convert_to_tensor(taught), output), expected)


def test_agreement_is_best():
    output = some_outputs()
    taught = ops.convert_to_tensor(mean_and_root(output, 7))
    best = float(taught_loss(taught, ops.convert_to_tensor(output)))
    for place in range(35):
        for step in (-0.1, 0.1):
            other = output.copy()
            other[:, place] += step
            assert float(taught_loss(taught, ops.convert_to_tensor(other))) > best


def test_a_network_learns_from_a_wider_one(tmp_path):
    wide, narrow = tmp_path / "wide", tmp_path / "narrow"
    train(TINY, wide)
    arguments = {**TINY.arguments, "filters": list(NARROW)}
    config = replace(TINY, arguments=arguments, start_from=str(wide), teacher=str(wide))
    train(config, narrow)
    network = load_network(narrow)
    training = json.loads((narrow / "model.json").read_text())["training"]
    assert training["teacher"] == load_network(wide).sha256
    assert training["started_from"]["sha256"] == training["teacher"]
    stream = TaughtStream(SceneStream(config), str(wide))
    batches = list(stream.batches(0, 2))
    inputs, targets = batches[1]
    assert_allclose(targets[:, :7], SceneStream(config).batch(1)[1])
    both = float(half_taught_loss(targets, network.forward(*inputs)))
    own = float(student_loss(targets[:, :7], network.forward(*inputs)))
    opinion = float(taught_loss(targets[:, 7:], network.forward(*inputs)))
    assert_allclose(both, (own + opinion) / 2, rtol=1e-5)


def test_other_arguments_than_filters_are_no_start(tmp_path):
    train(TINY, tmp_path / "wide")
    arguments = {"filters": list(NARROW), "dense": [4]}
    config = replace(TINY, arguments=arguments, start_from=str(tmp_path / "wide"))
    with pytest.raises(ValueError, match="but for the filters of 'sersic'"):
        train(config, tmp_path / "narrow")


def test_only_sersic_networks_have_teachers():
    with pytest.raises(ValueError, match="teacher must be left out"):
        TrainingConfig("cas", priors={"real": 1.0}, teacher="cas")
