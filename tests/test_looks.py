# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what happens to stamps before and after a network sees them."""

import numpy as np
import pytest
from astropy.modeling.models import Sersic2D

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.cutouts import cut_stamps
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.parameters import NAMES, amplitude_from_flux
from astro_cnnfit.psf import fwhm, moffat
from astro_cnnfit.sersic.border import Border, image_sky
from astro_cnnfit.sersic.pixels import prepare, sky_noise
from astro_cnnfit.sersic.quality import quality_flags, warn_of_lost
from astro_cnnfit.sersic.statistics import light_at, light_of
from astro_cnnfit.weights import load_network

RANGES = {
    "r_eff": (0.7, 20.0),
    "n": (0.3, 8.0),
    "ellip": (0.0, 0.9),
    "psf_fwhm": (2.0, 6.0),
    "snr": (15.0, 1e4),
}


def no_light(places, x, y):
    return np.zeros((len(places), len(x)))


def levels(stamps, mask, light_at=no_light):
    return Border(mask).levels(stamps, np.arange(len(stamps)), light_at)


def test_border_is_the_edge():
    stamps = np.zeros((2, 61, 61))
    stamps[:, :2] = stamps[:, -2:] = 3.0
    stamps[:, :, :2] = stamps[:, :, -2:] = 3.0
    level, light = levels(stamps, np.zeros(stamps.shape, bool))
    np.testing.assert_array_equal(level, 3.0)
    np.testing.assert_array_equal(light, 0.0)


def test_border_moves_in_where_the_stamp_is_beyond_the_image():
    rng = np.random.default_rng(0)
    stamps = rng.normal(5.0, 1.0, (3, 61, 61))
    mask = np.zeros(stamps.shape, bool)
    mask[1, :8] = mask[1, -8:] = mask[1, :, :8] = mask[1, :, -8:] = True
    mask[2] = True
    stamps[mask] = 1e9
    level, _ = levels(stamps, mask)
    np.testing.assert_allclose(level[:2], 5.0, atol=0.2)
    assert level[2] == 0.0


def test_border_takes_few_good_pixels_at_the_edge_before_many_farther_in():
    y, x = np.mgrid[:61, :61] - 30.0
    stamps = 100.0 * np.exp(-np.hypot(x, y) / 8)[np.newaxis]
    mask = np.zeros(stamps.shape, bool)
    mask[:, :, :18] = mask[:, :, -18:] = True
    level, _ = levels(stamps, mask)
    assert level[0] < 4


def test_light_of_the_galaxy_is_not_sky():
    stamps = np.full((2, 61, 61), 7.0)
    level, light = levels(
        stamps,
        np.zeros(stamps.shape, bool),
        lambda places, x, y: np.array([[2.0], [3.0]])[places] + 0 * x,
    )
    np.testing.assert_allclose(level, [5.0, 4.0])
    np.testing.assert_allclose(light, [2.0, 3.0])


def test_light_that_is_not_finite_leaves_the_sky_as_it_is():
    stamps = np.full((3, 61, 61), 7.0)
    light = np.array([[np.nan], [np.inf], [2.0]])
    level, light = levels(
        stamps, np.zeros(stamps.shape, bool), lambda places, x, y: light[places] + 0 * x
    )
    np.testing.assert_allclose(level, [7.0, 7.0, 5.0])
    np.testing.assert_allclose(light, [0.0, 0.0, 2.0])


@pytest.mark.parametrize("pedestal", [0.0, 250.0, -90.0])
def test_sky_of_a_crowded_image(pedestal):
    rng = np.random.default_rng(1)
    image = rng.normal(pedestal, 2.0, (400, 500))
    image[:, ::7] += rng.exponential(100, image[:, ::7].shape)
    assert image_sky(parse_image(image), 61) == pytest.approx(pedestal, abs=0.3)
    mask = np.zeros(image.shape, bool)
    mask[::2] = True
    image[mask] = 1e6
    assert image_sky(parse_image(image, mask=mask), 61) == pytest.approx(
        pedestal, abs=0.3
    )


def test_sky_is_left_alone_where_it_is_not_known():
    rng = np.random.default_rng(1)
    assert image_sky(parse_image(rng.normal(9, 1, (61, 61))), 61) == 0
    assert image_sky(parse_image(rng.normal(9, 1, (9, 61, 61))), 61) == 0
    assert image_sky(parse_image(rng.normal(1, 1, (150, 150))), 61) == 0
    assert image_sky(parse_image(rng.normal(9, 1, (150, 150))), 61) > 8
    assert image_sky(parse_image(np.full((150, 150), np.nan)), 61) == 0


