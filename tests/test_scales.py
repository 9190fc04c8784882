# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how many pixels are averaged, look after look."""

import numpy as np
import pytest

from astro_cnnfit.inputs import Image
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.sersic.results import Measurement
from astro_cnnfit.sersic.scales import Scales

SIZE, PLACE = 61, np.array([150.0, 150.0])
R_EFF = NAMES.index("r_eff")


@pytest.fixture(scope="module")
def image():
    """A galaxy of 12 pixels, and far from it one of 3."""
    true = [[*PLACE, 3e5, 12.0, 1.0, 0.2, 0.6], [60.0, 60.0, 3e4, 3.0, 1.0, 0.2, 0.6]]
    light = image_of_galaxies(np.array(true), moffat([3.5], 3.0), (301, 301))
    return Image(light + np.random.default_rng(0).normal(0, 1, light.shape))


def scales_of(image, x=PLACE[0], y=PLACE[1], r_eff=None):
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    return Scales(image, x, y, r_eff, 0.0, SIZE)


def said(r_eff, error=0.1, *, place=PLACE, border=0.0):
    """What a look at one galaxy may say."""
    found = Measurement.empty(1)
    found.params[0] = [*place, 3e5, r_eff, 1.0, 0.2, 0.6]
    found.covariance[0] = np.eye(len(NAMES))
    found.covariance[0, R_EFF, R_EFF] = error**2
    found.border_level[:], found.sky_sigma[:] = border, 1.0
    return found


def test_a_large_galaxy_is_seen_once(image):
    scales = scales_of(image, [150.0, 60.0], [150.0, 60.0])
    assert scales.factor.tolist() == [2, 1]
    scales = scales_of(image)
    assert scales.after(said(12.0)).size == 0
    assert scales.factor == 2


@pytest.mark.parametrize(
    "found",
    [said(3.0), said(9.0, 5.0), said(12.0, place=PLACE + 4), said(3.0, border=5.0)],
    ids=["small", "unsure", "off the centre", "neighbour"],
)
def test_a_wrong_guess_leaves_no_trace(image, found, monkeypatch):
    scales = scales_of(image)
    assert scales.after(found).tolist() == [0]
    monkeypatch.setattr("astro_cnnfit.sersic.scales._LIKELY", np.inf)
    other = scales_of(image)
    for _ in range(3):
        assert scales.factor == other.factor
        np.testing.assert_array_equal(scales.centre, other.centre)
        again = said(5.0, border=1.0)
        assert scales.after(again).tolist() == other.after(again).tolist()


def test_never_less_than_the_user_says(image):
    scales = scales_of(image, r_eff=np.array([20.0]))
    assert scales.factor == 3
    assert scales.after(said(3.0)).size == 0


def test_no_guess_where_nothing_can_be_told(image):
    nothing = Measurement.empty(1)
    scales = scales_of(image, np.nan, np.nan)
    assert scales.factor == 1
    assert scales.after(nothing).size == 0
    # A stack has one galaxy each, as large as it is.
    stack = Image(image.data[np.newaxis, 120:181, 120:181])
    assert scales_of(stack, 30.0, 30.0).factor == 1
