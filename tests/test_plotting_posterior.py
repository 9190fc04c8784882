# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the figure of one galaxy's posterior."""

import numpy as np
import pytest

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.plotting import plot_posterior
from astro_cnnfit.psf import gaussian

figure_module = pytest.importorskip("matplotlib.figure")


def axes_of(count):
    return figure_module.Figure(figsize=(6, 6)).subplots(count, count)


@pytest.fixture
def fitter(network):
    y, x = np.mgrid[:61, :61] - 30.0
    galaxy = 100 * np.exp(-np.hypot(x, y / 0.6) / 4)
    stack = galaxy + np.random.default_rng(0).normal(0, 1, (2, 61, 61))
    fitter = CNNSersicFitter(network, zeropoint=30.0)
    fitter(np.stack([*stack, np.full((61, 61), np.nan)]), gaussian(3.0)[0])
    return fitter


# A row without data is one of the cases.
pytestmark = pytest.mark.filterwarnings("ignore:.*galax")


def test_corner_of_seven(fitter):
    axes = plot_posterior(fitter, n=500, axes=axes_of(7))
    assert axes.shape == (7, 7)
    above = np.triu_indices(7, 1)
    assert not any(axis.get_visible() for axis in axes[above])
    assert all(axes[i, i].get_title().startswith("$") for i in range(7))
    assert axes[6, 0].get_xlabel() == "$x$ (pixels)"
    assert axes[3, 0].get_ylabel() == r"$R_\mathrm{eff}$ (pixels)"
    low, high = axes[3, 0].get_ylim()
    assert low < fitter.results["r_eff_fit"][0] < high


def test_draws_of_a_fitter_and_of_its_sample_agree(fitter):
    names = ["r_eff", "n"]
    ours = plot_posterior(fitter, row=1, names=names, axes=axes_of(2))
    draws = fitter.sample(20_000, seed=3)
    theirs = plot_posterior(draws, row=1, names=names, axes=axes_of(2))
    np.testing.assert_allclose(ours[1, 0].get_xlim(), theirs[1, 0].get_xlim(), rtol=0.1)


def test_magnitudes_of_a_sample(fitter):
    axes = plot_posterior(
        fitter.sample(300, seed=1), names=["mag", "n"], axes=axes_of(2)
    )
    assert axes[1, 0].get_xlabel() == "magnitude (mag)"


def test_truth_is_marked(fitter):
    truth = {"r_eff": 4.0, "theta_fit": 90.0}
    names = ["r_eff", "n", "theta"]
    axes = plot_posterior(fitter, names=names, truth=truth, n=500, axes=axes_of(3))
    assert axes[0, 0].lines[-1].get_xdata()[0] == 4.0
    # Only the interval where nothing is known, and both lines and a point elsewhere.
    assert [len(axes[i, i].lines) for i in range(3)] == [4, 3, 4]
    assert [len(axes[i, j].lines) for i, j in ((1, 0), (2, 0))] == [1, 3]


def test_angles_beyond_the_range_are_beside_the_others(fitter):
    draws = fitter.sample(2000, seed=1)
    draws["theta_fit"][0] = (np.random.default_rng(0).normal(0, 3, 2000) % 180) * (
        draws["theta_fit"].unit
    )
    axes = plot_posterior(draws, names=["theta"], axes=axes_of(1))
    low, high = axes[0, 0].get_xlim()
    assert high - low < 30


def test_draws_of_one_value(fitter):
    draws = fitter.sample(100, seed=1)
    draws["n_fit"][0] = 8.0
    axes = plot_posterior(draws, names=["n", "r_eff"], axes=axes_of(2))
    axes[0, 0].figure.canvas.draw()


def test_new_figure(fitter):
    plt = pytest.importorskip("matplotlib.pyplot")
    with plt.rc_context({"backend": "agg"}):
        axes = plot_posterior(fitter, n=200)
        assert axes.shape == (7, 7)
        axes[0, 0].figure.canvas.draw()
        plt.close(axes[0, 0].figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": 2}, "row must be that of a galaxy that was measured, got 2"),
        ({"names": ["size"]}, "fit must have a column 'size'"),
        ({"axes": axes_of(2)}, "axes must be 49, got 4"),
    ],
)
def test_bad_arguments(fitter, change, message):
    arguments = {"n": 100, "axes": axes_of(7)} | change
    with pytest.raises(ValueError, match=message):
        plot_posterior(fitter, **arguments)


def test_a_table_of_results_holds_no_draws(fitter):
    with pytest.raises(ValueError, match=r"fit must hold draws of shape \(rows, n\)"):
        plot_posterior(fitter.results, axes=axes_of(7))


def test_fitter_before_its_call(network):
    with pytest.raises(ValueError, match="call the fitter with data first"):
        plot_posterior(CNNSersicFitter(network))