def cut(data, factor=1, **keywords):
    image = parse_image(data, **keywords)
    ny, nx = image.data.shape
    return cut_stamps(image, [(nx - 1) / 2], [(ny - 1) / 2], factor=factor)


def test_missing_sky_comes_with_its_noise():
    rng = np.random.default_rng(2)
    stamps = cut(rng.normal(50.0, 3.0, (41, 41)))
    pixels, reference, sigma, seen_sigma, error = prepare(stamps)
    filled = (pixels + reference[:, None, None])[stamps.mask]
    assert filled.mean() == pytest.approx(50.0, abs=0.5)
    assert filled.std() == pytest.approx(3.0, rel=0.15)
    assert sigma[0] == pytest.approx(3.0, rel=0.15)
    assert error == 1.0
    assert seen_sigma is sigma


def test_noise_of_block_averages():
    rng = np.random.default_rng(3)
    stamps = cut(rng.normal(0.0, 3.0, (183, 183)), factor=3)
    found = prepare(stamps)
    assert found.pixels.std() == pytest.approx(found.seen_sigma[0], rel=0.1)
    assert stamps.data.std() == pytest.approx(found.sigma[0], rel=0.1)
    assert found.seen_sigma[0] < 0.6 * found.sigma[0]
    given = cut(rng.normal(0.0, 3.0, (183, 183)), factor=3, error=3.0)
    found = prepare(given)
    assert found.sigma[0] == pytest.approx(1.0)
    np.testing.assert_allclose(found.error, 1.0)


def test_noise_of_the_fill_is_always_the_same():
    assert sky_noise(61) is sky_noise(61)
    assert not sky_noise(61).flags.writeable


def params(**changed):
    values = {"flux": 1e3, "r_eff": 4.0, "n": 1.0, "ellip": 0.3, "theta": 1.0}
    values |= changed
    return np.array([[0.0, 0.0, *values.values()]])


@pytest.mark.parametrize(
    ("changed", "psf", "expected"),
    [
        ({}, 3.0, 0),
        ({}, None, 0),
        ({"r_eff": 25.0, "flux": 5e3}, 3.0, flags.OUTSIDE_TRAINING_RANGE),
        ({"r_eff": 0.4}, 3.0, flags.OUTSIDE_TRAINING_RANGE),
        ({"ellip": 0.93}, 3.0, flags.OUTSIDE_TRAINING_RANGE),
        ({"ellip": 0.0}, 3.0, 0),
        ({"n": 8.0}, 3.0, flags.AT_BOUND),
        ({"n": 0.3}, 3.0, flags.AT_BOUND),
        ({"flux": 150.0}, 3.0, flags.LOW_SNR),
        ({"flux": 1e7}, 3.0, flags.OUTSIDE_TRAINING_RANGE),
        ({}, 1.4, flags.OUTSIDE_TRAINING_RANGE),
        ({}, 7.0, flags.OUTSIDE_TRAINING_RANGE),
    ],
)
def test_quality_flags(changed, psf, expected):
    psfs = None if psf is None else moffat([psf], 3.0)
    bits, _, widths = quality_flags(params(**changed), psfs, RANGES)
    assert list(bits) == [expected]
    assert widths[0] == pytest.approx(np.sqrt(12) if psf is None else fwhm(psfs)[0])


def test_snr_is_that_within_the_effective_radius():
    galaxies = np.repeat(params(), 2, axis=0)
    psfs = moffat([3.0, 4.0], 3.0)
    _, snr, widths = quality_flags(galaxies, psfs, RANGES)
    np.testing.assert_allclose(widths, [3.0, 4.0], rtol=0.15)
    expected = 500 / np.sqrt(np.pi * (0.7 * 16 + widths**2 / 4))
    np.testing.assert_allclose(snr, expected)


def test_width_of_the_psf_is_exact_where_something_depends_on_it():
    galaxies = np.repeat(params(flux=220.0), 2, axis=0)
    psfs = moffat([3.0, 4.0], 2.2)
    _, _, widths = quality_flags(galaxies, psfs, RANGES)
    np.testing.assert_allclose(widths, fwhm(psfs))
    bright = np.repeat(params(flux=5e3), 2, axis=0)
    psfs = moffat([2.1, 5.9], 3.0)
    _, _, widths = quality_flags(bright, psfs, RANGES)
    np.testing.assert_allclose(widths, fwhm(psfs))


def test_nothing_lost_nothing_warned_of():
    warn_of_lost(np.array([0, flags.TRUNCATED, flags.LOW_SNR]), stacklevel=1)


