# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from astro_cnnfit.parameters import LATENT_NAMES, decode, encode
from astro_cnnfit.psf.models import moffat
from astro_cnnfit.rendering import (
    render_sersic_numpy,
    render_with_derivatives,
    render_with_derivatives_numpy,
)
from astro_cnnfit.rendering.derivatives import render_circularised

# Large enough for float32 images, small enough for central differences.
STEPS = np.array([0.05, 0.05, 0.005, 0.005, 0.01, 0.005, 0.005])


def difference(latent, psf, index, shape=(61, 61)):
    """Derivatives by one parameter: central differences of the renderer."""
    ends = []
    for sign in (1, -1):
        moved = latent.astype(float)
        moved[:, index] += sign * STEPS[index]
        image = render_sersic_numpy(decode(moved), psf, shape, batch_size=16)
        ends.append(image.astype(float))
    return (ends[0] - ends[1]) / (2 * STEPS[index])


def differences(latent, psf, shape=(61, 61)):
    columns = [difference(latent, psf, index, shape) for index in range(len(STEPS))]
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def galaxies():
    """Six batches of galaxies over the whole range, one PSF each."""
    rng = np.random.default_rng(8)
    n = 96
    params = np.column_stack(
        [
            *rng.uniform(-3, 3, (2, n)),
            10 ** rng.uniform(2, 5, n),
            10 ** rng.uniform(np.log10(0.3), np.log10(15), n),
            10 ** rng.uniform(np.log10(0.31), np.log10(7.8), n),
            rng.uniform(0.05, 0.95, n),
            rng.uniform(0, np.pi, n),
        ]
    )
    widths = rng.choice([1.8, 2.5, 4.0, 8.0], n)
    psfs = moffat(widths, rng.uniform(2.2, 4.5, n))
    return encode(params).astype("float32"), psfs.astype("float32")


@pytest.fixture(scope="module")
def images(galaxies):
    latent, psfs = galaxies
    return render_with_derivatives_numpy(latent, psfs)


def test_model_is_that_of_the_renderer(galaxies, images):
    latent, psfs = galaxies
    expected = render_sersic_numpy(decode(latent), psfs)
    peak = expected.max(axis=(1, 2), keepdims=True)
    assert_allclose(images[0] / peak, expected / peak, atol=1e-4)


@pytest.mark.parametrize("name", LATENT_NAMES)
def test_derivatives_are_those_of_differences(galaxies, images, name):
    latent, psfs = galaxies
    index = LATENT_NAMES.index(name)
    found = images[1][:, index]
    expected = difference(latent, psfs, index)
    square = np.sum(expected**2, axis=(1, 2))
    error = np.sqrt(np.sum((found - expected) ** 2, axis=(1, 2)) / square)
    # Derivatives that are themselves lost in the rounding of the differences.
    peak = images[0].max(axis=(1, 2))
    seen = np.abs(expected).max(axis=(1, 2)) > 0.02 * peak
    assert seen.mean() > 0.9
    assert np.median(error) < 5e-3
    assert error[seen].max() < 0.06


def test_shape_and_size_of_nearly_round_galaxies():
    # The derivatives by e1 and e2 jump at zero; on either side they are right.
    latent = np.tile([0.2, -0.1, 3.0, 0.6, 0.2, 0.0, 0.0], (4, 1))
    latent[:, 5] = 0.008, -0.008, 0.1, -0.1
    psf = moffat(3.5, 3.0)
    _, found = render_with_derivatives_numpy(latent, psf)
    expected = difference(latent, psf, 5)
    largest = np.abs(expected).max(axis=(1, 2), keepdims=True)
    assert_allclose(found[:, 5] / largest, expected / largest, atol=0.02)


def test_round_galaxies_have_the_mean_of_both_sides():
    latent = np.array([[0.0, 0.0, 3.0, 0.6, 0.2, 0.0, 0.0]], dtype="float32")
    psf = moffat(3.5, 3.0)
    _, found = render_with_derivatives_numpy(latent, psf)
    assert np.isfinite(found).all()
    expected = differences(latent, psf)
    largest = np.abs(expected).max(axis=(2, 3), keepdims=True)
    assert_allclose(found / largest, expected / largest, atol=0.02)
    model, same = render_circularised(latent, psf)
    assert_allclose(ops.convert_to_numpy(same), found, atol=1e-5 * largest.max())
    assert model.shape == (1, 61, 61)


def test_index_beyond_its_range():
    latent = np.array([[0, 0, 3, 0.6, np.log10(n), 0.1, 0.1] for n in (0.2, 9.0)])
    psf = moffat(3.5, 3.0)
    model, found = render_with_derivatives_numpy(latent, psf)
    expected = render_sersic_numpy(decode(latent), psf)
    assert_allclose(model, expected, atol=1e-4 * expected.max())
    assert np.all(found[:, 4] == 0)


@pytest.mark.parametrize("shape", [(60, 60), (61, 41), (40, 51)])
def test_other_stamps(shape):
    latent = np.array([[0.4, -0.7, 3.0, 0.7, 0.3, 0.2, -0.1]] * 2)
    psf = moffat(3.5, 3.0)
    model, found = render_with_derivatives_numpy(latent, psf, shape)
    assert found.shape == (2, 7, *shape)
    expected = render_sersic_numpy(decode(latent), psf, shape)
    assert_allclose(model, expected, atol=1e-4 * expected.max())
    expected = differences(latent, psf, shape)
    largest = np.abs(expected).max(axis=(2, 3), keepdims=True)
    assert_allclose(found / largest, expected / largest, atol=0.01)


def test_galaxy_off_the_centre():
    latent = np.array([[12.0, -9.0, 3.0, 0.7, 0.3, 0.2, -0.1]])
    psf = moffat(3.5, 3.0)
    model, _ = render_with_derivatives_numpy(latent, psf)
    expected = render_sersic_numpy(decode(latent), psf)
    assert_allclose(model, expected, atol=1e-3 * expected.max())


def test_any_number_of_galaxies():
    latent = np.tile([0.2, -0.1, 3.0, 0.6, 0.2, 0.1, 0.0], (5, 1))
    latent[:, 0] += np.arange(5)
    psf = moffat(3.5, 3.0)
    model, found = render_with_derivatives_numpy(latent, psf, batch_size=2)
    expected = [ops.convert_to_numpy(a) for a in render_with_derivatives(latent, psf)]
    assert_allclose(model, expected[0], atol=1e-5 * model.max())
    assert_allclose(found, expected[1], atol=1e-5 * np.abs(found).max())
    one = render_with_derivatives_numpy(latent, np.tile(psf, (5, 1, 1)), batch_size=2)
    assert_allclose(one[0], model, atol=1e-5 * model.max())
    none = render_with_derivatives_numpy(latent[:0], psf)
    assert none[0].shape == (0, 61, 61)
    assert none[1].shape == (0, 7, 61, 61)


@pytest.mark.parametrize("block", [2, 3])
def test_means_over_blocks(block):
    values = np.array([[0.3, -0.7, 5.0, 0.6, 0.6, 0.1, 0.2]])
    psf = moffat(2.0, 3.0)
    fine = render_circularised(values, psf, (11 * block, 9 * block))
    found = render_circularised(values, psf, (11, 9), block)
    for whole, means in zip(fine, found, strict=True):
        whole, means = np.asarray(whole), np.asarray(means)
        expected = whole.reshape(-1, 11, block, 9, block).mean(axis=(2, 4))
        assert_allclose(means.reshape(-1, 11, 9), expected, atol=2e-6 * whole.max())
