# Licensed under a 3-clause BSD style license - see LICENSE
"""CASNET: its networks, and the stamps and the selection that they are made for."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.morphology.preparation import (
    cut_centre,
    selected,
    unit_maximum_stamps,
)
from astro_cnnfit.networks import casnet


@pytest.mark.parametrize(
    ("build", "filters", "dense", "dropout", "weights"),
    [
        (casnet.build_casnet_a, (32, 64, 128), (1024, 1024), 0.50, 3.5e6),
        (casnet.build_casnet_c, (64, 128, 256), (512, 512), 0.55, 3.6e6),
    ],
)
def test_networks_are_as_in_the_paper(build, filters, dense, dropout, weights):
    model = build()
    kinds = [type(layer).__name__ for layer in model.layers[2:]]
    block = ["Conv2D", "Conv2D", "AveragePooling2D", "BatchNormalization"]
    assert kinds == [*block * 3, "Flatten", "Dense", "Dense", "Dropout", "Dense"]
    convolutions = model.layers[2::4][:3] + model.layers[3::4][:3]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert [layer.filters for layer in convolutions] == [*filters, *filters]
    last = model.layers[-4:]
    assert (last[0].units, last[1].units, last[3].units) == (*dense, 1)
    assert last[2].rate == dropout
    assert model.input_shape in ((None, 60, 60), [(None, 60, 60)])
    assert model.output_shape == (None, 1)
    assert model.count_params() < weights


def test_targets_are_columns_and_come_back():
    labels = np.arange(36.0).reshape(3, 12)
    for targets, name in ((casnet.targets_a, "asymmetry"), (casnet.targets_c, "con")):
        column = [n.startswith(name) for n in LATENT_MEASURES].index(True)
        assert_array_equal(targets(labels), labels[:, [column]])
        mean, covariance = casnet.posterior(targets(labels))
        assert_array_equal(mean[:, 0], labels[:, column])
        assert covariance.shape == (3, 1, 1)
        assert not covariance.any()


def test_labels_of_the_quantity_alone_will_do():
    values = np.array([0.1, 0.2])
    assert_allclose(casnet.targets_a(values), values[:, None])
    assert_allclose(casnet.targets_c(values[:, None]), values[:, None])
    with pytest.raises(ValueError, match=r"labels must have shape \(N,\), \(N, 1\)"):
        casnet.targets_a(np.zeros((4, 5)))


def test_loss_is_the_root_of_the_mean_square():
    true, output = np.float32([[0], [0]]), np.float32([[3], [4]])
    value = keras.ops.convert_to_numpy(casnet.loss(true, output))
    assert_allclose(value, np.sqrt(12.5), rtol=1e-6)


def test_cut_keeps_the_central_pixel():
    for size, cut in ((101, 60), (101, 61), (100, 60), (60, 60), (101, 101)):
        stamp = np.zeros((size, size))
        stamp[size // 2, size // 2] = 1
        found = cut_centre(stamp, cut)
        assert found.shape == (cut, cut)
        assert found[cut // 2, cut // 2] == 1
    assert cut_centre(np.zeros((4, 101, 101))).shape == (4, 60, 60)


@pytest.mark.parametrize("shape", [(59, 60), (3, 59, 70), (101,)])
def test_cut_from_too_few_pixels(shape):
    with pytest.raises(ValueError, match="stamps must have at least 60 x 60 pixels"):
        cut_centre(np.zeros(shape))


def test_stamps_have_unit_maximum():
    rng = np.random.default_rng(2)
    stamps = rng.normal(0, 5, (4, 101, 101))
    stamps[0, 0, 0] = 1e9  # outside the cut
    stamps[1] = -1.0
    stamps[2, 50, 50] = np.nan
    stamps[3, 50, 50] = np.inf
    found = unit_maximum_stamps(stamps)
    assert found.dtype == np.float32
    assert found[0].max() == 1
    assert np.isnan(found[1:]).all()


def test_selection():
    snr, radius = [2.1, 1.9, 3, np.nan, 9], [5.1, 9, 5, 9, np.nan]
    assert_array_equal(selected(snr, radius), [True, False, False, False, False])
