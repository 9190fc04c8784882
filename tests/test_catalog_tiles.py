# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of how tiles are found, named and told apart, and of their headers."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from astro_cnnfit.catalog.blocks import geometry_of, read_cards
from astro_cnnfit.catalog.headers import read_header
from astro_cnnfit.catalog.naming import safe_name
from astro_cnnfit.catalog.tiles import Tile, parse_tiles


def touch(folder, *names):
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def names(tiles):
    return [tile.name for tile in tiles]


def test_folder(tmp_path):
    touch(tmp_path, "b.fits", "a.fits.fz", "c.FITS.gz", "notes.txt", ".hidden.fits")
    tiles = parse_tiles(tmp_path)
    assert names(tiles) == ["a", "b", "c"]
    assert {tile.kind for tile in tiles} == {"image"}
    assert tiles[0].path == str(tmp_path / "a.fits.fz")
    assert tiles[0].paths() == [tiles[0].path]


def test_glob_list_and_relative_paths(tmp_path, monkeypatch):
    touch(tmp_path / "n", "a.fits", "b.fits")
    assert names(parse_tiles(str(tmp_path / "*" / "*.fits"))) == ["a", "b"]
    monkeypatch.chdir(tmp_path)
    tiles = parse_tiles(["n/b.fits", "n/a.fits"])
    assert names(tiles) == ["b", "a"]
    assert tiles[0].path == str(tmp_path / "n" / "b.fits")


def test_companions_are_no_tiles(tmp_path):
    touch(tmp_path, "a.fits.fz", "a_mask.fits", "a_wht.fits", "b.fits", "b_mask.fits")
    touch(tmp_path / "psfs", "psf_a.fits", "psf_b.fits")
    tiles = parse_tiles(
        tmp_path,
        mask="{folder}/{stem}_mask.fits",
        weight=("{folder}/{stem}_wht.fits", 1),
        psf="{folder}/psfs/psf_{stem}.fits",
    )
    assert names(tiles) == ["a", "b"]
    assert tiles[0].mask == str(tmp_path / "a_mask.fits")
    # b has none: that fails b when it is measured, and only b.
    assert tiles[1].weight == (str(tmp_path / "b_wht.fits"), 1)
    assert len(tiles[0].paths()) == 4


def test_other_hdus_of_one_file(tmp_path):
    touch(tmp_path, "a.fits")
    (tile,) = parse_tiles(tmp_path, hdu=["SCI", 1], mask=("{path}", "DQ"))
    assert tile.hdu == ("SCI", 1)
    assert tile.mask == (tile.path, "DQ")
    assert tile.paths() == [tile.path]


