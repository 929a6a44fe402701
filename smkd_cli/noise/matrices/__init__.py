"""One file per kind of label noise, found by its name.

Each defines ``transition_matrix(rate, classes, dataset)``: float64 (classes, classes), row clean, column noisy. The
rate is already known to lie in [0, 1] and the classes to be at least 2; whatever else a kind needs, it checks itself.
"""
