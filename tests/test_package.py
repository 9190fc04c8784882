# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the package as a whole: imports, layers, names and the promises kept in
files that no other test reads."""

import ast
import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import astro_cnnfit

ROOT = Path(__file__).parents[1]
PACKAGE = Path(find_spec("astro_cnnfit").origin).parent

# The parts of the package from the bottom up. A module imports its own part and
# those to the left or above, never what stands to the right or below.
LAYERS = (
    *("wording", "parameters", "measures", "flags", "inputs"),
    *("keras_start", "compiled", "overlap", "json_files", "figure_style"),
    *("psf", "cutouts", "detection"),
    *("rendering", "simulation"),
    *("networks", "weights", "evaluation", "training", "tuning"),
    *("sersic", "morphology", "catalog"),
    *("datasets", "plotting", "cli"),
)

# Parts that work on arrays alone and must not cost a user the start of Keras.
WITHOUT_KERAS = (
    "parameters",
    "measures",
    "flags",
    "inputs",
    "keras_start",
    "json_files",
    "figure_style",
    "wording",
    "cutouts",
    "detection",
    "psf",
    "catalog",
    "datasets",
    "plotting",
    "cli",
)


def _module_name(path):
    parts = ("astro_cnnfit", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Every module of the installed package, private ones too, and its file.
MODULES = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def python(code):
    """Run code in a fresh interpreter and return what it prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_parts_that_work_on_arrays_do_not_load_keras():
    # One interpreter for all of them, the whole package first.
    code = """
        import importlib, sys
        for name in {names}:
            importlib.import_module(name)
            heavy = {{"tensorflow", "keras", "jax"}} & set(sys.modules)
            assert not heavy, (name, heavy)
    """
    names = ["astro_cnnfit", *(f"astro_cnnfit.{part}" for part in WITHOUT_KERAS)]
    python(textwrap.dedent(code).format(names=names))


def test_import_is_quick():
    code = (
        "import time; import astropy.table; start = time.perf_counter();"
        "import astro_cnnfit; print(time.perf_counter() - start)"
    )
    # The best of a few: other work on the machine must not fail this test.
    assert min(float(python(code)) for _ in range(3)) < 0.3


def test_public_names_are_there_and_documented():
    assert set(astro_cnnfit.__all__) <= set(dir(astro_cnnfit))
    for name in astro_cnnfit.__all__:
        value = getattr(astro_cnnfit, name)
        assert isinstance(value, str) or inspect.getdoc(value), name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        astro_cnnfit.nothing  # noqa: B018


@pytest.mark.parametrize("name", sorted(MODULES))
def test_module_is_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, "the module has no docstring"
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isroutine(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{public} has no docstring"
        if inspect.isclass(value) and value.__module__ == name:
            undocumented = [
                attribute
                for attribute, method in vars(value).items()
                if not attribute.startswith("_")
                and (inspect.isroutine(method) or isinstance(method, property))
                and not inspect.getdoc(getattr(value, attribute))
            ]
            assert not undocumented, f"{public}: {undocumented}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_examples_in_docstrings(name):
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(MODULES))
def test_module_names_the_licence(name):
    source = MODULES[name].read_text(encoding="utf-8")
    assert source.startswith("# Licensed under a 3-clause BSD style license")


def imported_parts(path):
    """Parts of the package that a file imports, wherever in it they stand."""
    inside = ("astro_cnnfit", *path.relative_to(PACKAGE).parent.parts)
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else ()
            base = (*base, *(node.module or "").split(".")) if node.module else base
            names += [".".join((*base, alias.name)) for alias in node.names]
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "astro_cnnfit" and part[1:]}


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"astro_cnnfit"}))
def test_imports_point_downward(name):
    own = name.split(".")[1]
    assert own in LAYERS, f"{own} has no place among the layers"
    below = LAYERS[: LAYERS.index(own) + 1]
    parts = imported_parts(MODULES[name])
    upward = {part for part in parts if part in LAYERS and part not in below}
    assert not upward, f"{name} imports {upward}, which stand above it"


def test_every_public_module_is_in_the_reference(read_beside):
    reference = read_beside("docs/reference.rst")
    listed = set(re.findall(r"automodapi:: (\S+)", reference))
    private = {"keras_start", "compiled", "overlap", "json_files", "cli"}
    private |= {"figure_style", "wording"}
    private = {f"astro_cnnfit.{part}" for part in private}
    parts = {".".join(name.split(".")[:2]) for name in MODULES if "." in name} - private
    missing = {
        part
        for part in parts
        if not any(name == part or name.startswith(f"{part}.") for name in listed)
    }
    assert not missing


def test_ci_runs_the_test_command_of_the_readme(read_beside):
    readme = read_beside("README.rst")
    printed = subprocess.run(
        [ROOT / ".ci" / "run", "--print"], capture_output=True, text=True, check=True
    ).stdout.strip()
    commands = r"^    (python3 -m venv .*)$"
    demo, test = re.findall(commands, readme, flags=re.MULTILINE)
    assert printed == test
    assert demo.endswith("astro-cnnfit demo")
    assert test.endswith("pytest -n 2 --dist loadfile")


def test_extra_for_users_brings_nothing_for_developers(read_beside):
    pyproject = tomllib.loads(read_beside("pyproject.toml"))
    extras = pyproject["project"]["optional-dependencies"]
    named = {re.match(r"[\w-]+(\[[\w,]+\])?", need)[0] for need in extras["all"]}
    assert "astro_cnnfit[plot,dask,tune]" in named
    users = {need for name in ("plot", "dask", "tune") for need in extras[name]}
    for need in {*extras["all"], *users}:
        assert not re.match("pytest|sphinx|hypothesis|galsim|tox|ruff", need), need


def test_oldest_dependencies_are_those_that_tox_tests(read_beside):
    project = tomllib.loads(read_beside("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    needs = project["dependencies"] + extras["all"] + extras["test"]
    needs += extras["plot"] + extras["dask"] + extras["tune"]
    bound = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:,<[\d.]+)?$")
    bounds = dict(found.groups() for need in needs if (found := bound.match(need)))
    tox = read_beside("tox.ini")
    pin = re.compile(r"oldestdeps: ([\w-]+)==([\d.]+?)(?:\.\*)?$", flags=re.MULTILINE)
    assert bounds == dict(pin.findall(tox))


def test_version_is_the_same_everywhere(read_beside):
    citation, changes = read_beside("CITATION.cff"), read_beside("CHANGES.rst")
    assert f"\nversion: {astro_cnnfit.__version__}\n" in citation
    assert changes.startswith(astro_cnnfit.__version__)


def text_files():
    """List the files of the repository that people read or that are run."""
    folders = ("astro_cnnfit", "benchmarks", "docs", "tests", ".ci")
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in folders:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    suffixes = {".py", ".rst", ".toml", ".cfg", ".ini", ".cff", ".json", ".in", ""}
    skipped = {"_build", "api", "generated", "generated_examples", "__pycache__"}
    return [
        path
        for path in files
        if path.suffix in suffixes
        and skipped.isdisjoint(path.parts)
        and not path.name.startswith(".coverage")  # what `tox -e ...-cov` leaves
    ]


def test_no_file_names_a_path_of_one_machine():
    home = "|".join(("home", "root", "work", "tmp", "Users", "mnt", "opt"))
    path = re.compile(rf"(?<![\w./~-])/(?:{home})/\w")
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in text_files()
        for line in file.read_text(encoding="utf-8").splitlines()
        if path.search(line)
    ]
    assert not found
