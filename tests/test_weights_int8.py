# Licensed under a 3-clause BSD style license - see LICENSE
"""Weights of 8 bits: what they cost, and files that hold something else."""

import hashlib
import json

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import save

from astro_cnnfit.networks import casnet
from astro_cnnfit.weights.files import numpy_values, read_arrays, write_model
from astro_cnnfit.weights.storage import restored, rounded, stored


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(7)
    shapes = [(3, 3, 32, 64), (64,), (200, 100), (8, 8), (5000,)]
    return [rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes]


def test_large_kernels_become_int8(values):
    arrays = stored(values, "int8")
    kinds = {name: array.dtype.name for name, array in arrays.items()}
    assert kinds == {
        "0000": "int8", "0000.scale": "float32", "0001": "float16",
        "0002": "int8", "0002.scale": "float32", "0003": "float16", "0004": "float16",
    }  # fmt: skip
    assert arrays["0000.scale"].shape == (64,)
    for array, back in zip(values, restored(arrays), strict=True):
        assert back.dtype == np.float32
        assert_allclose(back, array, atol=np.abs(array).max() / 250)


def test_rounding_twice_changes_nothing(values):
    once = rounded(values, "int8")
    for one, two in zip(once, rounded(once, "int8"), strict=True):
        assert_allclose(one, two, rtol=1e-6, atol=0)


def test_channels_of_zeros():
    array = np.zeros((100, 100), np.float32)
    array[:, 3] = 1e-30
    assert_allclose(rounded([array], "int8")[0], array, rtol=1e-3)


def test_float16_is_the_default(values):
    assert {array.dtype.name for array in stored(values).values()} == {"float16"}
    assert_allclose(rounded(values)[0], values[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("storage", ["float16", "int8"])
@pytest.mark.parametrize("shape", [(100, 100), (3,)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_weights_that_cannot_be_stored(storage, shape, bad):
    if storage == "int8" and shape == (100, 100) and bad == 1e30:
        return  # that one can
    with pytest.raises(ValueError, match=f"weights must be finite in {storage}"):
        stored([np.full(shape, bad)], storage)


def test_unknown_storage(values, tmp_path):
    with pytest.raises(ValueError, match="storage must be one of float16, int8"):
        stored(values, "int4")


def written(tmp_path, arrays):
    content = save(arrays)
    (tmp_path / "weights.safetensors").write_bytes(content)
    return read_arrays(tmp_path, hashlib.sha256(content).hexdigest())


INT8 = np.ones((4, 3), np.int8)
SCALE = np.ones(3, np.float32)


def test_files_as_they_should_be(tmp_path):
    found = written(tmp_path, {"0000": INT8, "0000.scale": SCALE, "0001": SCALE})
    assert_array_equal(found[0], np.ones((4, 3)))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"0000": INT8}, "unexpected or missing arrays: 0000.scale"),
        ({"0000": SCALE, "0000.scale": SCALE}, "unexpected or missing arrays"),
        ({"0000": SCALE, "0002": SCALE}, "unexpected or missing arrays: 0001, 0002"),
        ({"0001.scale": SCALE, "0000": SCALE}, "unexpected or missing arrays"),
        ({"evil": SCALE}, "unexpected or missing arrays: 0000, evil"),
        ({"0000": SCALE.astype(np.float64)}, "must not be of type float64"),
        ({"0000": SCALE.astype(np.int32)}, "must not be of type int32"),
        ({"0000": INT8, "0000.scale": SCALE[:2]}, r"float32 of shape \(3,\)"),
        ({"0000": INT8, "0000.scale": SCALE[None]}, r"float32 of shape \(3,\)"),
        ({"0000": INT8, "0000.scale": SCALE.astype(np.float16)}, "must be float32"),
        ({"0000": INT8, "0000.scale": SCALE * np.nan}, "numbers that are not finite"),
        ({"0000": 9 * INT8, "0000.scale": SCALE * 3e38}, "that are not finite"),
        ({"0000": SCALE * np.inf}, "numbers that are not finite"),
        (
            {"0000": np.array(1, np.int8), "0000.scale": np.array(1, np.float32)},
            "scale of array 0000 must be",
        ),
    ],
)
def test_hostile_files(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=f"unusable weights.*{message}"):
        written(tmp_path, arrays)


def test_numbers_that_numpy_does_not_have(tmp_path):
    header = {"0000": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + b"\0"
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="unreadable weights"):
        read_arrays(tmp_path, hashlib.sha256(content).hexdigest())


def test_int8_costs_casnet_little(tmp_path):
    """Added in quadrature to a scatter, 5 % of the output's spread are not seen."""
    keras.utils.set_random_seed(2)
    model = casnet.build_casnet_a()
    stamps = np.random.default_rng(1).normal(0, 0.1, (64, 60, 60)).astype(np.float32)
    y, x = np.mgrid[:60, :60] - 30.0
    width = np.linspace(2, 12, 64)[:, None, None]
    stamps += np.exp(-(x**2 + y**2) / 2 / width**2)
    full = keras.ops.convert_to_numpy(model([stamps]))
    write_model(tmp_path, model, {}, storage="int8")
    assert (tmp_path / "weights.safetensors").stat().st_size < 1.05 * sum(
        array.size for array in numpy_values(model.weights)
    )
    checksum = json.loads((tmp_path / "model.json").read_text())["sha256"]
    model.set_weights(read_arrays(tmp_path, checksum))
    change = keras.ops.convert_to_numpy(model([stamps])) - full
    assert change.std() < 0.05 * full.std()
