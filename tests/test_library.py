# Licensed under a 3-clause BSD style license - see LICENSE
"""Libraries of labelled galaxies."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from astro_cnnfit.measures import LATENT_MEASURES, latent_index
from astro_cnnfit.morphology import library
from astro_cnnfit.morphology.library import draw_library, learnable, libraries
from astro_cnnfit.training import TrainingConfig

SHARES = {"procedural": 1.0}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(library, "CHUNK", 12)
    monkeypatch.delenv("ASTRO_CNNFIT_TEST_DATA", raising=False)


def test_a_library_is_kept_and_repeated(tmp_path):
    first = draw_library(24, "train", SHARES, 3, tmp_path)
    assert len(list(tmp_path.glob("procedural-train-3-*.npz"))) == 2
    again = draw_library(24, "train", SHARES, 3, tmp_path)
    fresh = draw_library(24, "train", SHARES, 3)
    for other in (again, fresh):
        assert_array_equal(first.stamps, other.stamps)
        assert_array_equal(first.labels, other.labels)
    assert first.labels.shape == (len(first.stamps), len(LATENT_MEASURES))
    assert np.isfinite(first.labels).all()


def test_parts_differ():
    train, test = (draw_library(12, part, SHARES, 3) for part in ("train", "test"))
    assert not np.array_equal(train.labels[:3], test.labels[:3])


def test_a_damaged_chunk_is_not_left_behind(tmp_path, monkeypatch):
    def fail(stamps):
        raise RuntimeError

    monkeypatch.setattr(library, "label_stamps", fail)
    with pytest.raises(RuntimeError):
        draw_library(12, "train", SHARES, 3, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_real_images_all_are_procedural(caplog):
    found = draw_library(12, "train", {"procedural": 0.5, "real": 0.5}, 3)
    assert 0 < len(found.labels) <= 12
    assert "ASTRO_CNNFIT_TEST_DATA" in caplog.text


def test_both_libraries_of_a_run():
    config = TrainingConfig("cas", priors=SHARES, galaxies=12)
    train, held_out = libraries(config)
    assert len(train.labels) <= 12
    assert not np.array_equal(train.labels[:3], held_out.labels[:3])


@pytest.mark.parametrize(
    ("part", "shares", "message"),
    [
        ("training", SHARES, "part must be one of train, held_out, test"),
        ("train", {"spiral": 1.0}, "shares must be of 'procedural' and 'real'"),
        ("train", {}, "shares must be of"),
    ],
)
def test_bad_calls(part, shares, message):
    with pytest.raises(ValueError, match=message):
        draw_library(12, part, shares, 3)


def test_systems_that_reach_beyond_the_aperture_are_left_out():
    y, x = np.mgrid[:101, :101] - 50
    one = np.exp(-(x**2 + y**2) / 18)
    pair = one + 0.5 * np.exp(-((x - 35) ** 2 + y**2) / 18)
    stamps = np.stack([one, pair, one, one]).astype("f4")
    labels = np.zeros((4, len(LATENT_MEASURES)))
    labels[:, latent_index("log_rpetro")] = 1
    labels[2, latent_index("log_rpetro")] = np.log10(60)
    labels[3, 0] = np.nan
    assert_array_equal(learnable(stamps, labels), [True, False, False, False])
