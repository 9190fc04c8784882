# Licensed under a 3-clause BSD style license - see LICENSE
"""Models from others: nothing is run, nothing is written, what is wrong is named."""

import contextlib
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.weights import load_network, write_model
from astro_cnnfit.weights.checking import check_description, parse_description

ARGUMENTS = {"filters": [2, 2, 2], "dense": [4], "psf_filters": [2, 2], "psf_units": 2}


def good():
    return {
        "architecture": "sersic",
        "arguments": ARGUMENTS,
        "trained_ranges": {"n": [0.3, 8]},
        "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
        "sha256": "",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    model = build("sersic", **ARGUMENTS)
    return write_model(tmp_path_factory.mktemp("models") / "mine", model, good())


@pytest.fixture
def changed(folder, tmp_path):
    """A copy of the model with another description."""

    def change(**values):
        copy = tmp_path / "copy"
        copy.mkdir(exist_ok=True)
        description = json.loads((folder / "model.json").read_text())
        text = json.dumps({**description, **values})
        (copy / "model.json").write_text(text)
        (copy / "weights.safetensors").write_bytes(
            (folder / "weights.safetensors").read_bytes()
        )
        return copy

    return change


def test_a_good_model_loads(folder):
    assert load_network(folder).stamp_size == 61


SLOPES = {
    **good()["calibration"],
    "features": ["log_n"],
    "slopes": [[0.0]] * 7,
    "centre": [0.0],
    "width": [1.0],
    "clip": 2.0,
}
WRONG = {
    "architecture of another kind": {"architecture": ["sersic"]},
    "architecture that is a function": {"architecture": "os.system"},
    "arguments that are none": {"arguments": None},
    "argument that no network has": {"arguments": {"activation": "eval"}},
    "argument of another kind": {"arguments": {"filters": 3}},
    "argument of texts": {"arguments": {"filters": ["a", "b", "c"]}},
    "argument that is true": {"arguments": {"blocks": True}},
    "argument that is negative": {"arguments": {"size": -61}},
    "argument that asks for gigabytes": {"arguments": {"size": 10**9}},
    "argument that is endless": {"arguments": {"filters": [2] * 10_000}},
    "argument too large for a float": {"arguments": {"blocks": 10**400}},
    "name that is none": {"name": {"a": 1}},
    "name of control characters": {"name": "\x1b[2J"},
    "name that is long": {"name": "x" * 1000},
    "checksum that is none": {"sha256": 5},
    "ranges that are none": {"trained_ranges": [1, 2]},
    "range of one number": {"trained_ranges": {"n": [1]}},
    "range upside down": {"trained_ranges": {"n": [2, 1]}},
    "range of texts": {"trained_ranges": {"n": ["a", "b"]}},
    "range of truths": {"trained_ranges": {"n": [False, True]}},
    "calibration that is none": {"calibration": 3},
    "calibration without covariance": {"calibration": {"scale": [1.0] * 7}},
    "calibration of another size": {
        "calibration": {"scale": [1.0], "covariance": [[0.0]]}
    },
    "calibration with a scale of zero": {
        "calibration": {**good()["calibration"], "scale": [0.0] * 7}
    },
    "calibration with ragged rows": {
        "calibration": {**good()["calibration"], "covariance": [[0.0] * 7] * 6 + [[]]}
    },
    "calibration with slopes alone": {
        "calibration": {**good()["calibration"], "slopes": [[0.0]] * 7}
    },
    "calibration with features that are none": {
        "calibration": {**SLOPES, "features": ["__class__"]}
    },
    "calibration with features of another kind": {
        "calibration": {**SLOPES, "features": [["log_n"]]}
    },
    "calibration with a width of zero": {"calibration": {**SLOPES, "width": [0.0]}},
    "calibration that is not finite": {"calibration": {**SLOPES, "clip": np.inf}},
    "range that is not finite": {"trained_ranges": {"n": [0.0, np.nan]}},
    "calibration too large for a float": {
        "calibration": {**SLOPES, "clip": 10**400}
    },
}  # fmt: skip


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG)
def test_wrong_descriptions(changed, values):
    with pytest.raises(ValueError, match="model's description must "):
        load_network(changed(**values))


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": [4096] * 16, "dense": [4096] * 16},
        {"size": 4},
        {"filters": [0, 0, 0]},
        {**ARGUMENTS, "filters": [2, 2]},
        {**ARGUMENTS, "head": "eval"},
    ],
    ids=["huge", "too small", "nothing", "one less", "head"],
)
def test_arguments_that_do_not_fit_the_weights(changed, arguments):
    with pytest.raises(ValueError, match=r"do not fit its arch|make no network"):
        load_network(changed(arguments=arguments))


def test_a_refused_giant_leaves_nothing_behind(changed, folder):
    resource = pytest.importorskip("resource")
    with pytest.raises(ValueError, match="do not fit its architecture"):
        load_network(changed(arguments={"filters": [4096] * 6, "dense": [4096] * 6}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    load_network(folder)
    build("sersic", **ARGUMENTS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "unreadable description"),
        (b"\xff\xfe", "unreadable description"),
        (b"[1, 2]", "must be an object, not list"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "unreadable description"),
        (b" " * 10_000_001, "more than 10000000 bytes"),
    ],
)
def test_content_that_is_no_description(changed, content, message):
    copy = changed()
    (copy / "model.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_network(copy)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_links_that_leave_the_folder(changed, folder, name):
    copy = changed()
    (copy / name).unlink()
    (copy / name).symlink_to(folder / name)
    with pytest.raises(ValueError, match="has a link to another folder"):
        load_network(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_pipes_are_not_waited_for(changed, name):
    copy = changed()
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(ValueError, match="has something that is no file"):
        load_network(copy)


def test_a_folder_may_be_reached_through_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert load_network(tmp_path / "link").stamp_size == 61


def test_metrics_need_not_be_finite(changed):
    copy = changed(metrics={"R2": {"n": np.nan}}, training={"loss": np.inf})
    assert load_network(copy).stamp_size == 61


def test_nothing_is_written(changed):
    copy = changed(architecture="os.system")
    before = {path: path.stat().st_mtime_ns for path in copy.iterdir()}
    with pytest.raises(ValueError, match="must name an architecture"):
        load_network(copy)
    assert {path: path.stat().st_mtime_ns for path in copy.iterdir()} == before


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*ARCHITECTURES, "filters", "log_n", "scale", "covariance"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*good(), *good()["calibration"]]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(list(good())), values)
@settings(max_examples=200, deadline=None)
def test_any_value_is_taken_or_refused(key, value):
    with contextlib.suppress(ValueError):
        check_description({**good(), key: value})


@given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_description_or_refused(content):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_description(content), dict)
