# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what a repository is kept with: files that name each other agree."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = ("docs/developers.rst", "docs/release.rst", "CONTRIBUTING.rst")
# Names that the recipes give to what is not there yet.
NEW = {"mine", "mine.toml", "mine.py"}


def environments(read_beside):
    """Names of the environments of tox that stand for themselves."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string(read_beside("tox.ini"))
    listed = tox["tox"]["envlist"].replace("py{311,312,313}", "py311 py312 py313")
    named = {section.removeprefix("testenv:") for section in tox.sections()}
    tests = {f"py3{minor}-test" for minor in (11, 12, 13)}
    return named | set(listed.split()) | tests | {f"{name}-cov" for name in tests}


@pytest.mark.parametrize("name", GUIDES)
def test_files_that_guides_name_exist(name, read_beside):
    found = re.findall(
        r"``((?:astro_cnnfit|docs|tests|benchmarks)/[\w/.-]*)``", read_beside(name)
    )
    assert found or name == "docs/release.rst"
    missing = [
        path
        for path in found
        if not (ROOT / path).exists() and not NEW & set(Path(path).parts)
    ]
    assert not missing


@pytest.mark.parametrize("name", [*GUIDES, ".github/workflows/ci.yml"])
def test_environments_that_are_named_exist(name, read_beside):
    called = re.findall(r"tox -e ([\w,-]+)", read_beside(name))
    called += re.findall(r"\benv: ([\w-]+)", read_beside(name))
    assert {env for envs in called for env in envs.split(",")} <= environments(
        read_beside
    )


def test_workflow_runs_all_that_tox_lists(read_beside):
    workflow = set(
        re.findall(r"\benv: ([\w-]+)", read_beside(".github/workflows/ci.yml"))
    )
    expected = {"py311-test", "py312-test", "py313-test", "oldestdeps"}
    assert workflow == expected | {"build_docs", "codestyle"}


def test_source_distribution_has_what_stands_beside_the_package(read_beside):
    manifest = read_beside("MANIFEST.in")
    for path in ROOT.glob("*.rst"):
        assert path.name == "README.rst" or path.name in manifest
    for folder in ("benchmarks", "docs", "tests"):
        assert f"recursive-include {folder} " in manifest
