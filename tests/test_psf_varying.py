# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of PSFs that vary: stacks with positions, one for each row, files."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Moffat2D
from astropy.nddata import NDData
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal
from photutils.datasets import make_model_image
from photutils.psf import (
    CircularGaussianPRF,
    EPSFBuilder,
    GriddedPSFModel,
    ImagePSF,
    extract_stars,
)

from astro_cnnfit import flags, psf
from astro_cnnfit.psf import PSFStack, as_psf_stamps, psf_stamps_of_rows, read_psf

GRID = [(x, y) for y in (0.0, 50.0) for x in (0.0, 100.0, 200.0)]
SCATTERED = [(0.0, 0.0), (200.0, 10.0), (20.0, 180.0), (190.0, 170.0), (90.0, 80.0)]


def widths(positions):
    x, y = np.transpose(positions)
    return 2.5 + 0.004 * x + 0.003 * y


def stack_at(positions, **options):
    stamps = psf.gaussian(widths(positions), size=31)
    # Counts do not weigh.
    stamps = stamps * np.arange(1, len(stamps) + 1)[:, None, None]
    return PSFStack(stamps, *np.transpose(positions), **options)


class TestStack:
    def test_grid_is_bilinear(self):
        corners = psf.gaussian(widths([(100, 0), (200, 0), (100, 50), (200, 50)]))
        stamp = as_psf_stamps(stack_at(GRID), positions=([120.0], [30.0]))[0]
        weights = np.outer([0.4, 0.6], [0.8, 0.2]).ravel()
        assert_allclose(stamp, np.tensordot(weights, corners, axes=1), atol=1e-6)

    def test_grid_as_photutils_has_it(self):
        stamps = stack_at(GRID).stamps
        stamps = stamps / stamps.sum(axis=(1, 2), keepdims=True)
        meta = {"grid_xypos": GRID, "oversampling": 1}
        data = NDData(stamps, meta=meta)
        positions = ([33.0, 180.0, -9.0], [10.0, 49.0, 99.0])
        expected = as_psf_stamps(GriddedPSFModel(data), positions=positions)
        assert_allclose(as_psf_stamps(data, positions=positions), expected, atol=1e-6)

    def test_order_of_a_grid_does_not_matter(self):
        order = [3, 0, 5, 1, 4, 2]
        shuffled = stack_at([GRID[number] for number in order])
        positions = ([120.0, 7.0], [30.0, 3.0])
        expected = as_psf_stamps(stack_at(GRID), positions=positions)
        found = as_psf_stamps(shuffled, positions=positions)
        assert_allclose(found, expected, atol=1e-6)

    def test_scattered_is_linear_in_triangles(self):
        # Images that are linear in position are met exactly.
        slope = psf.gaussian(4.0)[0] - psf.gaussian(3.0)[0]
        x, y = np.transpose(SCATTERED)
        factor = 1e-3 * (x + 2 * y)
        stamps = psf.gaussian(3.0) + factor[:, None, None] * slope
        wanted = np.array([50.0, 120.0]), np.array([60.0, 100.0])
        found = as_psf_stamps(PSFStack(stamps, x, y), positions=wanted)
        factor = 1e-3 * (wanted[0] + 2 * wanted[1])
        expected = psf.gaussian(3.0) + factor[:, None, None] * slope
        assert_allclose(found, expected, atol=1e-6)

    def test_nearest_outside(self):
        stack = stack_at(SCATTERED)
        found = as_psf_stamps(stack, positions=([-50.0, 400.0, np.nan], [-9, 9, 5]))
        expected = psf.gaussian(widths(SCATTERED))
        assert_allclose(found[:2], expected[:2], atol=1e-6)
        assert np.isfinite(found).all()

    @pytest.mark.parametrize("positions", [SCATTERED[:1], SCATTERED[:2], [(0, 0)] * 2])
    def test_few_positions(self, positions):
        stack = stack_at(np.asarray(positions, float))
        assert as_psf_stamps(stack, positions=([1.0], [2.0])).shape == (1, 25, 25)

    def test_on_a_line(self):
        stack = stack_at([(0.0, 0.0), (50.0, 50.0), (99.0, 99.0)])
        stamps = as_psf_stamps(stack, positions=([48.0], [50.0]))
        assert_allclose(psf.fwhm(stamps), 2.87, rtol=0.03)

    def test_stack_and_table(self):
        stack = stack_at(SCATTERED)
        x, y = np.transpose(SCATTERED)
        positions = ([50.0], [60.0])
        expected = as_psf_stamps(stack, positions=positions)
        for names in (("x", "y"), ("xcentroid", "ycentroid")):
            form = (stack.stamps, Table([x, y], names=names))
            assert_allclose(as_psf_stamps(form, positions=positions), expected)

    def test_oversampled(self):
        # Each sample is a third of a pixel.
        stamps = np.repeat(psf.gaussian(9.0, size=91), 2, axis=0)
        own = PSFStack(stamps, [0, 9], [0, 9], oversampling=3)
        expected = as_psf_stamps(stamps[0], oversampling=3)[0]
        assert_allclose(as_psf_stamps(own, positions=([1], [1]))[0], expected)
        told = PSFStack(stamps, [0, 9], [0, 9])
        found = as_psf_stamps(told, positions=([1], [1]), oversampling=3)
        assert_allclose(found[0], expected)
        with pytest.raises(ValueError, match="oversampling is for arrays that do not"):
            as_psf_stamps(own, positions=([1], [1]), oversampling=3)

    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            ({"x": [0.0, 1.0]}, ValueError, "one position for each PSF, 5"),
            ({"x": [np.nan] * 5}, ValueError, "positions of psf must be finite"),
            ({"oversampling": 0.5}, ValueError, "oversampling must be at least 1"),
            ({"stamps": np.zeros((5, 9, 9))}, ValueError, "psf number 0 .of 5. is not"),
            ({"stamps": "a"}, TypeError, "psf must hold real numbers"),
        ],
    )
    def test_bad_stacks(self, change, error, match):
        stack = stack_at(SCATTERED)
        arguments = {"stamps": stack.stamps, "x": stack.x, "y": stack.y} | change
        with pytest.raises(error, match=match):
            PSFStack(**arguments)

    def test_table_without_positions(self):
        with pytest.raises(ValueError, match="the positions of psf must have columns"):
            as_psf_stamps((stack_at(GRID).stamps, Table({"a": [1]})))


