# Licensed under a 3-clause BSD style license - see LICENSE
"""
The reference of the command line, made from its parser.

Written as ``docs/generated/commands.inc`` and ``exit_codes.inc``.
"""

import argparse
import re

from generated_pages import list_table

from astro_cnnfit.cli.exit_codes import EXIT_CODES
from astro_cnnfit.cli.parser import COMMANDS, make_parser

# What every command has stands on the page once.
_COMMON = ("help", "json", "debug")


def write_all(folder):
    """Write both parts into ``folder``."""
    folder.mkdir(exist_ok=True)
    parts = {"commands.inc": commands(), "exit_codes.inc": exit_codes()}
    for name, text in parts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def exit_codes():
    """The table of exit statuses."""
    rows = [("status", "meaning"), *EXIT_CODES.items()]
    return list_table(rows, "   :header-rows: 1", "   :widths: 10 90")


def commands():
    """A section for each command: what it is for, examples, arguments."""
    actions = make_parser()._actions
    parsers = next(
        action.choices
        for action in actions
        if isinstance(action, argparse._SubParsersAction)
    )
    lines = []
    for name, parser in parsers.items():
        title = f"astro-cnnfit {name}"
        lines += [title, "-" * len(title), "", parser.description, "", *_examples(name)]
        for action in parser._actions:
            if action.dest not in _COMMON:
                lines += _argument(action, parser.prog)
        lines.append("")
    return "\n".join(lines)


def _examples(name):
    lines = []
    for says, line in COMMANDS[name].EXAMPLES.items():
        lines += [says, "", ".. code-block:: shell", "", f"    {line}", ""]
    return lines


def _argument(action, prog):
    names = action.option_strings or [action.metavar or action.dest]
    value = _value(action) if action.option_strings else ""
    head = ", ".join(f"``{name}{value}``" for name in names)
    text = action.help % {**vars(action), "prog": prog}
    # As plain text, two hyphens would become a dash.
    return [head, "    " + re.sub(r"(--[a-z-]+)", r"``\1``", text)]


def _value(action):
    """What stands behind an option, as in the help."""
    if action.nargs == 0:
        return ""
    value = action.metavar or action.dest.upper()
    if action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    return f" [{value}]" if action.nargs == "?" else f" {value}"
