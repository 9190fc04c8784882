# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the classical measures as a whole: definitions, flags, bad input."""

import warnings

import numpy as np
import pytest

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.morphology.classical import label_stamps, measure_stamps
from astro_cnnfit.morphology.definitions import DEFINITIONS, find_definition
from astro_cnnfit.morphology.record import COLUMNS, FLAGS

NAMES = [definition.name for definition in DEFINITIONS]
MEASURED = ("concentration", "asymmetry", "smoothness", "gini", "m20")
SIGMA = 2e-5


def exponential(x=30.0, y=30.0, scale=3.0, q=0.7, theta=0.5, size=61):
    """An exponential disc of unit sum, on finer pixels first."""
    fine = (np.arange(3 * size) + 0.5) / 3.0 - 0.5
    dx, dy = fine[None, :] - x, fine[:, None] - y
    u = dx * np.cos(theta) + dy * np.sin(theta)
    v = dy * np.cos(theta) - dx * np.sin(theta)
    image = np.exp(-np.hypot(u, v / q) / scale)
    image = image.reshape(size, 3, size, 3).sum(axis=(1, 3))
    return image / image.sum()


def lopsided(**where):
    """The disc with a clump at one side."""
    clump = exponential(34.0, 33.0, 0.8, 1.0)
    return 0.85 * exponential(**where) + 0.15 * clump


@pytest.fixture(scope="module")
def galaxies():
    """Noise-free stamps, a symmetric galaxy and one that is not."""
    return np.array([exponential(30.2, 29.7), lopsided()])


@pytest.fixture(scope="module")
def noisy(galaxies):
    """The same with noise, and their segments."""
    rng = np.random.default_rng(0)
    segments = galaxies > 3 * SIGMA
    return galaxies + SIGMA * rng.standard_normal(galaxies.shape), segments


@pytest.mark.parametrize("definition", NAMES)
def test_measures_of_clean_galaxies(galaxies, definition):
    rows = measure_stamps(galaxies, definition=definition)
    assert set(rows) == {*COLUMNS, *FLAGS}
    assert not rows["undefined"].any()
    # An exponential has a C of 2.7 within 1.5 Petrosian radii.
    assert rows["concentration"][0] == pytest.approx(2.7, abs=0.15)
    assert rows["asymmetry"][0] < 0.03
    assert rows["asymmetry"][1] > 0.15
    assert rows["rms_asymmetry"][1] > rows["rms_asymmetry"][0]
    assert rows["xc_asymmetry"][0] == pytest.approx(30.2, abs=0.1)
    assert rows["yc_asymmetry"][0] == pytest.approx(29.7, abs=0.1)
    assert np.all(rows["rpetro_circ"] < rows["rpetro_ellip"] * 1.001)
    assert np.isnan(rows["asymmetry_err"]).all()


def test_shape_of_the_light(galaxies):
    rows = measure_stamps(galaxies)
    assert rows["ellip"][0] == pytest.approx(0.3, abs=0.04)
    assert rows["theta"][0] == pytest.approx(0.5, abs=0.05)
    assert rows["flux"][0] == pytest.approx(0.99, abs=0.02)
    assert np.all((rows["r20"] < rows["r50"]) & (rows["r50"] < rows["r80"]))


def test_nothing_depends_on_how_the_image_lies(galaxies):
    one = measure_stamps(galaxies)
    for turned in (galaxies[:, ::-1], galaxies.transpose(0, 2, 1)):
        other = measure_stamps(turned)
        for name in MEASURED:
            np.testing.assert_allclose(other[name], one[name], atol=5e-3)


def test_nothing_depends_on_the_unit(galaxies):
    one, other = measure_stamps(galaxies), measure_stamps(galaxies * 1e6)
    for name in MEASURED:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-6)
    np.testing.assert_allclose(
        other["sn_per_pixel"], 1e6 * one["sn_per_pixel"], rtol=1e-6
    )


