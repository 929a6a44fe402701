"""The paper's tables and figures, one file each; a file with a ``LAYOUT`` is found by being here."""
