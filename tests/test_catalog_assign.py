# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how a catalogue is read and its galaxies divided among tiles."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.wcs import WCS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.catalog.assign import assign
from astro_cnnfit.catalog.footprints import footprint_of, pixels_of
from astro_cnnfit.catalog.positions import read_positions
from astro_cnnfit.catalog.tiles import Tile

SCALE = 0.2 / 3600


def make_wcs(ra, dec, shape, *, scale=SCALE, angle=0.0, projection="TAN", sip=None):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = f"RA---{projection}", f"DEC--{projection}"
    wcs.wcs.crval = ra, dec
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    c, s = np.cos(angle), np.sin(angle)
    wcs.wcs.cd = scale * np.array([[-c, s], [s, c]])
    wcs.wcs.set()
    if sip is not None:
        header = wcs.to_header()
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header["A_ORDER"] = header["B_ORDER"] = 3
        header["A_3_0"], header["B_0_3"], header["A_1_1"] = sip, sip, 100 * sip
        wcs = WCS(header)
    return wcs


def write_tile(folder, name, wcs, shape):
    path = folder / f"{name}.fits"
    header = None if wcs is None else wcs.to_header(relax=True)
    fits.PrimaryHDU(np.zeros(shape, "i2"), header).writeto(path)
    return Tile(name, str(path))


def world(wcs, x, y):
    return wcs.all_pix2world(np.asarray(x, float), np.asarray(y, float), 0)


def places(tasks):
    """Name of the task of each identifier."""
    return {
        int(number): task.name
        for task in tasks
        for number in np.asarray(task.rows["id"])
    }


