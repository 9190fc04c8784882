# Licensed under a 3-clause BSD style license - see LICENSE
"""Fixtures that several test modules share."""

import importlib
import os
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import QTable, Table

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.parameters import encode


class MomentNetwork:
    """
    Stands in for a trained network: measures stamps by moments.

    It has the attributes and methods of `astro_cnnfit.weights.Network`, needs no
    Keras, and what it returns depends on every pixel of the stamps.
    """

    stamp_size = 61

    def __init__(self, needs_psf=True):
        self.name = "moments" if needs_psf else "moments-without-psf"
        self.needs_psf = needs_psf
        self.psf_size = 25 if needs_psf else None
        self.description = {"name": self.name}
        self.sha256 = "0" * 64
        self.trained_ranges = {
            "r_eff": (0.7, 20.0),
            "n": (0.3, 8.0),
            "ellip": (0.0, 0.9),
            "psf_fwhm": (1.9, 6.6),
            "snr": (15.0, 1e5),
        }
        self.calls = []

    def predict(self, stamps, psfs=None, *, batch_size=512, progress_bar=False):
        assert stamps.dtype == np.float32
        assert stamps.shape[1:] == (61, 61)
        assert np.isfinite(stamps).all()
        if self.needs_psf:
            assert psfs.shape[1:] == (25, 25)
            assert len(psfs) in (1, len(stamps))
        self.calls.append(len(stamps))
        params = np.array([self._measure(stamp.astype(float)) for stamp in stamps])
        variance = np.square([0.05, 0.05, 0.01, 0.02, 0.03, 0.02, 0.02])
        covariance = np.tile(np.diag(variance), (len(stamps), 1, 1))
        return encode(params.reshape(-1, 7)), covariance

    def _measure(self, stamp):
        y, x = np.mgrid[:61, :61] - 30.0
        border = np.ones_like(stamp, bool)
        border[2:-2, 2:-2] = False
        stamp = stamp - np.median(stamp[border])
        x_0 = y_0 = 0.0
        for _ in range(5):
            weight = stamp * np.exp(-((x - x_0) ** 2 + (y - y_0) ** 2) / 2 / 5.0**2)
            total = max(weight.sum(), 1e-3)
            x_0 = np.clip((weight * x).sum() / total, -20, 20)
            y_0 = np.clip((weight * y).sum() / total, -20, 20)
        u, v = x - x_0, y - y_0
        xx, yy, xy = ((weight * m).sum() / total for m in (u * u, v * v, u * v))
        shape = np.hypot(xx - yy, 2 * xy) / max(xx + yy, 1e-3)
        radius = np.hypot(u, v).ravel()
        order = np.argsort(radius)
        growth = np.cumsum(stamp.ravel()[order])
        flux = max(growth[radius[order] < 28][-1], 1.0)
        r_eff = max(radius[order][np.argmax(growth >= 0.5 * flux)], 0.3)
        theta = 0.5 * np.arctan2(2 * xy, xx - yy) % np.pi
        return [x_0, y_0, flux, r_eff, 1.0, np.clip(shape, 0, 0.9), theta]


class MorphologyNetwork:
    """
    Stands in for a trained network of morphology: growth curves of circles.

    It has what measurers use of `astro_cnnfit.weights.Network`, needs no Keras,
    and what it returns depends on every pixel of the stamps.
    """

    stamp_size = 101

    def __init__(self, latent=LATENT_MEASURES):
        self.name = "circles"
        self.sha256 = "1" * 64
        task = "cas" if latent == LATENT_MEASURES else "casnet"
        self.architecture = SimpleNamespace(latent=latent, task=task)
        self.trained_ranges = {
            "sn_per_pixel": (1.5, 100.0),
            "rpetro_ellip": (3.5, 38.0),
            "concentration": (1.8, 5.0),
        }
        self.calls = []

    def predict(self, stamps, *, batch_size=512):
        size = self.stamp_size
        assert stamps.dtype == np.float32
        assert stamps.shape[1:] == (size, size)
        assert np.isfinite(stamps).all()
        self.calls.append(len(stamps))
        y, x = np.mgrid[:size, :size] - size // 2
        order = np.argsort(np.hypot(x, y), axis=None)
        radius = np.hypot(x, y).ravel()[order]
        growth = np.cumsum(stamps.reshape(-1, size**2)[:, order], axis=1, dtype=float)
        inside = radius < size / 2
        growth, radius = growth[:, inside], radius[inside]
        total = np.maximum(growth.max(axis=1, keepdims=True), 1.0)
        r20, r50, r80 = (
            np.maximum(radius[np.argmax(growth >= part * total, axis=1)], 0.5)
            for part in (0.2, 0.5, 0.8)
        )
        turned = np.abs(stamps - stamps[:, ::-1, ::-1]).sum(axis=(1, 2))
        turned -= 2 / np.sqrt(np.pi) * size**2  # of noise alone
        values = {
            "concentration": 5 * np.log10(r80 / r20),
            "asymmetry": np.clip(turned / total[:, 0] / 2, -0.8, 0.8),
            "smoothness": 0.1 + 0 * r20,
            "gini": 0.5 + 0 * r20,
            "m20": -1.7 + 0 * r20,
            "rms_asymmetry": 0.3 + 0 * r20,
            "log_r20": np.log10(r20),
            "log_r50": np.log10(r50),
            "log_rpetro": np.log10(1.3 * r80),
            "x": 0.2 + 0 * r20,
            "y": -0.1 + 0 * r20,
            "log_snr": np.log10(total[:, 0] / (np.pi * (1.3 * r80) ** 2)),
        }
        names = self.architecture.latent
        mean = np.stack([values[name] for name in names], axis=1)
        variance = np.diag(np.linspace(0.02, 0.08, len(names)) ** 2)
        return mean, np.tile(variance, (len(stamps), 1, 1))


