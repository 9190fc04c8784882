# Licensed under a 3-clause BSD style license - see LICENSE
"""Models on disk, and networks made of them."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from keras.backend import backend
from numpy.testing import assert_allclose

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.networks import build
from astro_cnnfit.parameters import LATENT_NAMES
from astro_cnnfit.simulation import simulate
from astro_cnnfit.weights import Network, available, load_network, write_model
from astro_cnnfit.weights.files import BUNDLED
from astro_cnnfit.weights.network import batches_of, calibrate

ARGUMENTS = {"filters": [2, 2, 2], "dense": [8]}
DESCRIPTION = {
    "architecture": "sersic",
    "arguments": ARGUMENTS,
    "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
    "trained_ranges": {"r_eff": [1.0, 20.0]},
}


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "mine", build("sersic", **ARGUMENTS), DESCRIPTION)


def test_round_trip(folder):
    network = load_network(folder)
    assert network.name == "mine"
    assert (network.stamp_size, network.psf_size, network.needs_psf) == (61, 25, True)
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 1, (11, 61, 61)).astype(np.float32)
    psfs = np.full((1, 25, 25), 1 / 625, np.float32)
    latent, covariance = network.predict(stamps, psfs)
    assert latent.shape == (11, 7)
    assert covariance.shape == (11, 7, 7)
    again = load_network(folder).predict(stamps, np.repeat(psfs, 11, axis=0))
    assert_allclose(again[0], latent, atol=1e-4)


def test_bfloat16_changes_little(folder):
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 1, (4, 61, 61)).astype(np.float32)
    psfs = np.full((1, 25, 25), 1 / 625, np.float32)
    full, _ = load_network(folder).predict(stamps, psfs)
    fast = load_network(folder, precision="bfloat16")
    assert_allclose(fast.predict(stamps, psfs)[0], full, atol=0.05)
    with pytest.raises(ValueError, match="precision must be one of"):
        load_network(folder, precision="float8")


@pytest.mark.parametrize("number", [1, 3, 8, 11])
@pytest.mark.parametrize("own_psfs", [True, False])
def test_tensors_stay_tensors(folder, monkeypatch, number, own_psfs):
    network = load_network(folder)
    rng = np.random.default_rng(2)
    stamps = rng.normal(0, 1, (number, 61, 61)).astype(np.float32)
    psfs = np.full((number if own_psfs else 1, 25, 25), 1 / 625, np.float32)
    expected = network.predict(stamps, psfs, batch_size=4)
    seen, forward = [], network.forward
    monkeypatch.setattr(
        network, "forward", lambda *parts: seen.append(parts) or forward(*parts)
    )
    found = network.predict(*map(ops.convert_to_tensor, (stamps, psfs)), batch_size=4)
    assert all(ops.is_tensor(part) for parts in seen for part in parts)
    # One trace for all: every batch has the same size, a power of two.
    assert {len(part) for parts in seen for part in parts} == {1 if number == 1 else 4}
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="stamps must have shape"):
        network.predict(ops.convert_to_tensor(stamps[:, :60]), psfs)


@given(st.integers(0, 3000), st.sampled_from([1, 2, 4, 16, 100, 512]))
def test_batches_hold_every_stamp_once(n, batch_size):
    batches = list(batches_of(n, batch_size))
    end = 0
    for start, size in batches:
        assert start == end < n
        end += size
    assert end >= n
    assert {size for _, size in batches} <= {1, *(batch_size // 4**k for k in range(4))}
    # Only the smallest are shown for few.
    assert end - n < max(32, 0.4 * batch_size)


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(1, [1]), (3, [8]), (8, [8]), (300, [128, 128, 32, 8, 8]), (330, [512]),
     (1100, [512, 512, 32, 32, 8, 8])],
)  # fmt: skip
def test_what_is_left_over_goes_in_smaller_batches(n, sizes):
    found = [size for _, size in batches_of(n, 512)]
    assert found == sizes


def test_batches_do_not_change_the_answer(folder):
    network = load_network(folder)
    stamps = np.random.default_rng(1).normal(0, 1, (11, 61, 61)).astype(np.float32)
    psfs = np.full((1, 25, 25), 1 / 625, np.float32)
    all_at_once, _ = network.predict(stamps, psfs)
    by_four, _ = network.predict(stamps, psfs, batch_size=4)
    assert_allclose(by_four, all_at_once, atol=1e-4)
    none, covariance = network.predict(stamps[:0], psfs)
    assert none.shape == (0, 7)
    assert covariance.shape == (0, 7, 7)


@pytest.mark.parametrize(
    ("stamps", "psfs", "message"),
    [
        ((3, 61, 61), None, "psf must be given"),
        ((3, 60, 60), (1, 25, 25), r"stamps must have shape \(N, 61, 61\)"),
        ((3, 61, 61), (1, 21, 21), r"psf must have shape \(N, 25, 25\)"),
        ((3, 61, 61), (2, 25, 25), "psf must hold 1 or 3 PSFs, got 2"),
    ],
)
def test_bad_shapes(folder, stamps, psfs, message):
    psfs = None if psfs is None else np.ones(psfs)
    with pytest.raises(ValueError, match=message):
        load_network(folder).predict(np.ones(stamps), psfs)


def test_calibration():
    covariance = np.eye(7)[None]
    scale, added = np.arange(1.0, 8), np.diag(np.full(7, 0.5))
    _, result = calibrate(
        np.zeros((1, 7)),
        covariance,
        {"scale": scale, "covariance": added},
        LATENT_NAMES,
    )
    assert_allclose(np.diagonal(result[0]), scale**2 + 0.5)


def test_unknown_model_names_the_known_ones(tmp_path):
    with pytest.raises(
        ValueError, match=r"model must be one of.*'sersic'.*got 'serisc'"
    ):
        load_network("serisc")
    with pytest.raises(ValueError, match="model must be one of"):
        load_network(tmp_path)


def test_damaged_models(folder, tmp_path):
    description = json.loads((folder / "model.json").read_text())

    def broken(**changes):
        copy = tmp_path / "broken"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        (copy / "model.json").write_text(json.dumps({**description, **changes}))
        return copy

    with pytest.raises(ValueError, match="do not match their checksum"):
        load_network(broken(sha256="0"))
    with pytest.raises(ValueError, match="do not fit its architecture"):
        load_network(broken(arguments={}))
    with pytest.raises(ValueError, match="must name an architecture"):
        load_network(broken(architecture="os.system"))
    copy = broken()
    (copy / "weights.safetensors").write_bytes(b"12345678")
    with pytest.raises(ValueError, match="unreadable weights"):
        load_network(copy)
    (copy / "model.json").write_text("{")
    with pytest.raises(ValueError, match="unreadable description"):
        load_network(copy)
    (copy / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="description lacks"):
        load_network(copy)


def test_bundled_weights_are_small():
    size = sum(path.stat().st_size for path in BUNDLED.glob("*/*"))
    assert size < 20e6


@pytest.mark.parametrize("name", available())
def test_bundled_networks_load(name):
    network = load_network(name)
    assert isinstance(network, Network)
    assert network.name == name
    sizes = {"cas": 101, "casnet": 60}
    assert network.stamp_size == sizes.get(name.split("_")[0], 61)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.skipif(backend() != "tensorflow", reason="compares TensorFlow with JAX")
@pytest.mark.parametrize("name", available())
def test_weights_load_under_another_backend(name, tmp_path):
    """The same weights give the same answer, to what float32 allows."""
    network = load_network(name)
    stamps, psfs, _ = simulate(16, seed=9)
    # A network of morphology sees the same galaxies, in the middle or cut.
    extra = network.stamp_size - stamps.shape[1]
    if extra > 0:
        stamps = np.pad(stamps, [(0, 0), (extra // 2,) * 2, (extra // 2,) * 2])
    stamps = stamps[:, : network.stamp_size, : network.stamp_size]
    if network.architecture.task == "casnet":
        stamps = stamps / stamps.max(axis=(1, 2), keepdims=True)
    np.savez(tmp_path / "in.npz", stamps=stamps, psfs=psfs)
    code = (
        "import sys, numpy as np\n"
        "from astro_cnnfit.weights import load_network\n"
        "data = np.load(sys.argv[1])\n"
        f"network = load_network({name!r})\n"
        "latent, _ = network.predict(data['stamps'], data['psfs'])\n"
        "np.save(sys.argv[2], latent)\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "in.npz", tmp_path / "out.npy"]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run(command, check=True, env=environment)
    latent, covariance = network.predict(stamps, psfs)
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    assert_allclose(np.load(tmp_path / "out.npy") / sigma, latent / sigma, atol=0.01)


@pytest.mark.parametrize(
    ("tool", "some"),
    [
        (CNNSersicFitter, {"sersic", "galnet1", "galnet2"}),
        (CNNCASMeasurer, {"cas", "casnet_a", "casnet_c"}),
    ],
)
def test_a_wrong_name_is_told_the_networks_for_the_task(tool, some):
    with pytest.raises(ValueError, match="model must be one of") as info:
        tool("typo")
    named = {name for name in available() if repr(name) in str(info.value)}
    assert some & set(available()) <= named
    for name in named:
        tool(name, **({"method": "network"} if tool is CNNCASMeasurer else {}))
