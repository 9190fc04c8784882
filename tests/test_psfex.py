# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of PSF models of PsfEx."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from astro_cnnfit import psf
from astro_cnnfit.psf import as_psf_stamps, read_psf, read_psfex
from astro_cnnfit.psf.psfex import _powers

DATA = os.environ.get("ASTRO_CNNFIT_TEST_DATA")

ZERO, SCALE = (501.0, 1001.0), (1000.0, 2000.0)


def images(n_terms=3, step=1.0, size=31):
    """Draw a Moffat profile that the polynomial makes wider, sampled every `step`."""
    fine = psf.moffat(3.0, 3.0, size=81)
    points = 40 + step * (np.arange(size) - size // 2)
    base = psf.sampling.resample(fine, points, points)[0].astype(float)
    wider = psf.sampling.resample(psf.moffat(4.0, 3.0, size=81), points, points)[0]
    terms = [base] + [0.3 / number * (wider - base) for number in range(1, n_terms)]
    return np.array(terms)


def table(
    masks=None, *, names=("X_IMAGE", "Y_IMAGE"), degrees=(1,), groups=(1, 1), **keys
):
    """Write a model as PsfEx does: one row, keywords in the header."""
    masks = images() if masks is None else np.asarray(masks)
    form = f"{masks.size}E"
    dim = str(masks.shape[::-1])
    column = fits.Column("PSF_MASK", form, dim=dim, array=masks[np.newaxis])
    hdu = fits.BinTableHDU.from_columns([column], name="PSF_DATA")
    header = {"POLNAXIS": len(names), "POLNGRP": len(degrees), "PSF_SAMP": 1.0}
    for number, name in enumerate(names, start=1):
        header[f"POLGRP{number}"] = groups[number - 1]
        header[f"POLNAME{number}"] = name
        header[f"POLZERO{number}"] = ZERO[(number - 1) % 2]
        header[f"POLSCAL{number}"] = SCALE[(number - 1) % 2]
    for number, degree in enumerate(degrees, start=1):
        header[f"POLDEG{number}"] = degree
    header["PSFNAXIS"] = 3
    for number, length in enumerate(masks.shape[::-1], start=1):
        header[f"PSFAXIS{number}"] = length
    for key, value in (header | keys).items():
        if value is not None:
            hdu.header[key] = value
    return hdu


def merged(rows=1, **changes):
    """Write models as merged files have them: keywords are columns, in lower case."""
    masks = np.repeat(images()[np.newaxis], rows, axis=0)
    masks *= np.arange(1, rows + 1)[:, None, None, None]
    values = {
        "polnaxis": 2, "polngrp": 1, "poldeg1": 1, "polgrp1": 1, "polgrp2": 1,
        "polname1": "X_IMAGE", "polname2": "Y_IMAGE",
        "polzero1": ZERO[0], "polzero2": ZERO[1],
        "polscal1": SCALE[0], "polscal2": SCALE[1], "psf_samp": 1.0,
        "psfaxis1": 31, "psfaxis2": 31, "psfaxis3": 3, "psf_mask": masks,
        "ccdname": [f"N{row}" for row in range(rows)],
    } | changes  # fmt: skip
    columns = {
        name: value if np.ndim(value) else [value] * rows
        for name, value in values.items()
    }
    from astropy.table import Table

    return fits.BinTableHDU(Table(columns))


def test_polynomial_of_position():
    base, x_term, y_term = images()
    model = read_psfex(table())
    assert model.varies
    assert model.step == 1
    # Positions count from 0 here and from 1 there.
    x, y = np.array([500.0, 750.0, 500.0, 300.0]), np.array([1000.0, 1000, 600, 1500])
    stamps = model.at(x, y, size=31)
    u, v = (x + 1 - 501) / 1000, (y + 1 - 1001) / 2000
    expected = base + u[:, None, None] * x_term + v[:, None, None] * y_term
    assert_allclose(stamps, expected, atol=1e-7)
    checked = as_psf_stamps(table(), positions=(x, y))
    inner = expected[:, 3:-3, 3:-3]
    inner = inner / inner.sum(axis=(1, 2), keepdims=True)
    assert_allclose(checked, inner, atol=1e-6)


def test_terms_are_in_the_order_of_psfex():
    # The first axis runs fastest; the sum of powers is limited in each group.
    one = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [0, 2]]
    assert _powers([0, 1], [1, 1], {1: 2}).tolist() == one
    two = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]
    assert _powers([0, 1], [1, 2], {1: 2, 2: 1}).tolist() == two
    swapped = [[0, 0], [0, 1], [1, 0]]
    assert _powers([1, 0], [1, 1], {1: 1}).tolist() == swapped


