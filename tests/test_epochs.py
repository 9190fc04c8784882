# Licensed under a 3-clause BSD style license - see LICENSE
"""Training on labelled stamps: early stop, best weights, resuming, fine-tuning."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.networks import casnet
from astro_cnnfit.training import epochs
from astro_cnnfit.training.augmentation import random_symmetry
from astro_cnnfit.training.epochs import train_epochs

TINY = {"filters": [4, 4], "dense": [8, 8], "dropout": 0.2, "size": 24}


@pytest.fixture(autouse=True)
def same_start():
    keras.utils.set_random_seed(3)


@pytest.fixture(scope="module")
def galaxies():
    """Two blobs, and the share of the fainter one."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:24, :24] - 12.0
    share = rng.uniform(0, 0.5, (300, 1, 1))
    blobs = [np.exp(-((x - d) ** 2 + y**2) / 8) for d in (-4, 4)]
    stamps = (1 - share) * blobs[0] + share * blobs[1] + rng.normal(0, 0.02, (24, 24))
    return stamps.astype(np.float32), share[:, :, 0].astype(np.float32)


def prediction(model, stamps):
    return keras.ops.convert_to_numpy(model([stamps], training=False))


def settings(**changes):
    return {"batch_size": 32, "epochs": 4, "learning_rate": 3e-3, **changes}


def test_it_learns_and_keeps_the_best_epoch(galaxies):
    stamps, targets = galaxies
    model = casnet.build_casnet_a(**{**TINY, "dense": [32, 32], "dropout": 0.0})
    held_out = stamps[250:], targets[250:]
    history = train_epochs(
        model, stamps[:250], targets[:250],
        validation=held_out,
        **settings(epochs=12, batch_size=8, learning_rate=1e-2),
    )  # fmt: skip
    assert len(history["loss"]) == len(history["val_loss"]) == 12
    best = min(history["val_loss"])
    assert history["val_loss"][history["best_epoch"] - 1] == best
    error = prediction(model, held_out[0]) - held_out[1]
    assert_allclose(np.sqrt(np.mean(error**2)), best, rtol=1e-4)
    assert best < 0.7 * targets.std()


def test_it_stops_early(galaxies, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, np.nan, 2.1, 1.0])
    monkeypatch.setattr(epochs._Epochs, "_validate", lambda self: next(losses))
    history = train_epochs(
        casnet.build_casnet_a(**TINY), *galaxies, patience=3, **settings(epochs=50)
    )
    assert history["best_epoch"] == 2
    assert len(history["val_loss"]) == 5


class Killed(Exception):
    pass


def test_a_killed_run_resumes_with_nothing_lost(galaxies, tmp_path, monkeypatch):
    def run(folder, **changes):
        keras.utils.set_random_seed(3)
        model = casnet.build_casnet_a(**TINY)
        more = {**settings(), "transform": random_symmetry, **changes}
        return model, train_epochs(model, *galaxies, folder=folder, **more)

    straight, history = run(tmp_path / "straight")
    save, calls = epochs.save_checkpoint, []

    def save_and_die(*args):
        save(*args)
        calls.append(args)
        if len(calls) == 2:
            raise Killed

    monkeypatch.setattr(epochs, "save_checkpoint", save_and_die)
    with pytest.raises(Killed):
        run(tmp_path / "broken")
    monkeypatch.setattr(epochs, "save_checkpoint", save)
    resumed, other = run(tmp_path / "broken")
    assert_allclose(other["val_loss"], history["val_loss"], rtol=0.02)
    for a, b in zip(straight.get_weights(), resumed.get_weights(), strict=True):
        assert_allclose(a, b, atol=5e-3)
    # Done: nothing is trained any more; longer: it goes on.
    again, same = run(tmp_path / "broken")
    assert same["loss"] == other["loss"]
    assert_array_equal(again.get_weights()[0], resumed.get_weights()[0])
    assert len(run(tmp_path / "broken", epochs=5)[1]["loss"]) == 5
    with pytest.raises(ValueError, match=r"another configuration .*seed: 1 -> 2"):
        run(tmp_path / "broken", seed=2)
    with pytest.raises(ValueError, match=r"another configuration .*data"):
        run(tmp_path / "broken", validation=0.2)


def test_frozen_convolutions_stay(galaxies):
    model = casnet.build_casnet_a(**TINY)
    before = [layer.get_weights() for layer in model.layers]
    trainable = [layer.trainable for layer in model.layers]
    train_epochs(model, *galaxies, freeze=True, **settings(epochs=1))
    for layer, weights in zip(model.layers, before, strict=True):
        same = all(map(np.array_equal, layer.get_weights(), weights))
        assert same != isinstance(layer, keras.layers.Dense)
    assert [layer.trainable for layer in model.layers] == trainable


def test_bfloat16_and_stamps_of_other_types(galaxies):
    stamps, targets = galaxies
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = casnet.build_casnet_c(**TINY)
    finally:
        keras.config.set_dtype_policy(before)
    history = train_epochs(
        model,
        stamps.astype(np.float16),
        targets.astype(">f8"),
        **settings(epochs=2, optimizer="adamax"),
    )
    assert np.isfinite(history["val_loss"]).all()


def test_networks_with_several_inputs(galaxies):
    stamps, targets = galaxies
    one, two = keras.Input((24, 24)), keras.Input((24, 24))
    x = keras.layers.Flatten()(keras.layers.Concatenate()([one, two]))
    model = keras.Model([one, two], keras.layers.Dense(1)(x))
    history = train_epochs(
        model, [stamps, stamps], targets, validation=([stamps, stamps], targets),
        **settings(epochs=2),
    )  # fmt: skip
    assert np.isfinite(history["val_loss"]).all()


def test_a_batch_larger_than_the_sample(galaxies):
    stamps, targets = (part[:10] for part in galaxies)
    model = casnet.build_casnet_a(**TINY)
    assert len(train_epochs(model, stamps, targets, epochs=2)["loss"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros(300)}, r"targets must have shape \(N, m\)"),
        ({"targets": np.zeros((299, 1))}, r"targets must have shape \(N, m\)"),
        ({"targets": np.full((300, 1), np.nan)}, "stamps and targets must be finite"),
        ({"stamps": np.full((300, 24, 24), np.inf)}, "must be finite"),
        (
            {"stamps": np.zeros((0, 24, 24)), "targets": np.zeros((0, 1))},
            "stamps must not be empty",
        ),
        ({"validation": 1.5}, "validation must be"),
        ({"validation": (np.zeros((3, 24, 24)), np.zeros(3))}, "its targets must"),
        ({"epochs": 0}, "epochs, batch_size, patience and learning_rate"),
        ({"learning_rate": np.nan}, "epochs, batch_size, patience and learning_rate"),
        ({"optimizer": "newton"}, "optimizer must be one of adam.* got 'newton'"),
    ],
)
def test_bad_calls(galaxies, change, message):
    call = {"stamps": galaxies[0], "targets": galaxies[1], **settings(), **change}
    with pytest.raises(ValueError, match=message):
        train_epochs(casnet.build_casnet_a(**TINY), **call)


def test_a_diverged_training_is_an_error(galaxies, monkeypatch):
    monkeypatch.setattr(epochs._Epochs, "_validate", lambda self: np.nan)
    with pytest.raises(ValueError, match="learning_rate is too large"):
        train_epochs(casnet.build_casnet_a(**TINY), *galaxies, **settings())
