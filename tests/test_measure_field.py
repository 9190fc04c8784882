# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies of one image, each measured without the light of the others."""

import numpy as np
import pytest
from astropy.stats import mad_std
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.field import measure_field
from astro_cnnfit.sersic.images import (
    Patch,
    image_of_galaxies,
    patches_of_galaxies,
)
from astro_cnnfit.sersic.measure import measure
from astro_cnnfit.sersic.overlaps import find_overlaps, reach_of
from astro_cnnfit.sersic.point_sources import (
    is_point_source,
    patches_of_point_sources,
    psfs_at,
)
from astro_cnnfit.weights import load_network

PSF = moffat([3.5], 3.0)
# x, y, flux, r_eff, n, ellip, theta of a bright galaxy, a faint one in its light, and
# one by itself.
PAIR = np.array(
    [
        [60.0, 60.0, 6000.0, 5.0, 1.5, 0.3, 0.5],
        [72.0, 63.0, 900.0, 3.0, 1.0, 0.2, 2.0],
        [160.0, 150.0, 2000.0, 3.0, 2.0, 0.4, 1.0],
    ]
)


@pytest.fixture(scope="module")
def network():
    """The default network."""
    return load_network("sersic")


@pytest.fixture(scope="module")
def scene():
    """Image of `PAIR` with noise 1 and a pedestal."""
    image = image_of_galaxies(PAIR, PSF, (200, 220))
    image += np.random.default_rng(5).standard_normal(image.shape) + 30.0
    return parse_image(image)


class TestOverlaps:
    """Who stands in whose light."""

    def test_only_those_that_reach(self):
        """A pair overlaps; a third galaxy, and one without a place, do not."""
        x = np.array([10.0, 20.0, 200.0, np.nan])
        overlaps = find_overlaps(x, x, np.full(4, 5.0), np.full(4, 8.0))
        assert overlaps.of(0).tolist() == [1]
        assert overlaps.of(1).tolist() == [0]
        assert overlaps.of(2).size == overlaps.of(3).size == 0

    def test_light_matters_in_one_direction(self):
        """A large galaxy reaches into the stamp of one that does not reach into its."""
        x = np.array([0.0, 60.0])
        overlaps = find_overlaps(x, x, np.array([55.0, 1.0]), np.array([8.0, 8.0]))
        assert overlaps.of(0).tolist() == [1]

    def test_without_light_nothing_overlaps(self):
        """A galaxy that could not be measured matters to none."""
        x = np.zeros(2)
        overlaps = find_overlaps(x, x, np.zeros(2), np.full(2, 8.0))
        assert overlaps.of(0).size == 0

    def test_nothing(self):
        """No galaxies, no overlaps, no tiers."""
        empty = np.empty(0)
        overlaps = find_overlaps(empty, empty, empty, empty)
        assert overlaps.tiers(np.empty(0, dtype=int)) == []
        assert overlaps.beside(np.empty(0, dtype=bool)).size == 0

    @given(
        seed=st.integers(0, 2**16),
        n=st.integers(1, 60),
        side=st.sampled_from((30, 300)),
    )
    @settings(deadline=None, max_examples=30)
    def test_as_by_brute_force(self, seed, n, side):
        """All pairs that matter are found, and no tier holds one of them."""
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, side, (2, n))
        reach, half = rng.choice([0, 1.0, 10.0, 80.0], n), rng.choice([5.0, 20.0], n)
        overlaps = find_overlaps(x, y, reach, half)
        apart = np.maximum(np.abs(x - x[:, None]), np.abs(y - y[:, None]))
        into = (apart < reach[:, None] + half) & (reach[:, None] > 0)
        expected = (into | into.T) & ~np.eye(n, dtype=bool)
        found = np.zeros((n, n), dtype=bool)
        found[overlaps.first, overlaps.second] = True
        np.testing.assert_array_equal(found, expected)
        order = rng.permutation(n)
        tiers = overlaps.tiers(order)
        np.testing.assert_array_equal(np.sort(np.concatenate(tiers)), np.arange(n))
        for tier in tiers:
            assert not expected[np.ix_(tier, tier)].any()
        tier_of = np.empty(n, dtype=int)
        for number, rows in enumerate(tiers):
            tier_of[rows] = number
        place = np.argsort(order)
        one, other = np.nonzero(expected)
        first = place[one] < place[other]
        assert np.all(tier_of[one[first]] < tier_of[other[first]])

    def test_reach_is_where_the_light_vanishes(self):
        """Along the major axis, a galaxy is as bright there as was asked for."""
        params = PAIR[:1].copy()
        params[:, 6] = 0
        image = image_of_galaxies(params, PSF, (121, 121))
        reach = reach_of(params, np.array([0.2]), np.array([3.5]))[0]
        assert image[60, 60 + int(reach) + 4] < 0.2 < image[60, 60 + int(reach) - 6]

    def test_reach_of_nothing(self):
        """What is lost, or fainter than asked for, has the PSF's reach or none."""
        params = np.array([[0.0, 0, np.nan, 1, 1, 0, 0], [0.0, 0, 1e-9, 1, 1, 0, 0]])
        assert reach_of(params, np.ones(2), np.full(2, 3.0)).tolist() == [0.0, 3.0]


