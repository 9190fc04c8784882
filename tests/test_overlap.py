# Licensed under a 3-clause BSD style license - see LICENSE
"""Chunks of work side by side: same results, no thread left, nothing swallowed."""

import threading
import time
from contextlib import closing

import numpy as np
import pytest

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.overlap import overlapped
from astro_cnnfit.psf import gaussian
from astro_cnnfit.sersic import measure as sersic_measure

WAIT = 10


def own_threads():
    return [t for t in threading.enumerate() if t.name.startswith("astro_cnnfit")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not own_threads()


@pytest.mark.parametrize("together", [None, 1, 2, 5])
@pytest.mark.parametrize("number", [0, 1, 2, 9])
def test_results_in_order(number, together):
    def square(n):
        time.sleep(0.002 * (number - n))
        return n * n

    found = list(overlapped(square, iter(range(number)), together=together))
    assert found == [n * n for n in range(number)]


def test_two_at_a_time():
    both = threading.Barrier(2, timeout=WAIT)
    # One alone would wait for ever, and break the barrier.
    assert list(overlapped(lambda n: both.wait() >= 0, range(4), together=2)) == [1] * 4


def test_no_more_than_asked_for_are_begun():
    begun = []
    with closing(overlapped(begun.append, range(9), together=2)) as parts:
        next(parts)
        assert len(begun) <= 2
    assert len(begun) <= 3


def test_one_needs_no_thread():
    where = list(overlapped(lambda _: threading.current_thread(), range(3), together=1))
    assert where == [threading.main_thread()] * 3


def test_one_where_other_processes_have_the_cores(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    where = list(overlapped(lambda _: threading.current_thread(), range(3)))
    assert where == [threading.main_thread()] * 3


def test_the_first_exception_in_order_is_raised():
    def fail(n):
        if n == 1:
            time.sleep(0.05)
        if n > 0:
            raise ValueError(f"chunk {n}")
        return n

    parts = overlapped(fail, range(5), together=2)
    assert next(parts) == 0
    with pytest.raises(ValueError, match="chunk 1"):
        next(parts)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_caller_leaves_no_thread(error):
    done = []

    def work(n):
        time.sleep(0.01)
        done.append(n)

    def call():
        with closing(overlapped(work, range(100), together=2)) as parts:
            next(parts)
            raise error

    with pytest.raises(error):
        call()
    assert not own_threads()
    assert len(done) < 5


def test_threads_see_the_callers_context():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(overlapped(lambda n: np.ones(2) / n, range(2), together=2))


def many(number=7, size=61):
    y, x = np.mgrid[:size, :size] - size // 2
    rng = np.random.default_rng(5)
    flux = rng.uniform(20, 300, (number, 1, 1))
    light = flux * np.exp(-np.hypot(x, y / 0.7) / rng.uniform(2, 4, (number, 1, 1)))
    return light + rng.normal(0, 1, light.shape)


def in_chunks(monkeypatch, together):
    monkeypatch.setattr("astro_cnnfit.overlap._default", lambda: together)
    monkeypatch.setattr(sersic_measure, "_CHUNK", 2)


def same(one, other):
    for name in one.colnames:
        np.testing.assert_array_equal(one[name], other[name], name)


def test_fitter_gives_the_same_side_by_side(network, monkeypatch):
    tables = []
    for together in (1, 2, 3):
        in_chunks(monkeypatch, together)
        fitter = CNNSersicFitter(network, batch_size=2)
        tables.append(fitter(many(), gaussian(3.0)))
    same(tables[0], tables[1])
    same(tables[0], tables[2])


def test_morphology_gives_the_same_side_by_side(morphology_network, monkeypatch):
    tables = []
    for together in (1, 2):
        in_chunks(monkeypatch, together)
        measurer = CNNCASMeasurer(morphology_network, method="network", batch_size=2)
        tables.append(measurer(many(size=101)))
    same(*tables)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_network_that_fails_ends_the_call(network, monkeypatch, error):
    in_chunks(monkeypatch, 2)
    calls = []

    def predict(stamps, *args, **kwargs):
        calls.append(len(stamps))
        raise error("out of order")

    monkeypatch.setattr(network, "predict", predict)
    fitter = CNNSersicFitter(network, batch_size=2)
    with pytest.raises(error, match="out of order"):
        fitter(many(40), gaussian(3.0))
    assert len(calls) < 5
    assert fitter.results is None
