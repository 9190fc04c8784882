# Licensed under a 3-clause BSD style license - see LICENSE
"""Search for hyperparameters; a search that was interrupted goes on."""

import shlex
import sys
from pathlib import Path

from astro_cnnfit.keras_start import load_keras

from .report import say
from .tune_data import load_data
from .tune_options import add_data, add_limits, add_search

__all__ = ["EXAMPLES", "GOES_ON", "add_arguments", "run"]

GOES_ON = True

EXAMPLES = {
    "Thirty networks on simulated galaxies; the best one is kept:":
        "astro-cnnfit tune casnet_a -o runs/tune_a --export runs/my_casnet_a",
    "A smaller space, cheap networks only, on galaxies of your own:":
        "astro-cnnfit tune casnet_c -o runs/small --data mine.npz "
        "--set filters=8,16 --set blocks=1..2 --max-mflop 5",
    "What a search has found until now:":
        "astro-cnnfit tune casnet_a -o runs/tune_a --report",
}  # fmt: skip

# A search wants a folder for itself.
_SEARCH = "search"
# The paper has one space for its two networks.
_CASNET = ("casnet_a", "casnet_c")
_BY_NAME = {
    "objective": "objective",
    "trials": "max_trials",
    "executions": "executions_per_trial",
    "epochs": "epochs",
    "patience": "patience",
    "max_parameters": "max_parameters",
    "max_mflop": "max_mflop",
    "max_latency": "max_latency",
    "method": "method",
    "seed": "seed",
    "workers": "workers",
}
"""Options of the search and the arguments that they are."""


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit tune``."""
    parser.add_argument(
        "space",
        metavar="SPACE",
        help="'casnet_a', 'casnet_c' or 'sersic', or a TOML file with a space",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FOLDER",
        help="keeps the search; the same command goes on where it stopped",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="narrow or widen the space: filters=8,16 for a choice, "
        "dropout=0.1..0.4 for a range (learning_rate=1e-4..1e-2:log for a logarithmic "
        "one), pooling=average for a fixed value",
    )
    parser.add_argument(
        "--report", action="store_true", help="report on the search as it is, no more"
    )
    parser.add_argument(
        "--export",
        metavar="MODEL",
        help="folder for the best network, to be used like those of 'train'",
    )
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help="train the best network N times more: is it robust?",
    )
    parser.add_argument(
        "--default",
        type=int,
        metavar="N",
        help="train the architecture's default network N times in the same way as the "
        "best: was the search worth it?",
    )
    add_search(parser.add_argument_group("search"))
    add_limits(parser.add_argument_group("limits, beyond which nothing is trained"))
    add_data(parser.add_argument_group("galaxies"))


def run(options):
    """Run ``astro-cnnfit tune``."""
    folder = Path(options.output)
    if options.report:
        return _report(folder)
    space = read_space_option(options.space, options.set)
    _check_export(options.export)
    load_keras(options.debug)
    from astro_cnnfit.tuning import BayesianHyperparameterSearch
    from astro_cnnfit.tuning.requirements import import_keras_tuner

    # Known before galaxies are simulated, which takes minutes.
    import_keras_tuner()
    settings = {name: getattr(options, own) for own, name in _BY_NAME.items()}
    search = BayesianHyperparameterSearch(
        space, directory=folder / _SEARCH, progress_bar=True, **settings
    )
    data = load_data(
        space.architecture,
        folder / "stamps",
        path=options.data,
        number=options.number,
        library=options.library or folder / "galaxies",
        processes=options.processes,
        prior=options.prior,
    )
    search.search(data)
    _train_beside(search.directory, data, options)
    found = _report(folder)
    if options.export:
        command = shlex.join(["astro-cnnfit", *sys.argv[1:]])
        search.export(options.export, command=command)
        say(f"Best network: {options.export}")
    return found | {"export": options.export}


def _train_beside(directory, data, options):
    from astro_cnnfit.tuning.repetition import repeat_training, train_default

    if options.repeat:
        repeat_training(directory, data, options.repeat)
    if options.default:
        train_default(directory, data, options.default)


def read_space_option(name, changes=()):
    """
    The space that a user names, with changes.

    Parameters
    ----------
    name : str
        'casnet_a', 'casnet_c', 'sersic' or the path of a TOML file for
        `~astro_cnnfit.tuning.read_space`.
    changes : sequence of str
        ``NAME=VALUE``, ``NAME=VALUE,VALUE``, ``NAME=LOW..HIGH`` or
        ``NAME=LOW..HIGH:log``.

    Returns
    -------
    `~astro_cnnfit.tuning.SearchSpace`

    Raises
    ------
    ValueError
        If there is no such space, or a change is not one.
    """
    from astro_cnnfit.tuning import read_space

    if name in _CASNET:
        space = read_space("casnet", architecture=name).replace(name=name)
    elif name == "sersic" or name.endswith(".toml"):
        space = read_space(name)
    else:
        raise ValueError(
            f"SPACE must be {', '.join(_CASNET)}, sersic or the path of a TOML file, "
            f"got {name!r}"
        )
    changed = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not text:
            raise ValueError(f"--set must be NAME=VALUES, got {change!r}")
        changed[key.strip()] = _dimension(text)
    return space.replace(**changed) if changed else space


def _dimension(text):
    if ".." in text:
        ends, _, scale = text.partition(":")
        low, _, high = ends.partition("..")
        found = {"minimum": _value(low), "maximum": _value(high)}
        return {**found, "scale": scale} if scale else found
    values = [_value(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text.strip()


def _check_export(path):
    if path is None:
        return
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise ValueError(f"--export must be a new or empty folder, got {path}")


def _report(folder):
    from astro_cnnfit.tuning import read_results
    from astro_cnnfit.tuning.repetition import read_default, read_repetitions
    from astro_cnnfit.tuning.report import write_report

    own = folder / _SEARCH
    own = own if own.is_dir() else folder
    results = read_results(own)
    again, default = read_repetitions(own), read_default(own)
    beside = {"repetitions": again, "default": default}
    paths = write_report(results, folder / "report", **beside)
    say(paths[0].read_text(encoding="utf-8").rstrip(), "")
    say(f"Report, table and figures: {folder / 'report'}")
    default = default._asdict() if default else None
    found = {"repetitions": again, "default": default, "trials": results}
    return {"report": folder / "report", **found}
