# Licensed under a 3-clause BSD style license - see LICENSE
"""Refinement of all galaxies of an image together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.evaluation.cramer_rao import joint_cramer_rao_covariance
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.parameters import decode, encode
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic import joint
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.sersic.joint import refine_field
from astro_cnnfit.sersic.joint_background import noise_excess, smooth_sky
from astro_cnnfit.sersic.joint_prior import population_prior
from astro_cnnfit.sersic.joint_solve import joint_covariance
from astro_cnnfit.sersic.refine import refine_stamps

PSF = moffat([3.5], 3.0)
# A blend of two, and one by itself.
PARAMS = np.array(
    [
        [60.0, 60.0, 2.0e4, 4.0, 1.2, 0.3, 0.5],
        [69.3, 63.2, 1.2e4, 3.0, 1.5, 0.5, 2.0],
        [150.2, 120.4, 2.0e4, 3.0, 2.0, 0.4, 1.0],
    ]
)
LATENT = encode(PARAMS)
SHAPE = (190, 210)
SPREAD = np.square([0.05, 0.05, 0.01, 0.02, 0.03, 0.02, 0.02])
COVARIANCE = np.tile(np.diag(SPREAD), (len(PARAMS), 1, 1))
SNR = np.full(len(PARAMS), 100.0)


@pytest.fixture(scope="module")
def pixels():
    """Image of `PARAMS` with noise 1 and a pedestal."""
    noise = np.random.default_rng(7).standard_normal(SHAPE)
    return image_of_galaxies(PARAMS, PSF, SHAPE) + noise + 5.0


@pytest.fixture
def start():
    """Where to start, off by what the network says."""
    rng = np.random.default_rng(2)
    return LATENT + rng.normal(0, 2 * np.sqrt(SPREAD), LATENT.shape)


def refine(pixels, start, *, error=1.0, mask=None, **settings):
    """Refine galaxies of an image."""
    if np.ndim(error) == 0 and error is not None:
        error = np.full(pixels.shape, error)
    image = parse_image(pixels, error=error, mask=mask)
    good = np.isfinite(start).all(axis=1)
    model = image_of_galaxies(decode(start[good]), PSF, pixels.shape)
    settings = {
        "reach": np.full(len(start), 25.0), "snr": np.full(len(start), 100.0)
    } | settings  # fmt: skip
    covariance = np.tile(np.diag(SPREAD), (len(start), 1, 1))
    return refine_field(image, image.data - model, PSF, start, covariance, **settings)


def errors_of(found):
    """Standard deviations."""
    return np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))


@pytest.mark.parametrize("use_prior", [False, True])
def test_blend_comes_apart(pixels, start, use_prior):
    """Both galaxies of a blend are found within their errors, and the sky."""
    found = refine(pixels, start, use_prior=use_prior)
    assert found.converged.all()
    assert not found.at_bound.any()
    assert np.abs((found.latent - LATENT) / errors_of(found)).max() < 3.5
    assert_allclose(found.sky, 5.0, atol=0.1)


def test_without_noise_finds_the_truth(start):
    """What is in the image is found, whatever the start."""
    clean = image_of_galaxies(PARAMS, PSF, SHAPE)
    found = refine(clean, start)
    assert_allclose(found.latent, LATENT, atol=0.01)


def test_isolated_galaxy_as_refine_stamps(pixels, start):
    """One galaxy by itself is refined as in its own stamp."""
    place = np.array([150, 120])
    own = start[2:].copy()
    own[:, :2] -= place
    stamp = pixels[90:151, 120:181][np.newaxis]
    expected = refine_stamps(stamp, PSF, 1.0, None, own, COVARIANCE[2:])
    found = refine(pixels, start)
    offset = found.latent[2] - expected.latent[0]
    offset[:2] -= place
    errors = np.sqrt(np.diagonal(expected.covariance[0]))
    # The one has a sky of its own; the other that of the image, which is known better.
    assert np.abs(offset / errors).max() < 1.5
    assert_allclose(errors_of(found)[2], errors, rtol=0.3)


def test_covariance_is_that_of_the_limit(pixels):
    """Errors are those that are possible with the neighbours to be measured, too."""
    found = refine(pixels, LATENT)
    for row, other in ((0, 1), (1, 0)):
        near = PARAMS[[row, other]]
        near[:, :2] -= PARAMS[0, :2]
        limit = joint_cramer_rao_covariance(near, PSF, error=np.ones((121, 121)))
        limit = np.sqrt(np.diagonal(limit))
        assert_allclose(errors_of(found)[row], limit, rtol=0.12)


def test_neighbour_leaves_something_open(pixels, start):
    """A galaxy of a blend is known less well than alone."""
    together = refine(pixels, start)
    fixed = np.array([False, True, True])
    alone = refine(pixels, LATENT, fixed=fixed)
    assert np.all(errors_of(together)[0] > errors_of(alone)[0])
    assert_array_equal(alone.converged, ~fixed)
    assert np.isnan(alone.latent[1:]).all()


def test_masked_pixels_do_not_count(pixels, start):
    """What is masked or not finite may hold anything."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[55:58, 62:80] = True
    expected = refine(pixels, start, mask=mask)
    hidden = pixels.copy()
    hidden[mask] = 1e9
    found = refine(hidden, start, mask=mask)
    assert_allclose(found.latent, expected.latent)
    hidden[mask] = np.nan
    found = refine(hidden, start)
    assert_allclose(found.latent, expected.latent)
    assert expected.converged.all()


