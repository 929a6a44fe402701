"""Robust losses: the label stays as it is given, and the price of missing it is bounded. One file per loss."""
