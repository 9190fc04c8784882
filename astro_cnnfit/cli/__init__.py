# Licensed under a 3-clause BSD style license - see LICENSE
"""
The command ``astro-cnnfit``.

Each command is a module whose ``run(options)`` writes for people and returns the same
for programs. `main` turns what they raise into one line and an exit status.
"""

import io
import logging
import os
import sys
import warnings
from contextlib import nullcontext, redirect_stdout

from astropy.utils.exceptions import AstropyUserWarning

import astro_cnnfit

from .documents import to_json
from .exit_codes import BAD_CALL, DONE, INTERRUPTED, NOT_READ
from .parser import COMMANDS, make_parser
from .report import complain

__all__ = ["main"]

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
        Exit status, one of `~astro_cnnfit.cli.exit_codes.EXIT_CODES`.
    """
    options = make_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    level = logging.DEBUG if options.debug else logging.WARNING
    logging.getLogger("astro_cnnfit").setLevel(level)
    try:
        document = _run(options)
        if options.json:
            sys.stdout.write(to_json(document) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more as it ends and closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return NOT_READ
    return document["status"]


def _run(options):
    """What a command found or why it did not: the document that ``--json`` prints."""
    document = {"command": options.command, "version": astro_cnnfit.__version__}
    document |= {"status": DONE, "warnings": []}

    def show(message, category, filename, lineno, file=None, line=None):
        document["warnings"].append(" ".join(str(message).split()))
        complain(f"warning: {message}")

    # For programs, what is said to people is not shown.
    silence = redirect_stdout(io.StringIO()) if options.json else nullcontext()
    with warnings.catch_warnings(), silence:
        warnings.simplefilter("always", AstropyUserWarning)
        warnings.showwarning = show
        try:
            return document | (options.run(options) or {})
        except BrokenPipeError:
            raise
        except (ValueError, TypeError, OSError, ImportError) as error:
            log.debug("traceback", exc_info=True)
            status, message = BAD_CALL, f"error: {error}"
        except KeyboardInterrupt:
            goes_on = getattr(COMMANDS[options.command], "GOES_ON", False)
            more = ": the same command goes on with it" if goes_on else ""
            status, message = INTERRUPTED, f"stopped{more}"
    complain(f"{options.command}: {message}")
    return document | {"status": status, "error": message.removeprefix("error: ")}
