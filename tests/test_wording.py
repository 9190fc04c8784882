# Licensed under a 3-clause BSD style license - see LICENSE
"""One galaxy is no galaxies."""

import numpy as np
import pytest
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import flags
from astro_cnnfit.catalog.summary import format_summary, summarise
from astro_cnnfit.sersic.quality import warn_of_lost
from astro_cnnfit.wording import counted, in_one_line


def test_one_galaxy_is_no_galaxies():
    assert [counted(n) for n in (0, 1, 2)] == ["0 galaxies", "1 galaxy", "2 galaxies"]
    assert counted(1, "tile", "tiles") == "1 tile"
    assert [counted(text) for text in ("1", "11")] == ["1 galaxy", "11 galaxies"]


def test_a_run_of_one_galaxy():
    side = {"rows": 1, "seconds": {}, "flags": {}}
    failures = [
        {"tile": "a", "ids": [4], "reason": "", "attempts": 1},
        {"tile": "", "ids": [5], "reason": "", "attempts": 0},
    ]
    summary = summarise([side], failures, measured=1, seconds=1.0)
    assert format_summary(summary) == [
        "1 galaxy on 1 tile",
        "1 measured in 1 s, 1 galaxy per second",
        "FAILED: 1 tile with 1 galaxy",
        "1 galaxy of the catalogue on no tile",
    ]


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ([flags.NO_DATA], r"^1 of 1 galaxy could .*; its row holds NaN"),
        ([flags.NO_DATA, 0], r"^1 of 2 galaxies could .*; its row holds NaN"),
        ([flags.NO_DATA] * 2, r"^2 of 2 galaxies could .*; their rows hold NaN"),
    ],
)
def test_one_lost_galaxy(bits, text):
    with pytest.warns(AstropyUserWarning, match=text):
        warn_of_lost(np.array(bits), stacklevel=1)


def test_errors_of_others_are_one_line():
    assert in_one_line(OSError("a\n  b")) == "a b"
    assert in_one_line(OSError()) == "OSError"
    assert len(in_one_line(OSError("a" * 500))) == 200
