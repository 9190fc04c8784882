# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from astro_cnnfit.evaluation import (
    GALNETS_TABLE2,
    binned_errors,
    circular_difference,
    compare_with_published,
    mean_absolute_error,
    nmad,
    outlier_fraction,
    paper_columns,
    pearson_r,
    r2,
    reduced_chi2,
    root_mean_square_error,
    sersic_summary,
)
from astro_cnnfit.evaluation.angle import linear_position_angle
from astro_cnnfit.evaluation.published import COLUMNS, STATISTICS
from astro_cnnfit.parameters import decode, encode

ANGLES = st.floats(-720, 720)


@pytest.fixture
def params():
    rng = np.random.default_rng(3)
    count = 500
    return np.column_stack(
        [
            *rng.normal(0, 0.5, (2, count)),
            10 ** rng.uniform(3, 5, count),
            rng.uniform(2, 10, count),
            rng.uniform(0.5, 6, count),
            rng.uniform(0, 0.8, count),
            rng.uniform(0, np.pi, count),
        ]
    )


def test_perfect_agreement(params):
    summary = sersic_summary(params, params)
    for name in summary.colnames[1:]:
        assert_allclose(summary[name], [1, 0, 0], atol=1e-12)


def test_equations_by_hand():
    true = np.array([0.0, 1.0, 2.0, 3.0])
    pred = np.array([0.1, 1.0, 2.0, 4.0])
    assert_allclose(r2(pred, true), 1 - 1.01 / 5)
    # 0.1 / 1 and 1 / 4: only the second is above 0.15.
    assert outlier_fraction(pred, true) == 0.25
    # Differences 0.1, 0, 0, 0.25; median 0.05, deviations 0.05 0.05 0.05 0.2.
    assert_allclose(nmad(pred, true), 1.4826 * 0.05)
    assert_allclose(mean_absolute_error(pred, true), 1.1 / 4)
    assert_allclose(root_mean_square_error(pred, true), np.sqrt(1.01 / 4))
    assert_allclose(pearson_r(2 * true + 1, true), 1)


def test_predicting_the_mean_has_no_r2():
    true = np.arange(10.0)
    assert_allclose(r2(np.full(10, true.mean()), true), 0)


def test_nmad_is_a_standard_deviation():
    noise = np.random.default_rng(0).normal(0, 0.02, 20_000)
    assert_allclose(nmad(noise, np.zeros(20_000)), 0.02, rtol=0.02)


def test_not_a_number_is_an_outlier():
    assert outlier_fraction([np.nan, 1.0], [1.0, 1.0]) == 0.5


