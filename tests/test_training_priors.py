# Licensed under a 3-clause BSD style license - see LICENSE
"""Priors of one's own: from TOML and Python, recorded whole, used to the end."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from astro_cnnfit.cli import main
from astro_cnnfit.simulation import (
    PRIORS,
    TABLE1,
    WIDE,
    constant,
    draw_scenes,
    log_uniform,
    parse_prior,
    prior_table,
    simulate,
    uniform,
)
from astro_cnnfit.training import TrainingConfig, point_like, read_config, train
from astro_cnnfit.training.stream import SceneStream
from astro_cnnfit.weights import load_network

pytestmark = pytest.mark.usefixtures("small_held_out_set")

MINE = {
    "base": "wide",
    "psf_fwhm": {"uniform": [2.5, 3.5]},
    "snr": {"log_uniform": [10, 1000]},
    "correlation": {"constant": 0.2},
    "n_neighbours": 0.5,
}
TOML = """
architecture = "sersic"
samples = 32
batch_size = 8
pool = 32
uses = 1
calibration_samples = 64
priors = { mine = 0.5, wide = 0.5 }

[arguments]
filters = [4, 6, 8]
dense = [8]

[prior.mine]
base = "wide"
psf_fwhm = { uniform = [2.5, 3.5] }
snr = { log_uniform = [10, 1000] }
correlation = { constant = 0.2 }
n_neighbours = 0.5
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def own():
    return replace(
        WIDE,
        psf_fwhm=uniform(2.5, 3.5),
        snr=log_uniform(10, 1000),
        correlation=constant(0.2),
        n_neighbours=0.5,
    )


def same_scenes(one, other):
    first, second = (draw_scenes(p, np.random.default_rng(3), 16) for p in (one, other))
    for name in ("params", "galaxies", "neighbours", "psfs", "pedestal", "masked"):
        assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_survives_json(name):
    table = json.loads(json.dumps(prior_table(PRIORS[name]), allow_nan=False))
    assert prior_table(parse_prior(table)) == table
    same_scenes(PRIORS[name], parse_prior(table))


def test_tables_and_priors_are_the_same(own):
    same_scenes(parse_prior(MINE), own)
    assert prior_table(parse_prior(MINE)) == prior_table(own)


def test_a_flux_takes_the_place_of_the_snr_of_the_base():
    prior = parse_prior({"base": "wide", "flux": {"constant": 300}})
    assert prior.snr is None
    params = draw_scenes(prior, np.random.default_rng(1), 4).params
    assert_array_equal(params[:, 2], 300)


def test_arguments_by_name_are_recorded():
    prior = replace(
        TABLE1, pedestal=parse_prior(MINE).pedestal, q=uniform(high=1, low=0.5)
    )
    assert prior_table(prior)["q"] == {"uniform": [0.5, 1]}


def test_toml_and_python_say_the_same(path, own):
    before = dict(PRIORS)
    config = read_config(path)
    assert config.prior["mine"]["psf_fwhm"] == {"uniform": [2.5, 3.5]}
    assert replace(config, prior={"mine": own}) == config
    assert replace(config, prior={"mine": MINE}) == config
    assert read_config(path, priors={"mine": 1.0}).priors == {"mine": 1.0}
    assert before == PRIORS


def test_scenes_are_drawn_from_it(path):
    config = read_config(path, priors={"mine": 1.0})
    first = SceneStream(config).observed(0)
    again = TrainingConfig(**json.loads(json.dumps(config.as_dict(), allow_nan=False)))
    assert again == config
    for one, other in zip(first, SceneStream(again).observed(0), strict=True):
        assert_array_equal(one, other)


def test_configurations_without_one_are_as_they_were():
    assert "prior" not in read_config("sersic").as_dict()


def test_the_model_records_it_and_point_like_draws_from_it(path, tmp_path, monkeypatch):
    config = read_config(path)
    train(config, tmp_path / "run")
    train(config, tmp_path / "run")  # the checkpoint is of the same configuration
    training = load_network(tmp_path / "run").description["training"]
    assert training["config"]["prior"] == config.prior
    assert TrainingConfig(**training["config"]) == config

    drawn = []
    draw = point_like.draw_scenes
    monkeypatch.setattr(
        point_like, "draw_scenes", lambda *args: drawn.append(args[0]) or draw(*args)
    )
    found = point_like.record_point_like(tmp_path / "run", n=200)
    assert found["training"]["shares"] == config.priors
    assert found["training"]["prior"] == config.prior
    assert 0.5 in [prior.n_neighbours for prior in drawn]
    assert load_network(tmp_path / "run").description["point_like"]


def test_a_name_alone_is_no_prior():
    draw = point_like.draw_objects(8, np.random.default_rng(1), shares={"mine": 1.0})
    with pytest.raises(ValueError, match="does not say what these priors are"):
        next(draw)


