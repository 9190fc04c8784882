# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the figure of a galaxy's morphology."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from astro_cnnfit import ClassicalCASMeasurer
from astro_cnnfit.plotting import plot_fit, plot_morphology

figure_module = pytest.importorskip("matplotlib.figure")


@pytest.fixture
def axes():
    return figure_module.Figure(figsize=(13, 4)).subplots(1, 3)


@pytest.fixture
def image():
    y, x = np.mgrid[:101, :111]
    image = np.random.default_rng(1).normal(7, 1, x.shape)
    image += 80 * np.exp(-np.hypot(x - 54.3, (y - 49.8) / 0.7) / 5)
    return image + 60 * np.exp(-(np.hypot(x - 88, y - 50) ** 2) / 8)


@pytest.fixture
def segmap():
    y, x = np.mgrid[:101, :111]
    segmap = np.where(np.hypot(x - 54.3, (y - 49.8) / 0.7) < 22, 4, 0)
    segmap[np.hypot(x - 88, y - 50) < 9] = 2
    return segmap


@pytest.fixture
def measurer(image, segmap):
    measurer = ClassicalCASMeasurer()
    measurer(image, segmap, labels=[4])
    return measurer


def wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (150.0, 2.0), (55, 50)
    wcs.wcs.cdelt = -0.2 / 3600, 0.2 / 3600
    return wcs


def shown(axis):
    return np.ma.filled(axis.images[0].get_array().astype(float), np.nan)


def test_panels(image, segmap, measurer, axes):
    before = image.copy()
    returned = plot_morphology(image, measurer, segmap=segmap, axes=axes)
    assert list(returned) == list(axes)
    row = measurer.results[0]
    assert f"{row['asymmetry']:.3f}" in axes[1].get_title()
    assert f"{row['concentration']:.2f}" in axes[2].get_title()
    assert (image == before).all()
    outline = axes[0].patches[0]
    assert_allclose(outline.get_width(), 2 * row["rpetro_ellip"])
    assert_allclose(outline.get_height() / outline.get_width(), 1 - row["ellip"])
    assert_allclose(outline.get_center(), (row["xc_asymmetry"], row["yc_asymmetry"]))
    assert_allclose(outline.angle, row["theta"].value)
    assert len(axes[0].patches) == 4


def test_curves_say_what_the_table_says(image, segmap, measurer, axes):
    plot_morphology(image, measurer.results, segmap=segmap, axes=axes)
    row = measurer.results[0]
    radius, fraction = axes[2].lines[0].get_data()
    for name, part in (("r20", 0.2), ("r50", 0.5), ("r80", 0.8)):
        assert_allclose(np.interp(row[name], radius, fraction), part, atol=0.02)
    radius, ratio = axes[2].lines[1].get_data()
    assert_allclose(np.interp(row["rpetro_ellip"], radius, ratio), 0.2, atol=0.03)


def test_neighbours_are_left_out(image, segmap, measurer, axes):
    plot_morphology(image, measurer, segmap=segmap, axes=axes)
    left, _, bottom, _ = axes[0].images[0].get_extent()
    x, y = 88 - round(left + 0.5), 50 - round(bottom + 0.5)
    assert np.isnan(shown(axes[0])[y, x])
    assert np.isnan(shown(axes[1])[y, x])
    # Its partner on the other side has nothing to be compared with.
    partner = round(2 * 54.3 - 88) - round(left + 0.5)
    assert np.isnan(shown(axes[1])[y, partner])
    assert np.isfinite(shown(axes[0])[y, partner])
    # Without the map it is there.
    plot_morphology(image, measurer, axes=np.ravel(axes))
    assert np.isfinite(axes[0].images[-1].get_array()[y, x])


def test_masked_and_not_finite(image, segmap, measurer, axes):
    image[50, 60] = np.nan
    mask = np.zeros(image.shape, int)
    mask[40:43, 50:53], mask[60, 60] = 2, 4
    plot_morphology(
        image, measurer, segmap=segmap, mask=mask, bad_bits=[2], axes=axes
    )  # fmt: skip
    radius, fraction = axes[2].lines[0].get_data()
    assert np.isfinite(fraction).all()
    row = measurer.results[0]
    assert_allclose(np.interp(row["r50"], radius, fraction), 0.5, atol=0.02)
    left, _, bottom, _ = axes[0].images[0].get_extent()
    pixels = shown(axes[0])
    blank = [(50, 60), (41, 51)]
    for y, x in blank:
        assert np.isnan(pixels[y - round(bottom + 0.5), x - round(left + 0.5)])
    assert np.isfinite(pixels[60 - round(bottom + 0.5), 60 - round(left + 0.5)])


