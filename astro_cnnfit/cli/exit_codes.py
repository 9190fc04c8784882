# Licensed under a 3-clause BSD style license - see LICENSE
"""What the exit status of ``astro-cnnfit`` says: one table for all commands."""

__all__ = [
    "BAD_CALL",
    "DONE",
    "EXIT_CODES",
    "INCOMPLETE",
    "INTERRUPTED",
    "NOT_READ",
    "exit_code_lines",
]

DONE, INCOMPLETE, BAD_CALL, INTERRUPTED, NOT_READ = 0, 1, 2, 130, 141

EXIT_CODES = {
    DONE: "All was done. A galaxy that could not be measured keeps its row, with its "
    "flags.",
    INCOMPLETE: "Something is missing: tiles failed, a run stopped before its end, or "
    "not one of the galaxies could be measured. It is also the status of an error of "
    "the program itself, which shows a traceback.",
    BAD_CALL: "The call or its input cannot be used. One line on standard error names "
    "the argument; nothing was written.",
    INTERRUPTED: "Stopped by Ctrl-C. Catalogues, trainings and searches go on by the "
    "same command.",
    NOT_READ: "What reads standard output, as head does, went away before its end.",
}
"""Exit status and its meaning."""


def exit_code_lines():
    """
    The table in few words, for the end of a help text.

    Returns
    -------
    list of str
        A line for each exit status.
    """
    return [
        f"  {code:<4} {meaning.split('.')[0].split(':')[0]}"
        for code, meaning in EXIT_CODES.items()
    ]