def test_axes_in_another_order():
    base, first, second = images()
    hdu = table(names=("Y_IMAGE", "X_IMAGE"))
    stamp = read_psfex(hdu).at([1000 + 400 - 200], [500 + 100], size=31)[0]
    u, v = (1201 - 1001) / 2000, (601 - 501) / 1000
    assert_allclose(stamp, base + v * first + u * second, atol=1e-7)


@pytest.mark.parametrize("step", [0.5, 0.37, 0.8, 1.2])
@pytest.mark.parametrize("size", [61, 60])
def test_sampling_step(step, size):
    model = read_psfex(table(images(1, step, size), degrees=(0,), PSF_SAMP=step))
    assert not model.varies
    stamps = as_psf_stamps(model, size=15)
    expected = psf.moffat(3.0, 3.0, size=15)
    # A step of 1.2 pixels is not quite enough for a FWHM of 3.
    tolerance = 2e-3 if step < 1 else 6e-3
    assert_allclose(stamps, expected, atol=tolerance * expected.max())


def test_constant_model_has_no_axes():
    hdu = table(images(1), names=(), degrees=())
    assert as_psf_stamps(hdu, n=7).shape == (1, 25, 25)


def test_varying_model_needs_positions():
    with pytest.raises(ValueError, match="PsfExModel, which varies, and needs posi"):
        as_psf_stamps(table())
    with pytest.raises(ValueError, match="positions must be two arrays"):
        as_psf_stamps(table(), positions=([1.0], [1.0, 2.0]))
    with pytest.raises(ValueError, match="oversampling is for arrays: psf is a Psf"):
        as_psf_stamps(table(), positions=([1.0], [1.0]), oversampling=2)
    with pytest.raises(ValueError, match="includes_pixel is for arrays and models"):
        as_psf_stamps(table(), positions=([1.0], [1.0]), includes_pixel=True)


def test_far_and_unknown_positions():
    model = read_psfex(table())
    far = model.at([1e7, -1e7, np.nan, np.inf], [1e7, np.nan, np.nan, 0])
    assert np.isfinite(far).all()
    edge = model.at([500 + 600], [1000 + 1200])
    assert_allclose(far[0], edge[0])
    assert_allclose(far[2], model.at([500], [1000])[0])


