# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how the pixels and PSFs of a tile are read."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.catalog.pixels import MARGIN, read_tile
from astro_cnnfit.catalog.psfs import read_psf
from astro_cnnfit.catalog.settings import Settings
from astro_cnnfit.catalog.stacks import read_planes
from astro_cnnfit.catalog.tiles import Task, Tile

SHAPE = (1000, 300)


def task_of(tile, x=(), y=(), **columns):
    rows = Table({"id": np.arange(len(x)), "x": np.array(x, float), "y": y})
    for name, values in columns.items():
        rows[name] = values
    return Task(tile, tile.name, rows)


def noise(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(100, 3, size=shape).astype("f4")


def write(path, data, header=None):
    """Write an image as the suffix says, in the second HDU of compressed files."""
    if path.name.endswith(".fz"):
        hdu = fits.CompImageHDU(data, header, quantize_level=16)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    else:
        fits.PrimaryHDU(data, header).writeto(path)
    return str(path)


@pytest.mark.parametrize("suffix", ["fits", "fits.fz", "fits.gz"])
def test_all_kinds_of_files(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", noise((50, 60)))
    image, is_whole = read_tile(task_of(Tile("a", path), [10], [10]))
    assert is_whole
    assert image.data.dtype == np.float32
    assert image.data.dtype.isnative
    # Lossy compression is to a fraction of the noise.
    assert_allclose(image.data, noise((50, 60)), atol=0.2)
    assert image.mask is None
    assert image.error is None


@pytest.mark.parametrize("suffix", ["fits", "fits.fz"])
def test_only_rows_near_galaxies(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", noise())
    task = task_of(Tile("a", path), [10, 20, np.nan], [200, 230, 700])
    whole, is_whole = read_tile(task, whole=True)
    assert is_whole
    image, is_whole = read_tile(task)
    assert not is_whole
    near = slice(200 - MARGIN, 230 + MARGIN + 1)
    assert_array_equal(image.data[near], whole.data[near])
    assert np.isnan(image.data[: near.start]).all()
    assert np.isnan(image.data[near.stop :]).all()
    assert_array_equal(image.mask, np.isnan(image.data))
    # Galaxies all over the image: it is read at once.
    task = task_of(Tile("a", path), np.full(9, 5), np.arange(100, 1000, 100))
    assert read_tile(task)[1]


def test_streams_are_read_whole(tmp_path):
    path = write(tmp_path / "a.fits.gz", noise())
    assert read_tile(task_of(Tile("a", path), [10], [200]))[1]


@given(y=st.lists(st.floats(-200, 1200), max_size=4), integers=st.booleans())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_stamps_are_those_of_the_whole(tmp_path_factory, y, integers):
    folder = tmp_path_factory.mktemp("a")
    data = noise().astype("i4") if integers else noise()
    tile = Tile(
        "a",
        write(folder / "a.fits", data),
        mask=write(folder / "m.fits", (noise(seed=1) > 103).astype("u1")),
        weight=write(folder / "w.fits.fz", noise(seed=2) - 95),
    )
    task = task_of(tile, np.full(len(y), 150.0), np.array(y))
    image, _ = read_tile(task)
    whole, _ = read_tile(task, whole=True)
    for centre in y:
        if not 0 <= centre < SHAPE[0]:
            continue
        low, high = max(int(centre) - 100, 0), int(centre) + 101
        assert_array_equal(image.data[low:high], whole.data[low:high])
        assert_array_equal(image.mask[low:high], whole.mask[low:high])
        good = ~whole.mask[low:high]
        assert_array_equal(image.error[low:high][good], whole.error[low:high][good])


class TestCompanions:
    VALUES = np.array([[4, 0, -1], [np.nan, np.inf, 0.25]], "f4")
    DATA = np.arange(6, dtype="f4").reshape(2, 3)

    def read(self, tmp_path, **companions):
        tile = Tile("a", write(tmp_path / "a.fits", self.DATA), **companions)
        return read_tile(task_of(tile, [1], [1]))[0]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("error", [4, 0.25]), ("variance", [2, 0.5]), ("weight", [0.5, 2])],
    )
    def test_errors(self, tmp_path, name, expected):
        path = write(tmp_path / "e.fits", self.VALUES)
        image = self.read(tmp_path, **{name: path})
        good = [[True, False, False], [False, False, True]]
        assert_array_equal(image.mask, ~np.array(good))
        assert_array_equal(image.error[good], expected)

    def test_masks_add_up(self, tmp_path):
        mask = np.array([[0, 0, 0], [0, 2**30 + 1, 0]], "i4")
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(mask, name="DQ")]
        fits.HDUList(hdus).writeto(tmp_path / "m.fits")
        weight = write(tmp_path / "w.fits", np.array([[1, 1, 0], [1, 1, 1]], "f8"))
        spec = (str(tmp_path / "m.fits"), "DQ")
        image = self.read(tmp_path, mask=spec, weight=weight)
        assert_array_equal(image.mask, [[False, False, True], [False, True, False]])

    def test_nothing_masked(self, tmp_path):
        mask = write(tmp_path / "m.fits", np.zeros((2, 3), "u1"))
        assert self.read(tmp_path, mask=mask).mask is None

    def test_shapes_must_agree(self, tmp_path):
        path = write(tmp_path / "m.fits", np.zeros((3, 2), "u1"))
        with pytest.raises(ValueError, match=r"'a': mask .*m.fits must have the shape"):
            self.read(tmp_path, mask=path)

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="'a': weight"):
            self.read(tmp_path, weight=str(tmp_path / "w.fits"))


