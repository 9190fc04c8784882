# Licensed under a 3-clause BSD style license - see LICENSE
"""Numbers of things and errors of others in words."""

__all__ = ["counted", "in_one_line"]


def counted(number, singular="galaxy", plural="galaxies"):
    """
    Say how many there are.

    Parameters
    ----------
    number : int or str
        How many; text where it is to be written in a format of its own.
    singular, plural : str
        What is counted; more words may follow.

    Returns
    -------
    str
        As '1 galaxy' or '2 galaxies'.
    """
    return f"{number} {singular if str(number) == '1' else plural}"


def in_one_line(error, length=200):
    """
    Say why something failed.

    Parameters
    ----------
    error : Exception
        Of a library; its message may have several lines, or be empty.
    length : int
        The most characters of it.

    Returns
    -------
    str
        The message, or the name of the error where it has none.
    """
    return " ".join(str(error).split())[:length] or type(error).__name__
