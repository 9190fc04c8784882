# Licensed under a 3-clause BSD style license - see LICENSE
"""Catalogues as FITS tables and as HATS catalogues."""

import tracemalloc
from importlib.util import find_spec

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable

pytest.importorskip("pyarrow", reason="catalogues need pyarrow")

from astro_cnnfit.catalog.dataset import read_catalog, write_part
from astro_cnnfit.catalog.export import to_fits
from astro_cnnfit.catalog.hats import _put, to_hats

FIRST = 2**60 + 1


def part(first, number, **columns):
    """Rows of one tile, as measuring leaves them."""
    rng = np.random.default_rng(first)
    table = QTable({"id": FIRST + first + np.arange(number)})
    table["ra"] = rng.uniform(150, 151, number) * u.deg
    table["dec"] = rng.uniform(-1, 1, number) * u.deg
    table["flux_fit"] = rng.uniform(1, 2, number) * u.ct
    table["flux_fit"].info.description = "total flux"
    table["n_fit"] = rng.uniform(1, 4, number).astype(np.float32)
    table["n_fit"][0] = np.nan
    table["flags"] = np.arange(number) % 4
    for name, column in columns.items():
        table[name] = column
    table.meta = {"model": "sersic", "versions": {"astropy": "8.0"}}
    return table


@pytest.fixture
def output(tmp_path):
    """A catalogue of three parts, one without rows."""
    for name, first, number in (("a", 0, 5), ("b2", 5, 7), ("c", 12, 0)):
        table = part(first, number) if number else part(first, 1)[:0]
        write_part(table, tmp_path / "run", name)
    return tmp_path / "run"


class TestFits:
    def test_it_is_the_catalogue(self, output, tmp_path):
        path = to_fits(output, tmp_path / "all.fits")
        found, expected = QTable.read(path), read_catalog(output)
        assert found.colnames == expected.colnames
        for name in expected.colnames:
            assert found[name].unit == expected[name].unit
            np.testing.assert_array_equal(found[name], expected[name])
        assert found["id"].dtype.kind == "i"
        assert found["id"][-1] == FIRST + 11
        assert found["flux_fit"].info.description == "total flux"
        assert set(found["tile"]) == {"a", "b2"}

    def test_header_is_for_everyone(self, output, tmp_path):
        with fits.open(to_fits(output, tmp_path / "all.fits")) as hdus:
            hdus.verify("exception")
            header = hdus[1].header
            number = hdus[1].columns.names.index("flux_fit") + 1
            assert header[f"TUNIT{number}"] == "count"
            assert header[f"TCOMM{number}"] == "total flux"
            assert 'model: "sersic"' in str(header["HISTORY"])
        assert (tmp_path / "all.fits").stat().st_size % 2880 == 0

    def test_columns_of_some_parts_alone(self, output, tmp_path):
        more = {
            "r_eff_sky_fit": np.ones(3) * u.arcsec,
            "name": ["x", "a long name", "y"],
            "count": MaskedColumn([1, 2, 3], mask=[True, False, False]),
            "star": [True, False, True],
        }
        write_part(part(20, 3, **more), output, "d")
        found = QTable.read(to_fits(output, tmp_path / "all.fits"))
        # astropy masks what is NaN.
        assert found["r_eff_sky_fit"].mask.tolist() == [True] * 12 + [False] * 3
        assert found["r_eff_sky_fit"][12:].unit == u.arcsec
        assert found["count"].mask.tolist() == [True] * 13 + [False] * 2
        assert found["count"][-1] == 3
        assert found["name"][-2:].tolist() == ["a long name", "y"]
        assert found["star"][-3:].tolist() == [1, 0, 1]

    def test_long_text_in_a_later_part(self, tmp_path):
        for name, texts in (("a", ["x", "yy"]), ("b", ["x", "a longer text"])):
            write_part(part(0, 2, text=texts), tmp_path, name)
        found = QTable.read(to_fits(tmp_path, tmp_path / "all.fits"))
        assert found["text"].tolist() == ["x", "yy", "x", "a longer text"]

    def test_identifiers_may_be_text(self, tmp_path):
        table = part(0, 2)
        table["id"] = ["SDSS J1", "SDSS J1234"]
        write_part(table, tmp_path, "a")
        found = QTable.read(to_fits(tmp_path, tmp_path / "all.fits"))
        assert found["id"].tolist() == ["SDSS J1", "SDSS J1234"]

    def test_unsigned_identifiers(self, tmp_path):
        table = part(0, 2)
        table["id"] = np.array([2**64 - 1, 2**63 + 3], dtype=np.uint64)
        write_part(table, tmp_path, "a")
        with fits.open(to_fits(tmp_path, tmp_path / "all.fits")) as hdus:
            assert hdus[1].data["id"].tolist() == [2**64 - 1, 2**63 + 3]

    def test_units_that_differ_are_refused(self, output, tmp_path):
        table = part(20, 2)
        table["flux_fit"] = np.ones(2) * u.Jy
        write_part(table, output, "d")
        with pytest.raises(ValueError, match="'flux_fit': one has unit ct"):
            to_fits(output, tmp_path / "all.fits")
        assert not list(tmp_path.glob("*.fits")) + list(tmp_path.glob(".*"))

    def test_a_file_is_kept(self, output, tmp_path):
        path = tmp_path / "all.fits"
        path.write_text("mine")
        with pytest.raises(ValueError, match="overwrite=True"):
            to_fits(output, path)
        assert path.read_text() == "mine"
        assert len(QTable.read(to_fits(output, path, overwrite=True))) == 12

    def test_nothing_to_write(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="output must be"):
            to_fits(tmp_path, tmp_path / "all.fits")
        (tmp_path / "catalog").mkdir()
        with pytest.raises(ValueError, match="output must have measured galaxies"):
            to_fits(tmp_path, tmp_path / "all.fits")

    def test_memory_does_not_grow(self, tmp_path):
        used = []
        for number in (3, 12):
            folder = tmp_path / str(number)
            for i in range(number):
                write_part(part(i, 4000), folder, f"t{i}")
            if not used:
                to_fits(folder, tmp_path / "first.fits")
            tracemalloc.start()
            to_fits(folder, tmp_path / f"{number}.fits")
            used.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert used[1] < 1.2 * used[0]