class TestPatches:
    """Parts of images."""

    @pytest.mark.parametrize(
        ("left", "bottom"), [(3, 4), (-2, -3), (8, 9), (-5, 0), (30, 0), (0, -40)]
    )
    def test_add_and_subtract(self, left, bottom):
        """Only what is inside is added, and it can be taken out again."""
        image = np.zeros((10, 12))
        patch = Patch(np.ones((4, 5)), left, bottom)
        patch.add_to(image)
        rows = np.arange(10)[:, None] - bottom
        columns = np.arange(12) - left
        expected = (rows >= 0) & (rows < 4) & (columns >= 0) & (columns < 5)
        np.testing.assert_array_equal(image, expected)
        patch.add_to(image, -1)
        assert not image.any()

    def test_galaxies_one_by_one_are_the_image(self):
        """The patches of galaxies add up to their image."""
        image = np.zeros((200, 220))
        rows = []
        for row, patch in patches_of_galaxies(PAIR, PSF, image.shape):
            rows.append(row)
            patch.add_to(image)
        assert sorted(rows) == [0, 1, 2]
        np.testing.assert_allclose(image, image_of_galaxies(PAIR, PSF, (200, 220)))

    def test_a_smaller_reach_makes_smaller_patches(self):
        """What does not matter is not drawn."""
        ((_, patch),) = patches_of_galaxies(
            np.array([[300.0, 300, 1e4, 20, 4, 0, 0]]),
            PSF,
            (900, 900),
            np.array([25.0]),
        )
        assert patch.pixels.shape == (61, 61)


class TestPointSources:
    """Stars are subtracted as PSFs."""

    def test_what_is_likely(self):
        """More likely than not; unknown is a galaxy."""
        found = is_point_source(np.array([0.9, 0.1, np.nan]))
        assert found.tolist() == [True, False, False]

    @pytest.mark.parametrize("with_error", [False, True])
    def test_flux_and_place(self, with_error):
        """A star between pixels, half masked, on a sky, is found as it is."""
        star = np.array([[20.3, 17.6, 500.0, 0.05, 1.0, 0.0, 0.0]])
        image = image_of_galaxies(star, PSF, (40, 40)) + 7.0
        mask = np.zeros(image.shape, dtype=bool)
        mask[:, 22:] = True
        image[mask] = np.nan
        error = np.ones(image.shape) if with_error else None
        ((flux, patch),) = patches_of_point_sources(
            parse_image(image, mask=mask, error=error),
            star[:, 0], star[:, 1], np.array([7.0]), PSF,
        )  # fmt: skip
        assert flux == pytest.approx(500, rel=0.02)
        assert patch.pixels.sum() == pytest.approx(500, rel=0.03)
        patch.add_to(image, -1)
        assert np.nanmax(np.abs(image - 7.0)) < 0.01 * 500 * PSF.max()

    def test_without_good_pixels(self):
        """A star that is masked leaves the image as it is."""
        image = parse_image(np.ones((40, 40)), mask=np.ones((40, 40), dtype=bool))
        ((flux, patch),) = patches_of_point_sources(
            image, np.array([20.0]), np.array([20.0]), np.array([0.0]), PSF
        )
        assert flux == 0
        assert not patch.pixels.any()