def test_table_and_dictionaries(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.fits", "b.fits", "p.fits")
    rows = [
        {"path": str(tmp_path / "a.fits"), "name": "one", "psf": "p.fits"},
        {"path": "b.fits", "zeropoint": 25.0, "mask": ["{stem}.fits", ["DQ", 1]]},
    ]
    first, second = parse_tiles(rows, zeropoint="MAGZERO")
    assert (first.name, first.psf, first.zeropoint) == (
        "one",
        str(tmp_path / "p.fits"),
        "MAGZERO",
    )
    assert (second.name, second.psf, second.zeropoint) == ("b", None, 25.0)
    assert second.mask == (str(tmp_path / "b.fits"), ("DQ", 1))
    table = Table(
        {"path": [row["path"] for row in rows], "zeropoint": [np.nan, 25.0]},
    )
    first, second = parse_tiles(table)
    assert first.zeropoint is None
    assert second.zeropoint == 25.0
    assert isinstance(second.zeropoint, float)
    assert parse_tiles([first, second]) == [first, second]


def test_one_name_in_two_folders(tmp_path):
    touch(tmp_path / "x", "a.fits", "b.fits")
    touch(tmp_path / "y", "a.fits")
    tiles = parse_tiles(str(tmp_path / "*" / "*.fits"))
    assert names(tiles) == ["x_a", "b", "y_a"]
    with pytest.raises(ValueError, match="names of their own: 'a'"):
        parse_tiles([{"path": tile.path, "name": "a"} for tile in tiles])


def test_all_images_of_a_file(tmp_path):
    path = tmp_path / "a.fits"
    image = np.zeros((3, 4), "f4")
    hdus = [
        fits.PrimaryHDU(),
        fits.CompImageHDU(image, name="N1"),
        fits.ImageHDU(image),
        fits.BinTableHDU(Table({"x": [1]}), name="CAT"),
        fits.ImageHDU(image[None], name="CUBE"),
        fits.ImageHDU(image, name="TWICE"),
        fits.ImageHDU(image, name="TWICE", ver=2),
    ]
    fits.HDUList(hdus).writeto(path)
    touch(tmp_path / "w", "a.fits")
    tiles = parse_tiles(path, hdu="all", weight="{folder}/w/{name}")
    assert names(tiles) == ["a_N1", "a_2", "a_5", "a_6"]
    assert [tile.hdu for tile in tiles] == [1, 2, 5, 6]
    weight = str(tmp_path / "w" / "a.fits")
    assert tiles[0].weight == (weight, "N1")
    assert tiles[1].weight == (weight, 2)
    tiles = parse_tiles(path, hdu="all", psf=("{folder}/{stem}_{hdu}.fits", "{hdu}"))
    assert tiles[0].psf == (str(tmp_path / "a_N1.fits"), "N1")
    assert tiles[1].psf == (str(tmp_path / "a_2.fits"), 2)


def test_all_images_of_a_broken_file(tmp_path, caplog):
    touch(tmp_path, "a.fits")
    (tile,) = parse_tiles(tmp_path, hdu="all")
    assert (tile.name, tile.hdu) == ("a", None)
    assert "not a readable FITS file" in caplog.text


@pytest.mark.parametrize("suffix", ["h5", "hdf5", "zarr"])
def test_stacks(tmp_path, suffix):
    touch(tmp_path, f"a.{suffix}")
    (tile,) = parse_tiles(tmp_path, hdu="stamps")
    assert (tile.kind, tile.hdu) == ("stack", "stamps")


@given(st.text(max_size=30))
def test_names_are_safe_and_text(name):
    safe = safe_name(name)
    assert safe
    assert "/" not in safe
    assert not safe.startswith((".", "_"))
    for number in (int, float):
        with pytest.raises(ValueError, match=r"could not convert|invalid literal"):
            number(safe)


@pytest.mark.parametrize("name", ["0012", "1e5", "-3.5", "2026-11-21", "nan", "True"])
def test_names_that_readers_would_take_for_values(name):
    assert safe_name(name) == f"tile_{name}"


@pytest.mark.parametrize(
    ("tiles", "keywords", "error", "match"),
    [
        ("nowhere", {}, FileNotFoundError, "no such file or folder"),
        ("nowhere*.fits", {}, FileNotFoundError, "nothing matches"),
        (3, {}, TypeError, "got int"),
        ([], {}, ValueError, "found none"),
        ([{"name": "a"}], {}, ValueError, "no path"),
        ([{"path": "a", "masc": "b"}], {}, ValueError, "got 'masc'"),
        (None, {"mask": "{folder}/none"}, FileNotFoundError, "mask must be there"),
        (None, {"mask": "{nothing}"}, ValueError, "mask must be a path with"),
        (None, {"mask": 3}, TypeError, "mask must be a path, got int"),
        (None, {"mask": ("a", 1, 2)}, ValueError, "a path and an HDU"),
        (None, {"flag": "a"}, TypeError, "got 'flag'"),
        (None, {"zeropoint": np.inf}, ValueError, "zeropoint must be"),
        (
            None,
            {"error": "{path}", "weight": "{path}"},
            ValueError,
            "weight must not be given together with error",
        ),
    ],
)
def test_bad_calls(tmp_path, tiles, keywords, error, match):
    touch(tmp_path / "t", "a.fits")
    with pytest.raises(error, match=match):
        parse_tiles(tmp_path / "t" if tiles is None else tiles, **keywords)


def test_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="found none"):
        parse_tiles(tmp_path)


def _files():
    """Kinds of FITS files, by name."""
    sky = fits.Header({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
    sky.update({"CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 3.0, "CRPIX2": 4.5})
    sky.update({"CD1_1": -5e-5, "CD1_2": 1e-6, "CD2_1": 1e-6, "CD2_2": 5e-5})
    sky.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "B_0_2": -2e-4})
    sky["RADESYS"], sky["EQUINOX"] = "FK5", 2000.0
    sky["HISTORY"] = "a story"
    sky["COMMENT"] = "a word = 'b'"
    sky["HIERARCH ESO TEL NAME"] = "x"
    sky["LONG"] = "text / with " * 20
    plain = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "OBJECT": "a"})
    plain.update({"CRVAL1": 10.0, "CRVAL2": -20.0, "CDELT1": -1e-4, "CDELT2": 1e-4})
    image = np.arange(20.0, dtype="f4").reshape(4, 5)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2, 3])])
    return {
        "primary.fits": [fits.PrimaryHDU(image, sky)],
        "compressed.fits.fz": [
            fits.PrimaryHDU(), fits.CompImageHDU(image, plain, name="SCI"),
        ],
        "many.fits": [
            fits.PrimaryHDU(), table, fits.ImageHDU(image[None], sky, name="CUBE"),
            fits.ImageHDU(image.astype("i2"), sky, name="Sci"),
            fits.CompImageHDU(image, sky, name="MASK"), fits.ImageHDU(image, name="X"),
        ],
    }  # fmt: skip


def _asked(tile):
    try:
        return read_header(tile)
    except ValueError:
        return None


