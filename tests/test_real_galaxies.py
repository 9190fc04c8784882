# Licensed under a 3-clause BSD style license - see LICENSE
"""Real galaxies: parts apart, draws sound, noise gone and structure kept."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.morphology.classical import label_stamps
from astro_cnnfit.simulation.backgrounds import find_data
from astro_cnnfit.simulation.denoise import (
    DRIZZLED,
    THRESHOLDS,
    WHITE,
    denoise,
    wavelet_planes,
)
from astro_cnnfit.simulation.isolate import (
    find_segments,
    flatten,
    free_of_neighbours,
    shape_of,
    symmetry_centre,
    taper,
)
from astro_cnnfit.simulation.real_cutting import NOT_GALAXIES
from astro_cnnfit.simulation.real_galaxies import Source, draw_real, load_sources
from astro_cnnfit.simulation.real_sources import FRAMES, read_frames
from astro_cnnfit.simulation.warp import draw_warp, edge_taper, pyramid, warp_galaxy

PARTS = ("train", "test")


def galaxy(size=81, x=40.0, y=40.0, sigma=(8.0, 5.0), flux=1.0):
    """Elliptical Gaussian of the given flux, tilted by 45 degrees."""
    yy, xx = np.mgrid[:size, :size]
    u, v = (xx - x + yy - y) / np.sqrt(2), (yy - y - xx + x) / np.sqrt(2)
    light = np.exp(-0.5 * ((u / sigma[0]) ** 2 + (v / sigma[1]) ** 2))
    return flux * light / light.sum()


def source(name="one", r_petro=18.0, max_zoom=1.2, **options):
    image = galaxy(**options)
    image[image < 1e-4 * image.max()] = 0
    return Source(
        name, "made", (image / image.sum()).astype(np.float32),
        symmetry_centre(image), 20.0, 3.0, r_petro, max_zoom, name,
    )  # fmt: skip


@pytest.fixture(scope="module")
def parts():
    folder = find_data()
    if folder is None:
        pytest.skip(reason="ASTRO_CNNFIT_TEST_DATA names no folder of real images")
    return {part: load_sources(folder, part) for part in PARTS}


# ------------------------------------------------------------------ the sources


def test_enough_galaxies(parts):
    train, test = ({s.galaxy for s in parts[part]} for part in PARTS)
    assert len(test) >= 60
    assert len(train) + len(test) >= 150


def test_no_galaxy_in_both_parts(parts):
    train, test = ({s.galaxy for s in parts[part]} for part in PARTS)
    assert not train & test


def test_galaxies_of_a_split_field_lie_apart(parts):
    # Names of a field's galaxies end in their positions.
    heights = [
        [int(s.galaxy.split("-")[2]) for s in parts[part] if s.survey == "kids"]
        for part in PARTS
    ]
    assert max(heights[0]) < min(heights[1])


def test_names_are_unique_and_artefacts_left_out(parts):
    names = [s.name for part in PARTS for s in parts[part]]
    assert len(names) == len(set(names))
    assert not NOT_GALAXIES & {s.galaxy for part in PARTS for s in parts[part]}


@pytest.mark.parametrize("part", PARTS)
def test_sources_are_clean(parts, part):
    for one in parts[part]:
        assert one.image.dtype == np.float32
        assert one.image.min() >= 0
        assert one.image.sum() == pytest.approx(1, abs=1e-4)
        border = (one.image[0], one.image[-1], one.image[:, 0], one.image[:, -1])
        assert max(edge.max() for edge in border) == 0
        x, y = one.centre
        assert 0 < x < one.image.shape[1]
        assert 0 < y < one.image.shape[0]
        assert one.snr > 1
        assert one.r_petro * one.max_zoom >= 5
        assert one.max_zoom <= 1.2


def test_sources_are_kept_for_the_next_call(parts):
    again = load_sources(find_data(), "test")
    assert all(a is b for a, b in zip(again, parts["test"], strict=True))


@pytest.mark.parametrize("part", PARTS)
def test_labels_of_real_draws(parts, part):
    stamps, index = draw_real(parts[part], np.random.default_rng(4), 80)
    assert len(set(index)) > 25
    labels = dict(zip(LATENT_MEASURES, label_stamps(stamps).T, strict=True))
    assert np.isfinite(labels["concentration"]).mean() > 0.97
    r_petro = 10 ** labels["log_rpetro"]
    inside = (r_petro > 2.5) & (r_petro < 45)
    assert inside.mean() > 0.97
    assert np.nanmedian(r_petro) == pytest.approx(11, rel=0.4)
    assert np.nanstd(labels["asymmetry"]) > 0.04


def test_frames_of_every_place(parts):
    found = {frame.place.survey for frame in read_frames(find_data())}
    assert found == {place.survey for place in FRAMES}


@pytest.mark.parametrize("part", ["both", None, 0])
def test_unknown_part(part, tmp_path):
    with pytest.raises(ValueError, match="part must be 'train' or 'test', got"):
        load_sources(tmp_path, part)


def test_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="folder holds no images of galaxies"):
        load_sources(tmp_path)


# -------------------------------------------------------------------- the draws


def test_no_sources():
    with pytest.raises(ValueError, match="sources must hold at least one"):
        draw_real([], np.random.default_rng(0), 1)


@pytest.mark.parametrize("size", [61, 101])
def test_draws_are_sound(size):
    stamps, index = draw_real([source()], np.random.default_rng(0), 20, size)
    assert stamps.shape == (20, size, size)
    assert stamps.dtype == np.float32
    assert np.all(np.isfinite(stamps))
    assert stamps.min() >= 0
    np.testing.assert_allclose(stamps.sum(axis=(1, 2)), 1, atol=1e-4)
    for edge in (stamps[:, 0], stamps[:, -1], stamps[:, :, 0], stamps[:, :, -1]):
        assert np.abs(edge).max() == 0
    np.testing.assert_array_equal(index, 0)


def test_seed_reproduces_draws():
    sources = [source("one"), source("two", sigma=(4.0, 4.0), r_petro=8.0)]
    one, first = draw_real(sources, np.random.default_rng(7), 6)
    two, second = draw_real(sources, np.random.default_rng(7), 6)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first, second)
    other, _ = draw_real(sources, np.random.default_rng(8), 6)
    assert not np.array_equal(one, other)


def test_sources_are_not_changed():
    one = source()
    before = one.image.copy()
    draw_real([one], np.random.default_rng(0), 5)
    np.testing.assert_array_equal(one.image, before)


def test_small_sources_are_drawn_small_only():
    sources = [
        source("large", r_petro=30.0),
        source("small", r_petro=6.0, sigma=(2.6, 1.7)),
    ]
    rng = np.random.default_rng(1)
    stamps, index = draw_real(sources, rng, 120, strength=0.0)
    radii = np.sqrt([(s > 0.01 * s.max()).sum() / np.pi for s in stamps])
    assert radii[index == 1].max() < 0.7 * radii[index == 0].max()


def test_bands_share_the_chance_of_a_galaxy():
    bands = [source(name) for name in "gri"]
    bands = [one._replace(galaxy="same") for one in bands]
    _, index = draw_real([*bands, source("other")], np.random.default_rng(2), 400)
    assert (index == 3).mean() == pytest.approx(0.5, abs=0.08)


# -------------------------------------------------------------------- the warps


@pytest.mark.parametrize("shrink", [1.0, 1.7, 2.5, 5.0])
def test_warp_without_strength_keeps_shape(shrink):
    one = source()
    warp = draw_warp(np.random.default_rng(3), shrink * 10.0, 10.0, strength=0.0)
    warp = warp._replace(blur=0.0, centre=(0.0, 0.0))
    stamp = warp_galaxy(pyramid(one.image, one.centre), warp, 101)
    shape = shape_of(stamp, np.ones(stamp.shape, bool))
    values = np.sqrt(np.linalg.eigvalsh(shape.covariance - np.eye(2) / 12))
    # The pixel's own extent, before and after, is part of the second moments.
    np.testing.assert_allclose(values, np.array([5, 8]) / shrink, rtol=0.06)
    assert (shape.x, shape.y) == pytest.approx((50, 50), abs=0.05)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.6), (1.5, 2.0)])
def test_warp_puts_the_centre_where_it_says(shift):
    one = source()
    warp = draw_warp(np.random.default_rng(5), 20.0, 10.0, strength=0.0)
    warp = warp._replace(blur=1.0, centre=shift)
    stamp = warp_galaxy(pyramid(one.image, one.centre), warp, 101)
    shape = shape_of(stamp, np.ones(stamp.shape, bool))
    assert (shape.x - 50, shape.y - 50) == pytest.approx(shift, abs=0.06)


def test_structure_of_zero_is_symmetric():
    image = galaxy() + galaxy(x=48.0, y=36.0, sigma=(2.0, 2.0), flux=0.1)
    levels = pyramid(image, (40.0, 40.0))
    warp = draw_warp(np.random.default_rng(6), 20.0, 20.0, strength=0.0)
    warp = warp._replace(blur=0.0, centre=(0.0, 0.0))
    lopsided = warp_galaxy(levels, warp, 101)
    even = warp_galaxy(levels, warp._replace(structure=0.0), 101)
    assert np.abs(lopsided - lopsided[::-1, ::-1]).sum() > 0.1
    assert np.abs(even - even[::-1, ::-1]).sum() < 1e-3


def test_shrinking_averages_pixels():
    # A checkerboard must not survive as a pattern when it is drawn smaller.
    image = galaxy(size=161, x=80, y=80, sigma=(25.0, 25.0))
    board = image * (1 + 0.8 * (-1.0) ** np.add(*np.indices(image.shape)))
    warp = draw_warp(np.random.default_rng(9), 40.0, 10.0, strength=0.0)
    warp = warp._replace(blur=0.0)
    plain, checked = (
        warp_galaxy(pyramid(i, (80.0, 80.0)), warp, 101) for i in (image, board)
    )
    assert np.abs(plain - checked).sum() < 0.01


@pytest.mark.parametrize("shape", [(9, 9), (101, 60)])
def test_edge_taper(shape):
    weight = edge_taper(shape, 3)
    assert weight.shape == shape
    assert weight[0].max() == weight[:, -1].max() == 0
    assert weight[shape[0] // 2, shape[1] // 2] == 1


# ---------------------------------------------------------------------- the noise


def test_planes_add_up():
    image = np.random.default_rng(0).normal(size=(40, 50))
    planes, smooth = wavelet_planes(image, 4)
    np.testing.assert_allclose(planes.sum(axis=0) + smooth, image, atol=1e-12)


def test_noise_of_planes():
    noise = np.random.default_rng(1).normal(size=(500, 500))
    planes, _ = wavelet_planes(noise, 4)
    np.testing.assert_allclose(planes.std(axis=(1, 2)), WHITE[:4], rtol=0.05)
    assert len(DRIZZLED) == len(WHITE) == len(THRESHOLDS)


def test_denoising_comes_nearer_to_the_truth():
    rng = np.random.default_rng(2)
    truth = galaxy(flux=20_000.0)
    noisy = truth + rng.normal(size=truth.shape)
    quiet = denoise(noisy)
    assert np.std(quiet - truth) < 0.35
    assert quiet.min() >= 0


def test_denoising_keeps_a_bright_clump():
    clump = gaussian_filter(np.pad([[4000.0]], ((30, 50), (50, 30))), 1.5)
    truth = galaxy(flux=20_000.0) + clump
    noisy = truth + np.random.default_rng(3).normal(size=truth.shape)
    near = np.hypot(*(np.indices(truth.shape) - np.array([30, 50])[:, None, None])) < 5
    kept = (denoise(noisy) - galaxy(flux=20_000.0))[near].sum()
    assert kept == pytest.approx(clump[near].sum(), rel=0.03)


# ------------------------------------------------------------------- the neighbours


@pytest.fixture
def pair():
    """A galaxy, its neighbour, noise of 1 and a sky of 100."""
    rng = np.random.default_rng(4)
    alone = galaxy(flux=30_000.0)
    other = galaxy(x=62.0, y=62.0, sigma=(3.0, 3.0), flux=6000.0)
    return alone, alone + other + rng.normal(100, 1, alone.shape)


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_flatten(pair, scale):
    alone, image = pair
    image[0, 0] = np.nan
    flat, bad = flatten(scale * image, "central")
    assert bad.sum() == 1
    assert flat[0, 0] == 0
    assert np.median(flat[:10]) == pytest.approx(0, abs=0.3)
    assert flat[40, 40] == pytest.approx(alone[40, 40], rel=0.3)


def test_neighbour_is_replaced(pair):
    flat, bad = flatten(pair[1], "central")
    segments = find_segments(flat, bad, 0.005)
    label = segments[40, 40]
    assert segments[62, 62] not in (0, label)
    shape = shape_of(flat, segments == label)
    clean, other = free_of_neighbours(flat, segments, label, shape, bad)
    assert other[62, 62]
    assert not other[40, 40]
    assert abs(clean[62, 62]) < 0.05 * flat[62, 62]
    np.testing.assert_array_equal(clean[~other], flat[~other])


def test_nothing_to_find():
    empty = np.random.default_rng(5).normal(size=(60, 60))
    segments = find_segments(empty, np.zeros(empty.shape, bool), 0.01, threshold=20.0)
    assert not segments.any()


def test_taper():
    own = galaxy() > 0.1 * galaxy().max()
    weight = taper(own)
    assert weight[40, 40] == pytest.approx(1)
    assert weight[0].max() == 0
    assert np.abs(np.diff(weight, axis=0)).max() < 0.35


@pytest.mark.parametrize(("x", "y"), [(40.0, 40.0), (37.3, 42.8)])
def test_symmetry_centre(x, y):
    assert symmetry_centre(galaxy(x=x, y=y)) == pytest.approx((x, y), abs=0.12)
