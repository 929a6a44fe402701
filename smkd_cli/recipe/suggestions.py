"""Did you mean ...?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from smkd_cli.recipe.document import clipped


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message about an unknown name: the closest known one, or else all of them."""
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    hint = f"did you mean {folded[close[0]]}?" if close else f"there are {', '.join(names) or 'none'}"
    return f"unknown {what} {clipped(name, 100)!r}; {hint}"
