# Licensed under a 3-clause BSD style license - see LICENSE
"""Search spaces, the data of a search, and what points of a space mean."""

import subprocess
import sys

import numpy as np
import pytest

from astro_cnnfit.tuning import (
    Choice,
    Fixed,
    Integer,
    Real,
    SearchSpace,
    TuningData,
    available_spaces,
    read_space,
)
from astro_cnnfit.tuning.points import POINTS, TRAINING, check_data, point


def stamps(n, size=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, size, size)).astype("f4")


def test_space_of_casnet_is_that_of_the_paper():
    space = read_space("casnet")
    assert space.architecture == "casnet_a"
    assert space.dimensions == {
        "blocks": Integer(1, 3),
        "convolutions": Integer(1, 2),
        "filters": Choice(*(2**power for power in range(3, 9))),
        "pooling": Choice("average", "max"),
        "dense_layers": Integer(1, 4),
        "dense_units": Choice(128, 256, 512, 1024),
        "dropout": Real(0.25, 0.60),
        "optimizer": Choice("adam", "adamax", "rmsprop", "adadelta", "sgd"),
        "learning_rate": Choice(0.001, 0.005, 0.01, 0.05, 0.1),
        "batch_size": Choice(64, 128, 256, 512, 1024),
    }
    other = read_space("casnet", architecture="casnet_c")
    assert other.architecture == "casnet_c"
    assert other.dimensions == space.dimensions


# Table 1 of the paper.
OPTIMA = {
    "casnet_a": {"filters": 32, "dense_units": 1024, "dropout": 0.50},
    "casnet_c": {"filters": 64, "dense_units": 512, "dropout": 0.55},
}


@pytest.mark.parametrize("name", OPTIMA)
def test_optima_of_the_paper_are_points_of_its_space(name):
    values = {"blocks": 3, "convolutions": 2, "dense_layers": 2, "pooling": "average"}
    optimizer = {"casnet_a": "adamax", "casnet_c": "adam"}[name]
    values |= {"optimizer": optimizer, "learning_rate": 0.001, "batch_size": 512}
    values |= OPTIMA[name]
    assert values in read_space("casnet", architecture=name)
    assert {**values, "filters": 24} not in read_space("casnet")
    # What is left out stands for the architecture's default.
    assert point(name, values).arguments == point(name, {}).arguments


def test_default_sersic_network_and_its_training_are_a_point():
    values = {**POINTS["sersic"].defaults, "schedule": "cosine"}
    values |= {"optimizer": "muon", "learning_rate": 0.7e-3, "batch_size": 256}
    space = read_space("sersic")
    assert values in space
    assert {**values, "learning_rate": 1.0} not in space
    found = point("sersic", values)
    assert found.arguments["filters"] == [24, 64, 96]
    assert found.arguments["dense"] == [256, 128]
    assert found.training == {
        **TRAINING,
        **{k: values[k] for k in TRAINING if k in values},
    }


def test_a_space_is_narrowed_and_widened_in_a_line():
    space = read_space("casnet")
    other = space.replace(dropout=Real(0.1, 0.4), filters=[4, 8], pooling="max")
    assert other.dimensions["filters"] == Choice(4, 8)
    assert other.dimensions["pooling"] == Fixed("max")
    assert "pooling" not in other.searched
    assert other.dimensions["blocks"] == space.dimensions["blocks"]
    assert list(other.dimensions) == list(space.dimensions)
    assert "dropout" not in space.replace(dropout=None).dimensions
    assert space.replace(policy="mixed_bfloat16").dimensions["policy"].value
    assert space.dimensions["dropout"] == Real(0.25, 0.6)


@pytest.mark.parametrize("name", available_spaces())
def test_spaces_are_plain_values_and_back(name):
    space = read_space(name)
    assert SearchSpace.from_dict(space.as_dict()) == space


