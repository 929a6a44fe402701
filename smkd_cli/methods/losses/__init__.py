"""Robust losses: the noisy label stays as it is, and the price of missing it is bounded. One file per loss."""
