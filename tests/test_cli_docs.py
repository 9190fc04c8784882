# Licensed under a 3-clause BSD style license - see LICENSE
"""Run the commands that the page on the command line shows, with the real networks."""

import re
import shlex
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

import pytest
from astropy.io import fits
from pytest_doctestplus.output_checker import FLOAT_CMP, OutputChecker

from astro_cnnfit.cli import main
from astro_cnnfit.datasets import load_field

PAGE = Path(__file__).parents[1] / "docs" / "command_line.rst"


def shown_commands():
    """Command and output of each console block of the page."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"code-block:: console\n\n((?:    .*\n|\n)+)", text)
    for block in blocks:
        lines = [line[4:] for line in block.rstrip().splitlines()]
        yield lines[0].removeprefix("$ astro-cnnfit "), "\n".join(lines[1:]) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the page speaks of: a field, a galaxy of it, PSF and places."""
    data, psf, truth = load_field()
    x, y = (int(truth[name][5]) for name in ("x", "y"))
    fits.writeto(tmp_path / "field.fits", data.data, data.wcs.to_header())
    fits.writeto(tmp_path / "galaxy.fits", data.data[y - 30 : y + 31, x - 30 : x + 31])
    fits.writeto(tmp_path / "psf.fits", psf)
    truth["x", "y"].write(tmp_path / "places.ecsv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_do_what_the_page_shows(folder, capsys):
    if not PAGE.is_file():
        pytest.skip(reason="the documentation is not part of the installed package")
    checker = OutputChecker()
    # The last digits are those of one processor and one version of TensorFlow.
    checker.rtol = 0.03
    commands = list(shown_commands())
    assert len(commands) >= 4
    for line, expected in commands:
        main(shlex.split(line))
        printed = capsys.readouterr().out
        how = ELLIPSIS if "..." in expected else FLOAT_CMP
        how |= NORMALIZE_WHITESPACE
        assert checker.check_output(expected, printed, how), f"{line}\n{printed}"