class TestSky:
    def test_deepest_tile_wins(self, tmp_path):
        shape = (100, 200)
        left, right = (make_wcs(ra, 0.0, shape) for ra in (150.0, 150.0 - 150 * SCALE))
        tiles = [
            write_tile(tmp_path, name, wcs, shape)
            for name, wcs in (("left", left), ("right", right))
        ]
        x = np.array([10.0, 160.0, 190.0, 199.4, 500.0])
        ra, dec = world(left, x, np.full(5, 50.0))
        tasks, lost = assign(Table({"id": np.arange(5), "ra": ra, "dec": dec}), tiles)
        # At x = 160 the galaxy is 10 pixels inside right, 39.5 inside left.
        assert places(tasks) == {0: "left", 1: "left", 2: "right", 3: "right"}
        assert_array_equal(lost["id"], [4])
        assert_array_equal(lost["reason"], ["no tile"])
        assert_allclose(tasks[0].rows["x"], [10, 160], atol=1e-6)
        assert_allclose(tasks[1].rows["x"], [40, 49.4], atol=0.01)
        assert_allclose(tasks[1].rows["y"], 50, atol=0.01)

    def test_depth_is_on_the_sky(self, tmp_path):
        # 20 coarse pixels from the edge are deeper than 30 fine ones.
        coarse = make_wcs(30.0, 0.0, (100, 100), scale=2 * SCALE)
        fine = make_wcs(30.0, 0.0, (61, 61))
        tiles = [
            write_tile(tmp_path, "fine", fine, (61, 61)),
            write_tile(tmp_path, "coarse", coarse, (100, 100)),
        ]
        ra, dec = world(coarse, [49.5], [49.5])
        tasks, _ = assign(Table({"id": [1], "ra": ra, "dec": dec}), tiles)
        assert places(tasks) == {1: "coarse"}

    def test_equal_depths_go_to_the_first(self, tmp_path):
        wcs = make_wcs(30.0, 0.0, (50, 50))
        tiles = [write_tile(tmp_path, name, wcs, (50, 50)) for name in "ab"]
        tasks, _ = assign(Table({"id": [1], "ra": [30.0], "dec": [0.0]}), tiles)
        assert [len(task.rows) for task in tasks] == [1, 0]

    @pytest.mark.parametrize(
        ("ra", "dec"), [(0.0, 5.0), (359.9999, -60.0), (12.0, 90.0), (0.0, -89.999)]
    )
    @pytest.mark.parametrize("projection", ["TAN", "SIN", "ZEA"])
    def test_meridian_and_poles(self, ra, dec, projection):
        shape = (300, 400)
        wcs = make_wcs(ra, dec, shape, projection=projection, angle=0.3)
        rng = np.random.default_rng(0)
        x, y = rng.uniform(-0.49, 399.49, 200), rng.uniform(-0.49, 299.49, 200)
        found = pixels_of(footprint_of(wcs, shape), *world(wcs, x, y))
        assert_allclose(found[:2], (x, y), atol=1e-5)
        edge = np.min([x + 0.5, y + 0.5, 399.5 - x, 299.5 - y], axis=0)
        assert_allclose(found[2], edge * 0.2, rtol=1e-3, atol=1e-5)

    def test_all_of_a_large_map(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
        wcs.wcs.crpix, wcs.wcs.cdelt = (180.5, 90.5), (-1, 1)
        footprint = footprint_of(wcs, (180, 360))
        assert footprint.chord > 2
        ra, dec = np.array([0.3, 170, 200]), np.array([-80.0, 0, 80])
        assert np.isfinite(pixels_of(footprint, ra, dec)[2]).all()

    @pytest.mark.parametrize("sip", [1e-9, -2e-8])
    def test_distortion(self, sip):
        shape = (2000, 1000)
        wcs = make_wcs(200.0, 10.0, shape, sip=sip)
        assert wcs.has_distortion
        rng = np.random.default_rng(1)
        x, y = rng.uniform(0, 999, 100), rng.uniform(0, 1999, 100)
        found = pixels_of(footprint_of(wcs, shape), *world(wcs, x, y))
        assert_allclose(found[:2], (x, y), atol=1e-3)
        # Far outside, what the inverse distortion says must not count.
        away = np.array([200.0 + 0.2, 200.4]), np.array([10.2, 10.0])
        assert np.all(pixels_of(footprint_of(wcs, shape), *away)[2] == -np.inf)

    def test_declination_along_x(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "DEC--TAN", "RA---TAN"
        wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (2, 10), (100, 50), (1e-3, 1e-3)
        sky = wcs.pixel_to_world([150.0, 20], [49.0, 10])
        found = pixels_of(footprint_of(wcs, (100, 200)), sky.ra.deg, sky.dec.deg)
        assert_allclose(found[:2], [[150, 20], [49, 10]], atol=1e-6)

    def test_galactic_wcs(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "GLON-TAN", "GLAT-TAN"
        wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (40, 3), (50, 50), (-1e-3, 1e-3)
        sky = SkyCoord(40.01 * u.deg, 3.005 * u.deg, frame="galactic").icrs
        x, y, depth = pixels_of(
            footprint_of(wcs, (100, 100)),
            np.array([sky.ra.deg]),
            np.array([sky.dec.deg]),
        )
        assert_allclose((x[0], y[0]), (39, 54), atol=0.02)
        assert depth[0] > 0

    def test_upper_border_is_outside(self):
        wcs = make_wcs(10.0, 0.0, (50, 50))
        footprint = footprint_of(wcs, (50, 50))
        ra, dec = world(wcs, [-0.499, 49.499, 49.501, -0.501], [25.0] * 4)
        assert_array_equal(
            pixels_of(footprint, ra, dec)[2] >= 0, [True, True, False, False]
        )

    def test_broken_tile_and_tile_without_wcs(self, tmp_path, caplog):
        shape = (50, 50)
        wcs = make_wcs(30.0, 0.0, shape)
        tiles = [
            Tile("gone", str(tmp_path / "gone.fits")),
            write_tile(tmp_path, "plain", None, shape),
            write_tile(tmp_path, "moon", make_wcs(30.0, 0.0, shape), shape),
            write_tile(tmp_path, "good", wcs, shape),
        ]
        catalog = Table({"id": [1], "ra": [30.0], "dec": [0.0]})
        for axis, name in enumerate(("SELN", "SELT"), 1):
            fits.setval(tiles[2].path, f"CTYPE{axis}", value=f"{name}-TAN")
        tasks, lost = assign(catalog, tiles)
        assert [len(task.rows) for task in tasks] == [0, 0, 0, 1]
        assert len(lost) == 0
        assert lost.colnames == ["id", "ra", "dec", "x", "y", "reason"]
        assert "gone" in caplog.text
        assert "no galaxy is on tile 'moon': " in caplog.text
        assert "tile 'plain': it has no celestial WCS" in caplog.text

    def test_unknown_positions(self, tmp_path):
        tile = write_tile(tmp_path, "a", make_wcs(30.0, 0.0, (50, 50)), (50, 50))
        catalog = Table(
            {"id": [1, 2, 3, 4], "ra": [np.nan, 30, 30, 30], "dec": [0, 0, np.inf, 91]}
        )
        (task,), lost = assign(catalog, [tile])
        assert_array_equal(task.rows["id"], [2])
        assert_array_equal(lost["id"], [1, 3, 4])
        assert set(lost["reason"]) == {"position unknown"}

    @given(
        seed=st.integers(0, 2**32 - 1),
        n_tiles=st.integers(1, 5),
        ra=st.floats(0, 360),
        dec=st.floats(-90, 90),
    )
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_each_galaxy_once_and_deepest(
        self, tmp_path_factory, seed, n_tiles, ra, dec
    ):
        rng = np.random.default_rng(seed)
        folder = tmp_path_factory.mktemp("tiles")
        centre = SkyCoord(ra * u.deg, dec * u.deg)
        shape, tiles, wcss = (40, 60), [], []
        for number in range(n_tiles):
            offset = centre.directional_offset_by(
                rng.uniform(0, 360) * u.deg, rng.uniform(0, 60) * SCALE * u.deg
            )
            wcs = make_wcs(
                offset.ra.deg, offset.dec.deg, shape, angle=rng.uniform(0, 6)
            )
            tiles.append(write_tile(folder, f"t{number}", wcs, shape))
            wcss.append(wcs)
        sky = centre.directional_offset_by(
            rng.uniform(0, 360, 50) * u.deg, rng.uniform(0, 90, 50) * SCALE * u.deg
        )
        ids = rng.permutation(50) + 2**62
        catalog = Table({"id": ids, "ra": sky.ra.deg, "dec": sky.dec.deg})
        tasks, lost = assign(catalog, tiles)
        everywhere = [np.asarray(task.rows["id"]) for task in tasks]
        everywhere.append(np.asarray(lost["id"]))
        assert_array_equal(np.sort(np.concatenate(everywhere)), np.sort(ids))
        depth = []
        for wcs in wcss:
            x, y = wcs.world_to_pixel(sky)
            depth.append(np.min([x + 0.5, y + 0.5, 59.5 - x, 39.5 - y], axis=0))
        depth = np.array(depth)
        for number, row in enumerate(catalog):
            best = depth[:, number].max()
            name = places(tasks).get(int(row["id"]))
            if best > 1e-3:
                own = depth[[tile.name for tile in tiles].index(name), number]
                assert own == pytest.approx(best, abs=1e-2)
            elif best < -1e-3:
                assert name is None


class TestPixels:
    @pytest.fixture
    def tiles(self, tmp_path):
        return [Tile(n, str(tmp_path / f"{n}.fits"), alias=f"0{n}") for n in "ab"]

    def test_named_tiles(self, tiles):
        catalog = Table(
            {
                "id": [5, 4, 3, 2, 1],
                "x": [1.0, 2, np.nan, 1e5, -3],
                "y": np.arange(5),
                "tile": ["b", "a", "0b ", tiles[0].path, "c"],
            }
        )
        (first, second), lost = assign(catalog, tiles)
        assert_array_equal(first.rows["id"], [4, 2])
        # One without position, or outside, keeps its row: it gets a flag there.
        assert_array_equal(second.rows["id"], [5, 3])
        assert_array_equal(second.rows["x"], [1, np.nan])
        assert second.rows.colnames == ["id", "x", "y"]
        assert_array_equal(lost["reason"], ["no such tile"])

    def test_no_tile_at_all_is_a_slip(self, tiles):
        catalog = Table({"id": [1], "x": [1.0], "y": [1.0], "tile": ["z"]})
        with pytest.raises(ValueError, match="names no tile that is there: 'z'"):
            assign(catalog, tiles)

    def test_one_tile_needs_no_name(self, tiles):
        catalog = Table({"x": [1, 2], "y": [1, 2]})
        (task,), lost = assign(catalog, tiles[:1])
        assert_array_equal(task.rows["id"], [1, 2])
        assert len(lost) == 0
        with pytest.raises(ValueError, match="x and y"):
            assign(catalog, tiles)

    def test_empty_catalogue(self, tiles):
        catalog = Table({"id": np.array([], int), "x": [], "y": [], "tile": []})
        tasks, lost = assign(catalog, tiles)
        assert [len(task.rows) for task in tasks] == [0, 0]
        assert len(lost) == 0


class TestStacks:
    @pytest.fixture
    def tiles(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        tiles = []
        for name, n in (("a", 7), ("b", 3)):
            path = tmp_path / f"{name}.h5"
            with h5py.File(path, "w") as file:
                file["stamps"] = np.zeros((n, 5, 5), "f4")
            tiles.append(Tile(name, str(path), kind="stack"))
        return tiles

    def test_parts(self, tiles):
        catalog = Table(
            {
                "id": np.arange(10),
                "index": [6, 5, 4, 3, 2, 1, 0, 0, 1, 2],
                "tile": ["a"] * 7 + ["b"] * 3,
            }
        )
        tasks, _ = assign(catalog, tiles, chunk=3)
        assert [task.name for task in tasks] == ["a.part0", "a.part1", "a.part2", "b"]
        assert_array_equal(tasks[0].rows["index"], [0, 1, 2])
        assert_array_equal(tasks[0].rows["id"], [6, 5, 4])

    def test_all_stamps(self, tiles):
        tasks, lost = assign(None, tiles, chunk=5)
        assert [task.name for task in tasks] == ["a.part0", "a.part1", "b"]
        assert_array_equal(tasks[1].rows["id"], [6, 7])
        assert_array_equal(tasks[1].rows["index"], [5, 6])
        assert_array_equal(tasks[2].rows["id"], [8, 9, 10])
        assert len(lost) == 0

    def test_images_need_a_catalogue(self, tiles):
        with pytest.raises(ValueError, match="catalog must be given"):
            assign(None, [Tile("a", "a.fits")])
        with pytest.raises(ValueError, match="all images or all stacks"):
            assign(None, [Tile("a", "a.fits"), *tiles])
        with pytest.raises(ValueError, match="the column index"):
            assign(Table({"id": [1], "x": [1], "y": [1], "tile": ["a"]}), tiles)


class TestCatalogue:
    SOME = {"ra": [1.0, 2.0], "dec": [1.0, 2.0]}

    @pytest.mark.parametrize(
        "ids",
        [
            np.array([2**63, 2**64 - 1], np.uint64),
            np.array([2**53 + 1, -(2**62)], ">i8"),
            np.array([1, 2], np.int8),
            np.array(["a", "bcd"]),
            np.array([b"a", b"bcd"]),
            np.array(["a", "é"], object),
            np.array([2**53 + 1, 5], object),
            MaskedColumn([1, 2], mask=[False, False]),
        ],
    )
    def test_identifiers_are_exact(self, ids, tmp_path):
        rows, _ = read_positions(Table({"id": ids, **self.SOME}))
        expected = [x.decode() if isinstance(x, bytes) else x for x in list(ids)]
        assert rows["id"].tolist() == expected
        assert rows["id"].dtype.isnative

    @pytest.mark.parametrize("suffix", ["fits", "parquet", "ecsv"])
    @pytest.mark.parametrize(
        "ids",
        [[2**60 + 1, 2**60 + 3], [2**64 - 1, 2**63], ["J0001+01", "b"]],
        ids=["int", "unsigned", "str"],
    )
    def test_files(self, tmp_path, suffix, ids):
        path = tmp_path / f"catalog.{suffix}"
        table = QTable({"id": ids, "RA": [0.1, 0.2] * u.rad, "DEC": [1.0, 2.0] * u.deg})
        table["mag"] = MaskedColumn([20, 21], mask=[True, False])
        table["unused"] = [1.5, 2.5]
        if suffix == "parquet":
            pytest.importorskip("pyarrow")
            from astro_cnnfit.catalog.parquet import write_parquet

            write_parquet(table, path)
        else:
            table.write(path)
        rows, has = read_positions(
            path, columns={"ra": "RA", "dec": "DEC"}, keep=["mag"]
        )
        assert has == "sky"
        assert rows.colnames == ["id", "ra", "dec", "mag"]
        assert rows["id"].tolist() == ids
        assert_allclose(rows["ra"], np.degrees([0.1, 0.2]))
        assert_array_equal(rows["mag"].mask, [True, False])

    def test_pandas(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"id": [2**60 + 1, 3], **self.SOME})
        rows, _ = read_positions(frame)
        assert rows["id"].tolist() == [2**60 + 1, 3]

    def test_pixels_go_before_the_sky(self):
        both = {"id": [1, 2], **self.SOME, "x": [1, 2], "y": [1.0, 2]}
        rows, has = read_positions(Table(both))
        assert (has, rows.colnames) == ("sky", ["id", "ra", "dec"])
        rows, has = read_positions(Table(both), one_tile=True)
        assert (has, rows.colnames) == ("pixels", ["id", "ra", "dec", "x", "y"])
        rows, has = read_positions(Table({**both, "tile": [1, 2]}))
        assert has == "pixels"
        assert rows["tile"].tolist() == ["1", "2"]

    def test_missing_position_is_unknown(self):
        ra = MaskedColumn([1.0, 2.0], mask=[True, False])
        rows, _ = read_positions(Table({"ra": ra, "dec": [1.0, 2.0]}))
        assert_array_equal(rows["ra"], [np.nan, 2])

    def test_no_catalogue(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"catalog .*no such file"):
            read_positions(tmp_path / "a.fits")
        (tmp_path / "a.fits").write_bytes(b"nothing")
        with pytest.raises(OSError, match="not a readable table"):
            read_positions(tmp_path / "a.fits")
        with pytest.raises(TypeError, match="a table or a file, got int"):
            read_positions(3)
        with pytest.raises(ValueError, match="ra and dec"):
            read_positions(Table({"id": [1]}))
