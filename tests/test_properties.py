# Licensed under a 3-clause BSD style license - see LICENSE
"""
What measurements must not depend on, and how they must change with the image.

The networks that ship measure a few galaxies again after a change of the image. A
network is not symmetric by construction, so that turned and mirrored images are held
to a part of the stated errors; all else is held to what float32 allows.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies, stamps_of_galaxies
from astro_cnnfit.weights import available

pytestmark = pytest.mark.skipif(
    not {"sersic", "cas"} <= set(available()), reason="needs the default networks"
)
few = settings(max_examples=8, deadline=None, derandomize=True)

PSF = moffat([3.2], 3.0)[0]
RNG = np.random.default_rng(11)
# x, y, flux, r_eff, n, ellip, theta
GALAXIES = np.array(
    [
        [0.3, -0.2, 3e4, 4.0, 1.0, 0.3, 0.4],
        [-0.4, 0.1, 6e4, 5.0, 2.5, 0.5, 1.9],
        [0.1, 0.4, 2e4, 3.0, 1.5, 0.2, 2.8],
    ]
)
SIZE = 71
STACK = stamps_of_galaxies(GALAXIES, PSF[np.newaxis], (SIZE, SIZE))
STACK = STACK + RNG.normal(0, 10, STACK.shape)
PLACES = np.array([[45.0, 50.0], [115.0, 60.0], [70.0, 120.0]])
IMAGE = GALAXIES.copy()
IMAGE[:, :2] += PLACES
IMAGE = image_of_galaxies(IMAGE, PSF[np.newaxis], (165, 160))
IMAGE = IMAGE + RNG.normal(0, 10, IMAGE.shape)
Y, X = np.mgrid[:165, :160]
LABELS = np.zeros(IMAGE.shape, int)
for _label, (_x, _y) in enumerate(PLACES, start=1):
    LABELS[np.hypot(X - _x, Y - _y) < 18] = _label
for _array in (PSF, STACK, IMAGE, LABELS):
    _array.flags.writeable = False

NAMES = ("x", "y", "flux", "r_eff", "n", "ellip", "theta")
MORPHOLOGY = ("concentration", "asymmetry", "smoothness", "gini", "m20")


@pytest.fixture(scope="module")
def fitter():
    return CNNSersicFitter("sersic")


@pytest.fixture(scope="module")
def measurer():
    return CNNCASMeasurer(method="network")


def values(table, names=NAMES, end="_fit"):
    """Results as an array, angles in degrees."""
    return np.array([np.asarray(table[name + end], float) for name in names])


def differences(table, expected, names=NAMES, end="_fit", wanted=None):
    """How far results are from what is expected, in units of the stated errors."""
    wanted = values(expected, names, end) if wanted is None else wanted
    off = values(table, names, end) - wanted
    if "theta" in names:
        row = names.index("theta")
        off[row] = (off[row] + 90) % 180 - 90
    return np.abs(off) / values(expected, names, "_err")


# How positions and angles in an image of N x N pixels change with the image.
SYMMETRIES = {
    "turned": (
        lambda a: np.rot90(a, axes=(-2, -1)), lambda x, y, t, m: (y, m - x, t - 90)
    ),
    "turned twice": (
        lambda a: a[..., ::-1, ::-1], lambda x, y, t, m: (m - x, m - y, t)
    ),
    "turned back": (
        lambda a: np.rot90(a, -1, axes=(-2, -1)), lambda x, y, t, m: (m - y, x, t + 90)
    ),
    "mirrored in x": (lambda a: a[..., ::-1], lambda x, y, t, m: (m - x, y, -t)),
    "mirrored in y": (lambda a: a[..., ::-1, :], lambda x, y, t, m: (x, m - y, -t)),
    "transposed": (
        lambda a: np.swapaxes(a, -2, -1), lambda x, y, t, m: (y, x, 90 - t)
    ),
    "transposed and turned": (
        lambda a: np.swapaxes(a, -2, -1)[..., ::-1, ::-1],
        lambda x, y, t, m: (m - y, m - x, 90 - t),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SYMMETRIES)
def test_profiles_of_turned_and_mirrored_images(fitter, name):
    turn, of_position = SYMMETRIES[name]
    expected = fitter(STACK, PSF)
    table = fitter(turn(STACK), turn(PSF))
    wanted = values(expected)
    wanted[[0, 1, 6]] = of_position(*wanted[[0, 1, 6]], SIZE - 1)
    off = differences(table, expected, wanted=wanted)
    assert np.median(off) < 0.5
    assert off.max() < 2.5
    ratio = values(table, end="_err") / values(expected, end="_err")
    np.testing.assert_allclose(ratio, 1, atol=0.5)


@pytest.mark.parametrize("name", SYMMETRIES)
def test_morphology_of_turned_and_mirrored_images(measurer, name):
    turn, _ = SYMMETRIES[name]
    expected = measurer(IMAGE, LABELS)
    table = measurer(turn(IMAGE), turn(LABELS))
    off = differences(table, expected, MORPHOLOGY, "")
    assert np.median(off) < 0.5
    assert off.max() < 2.5


@given(st.integers(-12, 12), st.integers(-12, 12))
@few
def test_whole_pixels(fitter, measurer, dx, dy):
    shift = (dy, dx)
    image, labels = (np.roll(array, shift, axis=(0, 1)) for array in (IMAGE, LABELS))
    expected = fitter(IMAGE, PSF, init_params=PLACES)
    table = fitter(image, PSF, init_params=PLACES + np.array([dx, dy]))
    wanted = values(expected)
    wanted[:2] += np.array([[dx], [dy]])
    # The sky of the image as a whole is a sample that moves with it.
    assert differences(table, expected, wanted=wanted).max() < 0.05
    expected, table = measurer(IMAGE, LABELS), measurer(image, labels)
    # So do the boxes of sky that its asymmetry is measured in.
    assert differences(table, expected, MORPHOLOGY, "").max() < 0.5


@given(st.integers(-80, 80))
@few
def test_powers_of_two(fitter, measurer, power):
    scale = 2.0**power
    expected = fitter(STACK, PSF, error=10.0)
    table = fitter(STACK * scale, PSF, error=10.0 * scale)
    wanted = values(expected)
    wanted[2] *= scale
    np.testing.assert_allclose(values(table), wanted, rtol=1e-5)
    np.testing.assert_array_equal(table["flags"], expected["flags"])
    expected, table = measurer(IMAGE, LABELS), measurer(IMAGE * scale, LABELS)
    np.testing.assert_allclose(
        values(table, MORPHOLOGY, ""), values(expected, MORPHOLOGY, ""), rtol=1e-4
    )


@given(st.floats(-1e4, 1e4))
@few
def test_a_constant_sky(fitter, measurer, level):
    expected, table = fitter(STACK, PSF), fitter(STACK + level, PSF)
    # A sky within the noise of a pixel around zero is left to the network.
    assert differences(table, expected).max() < (0.15 if abs(level) > 20 else 0.6)
    np.testing.assert_allclose(
        table["local_bkg"] - level, expected["local_bkg"], atol=0.05
    )
    expected, table = measurer(IMAGE, LABELS), measurer(IMAGE + level, LABELS)
    assert differences(table, expected, MORPHOLOGY, "").max() < 0.15


@given(st.sampled_from(["f4", ">f4", ">f8", "i4", ">i2"]), st.booleans())
@few
def test_kinds_of_numbers(fitter, measurer, kind, fortran):
    # Whole numbers hold the image in steps of a tenth of its noise.
    array = STACK if np.dtype(kind).kind == "f" else np.rint(STACK)
    array = array.astype(kind, order="F" if fortran else "C")
    expected, table = fitter(STACK, PSF), fitter(array, PSF.astype("f4"))
    tolerance = 0.001 if array.dtype.kind == "f" else 0.3
    assert differences(table, expected).max() < tolerance
    array = IMAGE if np.dtype(kind).kind == "f" else np.rint(IMAGE)
    expected, table = measurer(IMAGE, LABELS), measurer(array.astype(kind), LABELS)
    assert differences(table, expected, MORPHOLOGY, "").max() < max(tolerance, 0.01)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=7), st.integers(1, 5))
@few
def test_order_company_and_batches(fitter, rows, batch_size):
    expected = fitter(STACK, PSF)
    small = CNNSersicFitter(fitter.model, batch_size=batch_size)
    table = small(STACK[rows], np.stack([PSF] * len(rows)))
    np.testing.assert_allclose(values(table), values(expected)[:, rows], rtol=2e-4)
    np.testing.assert_array_equal(table["flags"], expected["flags"][rows])
    expected = fitter(IMAGE, PSF, init_params=PLACES)
    table = small(IMAGE, PSF, init_params=PLACES[rows])
    assert differences(table, expected[rows]).max() < 0.01


@given(st.permutations([1, 2, 3]))
@few
def test_order_of_labels(measurer, order):
    names = np.concatenate([[0], order])
    expected, table = measurer(IMAGE, LABELS), measurer(IMAGE, names[LABELS])
    rows = [table["id"].tolist().index(label) for label in order]
    np.testing.assert_allclose(
        values(table, MORPHOLOGY, "")[:, rows],
        values(expected, MORPHOLOGY, ""),
        rtol=1e-4,
    )
