# Licensed under a 3-clause BSD style license - see LICENSE
"""The benchmarks of speed: what they count and claim, and that they run."""

import json

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose


class Plain:
    """What the count of operations looks at."""

    stamp_size, psf_size, needs_psf = 8, None, False

    def __init__(self):
        image = keras.Input((8, 8, 1))
        twice = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
        inner = keras.Model(image, keras.layers.Flatten()(twice(image)))
        stamp = keras.Input((8, 8))
        seen = keras.layers.Reshape((8, 8, 1))(stamp)
        both = keras.layers.Add()([inner(seen), inner(-seen)])
        self.model = keras.Model(stamp, keras.layers.Dense(5)(both))


def test_operations_count_layers_as_often_as_they_are_used(load_benchmark):
    operations = load_benchmark("operations")
    convolution, dense = 2 * 8 * 8 * 9 * 3, 2 * 192 * 5
    count = operations.mega_operations(Plain())
    assert_allclose(count, (2 * convolution + dense) / 1e6)
    # And leave the layers as they were.
    assert keras.layers.Dense.call.__qualname__ == "Dense.call"


def test_rate_of_products(load_benchmark):
    rate = load_benchmark("held").rate_of_products("float32", size=64, repeats=2)
    assert 1e6 < rate < 1e15


def pair(forward, call):
    return {"batches": {"512": {"forward": forward, "call": call}}}


def test_claims(load_benchmark):
    benchmark = load_benchmark("speed.single_core")
    ms = {
        "sersic_float32": pair(0.6, 0.8),
        "sersic_bfloat16": pair(0.15, 0.2),
        "cas_bfloat16": pair(0.09, 0.2),
        "astropy": 36.0,
        "statmorph": 29.0,
    }
    found = benchmark.compare(ms)
    assert found["forward_of_both"] == {"bfloat16": 0.15 + 0.09}
    assert_allclose(found["times_faster"]["sersic_float32_than_astropy"], 45)
    assert found["claims"] == {
        "sersic_float32_at_most_0.7_ms": True,
        "sersic_bfloat16_at_most_0.7_ms": True,
        "cas_bfloat16_at_most_0.7_ms": True,
        "both_bfloat16_at_most_0.25_ms": True,
        "sersic_float32_50_times_faster_than_astropy": False,
        "sersic_bfloat16_50_times_faster_than_astropy": True,
        "cas_bfloat16_150_times_faster_than_statmorph": False,
    }


def test_nothing_measured_nothing_claimed(load_benchmark):
    found = load_benchmark("speed.single_core").compare({})
    assert found == {"forward_of_both": {}, "times_faster": {}, "claims": {}}


def test_several_networks(load_benchmark):
    benchmark = load_benchmark("speed.single_core")
    options = ["--model", "sersic", "--model", "a/small"]
    children = benchmark.children_of(benchmark.parse_arguments(options))
    assert list(children)[:3] == ["sersic_float32", "sersic_bfloat16", "small_float32"]
    assert children["small_bfloat16"] == ("sersic_bfloat16", {"model": "a/small"})
    assert children["cas_float32"] == ("cas_float32", {})
    ms = {name: pair(0.1, 0.2) for name in children} | {"astropy": 36.0}
    found = benchmark.compare({k: v for k, v in ms.items() if k != "statmorph"})
    assert set(found["forward_of_both"]) == {
        "float32", "bfloat16", "small_float32", "small_bfloat16",
    }  # fmt: skip
    assert_allclose(found["times_faster"]["small_float32_than_astropy"], 180)
    assert "cas_float32_than_astropy" not in found["times_faster"]


def test_what_is_measured_is_kept(load_benchmark, tmp_path, monkeypatch):
    benchmark = load_benchmark("speed.single_core")
    asked = []

    class Done:
        returncode, stderr = 0, ""

    def run_held(script, child, options):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append((child, options.get("model")))
        done = Done()
        both = {
            "batches": {str(n): {"forward": 1.0, "call": 2.0} for n in (1, 16, 512)}
        }
        both |= {"limit": 0.1, "mega_operations": 3.0}
        done.stdout = json.dumps(3.0 if child in benchmark.GAINS else both)
        return done

    monkeypatch.setattr(benchmark, "run_held", run_held)
    command = ["single_core.py", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main()
    result = json.loads((tmp_path / "single_core.json").read_text())
    assert list(result["ms"]) == ["sersic_float32", "sersic_bfloat16", "cas_float32"]
    asked.clear()
    benchmark.main()
    assert [child for child, _ in asked] == ["cas_bfloat16", "astropy", "statmorph"]
    # Another network joins those that are there.
    asked.clear()
    monkeypatch.setattr("sys.argv", [*command, "--model", "galnet2"])
    benchmark.main()
    assert asked == [("sersic_float32", "galnet2"), ("sersic_bfloat16", "galnet2")]
    result = json.loads((tmp_path / "single_core.json").read_text())
    assert len(result["ms"]) == 8
    assert set(result["ms"]) == set(result["measured"])


def test_what_cannot_run_is_named(load_benchmark, tmp_path, monkeypatch, capsys):
    benchmark = load_benchmark("speed.single_core")
    monkeypatch.setattr(
        "sys.argv", ["single_core.py", "--n", "1", "--output", str(tmp_path)]
    )

    class Done:
        returncode, stdout, stderr = 1, "", "Traceback\nImportError: no statmorph\n"

    monkeypatch.setattr(benchmark, "run_held", lambda *args: Done)
    benchmark.main()
    result = json.loads((tmp_path / "single_core.json").read_text())
    assert result["ms"] == {}
    assert result["not_run"] == dict.fromkeys(
        benchmark.CHILDREN, "ImportError: no statmorph"
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="asks TensorFlow")
def test_accelerator_says_that_there_is_none(load_benchmark, tmp_path, monkeypatch):
    benchmark = load_benchmark("speed.accelerator")
    monkeypatch.setattr("sys.argv", ["accelerator.py", "--output", str(tmp_path)])
    monkeypatch.setattr(benchmark, "accelerator", lambda: None)
    benchmark.main()
    result = json.loads((tmp_path / "accelerator.json").read_text())
    assert result["not_run"].startswith("no accelerator")
    assert "claims" not in result


def test_accelerator_repeats_stamps(load_benchmark):
    benchmark = load_benchmark("speed.accelerator")
    (found,) = benchmark._repeated([np.arange(3.0).reshape(3, 1, 1)], 7)
    assert_allclose(np.ravel(found), [0, 1, 2, 0, 1, 2, 0])