def test_the_command_simulates_them(path, tmp_path, own, capsys):
    output = tmp_path / "set.fits"
    line = ["simulate", "-o", str(output), "-n", "8", "--seed", "3"]
    assert main([*line, "--config", str(path), "--prior", "mine"]) == 0
    assert "8 galaxies of the prior 'mine'" in capsys.readouterr().out
    stamps, psfs, truth = simulate(8, own, seed=3)
    with fits.open(output) as hdus:
        assert_array_equal(hdus["STAMPS"].data, stamps)
        assert_array_equal(hdus["PSFS"].data, psfs)
        assert_array_equal(hdus["TRUTH"].data["r_eff"], truth["r_eff"].value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prior", "mine"], "wide, blocks, got 'mine'; others need --config"),
        (["--config", "mine.toml"], "one of table1, wide, blocks, mine, got none"),
        (["--config", "mine.toml", "--prior", "my"], "blocks, mine, got 'my'"),
        (["--config", "absent.toml", "--prior", "mine"], "config must be the path"),
    ],
)
def test_the_command_refuses_what_is_no_prior(
    path, tmp_path, options, message, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "-o", "set.fits", *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_is_missing(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "astro_cnnfit.training.train", lambda config, output, **_: output
    )
    run = tmp_path / "my run"
    assert main(["train", "sersic", "--config", str(path), "-o", str(run)]) == 0
    out = capsys.readouterr().out
    assert "point_like_prob is NaN" in out
    assert f"python -m astro_cnnfit.training.point_like '{run}'" in out


BAD = {
    "psf_fwhm = 3": r"prior.mine.psf_fwhm must be a table of one distribution.*got 3",
    "psf_fwhm = {flat = [1, 2]}": r"psf_fwhm must be one of uniform, .*got 'flat'",
    "psf_fwhm = {uniform = [3]}": r"psf_fwhm.uniform must be \[low, high\], got \[3\]",
    "psf_fwhm = {uniform = [3, 2]}": r"uniform: low must be below high, got \[3, 2\]",
    "psf_fwhm = {uniform = ['a', 2]}": r"uniform: low must be a number, got 'a'",
    "psf_fwhm = {uniform = [true, 2]}": r"uniform: low must be a number, got True",
    "psf_fwhm = {uniform = [nan, 2]}": r"uniform: low must be below high",
    "psf_fwhm = {uniform = [1, inf]}": r"uniform: low and high must be finite",
    "psf_fwhm = {uniform = [-1, 2]}": r"psf_fwhm must be from 1e-06 to inf, got",
    "snr = {log_uniform = [0, 2]}": r"snr.log_uniform: low must be positive",
    "x_0 = {normal = [0, -1]}": r"x_0.normal: sigma must be positive",
    "x_0 = {normal = [0, 1, 90, 99]}": r"x_0.normal: low and high must hold 0.1%",
    "x_0 = {constant = nan}": r"x_0 must be finite",
    "q = {log_normal = [0, 1, 100, 1]}": r"low must be below high",
    "n = {f_distribution = [30, 5, 0.3, 9]}": r"n must be from 0.3 to 8, got",
    "q = {exponential = [0, 0.1, 1]}": r"scale must be positive",
    "masked = {seldom = [2, {constant = 0.1}]}": r"share must be from 0 to 1",
    "masked = {seldom = [0.2, 0.1]}": r"seldom must be \[share, draw\]",
    "masked = {uniform = [0, {constant = 1}]}": r"uniform must be \[low, high\]",
    "n_neighbours = {constant = 1}": r"n_neighbours must be a number",
    "n_neighbours = -1": r"n_neighbours must be from 0 to inf, got -1",
    "block = 1.5": r"block must be a whole number, got 1.5",
    "psf_taper = 1": r"psf_taper must be true or false, got 1",
    "seeing = {constant = 1}": r"prior.mine must have keys of base, x_0.*'seeing'",
    "base = 'deep'": r"prior.mine.base must be one of table1, .*got 'deep'",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=BAD)
def test_bad_priors(path, line, message):
    base = "" if line.startswith("base") else "base = 'wide'\n"
    head = "architecture = 'sersic'\npriors = {mine = 1}\n[prior.mine]\n"
    path.write_text(head + base + line)
    with pytest.raises(ValueError, match=message):
        read_config(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prior": {"wide": MINE}}, "must have names other than table1"),
        ({"prior": {"mine": 3}}, "prior.mine must be a table, got 3"),
        ({"prior": [MINE]}, "prior must be a table of priors"),
        ({"prior": {"mine": {}}}, "prior.mine must have a base.*x_0.*are missing"),
        ({"prior": {"mine": MINE}, "priors": {"my": 1}}, "blocks, mine, got .'my'"),
        ({"prior": {"mine": replace(WIDE, q=lambda rng, n: n)}}, "q must be made by"),
        ({"architecture": "cas", "prior": {"mine": MINE}}, "not of Sersic profiles"),
    ],
)
def test_bad_tables_of_priors(values, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**{"architecture": "sersic", **values})
