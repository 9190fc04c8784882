# Licensed under a 3-clause BSD style license - see LICENSE
"""Architectures, targets, losses and what their output means."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from astro_cnnfit.compiled import compiled
from astro_cnnfit.networks import ARCHITECTURES, build, galnet, sersic
from astro_cnnfit.parameters import decode, encode
from astro_cnnfit.simulation import TABLE1, draw_galaxies


@pytest.fixture(scope="module")
def params():
    return draw_galaxies(TABLE1, np.random.default_rng(4), 50)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_galnets_are_as_in_the_paper():
    one, two = build("galnet1"), build("galnet2")
    for model, blocks in ((one, 4), (two, 5)):
        convolutions = layers_of(model, keras.layers.Conv2D)
        assert len(convolutions) == 2 * blocks
        assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
        assert len(layers_of(model, keras.layers.AveragePooling2D)) == blocks
        assert len(layers_of(model, keras.layers.Dense)) == 3 + 1
        assert model.output_shape == (None, 7)
    assert [tuple(shape) for shape in two.input_shape] == [
        (None, 61, 61),
        (None, 25, 25),
    ]


def test_default_network_is_compact():
    model = build("sersic")
    # Multiply-adds of the convolutions and dense layers.
    operations = 0
    for layer in layers_of(model, (keras.layers.Conv2D, keras.layers.Dense)):
        pixels = np.prod(layer.output.shape[1:-1]) if layer.output.ndim == 4 else 1
        operations += np.prod(layer.kernel.shape) * pixels
    assert 2 * operations < 110e6


@pytest.mark.parametrize("name", ["galnet1", "galnet2"])
def test_galnet_targets_are_inverted(name, params):
    latent, covariance = ARCHITECTURES[name].posterior(galnet.targets(params))
    assert_allclose(latent, encode(params), atol=1e-5)
    assert not covariance.any()


def test_huber_loss():
    delta = galnet.HUBER_DELTA
    true = np.zeros((1, 1), np.float32)
    for distance, expected in [
        (delta / 2, delta / 8),
        (1.0, 1 - delta / 2),
        (-1.0, 1 - delta / 2),
    ]:
        value = galnet.loss(true, np.array([[distance]], np.float32))
        assert_allclose(ops.convert_to_numpy(value), expected, rtol=1e-4)


def test_sersic_targets_are_inverted(params):
    output = np.zeros((len(params), sersic.OUTPUTS))
    output[:, :7] = sersic.targets(params)
    latent, covariance = sersic.posterior(output)
    assert_allclose(latent, encode(params), atol=1e-5)
    # Zeros stand for the identity, in units of each parameter's width.
    assert_allclose(covariance[0], np.diag(sersic.WIDTHS**2))
    assert_allclose(decode(latent), params, rtol=1e-4, atol=1e-4)


def test_loss_is_the_likelihood_of_the_posterior():
    rng = np.random.default_rng(3)
    output = rng.normal(0, 0.5, (6, sersic.OUTPUTS)).astype(np.float32)
    true = rng.normal(0, 1, (6, 7)).astype(np.float32)
    _, covariance = sersic.posterior(output)
    covariance = covariance / sersic.WIDTHS[:, None] / sersic.WIDTHS
    residual = true - output[:, :7]
    squared = np.einsum("ni,nij,nj->n", residual, np.linalg.inv(covariance), residual)
    expected = np.mean(
        7.5 * np.log1p(squared / 8) + 0.5 * np.linalg.slogdet(covariance)[1]
    ) + np.mean(np.abs(residual))
    value = float(ops.convert_to_numpy(sersic.loss(true, output)))
    assert_allclose(value, expected, rtol=1e-4)


def test_stamp_features_ignore_pedestal_and_follow_flux():
    rng = np.random.default_rng(1)
    stamp = rng.normal(0, 1, (2, 61, 61)).astype(np.float32)
    stamp[:, 28:33, 28:33] += 300
    layer = sersic.StampFeatures()
    pixels, scalars = map(ops.convert_to_numpy, layer(stamp))
    raised, moved = map(ops.convert_to_numpy, layer(stamp + 50))
    assert pixels.shape == (2, 61, 61, 2)
    assert scalars.shape == (2, 7)
    assert_allclose(pixels, raised, atol=1e-3)
    assert_allclose(scalars[:, :6], moved[:, :6], atol=1e-3)
    _, brighter = map(ops.convert_to_numpy, layer(10 * stamp))
    assert_allclose(brighter[:, 0] - scalars[:, 0], 1, atol=0.01)


def test_unknown_architecture():
    with pytest.raises(ValueError, match=r"model must name an architecture.*sersic"):
        build("alexnet")


class TestCompiled:
    """`astro_cnnfit.compiled`."""

    def test_many_shapes_are_no_reason_to_warn(self, caplog):
        """Each set of shapes is traced once, and nothing is said of it."""
        seen = []

        def double(values, times):
            seen.append(tuple(values.shape))
            return values * times

        function = compiled(double, static=(1,))
        for _ in range(2):
            for size in range(1, 9):
                found = np.asarray(function(np.ones(size, np.float32), 2))
                np.testing.assert_array_equal(found, np.full(size, 2.0))
        if keras.backend.backend() == "tensorflow":
            assert len(seen) == 8
        assert not [r for r in caplog.records if "retracing" in r.getMessage()]