class TestFiles:
    def test_forms(self, tmp_path):
        path = tmp_path / "a.psf"
        table().writeto(path)
        expected = read_psfex(table()).at([10], [20])
        hdus = fits.HDUList([fits.PrimaryHDU(), table()])
        for source in (path, str(path), hdus):
            assert_allclose(read_psfex(source).at([10], [20]), expected)
        stamps = as_psf_stamps(hdus, positions=([10], [20]))
        assert_allclose(stamps, expected / expected.sum(), atol=1e-6)
        assert_allclose(read_psf(path).at([10], [20]), expected)

    def test_merged_rows(self, tmp_path):
        path = tmp_path / "merged.fits"
        merged(3).writeto(path)
        base = read_psfex(table()).coefficients
        for row in (1, "N1"):
            assert_allclose(read_psfex(path, row=row).coefficients, 2 * base)
            assert_allclose(read_psf(path, row=row).coefficients, 2 * base)
        for row, match in ((None, "3 rows; row must"), (3, "row must"), ("S1", "N0")):
            with pytest.raises(ValueError, match=match):
                read_psfex(path, row=row)
        assert_allclose(read_psfex(merged(1)).coefficients, base)

    def test_merged_rows_are_padded(self):
        padded = np.pad(images(), ((0, 3), (0, 4), (0, 4)))
        hdu = merged(1, psf_mask=padded[np.newaxis])
        assert_allclose(read_psfex(hdu).coefficients, images().astype(float))

    def test_one_for_each_ccd(self, tmp_path):
        path = tmp_path / "mosaic.psf"
        models = [table(scale * images()) for scale in (1, 2)]
        fits.HDUList([fits.PrimaryHDU(), *models]).writeto(path)
        for read in (read_psfex, read_psf):
            assert_allclose(read(path, hdu=2).coefficients, 2 * images(), rtol=1e-6)
            with pytest.raises(ValueError, match="2 PsfEx models; hdu must say"):
                read(path)
        with pytest.raises(ValueError, match=r"no PsfEx model .* in HDU 7"):
            read_psfex(path, hdu=7)

    def test_no_file_and_no_model(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"psf .*none.psf: no such file"):
            read_psfex(tmp_path / "none.psf")
        path = tmp_path / "image.fits"
        fits.PrimaryHDU(np.zeros((9, 9))).writeto(path)
        with pytest.raises(ValueError, match=r"image.fits: no PsfEx model"):
            read_psfex(path)
        with pytest.raises(ValueError, match="no PsfEx model"):
            read_psfex(fits.BinTableHDU.from_columns([fits.Column("a", "E")]))

    def test_truncated(self, tmp_path):
        path = tmp_path / "short.psf"
        table().writeto(path)
        path.write_bytes(path.read_bytes()[:9000])
        with pytest.raises(OSError, match=r"psf .*short.psf"):
            read_psfex(path)
        path.write_bytes(b"SIMPLE")
        with pytest.raises(OSError, match="not a readable FITS file"):
            read_psfex(path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"POLNAME1": "MAG_AUTO"}, "depends on 'MAG_AUTO'; only X_IMAGE and Y_IMAGE"),
        ({"POLNAME2": "X_IMAGE"}, "depends on 'X_IMAGE'; only"),
        ({"POLNAXIS": None}, "the PsfEx model has no POLNAXIS"),
        ({"POLNAXIS": 3}, "has no POLNAME3"),
        ({"POLZERO1": None}, "has no POLZERO1"),
        ({"POLZERO1": "much"}, "POLZERO1 of the PsfEx model is 'much'"),
        ({"POLSCAL2": 0.0}, "damaged polynomial"),
        ({"POLGRP2": 2}, "damaged polynomial"),
        ({"POLNAXIS": 10**9, "POLNGRP": 10**9}, "has no POLNAME3"),
        ({"POLDEG1": -1}, "the degrees of the PsfEx model"),
        ({"POLDEG1": 10**9}, "the degrees of the PsfEx model"),
        ({"POLDEG1": 2}, "PSF_MASK of the PsfEx model must be 6 images"),
        ({"POLDEG1": 0}, "PSF_MASK of the PsfEx model is damaged"),
        ({"PSF_SAMP": 0.0}, "PSF_SAMP of the PsfEx model is 0"),
        ({"PSF_SAMP": None}, "has no PSF_SAMP"),
        ({"masks": np.full((3, 31, 31), np.nan)}, "images of finite numbers"),
        ({"masks": np.zeros((3, 31, 31))}, "PSF_MASK of the PsfEx model is damaged"),
    ],
)
def test_damaged_models(change, match):
    with pytest.raises(ValueError, match=match):
        read_psfex(table(**change))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_damaged_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("psf") / "a.psf"
    table(images(size=5)).writeto(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(2880, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(OSError, ValueError):
        model = read_psfex(path)
        assert np.isfinite(model.coefficients).all()


@pytest.mark.skipif(DATA is None, reason="ASTRO_CNNFIT_TEST_DATA is not set")
def test_real_models():
    paths = sorted((Path(DATA) / "decam").glob("*psfex*"))
    assert len(paths) > 10
    for path in paths:
        model = read_psf(path)
        assert model.powers.shape == (6, 2)
        stamps = as_psf_stamps(model, positions=([0.0, 50, 100], [100.0, 50, 0]))
        stated = fits.getdata(path)["psf_fwhm"][0]
        # PsfEx states twice the half-light radius, which wings make larger.
        assert 1.1 < stated / psf.fwhm(stamps)[1] < 1.5
        x, y = psf.centroid(stamps)
        assert_allclose([x, y], 12, atol=0.15)
