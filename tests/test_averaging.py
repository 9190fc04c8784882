# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the PSFs of averaged and of finer pixels."""

import numpy as np
import pytest

from astro_cnnfit.psf import block_average, moffat
from astro_cnnfit.sersic.averaging import averaged_psfs, finer_psfs

PSF = moffat(6.0, 3.0, size=49)


def test_nothing_is_averaged_without_blocks():
    assert averaged_psfs(PSF, 1) is PSF
    assert averaged_psfs(None, 4) is None


@pytest.mark.parametrize(
    ("factor", "block"), [(2, 2), (5, 5), (6, 6), (7, 1), (8, 4), (9, 3), (10, 5)]
)
def test_finer_pixels_divide_the_averaged_ones(factor, block):
    psfs, found = finer_psfs(PSF, factor)
    assert found == block
    step = factor // block
    extent = psfs.shape[-1] * step
    assert 49 <= extent < 49 + 2 * step
    assert (psfs is PSF) == (step == 1)
    # Light is kept, but for what the tapered edges hold.
    assert psfs.sum(axis=(1, 2)) == pytest.approx(1, abs=0.01)


def test_finer_pixels_are_means_of_a_broad_psf():
    """Where nothing is aliased, a mean without aliases is a mean."""
    broad = moffat(14.0, 4.0, size=65)
    finer, block = finer_psfs(broad, 8)
    assert (block, finer.dtype) == (4, np.float32)
    means = block_average(broad, 2, size=finer.shape[-1])
    middle = np.s_[:, 6:-6, 6:-6]
    np.testing.assert_allclose(finer[middle], means[middle], atol=0.01 * means.max())