def test_a_space_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('architecture = "casnet_c"\n[dimensions]\nblocks = [1, 2]\n')
    space = read_space(path)
    assert (space.name, space.dimensions) == ("mine", {"blocks": Choice(1, 2)})
    path.write_text("[dimensions]\nblocks = [1, 2]\n")
    with pytest.raises(ValueError, match=r"'architecture'.*mine\.toml"):
        read_space(path)
    path.write_text('architecture = "casnet_c"\n')
    with pytest.raises(ValueError, match="must have dimensions, got none"):
        read_space(path)
    path.write_text("architecture = ")
    with pytest.raises(ValueError, match="not valid TOML"):
        read_space(path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read_space("nothing"), "space must be one of casnet, sersic or"),
        (lambda: SearchSpace("s", "casnet_a", {}), "must have dimensions, got none"),
        (lambda: SearchSpace("s", "vgg", {"a": 1}), "architecture must be one of"),
        (
            lambda: read_space("casnet").replace(kernel=3),
            "must be of blocks, .* batch_size.*, got kernel",
        ),
        (lambda: Choice(), "one or more different numbers"),
        (lambda: Choice(1, 1), "one or more different numbers"),
        (lambda: Choice(1, "a"), "one or more different numbers"),
        (lambda: Integer(2, 1), "the minimum first, got 2 and 1"),
        (lambda: Integer(1, 2.5), "whole numbers"),
        (lambda: Real(0, float("inf")), "finite numbers"),
        (lambda: Real(0, 1, "log"), "positive with scale='log'"),
        (lambda: Real(0, 1, "square"), "scale must be 'linear' or 'log'"),
        (lambda: Fixed([1]), "value of Fixed must be a number"),
        (
            lambda: read_space("casnet").replace(dropout={"low": 0}),
            r"dimension 'dropout': must have 'values'",
        ),
    ],
)
def test_bad_spaces(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_whole_numbers_among_others_are_made_real():
    assert Choice(1, 0.5).values == (1.0, 0.5)


def test_data_know_themselves_again():
    train, validation = (stamps(6), np.arange(6.0)), (stamps(3), np.arange(3.0))
    data = TuningData(train, validation)
    assert data.sizes == (8,)
    swapped = train[0].astype(">f4"), train[1]
    assert TuningData(swapped, validation).fingerprint() == data.fingerprint()
    other = train[0].copy()
    other[5, 7, 7] += 1e-6
    changed = TuningData((other, train[1]), validation).fingerprint()
    assert changed["train"] != data.fingerprint()["train"]
    assert changed["validation"] == data.fingerprint()["validation"]


GOOD = stamps(4), np.arange(4.0)


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (GOOD, None, "a search needs a training and a validation set, got NoneType"),
        (GOOD, (stamps(0), np.zeros(0)), "validation must not be empty"),
        (GOOD, (stamps(2), np.zeros(3)), "with the N of its truth"),
        (GOOD, (stamps(2, 9), np.zeros(2)), "of the same shape"),
        (GOOD, (stamps(2), np.zeros((2, 7))), "of the same shape"),
        ((stamps(4) * np.inf, GOOD[1]), GOOD, "train must hold finite numbers"),
        ((np.zeros((4, 8)), GOOD[1]), GOOD, "must have shape"),
    ],
)
def test_bad_data(train, validation, message):
    with pytest.raises(ValueError, match=message):
        TuningData(train, validation)


def test_data_without_validation_is_an_error():
    with pytest.raises(TypeError, match="validation"):
        TuningData(train=GOOD)


def test_data_for_another_network():
    data = TuningData(GOOD, GOOD)
    check_data("casnet_a", data)
    with pytest.raises(ValueError, match="must have stamps and PSFs as inputs"):
        check_data("sersic", data)
    wide = stamps(4), np.zeros((4, 7))
    with pytest.raises(
        ValueError, match=r"must have shape \(N,\) or \(N, 1\) or \(N, 12"
    ):
        check_data("casnet_c", TuningData(wide, wide))


def test_spaces_and_results_do_not_load_keras():
    code = (
        "import sys; import astro_cnnfit.tuning; "
        "assert not {'keras', 'keras_tuner', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