@pytest.mark.parametrize("definition", NAMES)
def test_noise_and_errors(galaxies, noisy, definition):
    stamps, segments = noisy
    clean = measure_stamps(galaxies, segments=segments, definition=definition)
    rows = measure_stamps(
        stamps, segments=segments, sky_sigma=SIGMA, definition=definition
    )
    assert not rows["undefined"].any()
    for name in ("concentration", "asymmetry"):
        off = np.abs(rows[name] - clean[name])
        # Classical A loses a part of a strong asymmetry.
        allowed = 5.0 * rows[f"{name}_err"] + (0.05 if name == "asymmetry" else 0.0)
        assert np.all(off < allowed)
    np.testing.assert_allclose(rows["gini"], clean["gini"], atol=0.03)


def test_sigma_of_each_stamp(noisy):
    stamps, segments = noisy
    rows = measure_stamps(stamps, segments=segments, sky_sigma=[SIGMA, 2 * SIGMA])
    same = measure_stamps(stamps, segments=segments, sky_sigma=SIGMA)
    ratio = rows["sn_per_pixel"] / same["sn_per_pixel"]
    np.testing.assert_allclose(ratio, [1.0, 0.5])


def test_cells_of_another_size(noisy):
    stamps, segments = noisy
    rows = measure_stamps(stamps, segments=segments, sky_sigma=SIGMA, cell_size=(6, 6))
    assert not rows["undefined"].any()


@pytest.mark.parametrize("definition", NAMES)
def test_without_empty_sky_there_is_a_flag_and_no_asymmetry(noisy, definition):
    stamps, segments = noisy
    segments = np.ones_like(segments)
    rows = measure_stamps(
        stamps, segments=segments, sky_sigma=SIGMA, definition=definition
    )
    assert rows["no_background_cell"].all()
    assert rows["undefined"].all()
    assert np.isnan(rows["asymmetry"]).all()
    assert np.isfinite(rows["concentration"]).all()


@pytest.mark.parametrize("definition", NAMES)
def test_aperture_that_leaves_the_image(definition):
    stamp = exponential(10.0, 30.0)[None]
    rows = measure_stamps(stamp, definition=definition)
    assert rows["aperture_outside"].all()


@pytest.mark.parametrize("definition", NAMES)
@pytest.mark.parametrize(
    "stamp",
    [np.ones((40, 40)), np.zeros((40, 40)), -exponential(size=41, x=20.0, y=20.0)],
    ids=["constant", "zero", "negative"],
)
def test_stamps_without_a_galaxy(stamp, definition):
    rows = measure_stamps(stamp[None], definition=definition)
    assert rows["undefined"].all()
    assert np.isnan(rows["concentration"]).all()


@pytest.mark.parametrize("definition", NAMES)
def test_stamp_without_a_valid_pixel(definition, galaxies):
    segments = np.ones(galaxies.shape, bool)
    stamps = np.full_like(galaxies, np.nan)
    rows = measure_stamps(
        stamps, segments=segments, sky_sigma=1.0, definition=definition
    )
    assert rows["undefined"].all()


@pytest.mark.parametrize("definition", NAMES)
def test_segment_of_one_pixel_and_of_none(definition, noisy):
    stamps, _ = noisy
    segments = np.zeros(stamps.shape, bool)
    segments[0, 30, 30] = True
    rows = measure_stamps(
        stamps, segments=segments, sky_sigma=SIGMA, definition=definition
    )
    assert rows["undefined"][1]
    assert np.isfinite(rows["xc_centroid"][0])


@pytest.mark.parametrize("definition", NAMES)
def test_masked_and_non_finite_pixels_are_left_out(galaxies, definition):
    clean = measure_stamps(galaxies, definition=definition)
    stamps, mask = galaxies.copy(), np.zeros(galaxies.shape, bool)
    stamps[:, 40, 20] = np.nan
    stamps[:, 42, 33] = 1.0
    mask[:, 42, 33] = True
    before = stamps.copy()
    rows = measure_stamps(stamps, mask=mask, definition=definition)
    np.testing.assert_array_equal(stamps, before)
    assert not rows["undefined"].any()
    np.testing.assert_allclose(rows["asymmetry"], clean["asymmetry"], atol=0.02)
    np.testing.assert_allclose(rows["concentration"], clean["concentration"], atol=0.02)