def test_galaxy_without_pixels_is_left_alone(pixels, start):
    """The others are refined without a galaxy that is masked."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[85:160, 110:190] = True
    found = refine(pixels, start, mask=mask)
    assert_array_equal(found.converged, [True, True, False])


def test_rows_that_are_not_finite(pixels, start):
    """They stay NaN and disturb nobody."""
    rows = np.insert(start, 1, np.nan, axis=0)
    found = refine(pixels, rows)
    assert_array_equal(found.converged, [True, False, True, True])
    assert np.isnan(found.latent[1]).all()
    assert_allclose(found.latent[[0, 2, 3]], refine(pixels, start).latent)


def test_nothing(pixels):
    """No galaxies, no rows."""
    found = refine(pixels, np.empty((0, 7)))
    assert found.latent.shape == (0, 7)
    assert found.covariance.shape == (0, 7, 7)


def test_everything_masked(pixels, start):
    """Without pixels nothing is refined."""
    found = refine(pixels, start, mask=np.ones(SHAPE, dtype=bool))
    assert not found.converged.any()


@pytest.mark.parametrize("place", [(0.0, 0.0), (209.0, 100.0), (3.0, 189.0)])
def test_at_the_edge(place):
    """Galaxies that are cut by the edge of the image are refined."""
    params = PARAMS[:1].copy()
    params[0, :2] = place
    noise = np.random.default_rng(1).standard_normal(SHAPE)
    image = image_of_galaxies(params, PSF, SHAPE) + noise
    start = encode(params) + 0.02
    found = refine(image, start)
    assert found.converged.all()
    assert np.abs((found.latent - encode(params)) / errors_of(found)).max() < 4


def test_large_galaxies_in_larger_stamps(pixels, start):
    """The size of the stamps hardly matters where the light ends."""
    expected = refine(pixels, start)
    found = refine(pixels, start, reach=np.array([25.0, 50.0, 25.0]))
    assert_allclose((found.latent - expected.latent) / errors_of(expected), 0, atol=0.3)


def test_groups_end_where_all_together_do(pixels, start, monkeypatch):
    """With memory for two galaxies at a time, the blend is still one problem."""
    expected = refine(pixels, start)
    monkeypatch.setattr(joint, "_GROUP", 2)
    found = refine(pixels, start)
    offset = (found.latent - expected.latent) / errors_of(expected)
    assert_allclose(offset, 0, atol=0.3)


def test_error_from_the_image(pixels):
    """Without a map of errors the image itself tells them."""
    expected = refine(pixels, LATENT)
    found = refine(pixels, LATENT, error=None)
    assert found.converged.all()
    assert_allclose(errors_of(found), errors_of(expected), rtol=0.3)


def test_units_do_not_matter(pixels, start):
    """A flux of any unit is refined alike."""
    moved = start.copy()
    moved[:, 2] -= 9
    found = refine(1e-9 * pixels, moved, error=1e-9)
    expected = refine(pixels, start).latent
    expected[:, 2] -= 9
    assert_allclose(found.latent, expected, atol=1e-3)


def test_implausible_answers_are_the_networks(pixels, start):
    """A galaxy that is not there stays as it was measured."""
    extra = encode([[100.0, 20.0, 3.0e4, 5.0, 1.0, 0.2, 0.0]])
    found = refine(pixels, np.concatenate([start, extra]))
    assert_array_equal(found.converged, [True, True, True, False])


def test_inputs_are_not_changed(pixels, start):
    """Arrays of the caller stay as they are."""
    before = pixels.copy(), start.copy()
    refine(pixels, start, use_prior=True)
    assert_array_equal(pixels, before[0])
    assert_array_equal(start, before[1])


class TestParts:
    """The parts, one by one."""

    def test_covariance_by_inversion(self):
        """Blocks of the inverse of the whole matrix."""
        rng = np.random.default_rng(4)
        root = rng.normal(size=(21, 60))
        root[:7, 40:], root[14:, :40] = 0, 0
        root[7:14] *= 0.5
        whole = root @ root.T + np.eye(21)
        blocks = np.stack([whole[i : i + 7, i : i + 7] for i in (0, 7, 14)])
        pairs = np.array([[0, 1], [1, 2], [2, 0]])
        couplings = np.stack(
            [whole[7 * a : 7 * a + 7, 7 * b : 7 * b + 7] for a, b in pairs]
        )
        found = joint_covariance(blocks, pairs, couplings)
        inverse = np.linalg.inv(whole)
        for row in range(3):
            some = slice(7 * row, 7 * row + 7)
            if row == 1:
                assert_allclose(found[row], inverse[some, some], rtol=1e-2, atol=1e-4)

    def test_prior_is_the_population(self):
        """Mean and scatter of galaxies are found from noisy values of them."""
        rng = np.random.default_rng(3)
        values = np.zeros((3000, 7))
        values[:, 2] = rng.normal(4, 0.5, 3000)
        values[:, 3] = 0.3 * values[:, 2] - 0.5 + rng.normal(0, 0.2, 3000)
        values[:, 4] = rng.normal(0.1, 0.3, 3000)
        values[:, 5:] = rng.normal(0, 0.25, (3000, 2))
        covariance = np.tile(1e-6 * np.eye(7), (3000, 1, 1))
        centre, information = population_prior(values, covariance, np.full(3000, 50.0))
        assert_allclose(centre[:, 3], 0.3 * values[:, 2] - 0.5, atol=0.03)
        assert_allclose(centre[:, 4], 0.1, atol=0.02)
        expected = np.reciprocal(np.square([0.2, 0.3, 0.25, 0.25]))
        diagonal = np.diagonal(information[0])
        assert_allclose(diagonal[3:], expected, rtol=0.1)
        assert_array_equal(diagonal[:2], 0)

    def test_few_galaxies_tell_no_prior(self):
        """Too few bright ones are no population."""
        values, covariance = np.zeros((50, 7)), np.tile(np.eye(7), (50, 1, 1))
        assert population_prior(values, covariance, np.full(50, 10.0)) is None

    def test_sky_is_smooth(self):
        """A slope is found, what stands out is not."""
        rng = np.random.default_rng(1)
        y, x = np.mgrid[:400, :500]
        slope = 0.01 * x - 0.02 * y
        image = slope + rng.standard_normal(slope.shape)
        image[100:110, 100:110] += 100
        found = smooth_sky(image, np.ones(image.shape, np.float32))
        inside = (slice(70, -70), slice(70, -70))
        assert_allclose(found[inside], slope[inside], atol=0.3)
        nothing = smooth_sky(image, np.zeros(image.shape, np.float32))
        assert_array_equal(nothing, 0)

    def test_noise_that_is_correlated(self):
        """White noise has no excess; noise with wider structure has."""
        noise = np.random.default_rng(1).standard_normal((300, 300))
        weight = np.ones(noise.shape, np.float32)
        assert noise_excess(noise, weight) < 1.1
        wide = (noise + np.roll(noise, 1, axis=0)) / np.sqrt(2)
        assert 1.7 < noise_excess(wide, weight) < 2.1
        assert noise_excess(noise, 0 * weight) == 1
