# Licensed under a 3-clause BSD style license - see LICENSE
"""Numbers of things in words."""

__all__ = ["counted"]


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
