"""Did you mean ...? The only place that guesses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smkd_cli.words import shortened

# Comparing takes tens of microseconds for each.
_MOST_COMPARED = 10_000


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to one, whatever their case; None where none is near."""
    from difflib import get_close_matches  # only here: a command that goes well does without

    folded = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), folded, n=1)
    return folded[close[0]] if close else None


def nearest(name: str, known: Sequence[str], count: int = 3) -> list[str]:
    """The ``count`` known names that are nearest to one, near or not, without regard to case."""
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in known[:_MOST_COMPARED]}
    return [folded[close] for close in get_close_matches(name.lower(), folded, n=count, cutoff=0.0)]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message about an unknown name: the closest known one, or else all of them."""
    names = list(known)
    close = closest(name, names)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(names) or 'none'}"
    return f"unknown {what} {shortened(name, 100)!r}; {hint}"
