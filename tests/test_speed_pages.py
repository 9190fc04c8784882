# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what the documentation makes of the benchmarks of speed."""

import pytest


@pytest.fixture
def results():
    """Results by name, as if they had been run."""
    return {}


@pytest.fixture
def pages(results, load_pages):
    return load_pages("speed_pages", results)


def test_what_has_not_been_run_says_so(pages):
    for make in pages.PARTS.values():
        assert make() == "This benchmark has not been run."


def test_first_measurement(pages, results):
    steps = {
        "import": {"seconds": 0.1234, "peak_mib": 101.2},
        "first call": {"seconds": 4.321, "peak_mib": 1234.5},
    }
    provenance = {"processor": "P", "date": "2026-01-01", "settings": {"repeats": 3}}
    results["first_measurement"] = {"sersic": steps, "morphology": steps, **provenance}
    text = pages.first_measurement()
    assert text.count("1,234") == text.count("4.3") == 2
    assert "3 runs" in text