def test_any_kind_of_array(galaxies):
    expected = measure_stamps(galaxies.astype(np.float32))
    big = galaxies.astype(">f4")
    big.flags.writeable = False
    for stamps in (big, np.asfortranarray(big)):
        rows = measure_stamps(stamps)
        np.testing.assert_allclose(rows["asymmetry"], expected["asymmetry"])


def test_no_stamps_at_all():
    rows = measure_stamps(np.empty((0, 30, 30)))
    assert all(len(values) == 0 for values in rows.values())
    assert label_stamps(np.empty((0, 30, 30))).shape == (0, len(LATENT_MEASURES))


def test_labels_are_in_the_order_of_the_networks(galaxies):
    labels, rows = label_stamps(galaxies), measure_stamps(galaxies)
    found = dict(zip(LATENT_MEASURES, labels.T, strict=True))
    np.testing.assert_array_equal(found["asymmetry"], rows["asymmetry"])
    np.testing.assert_allclose(10 ** found["log_rpetro"], rows["rpetro_ellip"])
    np.testing.assert_allclose(10 ** found["log_r50"], rows["r50"])
    assert found["x"][0] == pytest.approx(0.2, abs=0.03)
    assert found["y"][0] == pytest.approx(-0.3, abs=0.03)


def test_labels_without_a_value_are_rows_of_nan(galaxies):
    labels = label_stamps(np.stack([galaxies[0], np.zeros_like(galaxies[0])]))
    assert np.isfinite(labels[0]).all()
    assert np.isnan(labels[1]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"definition": "lotz2004"}, ValueError, "definition must be one of"),
        ({"segments": np.ones((1, 61, 61), bool)}, ValueError, "segments must have"),
        ({"segments": np.ones((2, 61, 61))}, TypeError, "segments must be of bool"),
        ({"mask": np.ones((2, 5, 5), bool)}, ValueError, "mask must have"),
        ({"sky_sigma": [1.0, 2.0, 3.0]}, ValueError, "sky_sigma must be a number"),
        ({"sky_sigma": 0.0}, ValueError, "sky_sigma must be positive"),
        ({"sky_sigma": np.nan}, ValueError, "sky_sigma must be positive"),
    ],
)
def test_bad_calls(galaxies, arguments, error, message):
    with pytest.raises(error, match=message):
        measure_stamps(galaxies, **arguments)


def test_one_image_is_not_a_stack(galaxies):
    with pytest.raises(ValueError, match=r"stamps must have shape \(N, ny, nx\)"):
        measure_stamps(galaxies[0])


def test_definitions_are_found_by_name():
    assert find_definition("conselice2003").smoothness_factor == 10.0


def test_agreement_with_the_statmorph_package(noisy):
    statmorph = pytest.importorskip("statmorph")
    stamps, segments = noisy
    rows = measure_stamps(
        stamps, segments=segments, sky_sigma=SIGMA, definition="statmorph"
    )
    for k, stamp in enumerate(stamps):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = statmorph.SourceMorphology(
                stamp, segments[k].astype(int), 1, weightmap=np.full_like(stamp, SIGMA)
            )
        assert rows["concentration"][k] == pytest.approx(theirs.concentration, rel=0.01)
        for name in ("asymmetry", "smoothness", "gini", "m20"):
            assert rows[name][k] == pytest.approx(getattr(theirs, name), abs=0.005)
        assert rows["rpetro_ellip"][k] == pytest.approx(theirs.rpetro_ellip, rel=0.003)
        squared = np.sign(rows["rms_asymmetry"][k]) * rows["rms_asymmetry"][k] ** 2
        assert squared == pytest.approx(theirs.rms_asymmetry2, abs=0.005)
