"""Distillation: networks that learn from trained networks, from their own past, or from all peers together."""