class TestRows:
    def bad(self):
        stamps = psf.moffat(np.full(7, 3.0), 3.0).astype(float)
        stamps[1, 3, 3] = np.nan
        stamps[2] = 0
        stamps[3] *= -1
        stamps[4] = np.roll(stamps[4], 3, axis=1)
        stamps[5] = psf.gaussian(0.3)[0]
        return stamps

    def test_bad_rows_do_not_spoil_the_others(self):
        stamps, good = psf_stamps_of_rows(self.bad(), n=7)
        assert good.tolist() == [True, False, False, False, False, False, True]
        assert stamps.dtype == np.float32
        assert_allclose(stamps, np.repeat(psf.moffat(3.0, 3.0), 7, axis=0), atol=1e-6)
        with pytest.raises(ValueError, match=r"psf must be finite .* .stamp 1, one of"):
            as_psf_stamps(self.bad(), n=7)

    def test_masked_row(self):
        stack = np.ma.array(psf.moffat([3.0, 4.0], 3.0))
        stack[1, 12, 12] = np.ma.masked
        assert psf_stamps_of_rows(stack)[1].tolist() == [True, False]

    def test_bad_row_of_a_large_stack_is_not_cut_right(self):
        # What is left after the edge is cut off would look right by accident.
        stack = psf.moffat([3.0, 3.0], 3.0, size=41).astype(float)
        stack[1, 0] = -1.0
        stack[0, 0, 0] = np.inf
        with pytest.raises(ValueError, match="psf must be finite"):
            psf_stamps_of_rows(stack)
        stack[0, 0, 0] = 0
        assert psf_stamps_of_rows(stack)[1].tolist() == [True, False]

    @pytest.mark.parametrize("number", [1, 4])
    def test_all_bad_is_refused(self, number):
        stack = np.full((number, 25, 25), np.nan)
        with pytest.raises(ValueError, match="psf must be finite"):
            psf_stamps_of_rows(stack, n=4)

    def test_one_for_all(self):
        stamps, good = psf_stamps_of_rows(psf.moffat(3.0, 3.0)[0], n=9)
        assert stamps.shape == (1, 25, 25)
        assert good.tolist() == [True]

    def test_list_of_models(self):
        models = [
            ImagePSF(psf.gaussian(3.0)[0]),
            CircularGaussianPRF(fwhm=2.5),
            Moffat2D(1, 0, 0, 3.0, 3.0),
            psf.moffat(4.0, 3.0, size=31)[0],
            NDData(psf.moffat(4.0, 3.0)[0]),
            stack_at(GRID),
            None,
        ]
        x, y = np.arange(7.0), np.arange(7.0)
        stamps, good = psf_stamps_of_rows(models, n=7, positions=(x, y))
        assert good.tolist() == [True] * 6 + [False]
        assert_allclose(stamps[1], psf.gaussian(2.5)[0], atol=1e-5)
        for number in range(4):
            assert_allclose(stamps[number], as_psf_stamps(models[number])[0])
        expected = as_psf_stamps(models[5], positions=([5.0], [5.0]))[0]
        assert_allclose(stamps[5], expected)
        with pytest.raises(ValueError, match="one for each of the 3 galaxies, got 7"):
            as_psf_stamps(models, n=3, positions=(x, y))

    def test_list_with_something_else(self):
        with pytest.raises(TypeError, match=r"psf must hold .* .psf number 1."):
            as_psf_stamps([ImagePSF(psf.gaussian(3.0)[0]), "psf.fits"])
        with pytest.raises(ValueError, match="psf number 0 must be one PSF, got 2"):
            as_psf_stamps([psf.gaussian([3.0, 4.0]), None])

    def test_there_is_a_flag(self):
        assert flags.decode_flags(flags.BAD_PSF) == ["bad_psf"]

    def test_no_rows(self):
        assert psf_stamps_of_rows(psf.gaussian(3.0), n=0)[1].tolist() == [True]