class TestMeasureField:
    """`measure_field` itself."""

    def test_neighbours_are_subtracted(self, network, scene):
        """The faint galaxy is measured better than by itself; the input is kept."""
        before = scene.data.copy()
        x, y = PAIR[:, 0], PAIR[:, 1]
        alone = measure(network, scene, x, y, PSF)
        found = measure_field(network, scene, x, y, PSF, iterations=5)
        np.testing.assert_array_equal(scene.data, before)
        off = [np.abs(np.log(m.params[:, 2] / PAIR[:, 2])) for m in (alone, found)]
        assert off[1][1] < off[0][1] + 0.02
        assert np.all(off[1] < 0.12)
        assert found.passes[2] == 1
        assert np.all(found.passes[:2] > 2)
        np.testing.assert_array_equal(found.params[2], alone.params[2])

    def test_one_pass_is_a_plain_measurement(self, network, scene):
        """With one iteration, nothing is subtracted."""
        x, y = PAIR[:, 0], PAIR[:, 1]
        alone = measure(network, scene, x, y, PSF)
        found = measure_field(network, scene, x, y, PSF, iterations=1)
        np.testing.assert_array_equal(found.params, alone.params)
        assert found.passes.tolist() == [1, 1, 1]

    def test_lost_galaxies_keep_their_rows(self, network, scene):
        """Positions outside, or nowhere, are NaN and harm no other."""
        x = np.array([60.0, np.nan, 72.0, -500.0])
        y = np.array([60.0, 10.0, 63.0, 5.0])
        found = measure_field(network, scene, x, y, PSF, iterations=3)
        assert np.isfinite(found.params[:, 0]).tolist() == [True, False, True, False]
        assert found.passes[[1, 3]].tolist() == [1, 1]

    def test_statistics_come_last(self, network, scene):
        """They are those of galaxies without their neighbours."""
        x, y = PAIR[:, 0], PAIR[:, 1]
        found = measure_field(
            network, scene, x, y, np.repeat(PSF, 3, axis=0), iterations=3,
            statistics=True, r_eff=np.array([5.0, np.nan, 3.0]),
        )  # fmt: skip
        assert np.all(found.reduced_chi2 < 1.6)

    def test_refined_together(self, network, scene):
        """Refinement to the posterior is one of all galaxies; lost rows stay."""
        x = np.append(PAIR[:, 0], np.nan)
        y = np.append(PAIR[:, 1], 5.0)
        found = measure_field(
            network, scene, x, y, PSF, iterations=4, statistics=True, refine="map"
        )
        assert found.refined.tolist() == [True, True, True, False]
        assert np.isnan(found.params[3]).all()
        assert np.isfinite(found.qfit[:3]).all()
        off = np.log(found.params[:3, 2] / PAIR[:, 2])
        error = np.sqrt(found.latent_covariance[:3, 2, 2]) * np.log(10)
        assert np.all(np.abs(off) < 3 * error)
        assert np.all(np.abs(off) < 0.1)

    def test_nothing_to_measure(self, network, scene):
        """No positions, no rows."""
        found = measure_field(
            network, scene, np.empty(0), np.empty(0), PSF, iterations=3
        )
        assert found.params.shape == (0, 7)