@pytest.mark.parametrize("function", [r2, outlier_fraction, nmad])
def test_bad_shapes(function):
    with pytest.raises(ValueError, match="one shape"):
        function([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="at least one"):
        function([], [])


@given(ANGLES, ANGLES)
def test_circular_difference_range(pred, true):
    difference = circular_difference(pred, true)
    assert -90 <= difference <= 90
    turns = (pred - true - difference) / 180
    assert_allclose(turns, np.round(turns), atol=1e-9)


def test_circular_difference_wraps():
    assert_allclose(circular_difference([179, 1], [1, 179]), [-2, 2])


def test_pa_linear_and_circular(params):
    pred = params.copy()
    params[:, 6] = np.radians(1.0)
    params[::2, 6] = np.radians(2.0)
    pred[:, 6] = np.radians(179.0)
    summary = sersic_summary(pred, params)
    outliers = summary[1]
    assert outliers["pa"] == 1.0
    # 2 / (1 + 1) and 3 / (1 + 2) are outliers too, but R2 knows the distance.
    assert summary["pa_circular"][0] > summary["pa"][0]


def test_linear_position_angle(params):
    latent = encode(params)
    narrow = np.tile(1e-8 * np.eye(7), (len(latent), 1, 1))
    theta = np.degrees(params[:, 6])
    clear = (params[:, 5] > 0.1) & (theta > 1) & (theta < 179)
    for estimate in ("median", "mean"):
        pa = linear_position_angle(latent, narrow, estimate)
        assert_allclose(pa[clear], theta[clear], atol=0.1)
        # Nothing is known: the middle is the best number.
        wide = linear_position_angle(0 * latent, 1e4 * narrow, estimate)
        assert_allclose(wide, 90, atol=3)
    with pytest.raises(ValueError, match="estimate"):
        linear_position_angle(latent, narrow, "mode")


def test_linear_position_angle_has_the_best_r2(params):
    rng = np.random.default_rng(0)
    root = 0.1 * np.eye(7)
    latent = encode(params)
    measured = latent + rng.normal(size=latent.shape) @ root
    covariance = np.tile(root @ root, (len(latent), 1, 1))
    pred, true = decode(measured), np.degrees(params[:, 6])
    by_mean, by_median = (
        linear_position_angle(measured, covariance, estimate)
        for estimate in ("mean", "median")
    )
    point = np.degrees(pred[:, 6])
    assert r2(by_mean, true) > r2(by_median, true) > r2(point, true)
    summary = sersic_summary(pred, params, pa=by_mean)
    assert summary["pa"][0] == r2(by_mean, true)
    assert summary["pa_circular"][0] == sersic_summary(pred, params)["pa_circular"][0]


def test_paper_columns_units(params):
    columns = paper_columns(params, pixel_scale=0.2, zeropoint=30)
    assert_allclose(columns["r_eff"], params[:, 3] * 0.2)
    assert_allclose(columns["mag"], 30 - 2.5 * np.log10(params[:, 2]))
    assert_allclose(columns["q"], 1 - params[:, 5])
    assert columns["pa"].min() >= 0
    assert columns["pa"].max() < 180
    with pytest.raises(ValueError, match=r"\(N, 7\)"):
        paper_columns(params[:, :6])


def test_binned_errors(params):
    true = params[:, 3]
    pred = true + 0.1
    table = binned_errors(pred, true, bins=5)
    assert table["count"].sum() == len(true)
    count = table["count"]
    assert_allclose(table["error"], 0.1 * np.sqrt(count / (count - 1)))
    assert_allclose(table["relative_error"], table["error"] / table["pred_mean"])
    assert_allclose(table["pred_mean"] - table["true_mean"], 0.1)


def test_binned_errors_of_an_empty_bin():
    table = binned_errors([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], bins=3)
    assert list(table["count"]) == [2, 0, 2]
    assert np.isnan(table["error"][1])


def test_reduced_chi2_of_pure_noise():
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 2.0, (40, 61, 61))
    params = np.tile([0.5, -0.3, 1e3, 15.0, 1.0, 0.4, 0.7], (40, 1))
    values = reduced_chi2(noise, np.zeros_like(noise), 2.0, params, n_parameters=0)
    assert_allclose(values.mean(), 1, atol=0.03)
    one = reduced_chi2(noise[0], np.zeros((61, 61)), 2.0, params[0], n_parameters=0)
    assert one == values[0]
    sigmas = reduced_chi2(noise, 0 * noise, np.full(40, 4.0), params, n_parameters=0)
    assert_allclose(sigmas, values / 4)


def test_reduced_chi2_counts_only_the_ellipse():
    data = np.zeros((61, 61))
    data[:, 40:] = 1e6
    params = [0, 0, 1e3, 9.0, 1.0, 0.5, np.pi / 2]
    assert reduced_chi2(data, np.zeros((61, 61)), 1.0, params) == 0
    data[30, 30] = 1e6
    mask = np.zeros((61, 61), dtype=bool)
    mask[30, 30] = True
    assert reduced_chi2(data, np.zeros((61, 61)), 1.0, params, mask=mask) == 0
    params[3] = 1.0
    assert np.isnan(reduced_chi2(data, np.zeros((61, 61)), 1.0, params))


def test_published_rows():
    for rows in GALNETS_TABLE2.values():
        assert set(rows) == set(STATISTICS)
        assert all(len(row) == len(COLUMNS) for row in rows.values())


def test_compare_with_published(params):
    table = compare_with_published({"mine": sersic_summary(params, params)})
    mine = table[table["source"] == "mine"]
    assert list(mine["beats"]) == [7, 7, 7]
    worse = params.copy()
    worse[:, 4] *= np.random.default_rng(8).lognormal(0, 0.5, len(worse))
    table = compare_with_published({"worse": sersic_summary(worse, params)})
    worse = table[table["source"] == "worse"]
    assert list(worse["beats"]) == [6, 6, 6]
