# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how procedural galaxies are blurred and sampled, against GalSim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit.simulation.procedural.components import sersic
from astro_cnnfit.simulation.procedural.grid import make_grid
from astro_cnnfit.simulation.procedural.psf import Moffat, convolve
from astro_cnnfit.simulation.procedural.textures import rotated

GRID = make_grid(101)


def point():
    light = np.zeros_like(GRID.x)
    light[len(light) // 2, len(light) // 2] = 1
    return light


def galsim_psf(galsim, psf):
    moffat = galsim.Moffat(beta=psf.beta, fwhm=psf.fwhm)
    return moffat.shear(q=psf.q, beta=psf.theta * galsim.radians)


def galsim_stamp(galsim, scene):
    image = galsim.Image(101, 101, dtype=float)
    # The PSFs are effective ones: the pixel is a part of them.
    scene.drawImage(image, scale=1.0, method="no_pixel")
    return image.array / image.array.sum()


@pytest.mark.parametrize(
    "psf",
    [Moffat(1.4, 2.5), Moffat(2.0, 3.0, 0.85, 0.6), Moffat(4.0, 4.5, 0.9, 2.0)],
)
def test_psf_agrees_with_galsim(psf):
    galsim = pytest.importorskip("galsim")
    expected = galsim_stamp(galsim, galsim_psf(galsim, psf))
    stamp = convolve(point(), psf, 101)
    assert np.abs(stamp - expected).max() < 0.01 * expected.max()
    # Half of the maximum is reached where it should be.
    np.testing.assert_allclose(
        (stamp > stamp.max() / 2).sum(), (expected > expected.max() / 2).sum(), rtol=0.1
    )


@pytest.mark.parametrize(
    ("n_bulge", "r_bulge", "share", "q", "fwhm", "peak"),
    [
        (1.0, 5.0, 0.0, 0.6, 2.0, 0.01),
        (2.5, 2.0, 0.5, 1.0, 4.0, 0.015),
        # The cusp is softened over a twentieth of a pixel.
        (4.0, 8.0, 0.7, 0.6, 2.5, 0.02),
        (4.0, 3.0, 0.3, 1.0, 1.5, 0.04),
    ],
)
def test_bulge_and_disc_agree_with_galsim(n_bulge, r_bulge, share, q, fwhm, peak):
    galsim = pytest.importorskip("galsim")
    psf, theta, n_grid = Moffat(fwhm, 3.5), 0.7, len(GRID.x) // 2
    ours, theirs = np.zeros_like(GRID.x), []
    for weight, n, r_eff in ((share, n_bulge, r_bulge), (1 - share, 1.0, 7.0)):
        # GalSim's radius is the geometric mean of the axes.
        part = galsim.Sersic(n, half_light_radius=r_eff * np.sqrt(q))
        part = part.shear(q=q, beta=theta * galsim.radians)
        theirs.append(weight * part)
        # Ours has unit flux on the grid, GalSim's has it to infinity.
        seen = part.drawImage(nx=n_grid, ny=n_grid, scale=1.0).array.sum()
        ours += np.float32(weight * seen) * sersic(GRID, r_eff, n, q=q, theta=theta)
    scene = galsim.Convolve([galsim.Sum(theirs), galsim_psf(galsim, psf)])
    expected, stamp = galsim_stamp(galsim, scene), convolve(ours, psf, 101)
    assert np.abs(stamp - expected).max() < peak * expected.max()
    # Away from the cusp; thin parts are a little thicker than asked for.
    away = (expected > 0.01 * expected.max()) & (expected < 0.5 * expected.max())
    np.testing.assert_allclose(stamp[away], expected[away], rtol=0.025)
    r = np.hypot(*(np.mgrid[:101, :101] - 50.0))
    for aperture in (3, 6, 12, 24):
        ratio = stamp[r < aperture].sum() / expected[r < aperture].sum()
        assert ratio == pytest.approx(1, abs=0.012)


@given(
    x=st.floats(-4, 4),
    y=st.floats(-4, 4),
    fwhm=st.floats(1.4, 6),
    beta=st.floats(2.5, 5),
)
@settings(deadline=None, max_examples=25)
def test_shift_moves_the_light_and_nothing_else(x, y, fwhm, beta):
    stamp = convolve(sersic(GRID, 3.0, 1.0), Moffat(fwhm, beta), 101, (x, y))
    steps = np.arange(101) - 50.0
    # The wings of the PSF that the stamp cuts off are not the same on both sides.
    assert stamp.sum(axis=0) @ steps == pytest.approx(x, abs=0.05 + 0.02 * abs(x))
    assert stamp.sum(axis=1) @ steps == pytest.approx(y, abs=0.05 + 0.02 * abs(y))
    assert stamp.min() >= 0


def test_whole_pixels_of_shift_are_exact():
    light = sersic(GRID, 4.0, 3.0, q=0.5, theta=0.4)
    stamp, moved = (convolve(light, Moffat(2.0), 101, at) for at in ((0, 0), (3, -2)))
    inner = stamp[20:80, 20:80]
    np.testing.assert_allclose(moved[18:78, 23:83], inner, rtol=1e-3, atol=1e-7)


def test_symmetric_light_stays_symmetric():
    light = sersic(GRID, 6.0, 4.0, q=0.4, theta=1.0)
    np.testing.assert_allclose(light[1:, 1:], rotated(light)[1:, 1:], rtol=1e-4)
    stamp = convolve(light, Moffat(1.6, 3.0, 0.9, 0.3), 101)
    np.testing.assert_allclose(stamp, stamp[::-1, ::-1], rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("n", [1.0, 4.0])
def test_cusp_does_not_depend_on_where_in_the_pixel_it_lies(n):
    # The central light, from the centre on a point of the grid and between points.
    psf, steps = Moffat(1.8, 3.0), np.arange(101) - 50.0
    x, y = np.meshgrid(steps, steps)
    fluxes = []
    for offset in (0.0, 0.125, 0.25):
        light = sersic(GRID, 3.0, n, centre=(offset, 0.0))
        stamp = convolve(light, psf, 101, (-offset, 0.0))
        fluxes.append(stamp[np.hypot(x, y) < 2].sum())
    np.testing.assert_allclose(fluxes, fluxes[0], rtol=0.01)
