# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the catalogue on disk: what is written is what readers get."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

pytest.importorskip("pyarrow")

from pyarrow import parquet
from pyarrow.dataset import dataset as arrow_dataset

from astro_cnnfit.catalog import dataset as module
from astro_cnnfit.catalog import read_catalog
from astro_cnnfit.catalog.dataset import (
    part_path,
    parts,
    read_part,
    write_part,
)
from astro_cnnfit.catalog.parquet import write_parquet

IDS = [2**53 + 1, 2**63 - 1]


def make_table(ids=IDS, **more):
    table = QTable({"id": ids, "flux_fit": np.array([1.5, np.nan]) * u.nJy, **more})
    table["flux_fit"].info.description = "total flux"
    table.meta["versions"] = {"astro_cnnfit": "1"}
    return table


@pytest.fixture
def output(tmp_path):
    write_part(make_table(), tmp_path, "b")
    write_part(make_table([3, 4]), tmp_path, "a_1.part0")
    return tmp_path


def test_layout(output):
    found = parts(output)
    assert list(found) == ["a_1.part0", "b"]
    assert found["b"] == output / "catalog" / "tile=b" / "galaxies.parquet"
    assert found["b"] == part_path(output, "b")


def test_whole_catalogue(output):
    table = read_catalog(output)
    assert isinstance(table, QTable)
    assert table.colnames == ["id", "flux_fit", "tile"]
    assert table["id"].tolist() == [3, 4, *IDS]
    assert table["tile"].tolist() == ["a_1.part0"] * 2 + ["b"] * 2
    assert table["flux_fit"].unit == u.nJy
    assert table["flux_fit"].info.description == "total flux"
    assert_array_equal(table["flux_fit"].value, [1.5, np.nan] * 2)
    assert table.meta["versions"] == {"astro_cnnfit": "1"}


def test_some_columns(output):
    assert read_catalog(output, ["id"]).colnames == ["id"]
    assert read_catalog(output, ["tile", "id"]).colnames == ["tile", "id"]
    assert read_catalog(output, ["tile"]).colnames == ["tile"]
    with pytest.raises(ValueError, match="among id, flux_fit, tile; got 'nothing'"):
        read_catalog(output, ["nothing"])


def test_no_catalogue(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder of a run"):
        read_catalog(tmp_path)
    (tmp_path / "catalog").mkdir()
    assert len(read_catalog(tmp_path)) == 0


def test_units_of_parts_may_differ(output):
    table = make_table([7, 8])
    table["flux_fit"] = [1.0, 2.0] * u.uJy
    write_part(table, output, "c")
    found = read_catalog(output)
    assert_array_equal(found["flux_fit"][-2:].to_value("uJy"), [1, 2])
    assert found["flux_fit"][0] == 1.5 * u.nJy


def test_astropy_reads_a_part(output):
    pytest.importorskip("pandas")
    table = QTable.read(part_path(output, "b"))
    assert table["id"].tolist() == IDS
    assert table["flux_fit"].unit == u.nJy
    assert table["flux_fit"].info.description == "total flux"


def test_pandas_reads_the_folder(output):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(output / "catalog")
    assert frame["id"].tolist() == [3, 4, *IDS]
    assert frame["tile"].astype(str).tolist() == ["a_1.part0"] * 2 + ["b"] * 2
    frame = pandas.read_parquet(output / "catalog", filters=[("tile", "=", "b")])
    assert frame["id"].tolist() == IDS


def test_polars_reads_the_folder(output):
    polars = pytest.importorskip("polars")
    frame = polars.scan_parquet(output / "catalog").collect()
    assert sorted(frame["id"].to_list()) == sorted([3, 4, *IDS])
    assert set(frame["tile"].to_list()) == {"a_1.part0", "b"}


def test_pyarrow_reads_the_folder(output):
    data = arrow_dataset(output / "catalog", partitioning="hive").to_table()
    assert data["id"].to_pylist() == [3, 4, *IDS]
    assert data["tile"].to_pylist() == ["a_1.part0"] * 2 + ["b"] * 2
    field = data.schema.field("flux_fit")
    assert field.metadata == {b"unit": b"nJy", b"description": b"total flux"}


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_dask_reads_the_folder(output):
    dask = pytest.importorskip("dask.dataframe")
    frame = dask.read_parquet(output / "catalog")
    assert sorted(frame["id"].compute(scheduler="sync")) == sorted([3, 4, *IDS])


TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8
)
NUMBERS = st.floats(width=32)


