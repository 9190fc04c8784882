# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the table of flags."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit import flags


def test_bits_are_distinct_powers_of_two():
    bits = [flag.bit for flag in flags.FLAGS]
    assert bits == [1 << place for place in range(len(bits))]
    assert len({flag.name for flag in flags.FLAGS}) == len(bits)


@pytest.mark.parametrize("flag", flags.FLAGS, ids=lambda flag: flag.name)
def test_constants_match_the_table(flag):
    assert getattr(flags, flag.name.upper()) == flag.bit
    assert flags.decode_flags(flag.bit) == [flag.name]


def test_scalar_and_array():
    assert flags.decode_flags(0) == []
    assert flags.decode_flags(np.int32(9)) == ["no_data", "truncated"]
    assert flags.decode_flags(np.array(9)) == ["no_data", "truncated"]
    assert flags.decode_flags([0, 9]) == [[], ["no_data", "truncated"]]
    assert flags.decode_flags([]) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(flags.FLAGS), unique=True))
def test_names_come_back(chosen):
    value = sum(flag.bit for flag in chosen)
    expected = [flag.name for flag in sorted(chosen)]
    assert flags.decode_flags(value) == expected


def test_unknown_bit():
    assert flags.decode_flags(1 | 1 << 40) == ["no_data", f"unknown_{1 << 40}"]


def test_bad_flags():
    with pytest.raises(TypeError, match="flags must be integers"):
        flags.decode_flags(1.5)
    with pytest.raises(ValueError, match="flags must be one integer or a 1-D"):
        flags.decode_flags([[1]])
    with pytest.raises(ValueError, match="negative"):
        flags.decode_flags(-1)


def test_table_has_a_row_for_each_flag():
    lines = flags.flag_table().splitlines()
    assert len(lines) == len(flags.FLAGS) + 4
    assert lines[0] == lines[2] == lines[-1]
    assert lines[3].split()[:2] == ["1", "no_data"]


def test_every_flag_comes_with_advice():
    for flag in flags.FLAGS:
        assert flag.advice


@pytest.mark.parametrize("cut", [flags.RECOMMENDED_CUT, flags.MORPHOLOGY_CUT])
def test_recommended_cuts_are_made_of_flags(cut):
    known = sum(flag.bit for flag in flags.FLAGS)
    assert cut & ~known == 0
    lost = flags.NO_DATA | flags.FULLY_MASKED | flags.OUTSIDE_IMAGE | flags.NON_FINITE
    assert cut & lost == lost
    # What is measured as well as any other galaxy stays in.
    kept = flags.BLOCK_AVERAGED | flags.TRUNCATED
    assert cut & kept == 0


def test_table_is_valid_rst():
    core = pytest.importorskip("docutils.core")
    tree = core.publish_doctree(
        flags.flag_table(), settings_overrides={"report_level": 5, "halt_level": 3}
    )
    text = tree.astext()
    for flag in flags.FLAGS:
        assert flag.name in text
        assert flag.meaning in text