@pytest.fixture
def morphology_network():
    """A stand-in for the default network of morphology."""
    return MorphologyNetwork()


@pytest.fixture
def asymmetry_network():
    """A stand-in for a network of asymmetry alone, on smaller stamps."""
    network = MorphologyNetwork(("asymmetry",))
    network.stamp_size = 60
    network.trained_ranges = {}
    return network


@pytest.fixture
def network():
    """A stand-in for the default network."""
    return MomentNetwork()


@pytest.fixture
def network_without_psf():
    """A stand-in for GaLNet-1."""
    return MomentNetwork(needs_psf=False)


@pytest.fixture
def bundled(monkeypatch):
    """Have every model's name stand for a stand-in; return those loaded."""
    loaded = {}

    def load_network(name="sersic"):
        if name == "cas":
            loaded[name] = MorphologyNetwork()
            return loaded[name]
        if name not in ("sersic", "galnet1", "galnet2"):
            raise ValueError(f"model must be one of 'galnet1', ..., got {name!r}")
        loaded[name] = MomentNetwork(needs_psf=name != "galnet1")
        return loaded[name]

    # One that is imported in between would keep the stand-in.
    for name in ("evaluation.precision", "morphology.combination_fit"):
        importlib.import_module(f"astro_cnnfit.{name}")
    for name in ("point_like", "teaching"):
        importlib.import_module(f"astro_cnnfit.training.{name}")
    monkeypatch.setattr("astro_cnnfit.weights.load_network", load_network)
    return loaded


@pytest.fixture
def read_beside():
    """Return a function that reads a file which stands beside the package."""
    root = Path(__file__).parents[1]

    def read(name):
        if not (root / name).is_file():
            pytest.skip(reason=f"{name} is not part of the installed package")
        return (root / name).read_text(encoding="utf-8")

    return read


def _forget_modules(folder, known):
    """Another test may have a module named as plainly as those of this folder."""
    for name in set(sys.modules) - known:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def load_benchmark(monkeypatch):
    """Return a function that imports a module of the benchmarks."""
    folder = Path(__file__).parents[1] / "benchmarks"
    if not folder.is_dir():
        pytest.skip(reason="the benchmarks are not part of the installed package")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(folder / "accuracy"))
    known = set(sys.modules)
    yield importlib.import_module
    _forget_modules(folder, known)


@pytest.fixture
def load_pages(monkeypatch):
    """Return a function that imports a module of docs, which then sees ``results``."""
    folder = Path(__file__).parents[1] / "docs"
    if not folder.is_dir():
        pytest.skip(reason="the documentation is not part of the installed package")
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)

    def load(name, results):
        module = importlib.import_module(name)
        monkeypatch.setattr(module, "read", results.get)
        return module

    yield load
    _forget_modules(folder, known)


def measure_bytes(task, settings, output):
    """
    Stand in for measuring a tile: reads bytes, and writes a small part of them.

    What the file holds is what becomes of its reader.
    """
    from astro_cnnfit.catalog.dataset import write_part

    content = Path(task.tile.path).read_bytes()
    if content.startswith(b"exit"):
        os._exit(3)
    if not content.endswith(b"end"):
        raise OSError(f"{task.tile.path} is truncated")
    table = QTable({"id": task.rows["id"], "flags": np.full(len(task.rows), 256)})
    table["flux_fit"] = task.rows["x"] * len(content)
    path, size = write_part(table, output, task.name)
    return {
        "task": task.name, "tile": task.tile.name, "rows": len(table),
        "measured": len(table), "flags": {"flags": {"low_snr": len(table)}},
        "seconds": {"reading": 0.25, "cutting": 0.25, "inference": 1.5, "writing": 0.0},
        "bytes": size, "part": str(path.relative_to(output)), "models": {},
    }  # fmt: skip


@pytest.fixture
def plan_bytes(tmp_path):
    """Return a function that plans a run over files of bytes, and one that runs it."""
    pytest.importorskip("pyarrow")
    from astro_cnnfit.catalog.part import measure_part
    from astro_cnnfit.catalog.plan import Plan
    from astro_cnnfit.catalog.run import run_plan
    from astro_cnnfit.catalog.settings import Settings
    from astro_cnnfit.catalog.tiles import Task, Tile

    def plan(numbers=(0, 1, 2), folder=tmp_path / "tiles", rows=4, **settings):
        folder.mkdir(exist_ok=True)
        tasks = []
        for number in numbers:
            path = folder / f"t{number}.fits"
            if not path.exists():
                path.write_bytes(b"tile %d end" % number)
            ids = 2**60 + 100 * number + np.arange(rows)
            table = Table({"id": ids, "x": np.arange(rows) + number / 8})
            tasks.append(Task(Tile(f"t{number}", str(path)), f"t{number}", table))
        lost = Table({"id": [5, 6], "x": [0.0, 1.0], "reason": ["no tile"] * 2})
        return Plan(Settings(**{"sersic": {"model": "sersic"}} | settings), tasks, lost)

    run = partial(run_plan, function=partial(measure_part, measure=measure_bytes))
    return plan, partial(run, client="serial")


@pytest.fixture
def small_held_out_set(monkeypatch):
    """Trainings that hold out few simulated galaxies, and no real ones."""
    monkeypatch.setattr("astro_cnnfit.training.tasks._CHUNK", 64)
    monkeypatch.delenv("ASTRO_CNNFIT_TEST_DATA", raising=False)
