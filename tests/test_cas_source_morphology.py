# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of measured galaxies as objects with statmorph's names."""

import numpy as np
import pytest

from astro_cnnfit import ClassicalCASMeasurer, CNNCASMeasurer, flags
from astro_cnnfit.morphology import SourceMorphology, source_morphology

# Those of statmorph 0.7 that this package measures.
NAMES = (
    *("label", "flag", "xc_centroid", "yc_centroid", "ellipticity_centroid"),
    *("elongation_centroid", "orientation_centroid", "xc_asymmetry", "yc_asymmetry"),
    *("rpetro_circ", "rpetro_ellip", "rhalf_ellip", "r20", "r50", "r80"),
    *("gini", "m20", "gini_m20_bulge", "gini_m20_merger", "sn_per_pixel"),
    *("concentration", "asymmetry", "smoothness", "rms_asymmetry2"),
    *("sky_median", "sky_sigma"),
)

Y, X = np.mgrid[:121, :121] - 60.0
DATA = 40 * np.exp(-np.hypot(X, Y / 0.7) / 4)
DATA += np.random.default_rng(4).normal(0, 1, X.shape)
LABELS = np.where(np.hypot(X, Y) < 14, 3, 0)
LABELS[100, 100] = 8


@pytest.fixture
def galaxies():
    measurer = ClassicalCASMeasurer()
    with pytest.warns(UserWarning, match="1 segment_small"):
        found = measurer.source_morphology(DATA, LABELS)
    assert measurer.results["id"].tolist() == [3, 8]
    return found


def test_names_of_statmorph(galaxies):
    morph, lost = galaxies
    assert isinstance(morph, SourceMorphology)
    for name in NAMES:
        value = getattr(morph, name)
        assert isinstance(value, int | float), name
        assert np.isfinite(value), name
        assert morph[name] == value
    assert (morph.label, morph.flag, morph.flags) == (3, 0, 0)
    assert (lost.label, lost.flag, lost.flags) == (8, 4, flags.SEGMENT_SMALL)
    assert np.isnan(lost.gini)


def test_values(galaxies):
    morph = galaxies[0]
    assert np.isclose(morph.xc_centroid, 60, atol=0.3)
    assert np.isclose(morph.ellipticity_centroid, 0.25, atol=0.1)
    assert np.isclose(morph.orientation_centroid % np.pi, 0, atol=0.2) or np.isclose(
        morph.orientation_centroid % np.pi, np.pi, atol=0.2
    )
    assert morph.rhalf_ellip == morph.r50
    assert np.isclose(morph.elongation_centroid, 1 / (1 - morph.ellipticity_centroid))
    expected = -0.693 * morph.m20 + 4.95 * morph.gini - 3.96
    assert np.isclose(morph.gini_m20_bulge, expected)
    assert morph.asymmetry_err > 0
    assert repr(morph).startswith("<SourceMorphology 3: C=")


def test_what_is_not_measured_is_not_there(galaxies):
    for name in ("multimode", "sersic_n", "_private"):
        assert not hasattr(galaxies[0], name)
    with pytest.raises(AttributeError, match="'deviation': it is not among"):
        galaxies[0].deviation  # noqa: B018


def test_every_property_says_who_defined_it():
    for name in (*NAMES, "flags"):
        doc = getattr(SourceMorphology, name).__doc__
        assert "(" in doc, name


@pytest.mark.parametrize(
    ("bits", "flag"),
    [
        (0, 0),
        (flags.BLOCK_AVERAGED | flags.SKY_PEDESTAL, 0),
        (flags.LOW_SNR, 1),
        (flags.LOW_SNR | flags.NO_PETROSIAN, 2),
        (flags.NO_DATA, 4),
    ],
)
def test_flag_is_that_of_statmorph(bits, flag):
    table = ClassicalCASMeasurer()(DATA, LABELS, labels=[3])
    table["flags"][0] = bits
    assert SourceMorphology(table[0]).flag == flag


def test_function(morphology_network, bundled, monkeypatch):
    measurer = CNNCASMeasurer(morphology_network, method="network")
    (morph,) = source_morphology(DATA, LABELS, measurer=measurer, labels=[3])
    assert morph.concentration == measurer.results["concentration"][0]
    # What the network does not give is NaN.
    assert np.isnan(morph.rpetro_circ)
