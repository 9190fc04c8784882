# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the field that comes with the package."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from astro_cnnfit import datasets
from astro_cnnfit.datasets import load_field, make_field


def test_field_is_what_the_code_makes():
    with fits.open(Path(datasets.__file__).parent / datasets.FIELD) as shipped:
        made = make_field()
        np.testing.assert_allclose(made[0].data, shipped[0].data, rtol=1e-3, atol=0.05)
        np.testing.assert_allclose(made["PSF"].data, shipped["PSF"].data, atol=1e-6)
        for name in shipped["TRUTH"].columns.names:
            np.testing.assert_allclose(
                made["TRUTH"].data[name], shipped["TRUTH"].data[name], rtol=1e-9
            )


def test_field_is_small_and_whole():
    path = Path(datasets.__file__).parent / datasets.FIELD
    assert path.stat().st_size < 300_000
    data, psf, truth = load_field()
    assert data.data.shape == (250, 250)
    assert psf.sum() == pytest.approx(1)
    assert 12 <= len(truth) <= 20
    distance = np.hypot(truth["x"] - truth["x_init"], truth["y"] - truth["y_init"])
    assert distance.max() < 1