def test_scaled_integers_and_blank(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[1, 2], [3, -99]], "i2"))
    hdu.header["BLANK"] = -99
    hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 10.0
    hdu.header["BUNIT"] = "adu"
    hdu.writeto(tmp_path / "a.fits")
    image, _ = read_tile(task_of(Tile("a", str(tmp_path / "a.fits")), [0], [0]))
    assert_array_equal(image.data, [[10.5, 11], [11.5, np.nan]])
    assert_array_equal(image.mask, [[False, False], [False, True]])
    assert image.unit == "adu"


@pytest.mark.parametrize("suffix", ["fits", "fits.fz", "fits.gz"])
@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("whole", [True, False])
def test_truncated(tmp_path, suffix, fraction, whole):
    path = Path(write(tmp_path / f"a.{suffix}", noise()))
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(OSError, match=r"tile 'a': .*not a readable FITS file"):
        read_tile(task_of(Tile("a", str(path)), [10], [200]), whole=whole)


def test_no_image(tmp_path):
    path = write(tmp_path / "a.fits", np.zeros((2, 3, 4), "f4"))
    with pytest.raises(ValueError, match=r"'a': .*two dimensions"):
        read_tile(task_of(Tile("a", path), [1], [1]))


class TestStacks:
    @pytest.fixture(params=["h5", "zarr", "fits"])
    def stack(self, request, tmp_path):
        data = noise((20, 8, 9))
        path = tmp_path / f"a.{request.param}"
        if request.param == "h5":
            h5py = pytest.importorskip("h5py")
            with h5py.File(path, "w") as file:
                file["group/stamps"] = data
                file["mask"] = data > 103
        elif request.param == "zarr":
            zarr = pytest.importorskip("zarr", minversion="3")
            root = zarr.open(str(path), mode="w")
            for name, values in (("group/stamps", data), ("mask", data > 103)):
                array = root.create_array(
                    name, shape=values.shape, dtype=values.dtype, chunks=(4, 8, 9)
                )
                array[:] = values
        else:
            hdus = [
                fits.PrimaryHDU(),
                fits.ImageHDU(data, name="group/stamps"),
                fits.ImageHDU((data > 103).astype("u1"), name="mask"),
            ]
            fits.HDUList(hdus).writeto(path)
        tile = Tile(
            "a", str(path), "group/stamps", mask=(str(path), "mask"), kind="stack"
        )
        return tile, data

    @pytest.mark.parametrize("index", [[3], [0, 19, 5, 5], list(range(4, 16))])
    def test_planes(self, stack, index):
        tile, data = stack
        rows = Table({"id": np.arange(len(index)), "index": index})
        image, _ = read_tile(Task(tile, "a", rows))
        assert_array_equal(image.data, data[index])
        mask = np.zeros(image.data.shape, bool) if image.mask is None else image.mask
        assert_array_equal(mask, data[index] > 103)

    def test_beyond(self, stack):
        rows = Table({"id": [1], "index": [20]})
        with pytest.raises(ValueError, match=r"'a': .*has planes 0 to 19, not 20"):
            read_tile(Task(stack[0], "a", rows))

    @given(
        index=st.lists(st.integers(0, 99), max_size=30),
    )
    def test_any_planes(self, index):
        data = np.arange(100)[:, None, None] * np.ones((1, 2, 2))
        read = read_planes(data, data.shape, np.array(index, int))
        assert_array_equal(read, data[np.array(index, int)])


