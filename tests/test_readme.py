# Licensed under a 3-clause BSD style license - see LICENSE
"""Run the examples of the README, with the real networks and files of their names."""

import re
import shlex
from textwrap import dedent

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable

from astro_cnnfit.cli import main
from astro_cnnfit.datasets import load_field
from astro_cnnfit.detection import GalaxyFinder

SURVEY = """
output = "measured"
[tiles]
path = "mosaic.fits"
psf = "psf.fits"
zeropoint = 30.0
[catalog]
path = "places.ecsv"
"""


def blocks(text, language):
    """The code blocks of one language, in their order."""
    found = re.findall(rf"code-block:: {language}\n\n((?:    .*\n|\n)+)", text)
    return [dedent(block) for block in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the README speaks of: a galaxy, its field, PSF, map and survey."""
    folder = tmp_path_factory.mktemp("readme")
    data, psf, truth = load_field()
    x, y = (int(truth[name][5]) for name in ("x", "y"))
    # Small, for it is measured three times over.
    corner = CCDData(data, unit=data.unit)[:180, :180]
    header = corner.wcs.to_header()
    fits.writeto(folder / "galaxy.fits", data.data[y - 30 : y + 31, x - 30 : x + 31])
    fits.writeto(folder / "mosaic.fits", corner.data, header)
    fits.writeto(folder / "image.fits", corner.data, header)
    segmap = GalaxyFinder().find(corner.data).segmentation.data
    fits.writeto(folder / "segmap.fits", segmap.astype(np.int32))
    for name in ("psf.fits", "mosaic.psf"):
        fits.writeto(folder / name, psf)
    within = (truth["x"] < 180) & (truth["y"] < 180)
    truth["x", "y"][within].write(folder / "places.ecsv")
    (folder / "survey.toml").write_text(SURVEY)
    return folder


def test_python(folder, monkeypatch, read_beside, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {name: fits.getdata(f"{name}.fits") for name in ("image", "segmap")}
    found = blocks(read_beside("README.rst"), "python")
    assert len(found) == 3
    galaxy, field, morphology = found
    exec(galaxy, names)
    assert names["table"]["flags"].tolist() == [0]
    assert names["residual"].shape == (61, 61)
    exec(field, names)
    assert len(names["galaxies"]) > 3
    exec(morphology, {**names, "image": fits.getdata("image.fits")})
    assert "asymmetry_err" in capsys.readouterr().out
    plt.close("all")


def test_shell(folder, monkeypatch, read_beside):
    monkeypatch.chdir(folder)
    lines = "".join(blocks(read_beside("README.rst"), "shell")).splitlines()
    start = ".venv/bin/astro-cnnfit "
    commands = [line.removeprefix(start) for line in lines if line.startswith(start)]
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command)
        # A run, with its workers, is for the tests of catalogues.
        main([*words, "--check"] if words[0] == "catalog" else words)
        if "-o" in words:
            assert len(QTable.read(folder / words[words.index("-o") + 1])) > 0
