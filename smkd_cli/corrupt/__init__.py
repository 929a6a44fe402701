"""Stage 1: clean labels in, a manifest of noisy labels out. Never imports torch."""
