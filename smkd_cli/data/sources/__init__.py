"""One file per data source: a class with a ``name`` in a module of this package is found by it."""
