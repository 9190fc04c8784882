# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the figure of data, model and residual."""

import astropy.units as u
import numpy as np
import pytest

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.plotting import plot_fit
from astro_cnnfit.psf import gaussian

figure_module = pytest.importorskip("matplotlib.figure")


@pytest.fixture
def axes():
    return figure_module.Figure(figsize=(12, 4)).subplots(1, 3)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:61, :61] - 30.0
    return 100 * np.exp(-np.hypot(x, y) / 4) + rng.normal(5, 1, (61, 61))


def shown(axis):
    return np.ma.filled(axis.images[0].get_array().astype(float), np.nan)


def test_panels_hold_data_model_and_residual(data, axes):
    model = np.full(data.shape, 5.0)
    returned = plot_fit(data, model, sigma=2.0, axes=axes)
    assert list(returned) == list(axes)
    assert [axis.get_title() for axis in axes] == ["data", "model", "residual"]
    np.testing.assert_allclose(shown(axes[0]), data)
    np.testing.assert_allclose(shown(axes[1]), model)
    np.testing.assert_allclose(shown(axes[2]), (data - model) / 2.0)
    assert axes[0].images[0].norm is axes[1].images[0].norm
    assert axes[2].images[0].get_clim() == (-5, 5)


def test_axes_are_labelled(data, axes):
    plot_fit(data * u.nJy, data, axes=axes)
    assert axes[0].get_xlabel() == "x (pixels)"
    assert axes[0].get_ylabel() == "y (pixels)"
    labels = [axis.get_ylabel() for axis in axes[0].figure.axes[3:]]
    assert labels[:2] == ["per pixel (nJy)"] * 2
    assert labels[2] == "data - model (sky sigma)"


def test_fitter_and_row_of_a_stack(data, axes, network):
    stack = np.stack([data, data[::-1]])
    fitter = CNNSersicFitter(network)
    fitter(stack, gaussian(3.0)[0])
    plot_fit(stack, fitter, row=1, axes=axes)
    model = fitter.make_model_image(stack.shape, include_local_bkg=True)
    np.testing.assert_allclose(shown(axes[0]), stack[1])
    np.testing.assert_allclose(shown(axes[1]), model[1])


def test_masked_pixels_are_blank(data, axes):
    mask = np.zeros(data.shape, bool)
    mask[3] = True
    plot_fit(data, data, mask=mask, axes=axes)
    assert np.isnan(shown(axes[0])[3]).all()
    assert np.isnan(shown(axes[2])[3]).all()
    assert np.isfinite(shown(axes[1])).all()


def test_new_figure_is_made(data):
    import matplotlib.pyplot as plt

    with plt.rc_context({"backend": "agg"}):
        axes = plot_fit(data, data)
        assert len(axes) == 3
        plt.close(axes[0].figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {"fit": d[1:]}, "fit must give a model of the shape of data"),
        (lambda d: {"axes": [1, 2]}, "axes must be three, got 2"),
        (lambda d: {"row": 1}, "row is for a stack"),
        (lambda d: {"data": d * np.nan}, "data must have at least one finite"),
        (lambda d: {"mask": d[1:] > 0}, "mask must have the shape of data"),
        (lambda d: {"sigma": 0.0}, "sigma must be positive"),
    ],
)
def test_bad_arguments(data, axes, change, message):
    arguments = {"data": data, "fit": data, "axes": axes} | change(data)
    with pytest.raises(ValueError, match=message):
        plot_fit(**arguments)


def test_fitter_before_its_call(data, network):
    with pytest.raises(ValueError, match="call the fitter with data first"):
        plot_fit(data, CNNSersicFitter(network))


def test_bits_of_a_mask(axes):
    """Pixels are blank where the bits that count say so, as in a call."""
    image = np.random.default_rng(3).normal(size=(20, 20))
    bits = np.zeros(image.shape, int)
    bits[3, 4], bits[5, 6] = 1, 8
    plot_fit(image, np.zeros(image.shape), mask=bits, bad_bits=[8], axes=axes)
    shown = np.ma.getmaskarray(axes[0].images[0].get_array())
    shown |= ~np.isfinite(np.ma.getdata(axes[0].images[0].get_array()))
    assert np.argwhere(shown).tolist() == [[5, 6]]


def test_pyplot_is_left_alone(data, axes):
    plt = pytest.importorskip("matplotlib.pyplot")
    figures, settings = plt.get_fignums(), dict(plt.rcParams)
    plot_fit(data, data, axes=axes)
    assert plt.get_fignums() == figures
    assert dict(plt.rcParams) == settings


def test_colours_differ_in_print_or_by_line():
    """Both maps get steadily lighter or darker from the middle to an end."""
    from matplotlib import colormaps

    from astro_cnnfit.figure_style import BRIGHTNESS_MAP, DIFFERENCE_MAP

    steps = np.linspace(0, 1, 21)
    grey = np.array([0.299, 0.587, 0.114])
    rising = colormaps[BRIGHTNESS_MAP](steps)[:, :3] @ grey
    assert (np.diff(rising) > 0).all()
    both = colormaps[DIFFERENCE_MAP](steps)[:, :3] @ grey
    assert (np.diff(both)[:10] > 0).all()
    assert (np.diff(both)[10:] < 0).all()
