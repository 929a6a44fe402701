"""One cell in training: its loop, its state, what it writes, and what is measured of it."""