def guess(stamps, mask=None, sky=0.0):
    mask = np.zeros(stamps.shape, bool) if mask is None else mask
    one = np.ones(len(stamps))
    return Border(mask).first_guess(stamps, np.arange(len(stamps)), sky * one, one)


def profile(height, n, r_eff, theta=0.5):
    """A galaxy that lies ``height`` above the sky at the middle of the sides."""
    galaxy = np.array([[0.0, 0.0, 1e3, r_eff, n, 0.4, theta]])
    y, x = np.mgrid[:61, :61].reshape(2, -1) - 30.0
    light = light_at(galaxy, x, y).reshape(1, 61, 61)
    return height * light / np.median(light[:, 20:40, :2])


@pytest.mark.parametrize("pedestal", [3.0, 20.0, -20.0, 1e3])
def test_pedestal_is_seen_before_the_first_look(pedestal):
    rng = np.random.default_rng(4)
    stamps = rng.normal(pedestal, 1.0, (50, 61, 61))
    np.testing.assert_allclose(guess(stamps), pedestal, atol=0.8)
    np.testing.assert_array_equal(guess(stamps, sky=pedestal), pedestal)
    faint = stamps + profile(1.0, 2.0, 8.0)
    np.testing.assert_allclose(guess(faint), pedestal, atol=2.0)


@pytest.mark.parametrize("theta", [0.0, 0.8, 2.2])
@pytest.mark.parametrize(("n", "r_eff"), [(0.5, 15.0), (1.0, 25.0), (4.0, 15.0)])
def test_light_of_a_large_galaxy_is_no_pedestal(n, r_eff, theta):
    rng = np.random.default_rng(5)
    stamps = rng.normal(0.0, 1.0, (20, 61, 61)) + profile(30.0, n, r_eff, theta)
    np.testing.assert_array_equal(guess(stamps), 0.0)


def test_first_guess_without_some_of_the_border():
    rng = np.random.default_rng(6)
    stamps = rng.normal(50.0, 1.0, (3, 61, 61))
    mask = np.zeros(stamps.shape, bool)
    mask[0, :8] = mask[0, :, :8] = True
    mask[1, 1:-1] = True
    mask[2] = True
    stamps[mask] = 1e9
    np.testing.assert_allclose(guess(stamps, mask)[:2], 50.0, atol=1.0)
    assert guess(stamps, mask)[2] == 0.0


@pytest.mark.parametrize("n", [0.1, 0.3, 1.0, 3.7, 8.0, 15.0])
def test_light_from_the_table_is_that_of_the_profile(n):
    galaxies = np.array([[0.5, -1.0, 1e3, 6.0, n, 0.4, 0.7]] * 70)
    x, y = np.linspace(-30, 30, 40), np.linspace(20, -25, 40)
    columns = dict(zip(NAMES, galaxies[0], strict=True))
    shape = [columns[name] for name in ("flux", "r_eff", "n", "ellip")]
    model = Sersic2D(amplitude_from_flux(*shape), 6.0, n, 0.5, -1.0, 0.4, 0.7)
    light = light_at(galaxies, x, y)
    np.testing.assert_allclose(light[-1], model(x, y), rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(light, light[[0]].repeat(70, axis=0))
    row, place = np.array([0, 3, 69]), np.array([5, 20, 39])
    sparse = light_of(galaxies, row, x[place], y[place])
    np.testing.assert_allclose(sparse, light[row, place], rtol=1e-3, atol=1e-6)


class Counted:
    """A network that counts how many stamps it is shown."""

    def __init__(self, network):
        self.network, self.shown = network, 0

    def __getattr__(self, name):
        return getattr(self.network, name)

    def predict(self, stamps, *arguments, **keywords):
        self.shown += len(stamps)
        return self.network.predict(stamps, *arguments, **keywords)


@pytest.mark.parametrize("pedestal", [0.0, 20.0, -20.0, 1e5])
def test_stamps_on_a_pedestal_are_looked_at_once(pedestal):
    rng = np.random.default_rng(7)
    light = 1e3 * moffat([6.0], 3.0, size=61)
    stamps = (light + rng.normal(0, 1, (8, 61, 61))).astype(np.float32)
    network = Counted(load_network("sersic"))
    psf = moffat([3.0], 3.0)
    one, eight = CNNSersicFitter(network)(stamps + pedestal, psf), network.shown
    assert eight == 8
    flat = CNNSersicFitter(network)(stamps, psf)
    np.testing.assert_allclose(one["flux_fit"], flat["flux_fit"], rtol=0.02)
    np.testing.assert_allclose(one["local_bkg"], pedestal, atol=0.3)
