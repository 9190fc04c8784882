# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of one task, from the pixels of a tile to its part of the catalogue."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import models
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("pyarrow")

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter, flags
from astro_cnnfit.catalog import loading, read_catalog
from astro_cnnfit.catalog.assign import assign
from astro_cnnfit.catalog.dataset import parts
from astro_cnnfit.catalog.measure import STAGES, measure_task
from astro_cnnfit.catalog.pixels import read_tile
from astro_cnnfit.catalog.settings import Settings, parse_settings
from astro_cnnfit.catalog.tiles import Task, Tile, parse_tiles
from astro_cnnfit.psf import PsfExModel, PSFStack

NETWORK = {"method": "network"}
SHAPE = (700, 300)
POSITIONS = [(80.0, 90.0), (200.3, 99.6), (150.0, 620.0)]


def draw(shape=SHAPE, positions=POSITIONS, radius=3.0, seed=0):
    """Draw exponential galaxies on noise."""
    image = np.random.default_rng(seed).normal(size=shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for x_0, y_0 in positions:
        image += 300 * np.exp(-np.hypot(x - x_0, y - y_0) / radius)
    return image.astype("f4")


def make_psf(width=2.0, size=25):
    y, x = np.mgrid[:size, :size] - size // 2
    return np.exp(-(x**2 + y**2) / 2 / width**2).astype("f4")


@pytest.fixture
def tile(tmp_path, bundled):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (150.0, 2.0), (150, 350)
    wcs.wcs.cdelt = -0.2 / 3600, 0.2 / 3600
    header = wcs.to_header()
    header["BUNIT"], header["MAGZERO"] = "nJy", 31.4
    fits.writeto(tmp_path / "a.fits", draw(), header)
    fits.writeto(tmp_path / "psf.fits", make_psf())
    return Tile("a", str(tmp_path / "a.fits"), psf=str(tmp_path / "psf.fits"))


def catalogue(positions=POSITIONS, **columns):
    x, y = np.transpose(positions)
    ids = np.arange(len(x)) + 2**60 + 1
    return Table({"id": ids, "x": x, "y": y, **columns})


def run(tile, settings, output, catalog=None, **keywords):
    """Measure a tile; return the record and the table."""
    catalog = catalogue() if catalog is None else catalog
    (task,), lost = assign(catalog, [tile], **keywords)
    assert len(lost) == 0
    record = measure_task(task, settings, output)
    return record, read_catalog(output)


def test_both_measurers(tile, tmp_path):
    catalog = catalogue(mag=MaskedColumn([20.5, 21, 22], mask=[0, 1, 0], unit="mag"))
    settings = parse_settings(sersic=True, cas=NETWORK)
    record, table = run(tile, settings, tmp_path / "out", catalog, keep=["mag"])
    assert record["rows"] == record["measured"] == 3
    assert record["part"] == "catalog/tile=a/galaxies.parquet"
    assert record["bytes"] == (tmp_path / "out" / record["part"]).stat().st_size
    assert set(record["seconds"]) == set(STAGES)
    assert record["seconds"]["inference"] > 0
    assert set(record["cpu_seconds"]) == {"reading", "cutting", "writing"}
    assert all(seconds >= 0 for seconds in record["cpu_seconds"].values())
    assert set(record["looks"]) == {"sersic", "cas"}
    assert min(record["looks"].values()) >= 3
    assert record["models"]["sersic"] == {"name": "moments", "sha256": "0" * 64}
    assert table["id"].tolist() == [2**60 + 1, 2**60 + 2, 2**60 + 3]
    assert_array_equal(table["mag"].value, [20.5, np.nan, 22])
    assert table["mag"].unit == u.mag

    with fits.open(tile.path) as hdus:
        hdu = fits.PrimaryHDU(hdus[0].data, hdus[0].header)
    sersic = CNNSersicFitter()(hdu, make_psf(), init_params=catalog)
    cas = CNNCASMeasurer(method="network")(hdu, init_params=catalog, psf=make_psf())
    for name in ("x_fit", "flux_fit", "r_eff_err", "r_eff_sky_fit", "pa_fit", "flags"):
        assert_allclose(table[name], sersic[name], rtol=1e-6)
    assert_allclose(table["ra_fit"].value, sersic["sky_fit"].ra.deg, rtol=1e-12)
    for name in ("concentration", "r50", "r50_sky", "x_centroid"):
        assert_allclose(table[name], cas[name], rtol=1e-6)
    assert_array_equal(table["flags_cas"], cas["flags"])
    assert_allclose(table["local_bkg_cas"], cas["local_bkg"])
    assert table["flux_fit"].unit == table["local_bkg_cas"].unit == u.nJy
    assert np.isnan(table["mag_fit"]).all()
    assert table.meta["settings"]["sersic"]["model"]["name"] == "moments"
    counts = flags.decode_flags(np.asarray(cas["flags"]))
    expected = {name for row in counts for name in row}
    assert set(record["flags"]["flags_cas"]) == expected


def test_one_measurer(tile, tmp_path):
    settings = parse_settings(sersic=False, cas={"method": "classical"})
    record, table = run(tile, settings, tmp_path / "out")
    assert record["models"] == {}
    assert list(record["flags"]) == ["flags"]
    assert "flux_fit" not in table.colnames
    assert_array_equal(table["x_init"], np.transpose(POSITIONS)[0])
    assert np.isfinite(table["asymmetry"]).all()


def test_all_parts_have_the_same_columns(tile, tmp_path):
    settings = parse_settings(sersic=True, cas=NETWORK)
    _, with_wcs = run(tile, settings, tmp_path / "a")
    fits.writeto(tmp_path / "plain.fits", draw())
    plain = replace(tile, path=str(tmp_path / "plain.fits"))
    _, without = run(plain, settings, tmp_path / "b")
    assert with_wcs.colnames == without.colnames
    for name in with_wcs.colnames:
        assert with_wcs[name].dtype == without[name].dtype, name
    assert np.isnan(without["ra_fit"]).all()
    assert without["flux_fit"].unit is None


def test_celestial_positions(tile, tmp_path):
    wcs = WCS(fits.getheader(tile.path))
    sky = wcs.pixel_to_world(*np.transpose(POSITIONS))
    catalog = Table({"id": ["a", "bb", "ccc"], "ra": sky.ra, "dec": sky.dec})
    _, table = run(tile, parse_settings(), tmp_path / "out", catalog)
    assert table["id"].tolist() == ["a", "bb", "ccc"]
    assert table.colnames[:5] == ["id", "ra", "dec", "x_init", "y_init"]
    assert_allclose(table["ra"].value, sky.ra.deg)
    assert_allclose(table["x_init"], np.transpose(POSITIONS)[0], atol=1e-6)


def test_rows_that_cannot_be_measured(tile, tmp_path):
    places = [*POSITIONS, (np.nan, 10.0), (1e6, 5.0), (-40.0, 3.0)]
    record, table = run(tile, parse_settings(), tmp_path / "out", catalogue(places))
    assert record["rows"] == 6
    assert record["measured"] == 3
    assert record["flags"]["flags"]["outside_image"] == 3
    assert np.isnan(table["flux_fit"][3:]).all()
    assert np.all(table["flags"][3:] & flags.OUTSIDE_IMAGE)


def test_bad_pixels(tile, tmp_path):
    image = draw()
    image[80:100, 70:90] = np.nan
    image[600:650, 100:200] = 0.0
    weight = np.ones(SHAPE, "f4")
    weight[60:140, 160:240] = 0.0
    fits.writeto(tmp_path / "b.fits", image)
    fits.writeto(tmp_path / "w.fits", weight)
    tile = replace(tile, path=str(tmp_path / "b.fits"), weight=str(tmp_path / "w.fits"))
    _, table = run(tile, parse_settings(cas=NETWORK), tmp_path / "out")
    assert table["flags"][0] & flags.MASKED_CORE
    assert table["flags"][1] & flags.FULLY_MASKED
    assert np.isnan(table["concentration"][1])
    assert np.isfinite(table["flux_fit"][[0]]).all()


@pytest.mark.parametrize(
    ("own", "general", "expected"),
    [
        (None, 25.0, 25.0),
        (26.0, 25.0, 26.0),
        (None, "MAGZERO", 31.4),
        ("MAGZERO", None, 31.4),
        (None, None, np.nan),
    ],
)
def test_zeropoints(tile, tmp_path, own, general, expected):
    settings = parse_settings(sersic={"zeropoint": general})
    _, table = run(replace(tile, zeropoint=own), settings, tmp_path / "out")
    found = table["mag_fit"].value + 2.5 * np.log10(table["flux_fit"].value)
    assert_allclose(found, expected, rtol=1e-5)
    assert table["mag_fit"].unit == u.mag


def test_no_such_keyword(tile, tmp_path):
    settings = parse_settings(sersic={"zeropoint": "BUNIT"})
    with pytest.raises(ValueError, match=r"'a'.*no number 'BUNIT'.*'nJy'"):
        run(tile, settings, tmp_path / "out")


class TestPsfs:
    def test_oversampled(self, tile, tmp_path):
        fine = make_psf(width=14.0, size=75)
        fits.writeto(tmp_path / "fine.fits", fine)
        tile = replace(tile, psf=str(tmp_path / "fine.fits"))
        settings = parse_settings(cas=NETWORK, psf_oversampling=3)
        run(tile, settings, tmp_path / "out")
        with pytest.raises(ValueError, match="tile 'a': psf must be sampled"):
            run(tile, parse_settings(), tmp_path / "out2")

    def test_missing(self, tile, tmp_path):
        tile = replace(tile, psf=str(tmp_path / "none.fits"))
        with pytest.raises(FileNotFoundError, match="tile 'a': psf"):
            run(tile, parse_settings(), tmp_path / "out")
        tile = replace(tile, psf=None)
        with pytest.raises(ValueError, match="tile 'a': psf must be given"):
            run(tile, parse_settings(), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_network_without_psf(self, tile, tmp_path):
        settings = parse_settings(sersic={"model": "galnet1"})
        run(replace(tile, psf=None), settings, tmp_path / "out")

    def test_one_for_each_galaxy(self, tile, tmp_path):
        cube = np.array([make_psf(width) for width in (1.5, 2.0, 3.0)])
        fits.writeto(tmp_path / "cube.fits", cube)
        tile = replace(tile, psf=str(tmp_path / "cube.fits"))
        settings = parse_settings(cas=NETWORK)
        _, table = run(tile, settings, tmp_path / "out", catalogue(psf_index=[2, 0, 1]))
        assert np.isfinite(table["flux_fit"]).all()

    def test_one_for_all_tiles(self, tile, tmp_path):
        pytest.importorskip("photutils")
        from astropy.nddata import NDData
        from photutils.psf import GriddedPSFModel

        grid = NDData(np.array([make_psf(w) for w in (1.5, 2, 2, 3)]))
        grid.meta = {"grid_xypos": [(0, 0), (0, 699), (299, 0), (299, 699)]}
        grid.meta["oversampling"] = 1
        for psf in (make_psf(), GriddedPSFModel(grid)):
            settings = pickle.loads(pickle.dumps(parse_settings(cas=NETWORK, psf=psf)))
            assert len(settings.to_dict()["psf"]) == 64
            run(replace(tile, psf=None), settings, tmp_path / "out")

    def test_forms_are_told_apart(self, bundled):
        forms = (
            make_psf(),
            make_psf(2.1),
            models.Gaussian2D(x_stddev=2, y_stddev=2),
            models.Gaussian2D(x_stddev=2, y_stddev=2.1),
            models.Moffat2D(gamma=3, alpha=2.5),
            models.Moffat2D(gamma=3, alpha=2.5) + models.Moffat2D(gamma=4, alpha=2.5),
            PSFStack(make_psf()[np.newaxis], [0], [0]),
            PSFStack(make_psf()[np.newaxis], [0], [9]),
            PsfExModel(make_psf()[np.newaxis], np.zeros((1, 2)), (0, 0), (1, 1), 1.0),
        )
        digests = [parse_settings(psf=psf).to_dict()["psf"] for psf in forms]
        assert len(set(digests)) == len(forms)
        again = parse_settings(psf=fits.ImageHDU(make_psf())).to_dict()["psf"]
        assert again == digests[0]
        again = parse_settings(psf=forms[4].copy()).to_dict()["psf"]
        assert again == digests[4]


class TestSections:
    def test_same_results(self, tile, tmp_path):
        settings = parse_settings(cas=NETWORK)
        for name, output in (("some", POSITIONS[:2]), ("all", POSITIONS)):
            (task,), _ = assign(catalogue(output), [tile])
            assert read_tile(task)[1] == (name == "all")
            measure_task(task, settings, tmp_path / name)
        some, every = (read_catalog(tmp_path / name) for name in ("some", "all"))
        for name in some.colnames:
            if name != "tile":
                # The sky of the image as a whole is measured on fewer pixels.
                assert_allclose(
                    np.asarray(some[name]), np.asarray(every[name])[:2],
                    rtol=1e-3, atol=1e-3, err_msg=name,
                )  # fmt: skip

    def test_large_galaxies_are_measured_on_all(self, tile, tmp_path, monkeypatch):
        image = draw(positions=[(150, 100)], radius=25)
        fits.writeto(tmp_path / "large.fits", image)
        tile = replace(tile, path=str(tmp_path / "large.fits"))
        (task,), _ = assign(catalogue([(150, 100)]), [tile])
        assert not read_tile(task)[1]
        settings = parse_settings()
        measure_task(task, settings, tmp_path / "some")
        monkeypatch.setattr("astro_cnnfit.catalog.pixels._WORTHWHILE", 0)
        assert read_tile(task)[1]
        measure_task(task, settings, tmp_path / "all")
        some, every = (read_catalog(tmp_path / name) for name in ("some", "all"))
        assert some["flags"][0] & flags.BLOCK_AVERAGED
        assert some["flux_fit"] == every["flux_fit"]
        assert some["r_eff_fit"] == every["r_eff_fit"]


class TestEmptyTiles:
    def empty(self, tile):
        return Task(tile, tile.name, catalogue()[:0])

    def test_record_without_part(self, tile, tmp_path):
        record = measure_task(self.empty(tile), parse_settings(), tmp_path / "out")
        assert (record["rows"], record["part"], record["flags"]) == (0, None, {})
        assert set(record["seconds"]) == set(STAGES)
        assert not (tmp_path / "out").exists()

    def test_broken(self, tile, tmp_path):
        tile = replace(tile, path=str(tmp_path / "gone.fits"))
        with pytest.raises(FileNotFoundError, match="tile 'a'"):
            measure_task(self.empty(tile), parse_settings(), tmp_path / "out")


def test_all_images_of_an_exposure(tile, tmp_path):
    header = fits.getheader(tile.path)
    hdus, weights = [fits.PrimaryHDU()], [fits.PrimaryHDU()]
    for number, shift in enumerate((0, 60)):
        header["CRPIX1"] = 150 - shift
        places = [(x - shift, y) for x, y in POSITIONS]
        image = draw(positions=places, seed=number)
        hdus.append(fits.CompImageHDU(image, header, name=f"N{number}"))
        weight = np.ones(SHAPE, "f4")
        weights.append(fits.CompImageHDU(weight, name=f"N{number}"))
    fits.HDUList(hdus).writeto(tmp_path / "e_ooi.fits.fz")
    fits.HDUList(weights).writeto(tmp_path / "e_oow.fits.fz")
    for number in range(2):
        fits.writeto(tmp_path / f"psf_N{number}.fits", make_psf())
    tiles = parse_tiles(
        str(tmp_path / "e_oo*"),
        hdu="all",
        weight="{folder}/e_oow.fits.fz",
        psf="{folder}/psf_{hdu}.fits",
    )
    assert [tile.name for tile in tiles] == ["e_ooi_N0", "e_ooi_N1"]
    sky = WCS(fits.getheader(tile.path)).pixel_to_world(*np.transpose(POSITIONS))
    catalog = Table({"id": [1, 2, 3], "ra": sky.ra, "dec": sky.dec})
    tasks, lost = assign(catalog, tiles)
    assert len(lost) == 0
    for task in tasks:
        measure_task(pickle.loads(pickle.dumps(task)), parse_settings(), tmp_path)
    table = read_catalog(tmp_path)
    assert table["id", "tile"].as_array().tolist() == [
        (1, "e_ooi_N0"),
        (3, "e_ooi_N0"),
        (2, "e_ooi_N1"),
    ]
    assert_allclose(table["ra_fit"].value, sky.ra.deg[table["id"] - 1], atol=2e-5)
    assert_allclose(table["x_init"], [80, 150, 140.3], atol=1e-5)


@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_stacks(tmp_path, bundled, suffix):
    stamps = np.array([draw((101, 101), [(50, 50)], seed=n) for n in range(6)])
    psfs = np.tile(make_psf(), (6, 1, 1))
    path = tmp_path / f"a.{suffix}"
    if suffix == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["stamps"], file["psfs"] = stamps, psfs
    else:
        zarr = pytest.importorskip("zarr", minversion="3")
        root = zarr.open(str(path), mode="w")
        for name, values in (("stamps", stamps), ("psfs", psfs)):
            array = root.create_array(name, shape=values.shape, dtype="f4")
            array[:] = values
    tile = Tile("a", str(path), "stamps", psf=(str(path), "psfs"), kind="stack")
    settings = parse_settings(cas=NETWORK)
    tasks, _ = assign(None, [tile], chunk=4)
    records = [measure_task(task, settings, tmp_path / "out") for task in tasks]
    assert [record["rows"] for record in records] == [4, 2]
    assert list(parts(tmp_path / "out")) == ["a.part0", "a.part1"]
    table = read_catalog(tmp_path / "out")
    assert_array_equal(table["id"], np.arange(1, 7))
    assert_array_equal(table["index"], np.arange(6))
    assert_array_equal(table["x_init"], 50)
    direct = CNNSersicFitter()(stamps, psfs)
    assert_allclose(table["r_eff_fit"], direct["r_eff_fit"], rtol=1e-6)
    assert_allclose(table["flux_fit"], direct["flux_fit"], rtol=1e-6)


class TestSettings:
    def test_what_is_not_given_is_by_default(self, bundled):
        short = parse_settings()
        long = parse_settings(
            sersic={"model": "sersic", "refine": False, "zeropoint": None},
            cas=False,
            batch_size=7,
        )
        assert short.to_dict() == long.to_dict()
        assert short.to_dict()["sersic"]["statistics"] is False
        assert pickle.loads(pickle.dumps(short)) == short

    def test_what_matters_is_told_apart(self, bundled):
        texts = [
            str(parse_settings(**keywords).to_dict())
            for keywords in (
                {},
                {"cas": NETWORK},
                {"sersic": {"refine": True}},
                {"sersic": {"model": "galnet1"}},
                {"sersic": {"pixel_scale": 0.2 * u.arcsec}},
                {"sersic": {"zeropoint": 25 * u.ABmag}},
                {"psf": make_psf()},
                {"psf_oversampling": 2},
            )
        ]
        assert len(set(texts)) == len(texts)

    @pytest.mark.parametrize(
        ("keywords", "error", "match"),
        [
            ({"sersic": None}, ValueError, "sersic or cas"),
            ({"sersic": "sersic"}, TypeError, "sersic must be True, False"),
            ({"sersic": {"finder": max}}, ValueError, "got 'finder'"),
            ({"cas": {"refine": True}}, ValueError, "got 'refine'"),
            ({"cas": {"method": "guess"}}, ValueError, "method must be one of"),
            ({"sersic": {"model": "none"}}, ValueError, "model must be"),
            ({"sersic": {"model": 3}}, TypeError, "which workers can load"),
            ({"sersic": {"pixel_scale": -1}}, ValueError, "pixel_scale"),
            ({"sersic": {"zeropoint": np.nan}}, ValueError, "zeropoint"),
            ({"batch_size": 0}, ValueError, "batch_size"),
            ({"precision": "float8"}, ValueError, "precision"),
            ({"psf_oversampling": 0.5}, ValueError, "psf_oversampling"),
            ({"psf": make_psf(0.3)}, ValueError, "psf must be sampled"),
        ],
    )
    def test_bad(self, bundled, keywords, error, match):
        with pytest.raises(error, match=match):
            parse_settings(**keywords)

    def test_loaded_once(self, bundled):
        settings = parse_settings(cas=NETWORK)
        networks = dict(bundled)
        bundled.clear()
        for _ in range(2):
            copy = pickle.loads(pickle.dumps(settings))
            assert loading.load(copy, "sersic").model is networks["sersic"]
            assert loading.load(copy, "cas").model is networks["cas"]
        assert not bundled

    def test_what_networks_did_is_counted(self):
        counted = loading._counted(lambda stamps, psfs=None, **_: stamps, "few")
        before = loading.inference()
        for number in (3, 1, 0):
            assert len(counted(np.zeros((number, 3, 3)), None, batch_size=2)) == number
        assert loading.inference(before).stamps["few"] == 4

    def test_another_model_in_its_place(self, bundled):
        settings = parse_settings()
        other = replace(settings, models={"sersic": {"name": "", "sha256": "9" * 64}})
        with pytest.raises(ValueError, match="the run was started with"):
            loading.load(other, "sersic")

    def test_nothing_is_needed_to_make_them(self):
        assert Settings().to_dict()["sersic"] is None


def test_real_exposure(tmp_path, bundled):
    folder = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
    if not folder:
        pytest.skip(reason="ASTRO_CNNFIT_TEST_DATA is not set: no real images")
    name = "testcase6_c4d_171113_061941_{}_r_ls9.S4.fits"
    paths = {
        key: str(Path(folder) / "decam" / name.format(kind))
        for key, kind in (("path", "ooi"), ("weight", "oow"), ("mask", "ood"))
    }
    tile = Tile("S4", **paths)
    wcs = WCS(fits.getheader(paths["path"], 1))
    ny, nx = fits.getheader(paths["path"], 1)["NAXIS2"], wcs.pixel_shape[0]
    x, y = np.meshgrid(np.linspace(0, nx - 1, 5), np.linspace(0, ny - 1, 5))
    ra, dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    catalog = Table({"id": np.arange(25), "ra": ra, "dec": dec})
    settings = parse_settings(cas=NETWORK, psf=make_psf())
    record, table = run(tile, settings, tmp_path, catalog)
    assert record["rows"] == len(table) == 25
    assert_allclose(table["x_init"], x.ravel(), atol=1e-3)
    found = np.isfinite(table["flux_fit"])
    assert np.all(table["flags"][~found] != 0)
    assert record["measured"] >= found.sum() > 0