class TestPsfs:
    PSFS = noise((4, 25, 25))

    def task(self, tmp_path, name="psf.fits", psfs=None, **columns):
        path = write(tmp_path / name, self.PSFS if psfs is None else psfs)
        return task_of(Tile("a", "a.fits", psf=path), [1.0, 2], [1.0, 2], **columns)

    def test_one(self, tmp_path):
        for number, psfs in enumerate((self.PSFS[0], self.PSFS[:1])):
            task = self.task(tmp_path, f"{number}.fits", psfs)
            assert_array_equal(read_psf(task, Settings()), self.PSFS[0])

    def test_one_for_each_galaxy(self, tmp_path):
        task = self.task(tmp_path, psf_index=[3, 0])
        assert_array_equal(read_psf(task, Settings()), self.PSFS[[3, 0]])
        task = self.task(tmp_path, "b.fits", psf_index=[3, 4])
        with pytest.raises(ValueError, match=r"'a': psf .*planes 0 to 3, not 4"):
            read_psf(task, Settings())
        with pytest.raises(ValueError, match=r"'a': psf .*holds 4 PSFs; .*psf_index"):
            read_psf(self.task(tmp_path, "c.fits"), Settings())

    def test_of_a_stack(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["psfs"] = self.PSFS
        tile = Tile("a", "a.h5", psf=(str(tmp_path / "a.h5"), "psfs"), kind="stack")
        rows = Table({"id": [1, 2], "index": [2, 1]})
        psfs = read_psf(Task(tile, "a", rows), Settings())
        assert_array_equal(psfs, self.PSFS[[2, 1]])

    def test_grid(self, tmp_path):
        header = fits.Header()
        header["DETECTOR"] = "NRCA1"
        header["OVERSAMP"] = 1
        for number, (y, x) in enumerate([(0, 0), (0, 99), (99, 0), (99, 99)]):
            header[f"DET_YX{number}"] = f"({y}, {x})", "The #0 PSF's (y,x) position"
        task = self.task(tmp_path, psfs=abs(self.PSFS))
        write(tmp_path / "grid.fits", self.PSFS, header)
        tile = Tile("a", "a.fits", psf=str(tmp_path / "grid.fits"))
        model = read_psf(Task(tile, "a", task.rows), Settings())
        assert type(model).__name__ == "GriddedPSFModel"
        assert_array_equal(model.grid_xypos[1], (99, 0))

    def test_that_vary(self, tmp_path):
        cube = fits.ImageHDU(abs(self.PSFS))
        places = fits.BinTableHDU(Table({"x": [0.0, 9, 0, 9], "y": [0.0, 0, 9, 9]}))
        path = tmp_path / "stack.fits"
        fits.HDUList([fits.PrimaryHDU(), cube, places]).writeto(path)
        task = self.task(tmp_path)
        tile = Tile("a", "a.fits", psf=str(path))
        assert_array_equal(
            read_psf(Task(tile, "a", task.rows), Settings()).x, [0, 9] * 2
        )
        # A catalogue that says which is whose goes before positions.
        rows = Table({"id": [1, 2], "psf_index": [2, 1]})
        psfs = read_psf(Task(tile, "a", rows), Settings())
        assert_array_equal(psfs, abs(self.PSFS)[[2, 1]])

    def test_psfex(self, tmp_path):
        column = fits.Column(
            "PSF_MASK", "81E", dim="(9,9,1)", array=np.ones((1, 1, 9, 9))
        )
        hdu = fits.BinTableHDU.from_columns([column])
        hdu.header["POLNAXIS"], hdu.header["PSF_SAMP"] = 0, 1.0
        hdu.writeto(tmp_path / "a.psf")
        tile = Tile("a", "a.fits", psf=str(tmp_path / "a.psf"))
        model = read_psf(Task(tile, "a", Table({"id": [1]})), Settings())
        assert type(model).__name__ == "PsfExModel"
        hdu.header["POLNAXIS"], hdu.header["POLNAME1"] = 1, "MAG"
        hdu.writeto(tmp_path / "a.psf", overwrite=True)
        with pytest.raises(ValueError, match=r"tile 'a': psf .*a.psf: .* on 'MAG'"):
            read_psf(Task(tile, "a", Table({"id": [1]})), Settings())

    def test_that_of_the_settings(self, tmp_path):
        given = Settings(psf=self.PSFS[0])
        assert read_psf(task_of(Tile("a", "a.fits")), given) is given.psf
        assert read_psf(task_of(Tile("a", "a.fits")), Settings()) is None
        task = self.task(tmp_path, psfs=self.PSFS[1])
        assert_array_equal(read_psf(task, given), self.PSFS[1])

    def test_missing(self, tmp_path):
        task = task_of(Tile("b", "a.fits", psf=str(tmp_path / "none.fits")))
        with pytest.raises(FileNotFoundError, match=r"tile 'b': psf .*none.fits"):
            read_psf(task, Settings())


def test_real_exposures():
    folder = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
    if not folder:
        pytest.skip(reason="ASTRO_CNNFIT_TEST_DATA is not set: no real images")
    paths = sorted((Path(folder) / "decam").glob("*_ooi_*.fits"))
    paths = [path for path in paths if "psfex" not in path.name]
    assert paths
    for path in paths:
        beside = {
            name: str(path).replace("_ooi_", f"_{kind}_")
            for name, kind in (("weight", "oow"), ("mask", "ood"))
        }
        tile = Tile(path.stem, str(path), **beside)
        image, _ = read_tile(task_of(tile, [50], [50]), whole=True)
        good = np.ones(image.data.shape, bool) if image.mask is None else ~image.mask
        assert np.isfinite(image.data[good]).all()
        assert (image.error[good] > 0).all()
        assert image.wcs is not None
        # Most of these are cut out of an exposure, with zeros around.
        if good.sum() > 1000:
            low, high = np.percentile(image.data[good], [16, 50])
            ratio = (high - low) / np.median(image.error[good])
            assert 0.3 < ratio < 4, path.name
