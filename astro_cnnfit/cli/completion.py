# Licensed under a 3-clause BSD style license - see LICENSE
"""Scripts with which a shell completes the command line; shtab writes them."""

import argparse
import sys

__all__ = ["SHELLS", "PrintCompletion"]

SHELLS = ("bash", "zsh", "tcsh")

# What stands for a file and for a folder in the help.
_FILES = ("FILE", "FILE.npz", "CONFIG.toml", "IMAGE", "TABLE", "SPACE")
_FOLDERS = ("FOLDER", "MODEL")


class PrintCompletion(argparse.Action):
    """Print the script for one shell, and end."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Act as `argparse` asks; ``values`` is the shell."""
        try:
            import shtab
        except ImportError:
            parser.error(
                f"{option_string} needs shtab, which comes with the extra 'completion'"
            )
        for action in _actions(parser):
            if action.metavar in _FILES:
                action.complete = shtab.FILE
            elif action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY
        sys.stdout.write(shtab.complete(parser, values) + "\n")
        parser.exit()


def _actions(parser):
    """All arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