def test_one_of_a_stack_and_without_shape(image, morphology_network, axes):
    from astro_cnnfit import CNNCASMeasurer

    stack = np.stack([image[::-1, :101], image[:, 4:105]])
    measurer = CNNCASMeasurer(morphology_network, method="network")
    table = measurer(stack)
    plot_morphology(stack, table, row=1, axes=axes)
    assert_allclose(axes[0].patches[0].get_width(), axes[0].patches[0].get_height())
    assert axes[2].get_xlabel() == "radius (pixels)"
    plot_morphology(stack[1], table[1], axes=axes)


def test_circles_of_a_definition(image, segmap, axes):
    measurer = ClassicalCASMeasurer("statmorph")
    table = measurer(image, segmap, labels=[4])
    plot_morphology(image, table, segmap=segmap, axes=axes)
    outline = axes[0].patches[0]
    assert_allclose(outline.get_width(), 2 * table["rpetro_circ"][0])
    assert_allclose(outline.get_width(), outline.get_height())
    # Colours end where they are told to.
    plot_morphology(image, table, segmap=segmap, limit=3, axes=axes)
    assert axes[1].images[-1].get_clim() == (-3, 3)


def test_units_and_sky(image, segmap, measurer):
    plt = pytest.importorskip("matplotlib.pyplot")
    data = NDData(image, unit=u.nJy, wcs=wcs())
    with plt.rc_context({"backend": "agg"}):
        axes = plot_morphology(data, measurer, segmap=segmap)
        axes[0].figure.canvas.draw()
        assert axes[0].coords[0].get_axislabel() == "right ascension"
        assert axes[0].figure.axes[3].get_ylabel() == "per pixel (nJy)"
        assert not hasattr(axes[2], "coords")
        plt.close(axes[0].figure)


def test_fit_on_the_sky(image):
    plt = pytest.importorskip("matplotlib.pyplot")
    with plt.rc_context({"backend": "agg"}):
        for axes in (plot_fit(NDData(image, wcs=wcs()), image),
                     plot_fit(image, image, wcs=wcs())):  # fmt: skip
            axes[0].figure.canvas.draw()
            labels = [axis.coords[1].get_axislabel() for axis in axes]
            assert labels == ["declination", " ", " "]
            plt.close(axes[0].figure)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"wcs": 3}, TypeError, "wcs must be a WCS of astropy, got int"),
        ({"wcs": WCS(naxis=3)}, ValueError, "wcs must have two axes"),
        ({"segmap": np.ones((3, 3), int)}, ValueError, "segmap must have the shape of"),
        ({"axes": [1, 2]}, ValueError, "axes must be three, got 2"),
        ({"image": np.zeros(5)}, ValueError, "image must be a 2-D image"),
        ({"mask": np.ones((101, 111))}, ValueError, "image must have valid pixels"),
    ],
)
def test_bad_arguments(image, measurer, axes, change, error, message):
    arguments = {"image": image, "table": measurer, "axes": axes} | change
    with pytest.raises(error, match=message):
        plot_morphology(**arguments)


def test_rows_without_morphology(image, measurer, axes):
    measurer.results["rpetro_ellip"][0] = np.nan
    with pytest.raises(ValueError, match="finite rpetro_ellip in row 0, got nan"):
        plot_morphology(image, measurer, axes=axes)
    with pytest.raises(ValueError, match="call the measurer with an image first"):
        plot_morphology(image, ClassicalCASMeasurer())


def test_matplotlib_is_named_where_it_is_missing(image, measurer, monkeypatch):
    monkeypatch.setattr("astro_cnnfit.figure_style.find_spec", lambda name: None)
    for draw in (plot_morphology, plot_fit):
        with pytest.raises(ImportError, match=r"pip install 'astro_cnnfit\[plot\]'"):
            draw(image, measurer if draw is plot_morphology else image)