@given(data=st.data(), n=st.integers(0, 5))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_round_trip(tmp_path_factory, data, n):
    def draw(values, **keywords):
        return data.draw(st.lists(values, min_size=n, max_size=n, **keywords))

    ids = data.draw(
        st.sampled_from(
            [
                st.integers(-(2**63), 2**63 - 1).map(np.int64),
                st.integers(0, 2**64 - 1).map(np.uint64),
                TEXT.map(np.str_),
            ]
        )
    )
    drawn = draw(ids)
    table = Table()
    table["id"] = np.array(drawn) if n else np.array([], np.int64)
    table["x"] = Column(np.array(draw(NUMBERS), "f4"), unit="arcsec")
    table["y"] = Column(np.array(draw(st.floats()), ">f8"), description="a: 'b' µ")
    table["good"] = np.array(draw(st.booleans()), bool)
    table["name"] = np.array(draw(TEXT), dtype="U8")
    table["pair"] = np.array(draw(st.tuples(NUMBERS, NUMBERS)), "f4").reshape(n, 2)
    mask = draw(st.booleans())
    table["few"] = MaskedColumn(np.arange(n) + 2**60, mask=mask, unit="mag")
    table["text"] = MaskedColumn(np.array(["a"] * n, "U1"), mask=mask)
    path = tmp_path_factory.mktemp("a") / "a.parquet"
    size = write_parquet(table, path)
    assert path.stat().st_size == size
    found = read_part(path)
    assert found.colnames == table.colnames
    for name in table.colnames:
        column = found[name]
        assert len(column) == n
        got = getattr(column, "value", column)
        if name not in ("few", "text"):
            assert_array_equal(np.asarray(got), np.asarray(table[name]))
            continue
        # Without any null there is nothing to mask.
        assert_array_equal(np.ma.getmaskarray(np.ma.asarray(got)), mask)
        good = ~np.array(mask, bool)
        assert_array_equal(np.asarray(got)[good], np.asarray(table[name])[good])
    assert found["x"].unit == u.arcsec
    assert found["few"].unit == u.mag
    assert found["y"].description == "a: 'b' µ"


class TestWhole:
    def test_failure_leaves_what_was_there(self, output, monkeypatch):
        before = part_path(output, "b").read_bytes()

        def fail(content, file, **keywords):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(parquet, "write_table", fail)
        with pytest.raises(OSError, match="No space left"):
            write_part(make_table([1, 2]), output, "b")
        assert part_path(output, "b").read_bytes() == before
        assert len(list(part_path(output, "b").parent.iterdir())) == 1
        with pytest.raises(OSError, match="No space left"):
            write_part(make_table([1, 2]), output, "new")
        assert list(parts(output)) == ["a_1.part0", "b"]

    def test_unfinished_files_do_not_count(self, output):
        beside = part_path(output, "b").with_name(".galaxies.parquet.77.partial")
        beside.write_bytes(b"half")
        folder = part_path(output, "c").parent
        folder.mkdir()
        (folder / ".galaxies.parquet.78.partial").write_bytes(b"half")
        assert len(read_catalog(output)) == 4
        data = arrow_dataset(output / "catalog", partitioning="hive")
        assert data.count_rows() == 4

    def test_again(self, output):
        write_part(make_table([1, 2]), output, "b")
        assert read_catalog(output)["id"].tolist() == [3, 4, 1, 2]


def test_without_pyarrow(monkeypatch):
    monkeypatch.setattr("astro_cnnfit.catalog.optional.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pyarrow .*astro_cnnfit\[dask\]"):
        module.read_part("a.parquet")
