# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the search for a lower minimum of the asymmetry."""

import numpy as np
import pytest

from astro_cnnfit.morphology.classical import measure_stamps
from astro_cnnfit.morphology.symmetry_peak import symmetry_peak


def blob(x, y, width, shape=(101, 101)):
    """A Gaussian of unit peak."""
    rows, columns = np.indices(shape)
    return np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / width**2)


@pytest.fixture
def two_nuclei():
    """A bright compact nucleus on a disc whose centre of light lies elsewhere."""
    return blob(50, 50, 9) + 6 * blob(42, 53, 1.5) + 4.5 * blob(57, 46, 1.8)


class TestSymmetryPeak:
    @pytest.mark.parametrize("shape", [(41, 41), (40, 57)])
    @pytest.mark.parametrize("place", [(20.0, 18.5), (12.5, 22.0)])
    def test_finds_the_centre_of_a_symmetric_image(self, shape, place):
        assert symmetry_peak(blob(*place, 3, shape)) == place

    def test_follows_a_shift(self, two_nuclei):
        x, y = symmetry_peak(two_nuclei)
        moved = symmetry_peak(np.roll(two_nuclei, (2, -3), axis=(0, 1)))
        assert moved == (x - 3, y + 2)

    def test_does_not_change_the_image(self, two_nuclei):
        before = two_nuclei.copy()
        symmetry_peak(two_nuclei)
        assert np.array_equal(two_nuclei, before)


class TestCentreOfAsymmetry:
    def test_is_the_same_in_all_orientations(self, two_nuclei):
        turned = np.stack(
            [np.rot90(t, k) for t in (two_nuclei, two_nuclei.T) for k in range(4)]
        )
        rows = measure_stamps(turned)
        assert np.ptp(rows["asymmetry"]) < 0.005

    def test_is_not_beaten_by_the_peak(self, two_nuclei):
        row = measure_stamps(two_nuclei[None])
        x, y = symmetry_peak(two_nuclei)
        x, y = round(x), round(y)
        # The same light about that centre, by turning whole pixels.
        half = 40
        cut = two_nuclei[y - half : y + half + 1, x - half : x + half + 1]
        there = np.abs(cut - cut[::-1, ::-1]).sum() / cut.sum()
        assert row["asymmetry"][0] < there + 0.02

    def test_noise_does_not_lead_it_away(self):
        rng = np.random.default_rng(4)
        galaxy = 4 * blob(50.3, 49.8, 6)
        stamps = galaxy + rng.normal(0, 1, (20, 101, 101))
        rows = measure_stamps(stamps, sky_sigma=1.0)
        away = np.hypot(rows["xc_asymmetry"] - 50.3, rows["yc_asymmetry"] - 49.8)
        assert np.median(away) < 1.0
        assert away.max() < 4.0