class TestHeaders:
    @staticmethod
    def write(path, **keywords):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        wcs.wcs.crval = 10.0, 20.0
        wcs.wcs.cdelt = -1e-4, 1e-4
        header = wcs.to_header()
        header["MAGZERO"] = 27.5
        data = np.zeros((30, 40), "f4")
        if path.name.endswith(".fz"):
            hdu = fits.CompImageHDU(data, header)
        else:
            hdu = fits.ImageHDU(data, header)
        primary = fits.PrimaryHDU()
        primary.header["FILTER"] = "r"
        fits.HDUList([primary, hdu]).writeto(path)
        return Tile("a", str(path), **keywords)

    @pytest.mark.parametrize("suffix", ["fits", "fits.fz", "fits.gz"])
    def test_shape_wcs_and_keywords(self, tmp_path, suffix):
        header = read_header(self.write(tmp_path / f"a.{suffix}"))
        assert header.shape == (30, 40)
        assert header.wcs.has_celestial
        assert header.cards["MAGZERO"] == 27.5
        assert header.cards["FILTER"] == "r"

    def test_pixels_may_be_missing(self, tmp_path):
        tile = self.write(tmp_path / "a.fits")
        content = (tmp_path / "a.fits").read_bytes()
        (tmp_path / "a.fits").write_bytes(content[:-3000])
        assert read_header(tile).shape == (30, 40)
        (tmp_path / "a.fits").write_bytes(content[:4000])
        with pytest.raises((OSError, ValueError), match="tile 'a'"):
            read_header(tile)

    def test_bytes_say_what_astropy_says(self, tmp_path):
        for name, hdus in _files().items():
            path = tmp_path / name
            fits.HDUList(hdus).writeto(path)
            for hdu in (None, *range(len(hdus)), *(h.name for h in hdus[1:])):
                expected = _asked(Tile("a", str(path), hdu=hdu))
                cards = read_cards(path, hdu)
                if expected is None:
                    assert cards is None
                    continue
                shape, wcs = geometry_of(cards)
                assert shape == expected.shape
                assert (wcs is None) == (expected.wcs is None)
                if wcs is None:
                    continue
                assert wcs.to_header(relax=True) == expected.wcs.to_header(relax=True)
                pixels = np.array([[0.0, 3.0], [1.0, 7.5]])
                for world in zip(*(w.all_pix2world(*pixels, 0) for w in (wcs,
                                 expected.wcs)), strict=True):  # fmt: skip
                    np.testing.assert_array_equal(*world)

    def test_what_is_left_to_astropy(self, tmp_path):
        fits.writeto(tmp_path / "a.fits.gz", np.zeros((3, 4)))
        fits.writeto(tmp_path / "stack.fits", np.zeros((2, 3, 4)))
        header = fits.Header({"CPDIS1": "LOOKUP"})
        fits.writeto(tmp_path / "table.fits", np.zeros((3, 4)), header)
        (tmp_path / "text.fits").write_text("no image " * 1000)
        content = (tmp_path / "table.fits").read_bytes()
        (tmp_path / "half.fits").write_bytes(content[:2000])
        for name in ("a.fits.gz", "stack.fits", "table.fits", "text.fits", "half.fits"):
            assert read_cards(tmp_path / name) is None
        assert read_cards(tmp_path / "none.fits") is None
        assert read_cards(tmp_path / "table.fits", ("SCI", 1)) is None
        assert read_cards(tmp_path / "table.fits", "SCI") is None

    def test_no_wcs(self, tmp_path):
        fits.writeto(tmp_path / "a.fits", np.zeros((3, 4)))
        assert read_header(Tile("a", str(tmp_path / "a.fits"))).wcs is None

    def test_messages_name_the_tile(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"tile 'a'.*no such file"):
            read_header(Tile("a", str(tmp_path / "a.fits")))
        fits.writeto(tmp_path / "a.fits", np.zeros((2, 3, 4)))
        with pytest.raises(ValueError, match=r"tile 'a'.*2 dimensions"):
            read_header(Tile("a", str(tmp_path / "a.fits")))
        with pytest.raises(ValueError, match=r"tile 'a'.*HDU 'SCI'"):
            read_header(Tile("a", str(tmp_path / "a.fits"), "SCI"))

    def test_stack(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["stamps"] = np.zeros((5, 61, 61), "f4")
            file["other"] = np.zeros(5)
        tile = Tile("a", str(tmp_path / "a.h5"), kind="stack")
        assert read_header(tile).shape == (5, 61, 61)
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["psfs"] = np.zeros((5, 25, 25), "f4")
        with pytest.raises(ValueError, match=r"tile 'a'.*psfs, stamps; name one"):
            read_header(tile)
        with pytest.raises(ValueError, match="no data set 'x'"):
            read_header(Tile("a", tile.path, "x", kind="stack"))
        (tmp_path / "a.h5").write_bytes(b"nothing")
        with pytest.raises(OSError, match=r"tile 'a'.*not readable"):
            read_header(tile)