class TestFitter:
    """The same through `CNNSersicFitter`."""

    def test_finds_measures_and_subtracts(self, network, scene):
        """What is found is measured, and the residual holds noise and sky alone."""
        places = Table(PAIR[:, :2], names=("x", "y"))
        fitter = CNNSersicFitter(network, finder=places, iterations=4)
        table = fitter(scene.data, PSF)
        assert len(table) == 3
        assert table.meta["iterations"] == 4
        assert max(info["passes"] for info in fitter.fit_info) > 2
        residual = fitter.make_residual_image(scene.data, include_local_bkg=True)
        assert mad_std(residual) < 1.05
        assert np.abs(residual).max() < 8

    def test_default_finder(self, network, scene):
        """It finds the galaxies that are apart."""
        table = CNNSersicFitter(network, finder="default")(scene.data, PSF)
        x = table["x_fit"][table["flux_fit"] > 1000]
        np.testing.assert_allclose(np.sort(x), [60, 160], atol=0.3)

    @pytest.mark.parametrize("one_each", [False, True])
    def test_stars_are_subtracted_as_psfs(self, network, one_each):
        """A bright star is told from a galaxy, and drawn with the PSF given."""
        image = image_of_galaxies(PAIR, PSF, (200, 220))
        (star,) = psfs_at(
            np.array([150.3]), np.array([50.6]), moffat([3.5], 3.0, size=61)
        )
        star.add_to(image, 20000.0)
        image += np.random.default_rng(6).standard_normal(image.shape)
        places = np.vstack([PAIR[:, :2], [150.0, 51.0]])
        fitter = CNNSersicFitter(network, iterations=3)
        psf = moffat([3.5] * (4 if one_each else 1), 3.0, size=61)
        table = fitter(image, psf, init_params=places)
        assert table["point_like_prob"][3] > 0.5
        assert np.all(table["point_like_prob"][:3] < 0.5)
        flux = [info["point_flux"] for info in fitter.fit_info]
        assert flux[3] == pytest.approx(20000, rel=0.01)
        assert np.isnan(flux[:3]).all()
        residual = fitter.make_residual_image(image)
        assert np.abs(residual[40:61, 140:161]).max() < 6

    def test_refining_together_leaves_stars_as_they_are(self, network):
        """Two stars in each other's light keep the fluxes that they had."""
        image = image_of_galaxies(PAIR, PSF, (200, 220))
        stars = np.array([[150.3, 50.6], [158.1, 52.2]])
        for patch, flux in zip(psfs_at(*stars.T, PSF), (20000.0, 5000.0), strict=True):
            patch.add_to(image, flux)
        image += np.random.default_rng(6).standard_normal(image.shape)
        places = np.vstack([PAIR[:, :2], stars])
        for refine in (False, "map"):
            fitter = CNNSersicFitter(network, iterations=6, refine=refine)
            fitter(image, PSF[0], init_params=places)
            flux = [info["point_flux"] for info in fitter.fit_info]
            np.testing.assert_allclose(flux[3:], [20000, 5000], rtol=0.02)

    def test_a_bad_psf_costs_its_row_alone(self, network, scene):
        """NaN and a flag, for one pass and for many."""
        psfs = np.repeat(PSF, 3, axis=0)
        psfs[1] = np.nan
        for iterations in (1, 3):
            fitter = CNNSersicFitter(network, iterations=iterations)
            with pytest.warns(AstropyUserWarning, match="1 bad_psf"):
                table = fitter(scene.data, psfs, init_params=PAIR[:, :2])
            assert np.isfinite(table["flux_fit"]).tolist() == [True, False, True]
            assert table["flags"][1] == flags.BAD_PSF
            assert table["x_init"][1] == 72.0

    def test_a_stack_has_no_neighbours(self, network):
        """More than one pass is for an image."""
        with pytest.raises(ValueError, match="iterations must be 1 for a stack"):
            CNNSersicFitter(network, iterations=2)(np.ones((2, 61, 61)), PSF)

    @pytest.mark.parametrize("iterations", [0, -1, 1.5, "many", None])
    def test_iterations_are_a_number(self, network, iterations):
        """Anything else is refused."""
        with pytest.raises(ValueError, match="iterations must be a positive integer"):
            CNNSersicFitter(network, iterations=iterations)
