# Licensed under a 3-clause BSD style license - see LICENSE
"""Objects that are found once the models of all others are subtracted."""

import numpy as np
import pytest
from astropy.table import Table

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.detection import GalaxyFinder
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.parameters import encode
from astro_cnnfit.psf import fwhm, moffat
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.sersic.missed import find_missed
from astro_cnnfit.weights import load_network

PSF = moffat([3.5], 3.0)
# x, y, flux, r_eff, n, ellip, theta: a bright galaxy, a faint one that makes no peak
# beside it, and one by itself.
HIDDEN = np.array(
    [
        [60.0, 60.0, 6000.0, 5.0, 1.5, 0.3, 0.5],
        [68.0, 63.0, 700.0, 1.5, 1.0, 0.2, 2.0],
        [160.0, 150.0, 2000.0, 3.0, 2.0, 0.4, 1.0],
    ]
)
FINDER = GalaxyFinder(fwhm=3.5)


@pytest.fixture(scope="module")
def pixels():
    """Image of `HIDDEN` with noise 1 and a pedestal."""
    image = image_of_galaxies(HIDDEN, PSF, (200, 220))
    return image + np.random.default_rng(8).standard_normal(image.shape) + 30.0


@pytest.fixture(scope="module")
def network():
    """The default network."""
    return load_network("sersic")


class TestFindMissed:
    """`find_missed` itself."""

    def residual(self, pixels, known=(0, 2)):
        known = HIDDEN[list(known)]
        return pixels - image_of_galaxies(known, PSF, pixels.shape), encode(known)

    @pytest.mark.parametrize("with_error", [False, True])
    def test_what_hid_is_found(self, pixels, with_error):
        """Alone, at its place, with and without errors given."""
        residual, latent = self.residual(pixels)
        error = np.ones_like(pixels) if with_error else None
        image = parse_image(pixels, error=error)
        before = image.data.copy()
        x, y = find_missed(FINDER, image, residual, latent)
        np.testing.assert_array_equal(image.data, before)
        np.testing.assert_allclose(x, HIDDEN[1:2, 0], atol=0.7)
        np.testing.assert_allclose(y, HIDDEN[1:2, 1], atol=0.7)

    def test_nothing_is_left(self, pixels):
        """Noise alone is no object."""
        residual, latent = self.residual(pixels, (0, 1, 2))
        x, y = find_missed(FINDER, parse_image(pixels), residual, latent)
        assert x.size == y.size == 0

    def test_a_knot_is_no_object(self, pixels):
        """What is faint beside the model that it lies on belongs to that."""
        model = HIDDEN[[0, 2]].copy()
        model[0, 2] *= 20
        latent, light = encode(model), image_of_galaxies(model, PSF, pixels.shape)
        image = parse_image(pixels - 30 + light)
        x, _ = find_missed(FINDER, image, image.data - light, latent)
        near = np.hypot(*(HIDDEN[1, :2] - HIDDEN[0, :2]))
        assert near > FINDER.fwhm
        assert not np.any(np.abs(x - HIDDEN[1, 0]) < 2)

    def test_a_core_is_no_object(self, pixels):
        """What is left within a PSF's width of a known object belongs to that."""
        residual, latent = self.residual(pixels, (1, 2))
        moved = HIDDEN[:1] + np.array([1.0, 1, 0, 0, 0, 0, 0])
        latent = np.vstack([latent, encode(moved)])
        x, _ = find_missed(FINDER, parse_image(pixels), residual, latent)
        assert not np.any(np.abs(x - 60) < 2)

    def test_bad_pixels_are_left_out(self, pixels):
        """NaN and masked pixels make no objects; all of them masked, none is found."""
        residual, latent = self.residual(pixels)
        broken = residual.copy()
        broken[100:110, 100:110] = np.nan
        mask = np.zeros(pixels.shape, bool)
        mask[20:40, 20:40] = True
        broken[20:40, 20:40] += 1000
        image = parse_image(pixels, mask=mask)
        x, _ = find_missed(FINDER, image, broken, latent)
        np.testing.assert_allclose(x, HIDDEN[1:2, 0], atol=0.7)
        image = parse_image(pixels, mask=np.ones(pixels.shape, bool))
        assert find_missed(FINDER, image, residual, latent)[0].size == 0


class TestFitter:
    """The same through `CNNSersicFitter`."""

    @pytest.mark.parametrize("refine", [False, "map"])
    def test_rows_are_added(self, network, pixels, refine):
        """At the end, numbered on; the bright galaxy is measured better with them."""
        few = CNNSersicFitter(network, finder=FINDER, iterations=2)(pixels, PSF)
        fitter = CNNSersicFitter(network, finder=FINDER, iterations=6, refine=refine)
        table = fitter(pixels, PSF)
        assert len(few) == 2
        assert table["id"].tolist() == [1, 2, 3]
        np.testing.assert_allclose(table["x_init"][2], HIDDEN[1, 0], atol=1.5)
        np.testing.assert_allclose(table["x_fit"][2], HIDDEN[1, 0], atol=1)
        order = np.argsort(-few["flux_fit"])
        off = [abs(t["flux_fit"][order[0]] / HIDDEN[0, 2] - 1) for t in (few, table)]
        assert off[1] < off[0]
        assert len(fitter.fit_info) == len(fitter.init_params) == 3
        residual = fitter.make_residual_image(pixels, include_local_bkg=True)
        assert np.abs(residual[50:75, 50:75]).max() < 6

    def test_a_catalogue_stays_as_it_is(self, network, pixels):
        """Rows are only added to what the finder found itself."""
        places = HIDDEN[[2, 0], :2]
        fitter = CNNSersicFitter(network, finder=FINDER, iterations=4)
        assert len(fitter(pixels, PSF, init_params=places)) == 2
        places = Table(places, names=("x", "y"))
        fitter = CNNSersicFitter(network, finder=places, iterations=4)
        assert len(fitter(pixels, PSF)) == 2

    def test_one_psf_each(self, network, pixels):
        """What is added has the PSF of the nearest."""
        psfs = np.repeat(PSF, 2, axis=0)
        fitter = CNNSersicFitter(network, finder=FINDER, iterations=4, statistics=True)
        table = fitter(pixels, psfs)
        assert len(table) == 3
        assert np.all(table["reduced_chi2"] < 2)
        assert np.isfinite(fitter.make_model_image(pixels.shape)).all()

    def test_the_default_finder_knows_the_psf(self, network, pixels, monkeypatch):
        """It smooths by the PSF's FWHM; a finder of one's own as it says."""
        widths = []
        find = GalaxyFinder.find

        def noted(finder, *args, **kwargs):
            widths.append(finder.fwhm)
            return find(finder, *args, **kwargs)

        monkeypatch.setattr(GalaxyFinder, "find", noted)
        psf = moffat([2.6], 3.0)
        for finder in ("default", True, GalaxyFinder(fwhm=3.0)):
            CNNSersicFitter(network, finder=finder)(pixels, psf)
        CNNSersicFitter(network, finder="default")(pixels, np.repeat(PSF, 2, axis=0))
        np.testing.assert_allclose(widths, [*[fwhm(psf)[0]] * 2, 3.0, 3.5], rtol=1e-3)


@pytest.mark.parametrize(("width", "kept"), [(2.2, 2.2), (0.3, 1), (1e4, 100)])
def test_a_finder_for_another_psf(width, kept):
    """All else is as it was, and so is the finder itself."""
    finder = GalaxyFinder(nsigma=7)
    other = finder.with_fwhm(width)
    assert (other.fwhm, other.nsigma, finder.fwhm) == (kept, 7, 3.5)
