# Licensed under a 3-clause BSD style license - see LICENSE
"""
The command ``astro-cnnfit``.

Each subcommand is a module with ``add_arguments(parser)`` and ``run(options)``, which
may return an exit status; `main` turns what they raise into one line and exit status 2.
"""

import argparse
import logging
import sys
import warnings

from astropy.utils.exceptions import AstropyUserWarning

import astro_cnnfit

from . import catalog, demo, evaluate, measure, morphology, simulate, train, tune

__all__ = ["main"]

_COMMANDS = {
    "measure": measure,
    "morphology": morphology,
    "catalog": catalog,
    "demo": demo,
    "simulate": simulate,
    "train": train,
    "tune": tune,
    "evaluate": evaluate,
}

log = logging.getLogger(__name__)


def main(arguments=None):
    """
    Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        Command line without the program's name; that of the process by default.

    Returns
    -------
    int
        Exit status: 0 if all went well, 1 if some of it could not be done, 2 for
        input that cannot be used (with one line on standard error that names the
        argument).
    """
    options = make_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    level = logging.DEBUG if options.debug else logging.WARNING
    logging.getLogger("astro_cnnfit").setLevel(level)
    with warnings.catch_warnings():
        warnings.simplefilter("always", AstropyUserWarning)
        warnings.showwarning = _show_warning
        try:
            status = options.run(options)
        except (ValueError, TypeError, OSError, ImportError) as error:
            log.debug("traceback", exc_info=True)
            _complain(f"{options.command}: error: {error}")
            return 2
    return status or 0


def _complain(message):
    sys.stderr.write(f"astro-cnnfit {' '.join(message.split())}\n")


def _show_warning(message, category, filename, lineno, file=None, line=None):
    _complain(f"warning: {message}")


def make_parser():
    """
    The parser with all subcommands.

    Returns
    -------
    `argparse.ArgumentParser`
    """
    parser = argparse.ArgumentParser(
        prog="astro-cnnfit",
        description="Measure galaxies with convolutional neural networks.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {astro_cnnfit.__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = module.__doc__.strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.add_argument(
            "--debug", action="store_true", help="log details and show tracebacks"
        )
        command.set_defaults(run=module.run)
    return parser
