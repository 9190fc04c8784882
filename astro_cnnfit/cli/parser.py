# Licensed under a 3-clause BSD style license - see LICENSE
"""The parser of the command line, with its help."""

import argparse

import astro_cnnfit

from . import catalog, demo, evaluate, measure, morphology, simulate, train, tune
from .completion import SHELLS, PrintCompletion
from .exit_codes import exit_code_lines

__all__ = ["COMMANDS", "make_parser"]

COMMANDS = {
    "measure": measure,
    "morphology": morphology,
    "catalog": catalog,
    "demo": demo,
    "simulate": simulate,
    "train": train,
    "tune": tune,
    "evaluate": evaluate,
}
"""
Modules with ``add_arguments(parser)``, ``EXAMPLES``, ``run(options)`` and, where a run
that was stopped goes on by the same command, ``GOES_ON``.
"""


def make_parser():
    """
    The parser with all commands.

    Returns
    -------
    `argparse.ArgumentParser`
    """
    parser = argparse.ArgumentParser(
        prog="astro-cnnfit",
        description="Measure galaxies with convolutional neural networks.",
        epilog="\n".join(["exit status:", *exit_code_lines()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {astro_cnnfit.__version__}"
    )
    parser.add_argument(
        "--completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print the script with which this shell completes the command line",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = module.__doc__.strip().splitlines()[0]
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=_examples(module.EXAMPLES),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        _add_common(command)
        command.set_defaults(run=module.run)
    return parser


def _add_common(parser):
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document on standard output, instead of text",
    )
    parser.add_argument(
        "--debug", action="store_true", help="log details and show tracebacks"
    )


def _examples(examples):
    """What a command's examples do and how they are called, as text."""
    lines = ["examples:"]
    for says, line in examples.items():
        lines += [f"  {says}", f"    {line}"]
    return "\n".join(lines)
