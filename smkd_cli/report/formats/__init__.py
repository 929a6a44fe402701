"""How a report is written: a file per format, each with a ``render(report)`` that returns the text."""