class TestHats:
    def test_bad_arguments(self, output, tmp_path):
        (tmp_path / "hats").mkdir()
        (tmp_path / "hats" / "mine.txt").write_text("mine")
        with pytest.raises(ValueError, match="folder must be new or empty"):
            to_hats(output, tmp_path / "hats")
        with pytest.raises(ValueError, match="client must be a cluster"):
            to_hats(output, tmp_path / "new", client="serial")

    @pytest.mark.parametrize(
        "properties",
        [None, b"hats_nrows=3\n", b"note=astro_cnnfit_version=1\n", b"\xff\xfe"],
    )
    def test_nothing_but_own_catalogues_is_replaced(self, output, tmp_path, properties):
        folder = tmp_path / "hats"
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
        if properties is not None:
            content = (
                properties if isinstance(properties, bytes) else properties.encode()
            )
            (folder / "hats.properties").write_bytes(content)
        with pytest.raises(ValueError, match="HATS catalogue that astro_cnnfit has wr"):
            to_hats(output, folder, overwrite=True)
        assert (folder / "mine.txt").read_text() == "mine"

    def test_own_catalogues_are_kept_without_overwrite(self, output, tmp_path):
        (tmp_path / "hats").mkdir()
        properties = tmp_path / "hats" / "hats.properties"
        properties.write_text("hats_nrows=3\nastro_cnnfit_version=0.1\n")
        with pytest.raises(ValueError, match="must be new or empty"):
            to_hats(output, tmp_path / "hats")

    def test_what_was_there_comes_back(self, tmp_path):
        for name in ("hats", "aside"):
            (tmp_path / name).mkdir()
        (tmp_path / "hats" / "a").touch()
        with pytest.raises(FileNotFoundError):
            _put(tmp_path / "none", tmp_path / "hats", tmp_path / "aside")
        assert (tmp_path / "hats" / "a").exists()

    def test_sky_positions_are_needed(self, tmp_path):
        table = part(0, 2)
        table.remove_columns(["ra", "dec"])
        write_part(table, tmp_path / "run", "a")
        with pytest.raises(ValueError, match="no 'ra'"):
            to_hats(tmp_path / "run", tmp_path / "hats")

    @pytest.mark.skipif(
        find_spec("hats_import") is not None, reason="hats-import is installed"
    )
    def test_the_extra_is_named(self, output, tmp_path):
        with pytest.raises(ImportError, match=r"astro_cnnfit\[hats\]"):
            to_hats(output, tmp_path / "hats")

    # Other packages warn of their own future.
    @pytest.mark.filterwarnings("ignore")
    def test_lsdb_reads_it(self, output, tmp_path):
        pytest.importorskip("hats_import", reason="hats-import is not installed")
        write_part(part(20, 3, extra=np.arange(3) * u.arcsec), output, "d")
        path = to_hats(output, tmp_path / "hats", workers=1, rows_per_pixel=8)
        # Once more it replaces the first.
        write_part(part(30, 2), output, "e")
        to_hats(output, path, workers=1, rows_per_pixel=8, overwrite=True)
        assert {entry.name for entry in tmp_path.iterdir()} == {"run", "hats"}
        lsdb = pytest.importorskip("lsdb", reason="lsdb is not installed")
        found = lsdb.open_catalog(path).compute().sort_values("id")
        expected = read_catalog(output)
        expected.sort("id")
        assert found["id"].tolist() == expected["id"].tolist()
        assert found["tile"].tolist() == expected["tile"].tolist()
        for name in ("ra", "dec", "flux_fit", "n_fit"):
            own = getattr(expected[name], "value", expected[name])
            np.testing.assert_array_equal(found[name].to_numpy(float), own)
        assert found["extra"].isna().sum() == 14