class Rising:
    """A PSF of somebody else, that knows itself at each position."""

    def at(self, x, y, *, size):
        return psf.gaussian(2.5 + 0.01 * np.asarray(x), size=size)


def test_any_object_that_knows_its_stamps():
    stamps = as_psf_stamps(Rising(), positions=([0.0, 100.0], [0.0, 0.0]))
    assert_allclose(stamps, psf.gaussian([2.5, 3.5]), atol=1e-6)
    with pytest.raises(ValueError, match="Rising, which varies, and needs positions"):
        as_psf_stamps(Rising())
    Rising.at = lambda self, x, y, size: np.zeros((1, 3, 3))
    with pytest.raises(ValueError, match=r"psf.at must return stamps of 25 x 25"):
        as_psf_stamps(Rising(), positions=([0.0], [0.0]))


class TestFiles:
    def write(self, path, cube, columns=None):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(cube)]
        if columns is not None:
            hdus.append(fits.BinTableHDU(Table(columns)))
        fits.HDUList(hdus).writeto(path)
        return path

    def test_images(self, tmp_path):
        image = psf.gaussian(3.0)[0]
        path = self.write(tmp_path / "a.fits", image)
        assert_array_equal(read_psf(path), image)
        cube = psf.gaussian([3.0, 4.0])
        path = self.write(tmp_path / "b.fits", cube)
        assert_array_equal(read_psf(path), cube)

    def test_cube_with_table(self, tmp_path):
        stack = stack_at(SCATTERED)
        columns = {"name": list("abcde"), "x": stack.x, "y": stack.y}
        path = self.write(tmp_path / "a.fits", stack.stamps, columns)
        found = read_psf(path)
        assert isinstance(found, PSFStack)
        positions = ([50.0], [60.0])
        expected = as_psf_stamps(stack, positions=positions)
        assert_allclose(as_psf_stamps(found, positions=positions), expected)
        assert read_psf(path, oversampling=2).oversampling == 2

    def test_cube_with_a_table_of_something_else(self, tmp_path):
        cube = psf.gaussian([3.0, 4.0])
        path = self.write(tmp_path / "a.fits", cube, {"mag": [20.0, 21.0]})
        assert_array_equal(read_psf(path), cube)

    def test_table_that_does_not_fit(self, tmp_path):
        cube = psf.gaussian([3.0, 4.0])
        path = self.write(tmp_path / "a.fits", cube, {"x": [1.0], "y": [2.0]})
        with pytest.raises(ValueError, match=r"psf .*a.fits: psf must have one posit"):
            read_psf(path)

    def test_bad_files(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"--psf .*: no such file"):
            read_psf(tmp_path / "none.fits", argument="--psf")
        path = self.write(tmp_path / "a.fits", None, {"a": [1.0]})
        with pytest.raises(ValueError, match=r"a.fits: the file holds no 2-D image"):
            read_psf(path)

    def test_grid(self, tmp_path):
        header = fits.Header({"DETECTOR": "NRCA1", "OVERSAMP": 1})
        for number, (y, x) in enumerate([(0, 0), (0, 99), (99, 0), (99, 99)]):
            header[f"DET_YX{number}"] = f"({y}, {x})", "The #0 PSF's (y,x) position"
        path = tmp_path / "grid.fits"
        fits.PrimaryHDU(psf.gaussian(np.full(4, 3.0)), header).writeto(path)
        assert isinstance(read_psf(path), GriddedPSFModel)
        header["DET_YX3"] = "damaged"
        fits.PrimaryHDU(psf.gaussian([3.0] * 4), header).writeto(path, overwrite=True)
        with pytest.raises(ValueError, match=r"psf .*grid.fits: no grid of PSFs"):
            read_psf(path)


def test_result_of_an_epsf_builder():
    rng = np.random.default_rng(1)
    grid = np.arange(30, 290, 36)
    x, y = (
        axis.ravel() + rng.uniform(-0.5, 0.5, 64) for axis in np.meshgrid(grid, grid)
    )
    table = Table({"x_0": x, "y_0": y, "flux": np.full(64, 1e4)})
    shape = (320, 320)
    image = make_model_image(
        shape, CircularGaussianPRF(fwhm=3.0), table, model_shape=(25, 25)
    )
    image += rng.normal(0, 1, shape)
    stars = extract_stars(NDData(image), Table({"x": x, "y": y}), size=25)
    built = EPSFBuilder(oversampling=2, maxiters=3, progress_bar=False)(stars)
    epsf, fitted = built
    expected = psf.gaussian(3.0)
    for form in (built, (epsf, fitted), epsf):
        stamps = as_psf_stamps(form)
        assert_allclose(psf.fwhm(stamps), psf.fwhm(expected), rtol=0.02)
        assert_allclose(stamps, expected, atol=0.03 * expected.max())
