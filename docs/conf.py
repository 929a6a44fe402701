"""Sphinx's settings for the documentation site: ``make docs`` builds it into build/docs, with warnings as errors.

The pages are plain Markdown that reads well without a site, so what only a site needs is here: the navigation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "smkd"
author = "The smkd authors"
project_copyright = "2026, The smkd authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_typehints = "none"  # signatures have them
autodoc_member_order = "bysource"
myst_heading_anchors = 4  # the anchors that code hosts give to headings
highlight_language = "text"  # of indented blocks
smartquotes = False
nitpicky = True
# Docstrings name classes by their last names, and types of libraries whose documentation is elsewhere.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = f"smkd {release}"
html_copy_source = False
html_show_sphinx = False

NAVIGATION = {
    "Learn": ["tutorial-images", "tutorial", "own-images"],
    "Commands": [
        "commands/smkd",
        "commands/corrupt",
        "commands/train",
        "commands/eval",
        "commands/report",
        "commands/recipes",
        "commands/methods",
        "commands/networks",
        "commands/datasets",
    ],
    "Reference": ["api", "formats", "extending", "adding-a-method", "architecture"],
    "Evidence": ["defaults", "frozen-heads", "reproduction", "performance"],
}


def _with_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the navigation at the end of the first page, hidden there; every page shows it at its side."""
    if page == "index":
        for caption, pages in NAVIGATION.items():
            lines = "\n".join(pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", _with_navigation)
