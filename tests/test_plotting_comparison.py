# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the figure of measured against true values."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table

from astro_cnnfit.plotting import plot_comparison

figure_module = pytest.importorskip("matplotlib.figure")


def axes_of(count):
    return figure_module.Figure(figsize=(4 * count, 5)).subplots(2, count)


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    n = 300
    return Table({
        "x_0": rng.uniform(0, 100, n), "r_eff": 10 ** rng.uniform(0, 1, n),
        "n": rng.uniform(0.5, 6, n), "theta": rng.uniform(0, 180, n),
    })  # fmt: skip


@pytest.fixture
def measured(truth):
    rng = np.random.default_rng(1)
    table = QTable(
        {f"{name.removesuffix('_0')}_fit": truth[name] for name in truth.colnames}
    )
    table["r_eff_fit"] *= 1 + rng.normal(0.1, 0.05, len(truth))
    table["theta_fit"] = (truth["theta"] + rng.normal(0, 5, len(truth))) % 180 * u.deg
    return table


def written(axis):
    return axis.texts[0].get_text()


def offsets(axis):
    """Median of each bin."""
    return axis.containers[0].lines[0].get_ydata()


def test_panels_of_what_both_tables_have(measured, truth):
    axes = plot_comparison(measured, truth, axes=axes_of(4))
    assert axes.shape == (2, 4)
    labels = [axis.get_xlabel() for axis in axes[1]]
    assert labels[0] == "reference $x$ (pixels)"
    assert "Sérsic" in labels[2]
    assert labels[3].endswith("(deg)")
    assert axes[0, 1].get_ylabel() == r"measured $R_\mathrm{eff}$ (pixels)"


def test_differences_are_relative_for_lengths(measured, truth):
    axes = plot_comparison(measured, truth, names=["r_eff"], axes=axes_of(1))
    assert axes[0, 0].get_xscale() == axes[0, 0].get_yscale() == "log"
    assert axes[1, 0].get_ylabel() == "difference (relative)"
    np.testing.assert_allclose(offsets(axes[1, 0]), 0.1, atol=0.03)
    relative = measured["r_eff_fit"] / truth["r_eff"] - 1
    assert f"median {np.median(relative):+.2g}" in written(axes[0, 0])
    assert "NMAD 0.04" in written(axes[0, 0])


def test_angles_wrap(measured, truth):
    axes = plot_comparison(measured, truth, names=["theta"], axes=axes_of(1))
    difference = axes[1, 0].lines[0].get_ydata()
    assert np.abs(difference).max() < 30


def test_units_are_converted():
    measured = {"mag": [1.0, 2.0] * u.mag, "r_eff_sky": [1.0, 2.0] * u.arcsec}
    reference = {"mag": [1.0, 2.0] * u.mag, "r_eff_sky": [1000.0, 2000.0] * u.mas}
    axes = plot_comparison(measured, reference, axes=axes_of(2))
    np.testing.assert_allclose(axes[1, 1].lines[0].get_ydata(), 0, atol=1e-12)
    assert axes[1, 1].get_xlabel().endswith("(mas)")


def test_units_that_do_not_go_together():
    measured, reference = {"flux": [1.0] * u.Jy}, {"flux": [1.0] * u.m}
    with pytest.raises(ValueError, match="units that go together, got Jy and m"):
        plot_comparison(measured, reference, axes=axes_of(1))


def test_rows_without_a_value_are_left_out(measured, truth):
    measured["r_eff_fit"][:3] = np.nan, 0.0, -1.0
    before = truth.copy()
    truth["n"] = MaskedColumn(truth["n"], mask=np.arange(len(truth)) < 7)
    axes = plot_comparison(measured, truth, names=["r_eff", "n"], axes=axes_of(2))
    assert written(axes[0, 0]).startswith("N = 297 of 300")
    assert written(axes[0, 1]).startswith("N = 293 of 300")
    assert (truth["r_eff"] == before["r_eff"]).all()


def test_many_points_are_a_density():
    rng = np.random.default_rng(0)
    truth = {"mag": rng.uniform(18, 24, 5000), "my_value": rng.normal(size=5000)}
    measured = {name: value + 0.1 for name, value in truth.items()}
    axes = plot_comparison(measured, truth, names=["mag", "my_value"], axes=axes_of(2))
    assert axes[0, 0].collections
    assert "N = 5000\nmedian +0.1" in written(axes[0, 1])
    assert axes[1, 1].get_xlabel() == "reference my value"


def test_labels_and_few_rows():
    table = {"gini": [0.4, 0.5, 0.6]}
    axes = plot_comparison(table, table, labels=("HST", "HSC"), axes=axes_of(1))
    assert axes[1, 0].get_xlabel() == "HST Gini"
    assert axes[0, 0].get_ylabel() == "HSC Gini"
    assert not axes[1, 0].containers


def test_new_figure(measured, truth):
    plt = pytest.importorskip("matplotlib.pyplot")
    with plt.rc_context({"backend": "agg"}):
        axes = plot_comparison(measured, truth)
        assert axes.shape == (2, 4)
        axes[0, 0].figure.canvas.draw()
        plt.close(axes[0, 0].figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axes": axes_of(1)}, "axes must be 8, got 2"),
        ({"names": ["mag"]}, "measured must have a column 'mag' or 'mag_fit', got"),
        ({"reference": {"r_eff": [1.0]}}, "must have the same number of rows"),
        ({"reference": {"a": [1.0]}}, "must have a quantity in common"),
        ({"reference": {"theta": np.ones(300) * u.m}}, "'theta' as an angle, got m"),
        ({"reference": {"n": np.full(300, np.nan)}}, "no finite pair of 'n'"),
    ],
)  # fmt: skip
def test_bad_arguments(measured, truth, change, message):
    arguments = {"measured": measured, "reference": truth, "axes": axes_of(4)} | change
    if "reference" in change:
        arguments["axes"] = axes_of(1)
    with pytest.raises(ValueError, match=message):
        plot_comparison(**arguments)
