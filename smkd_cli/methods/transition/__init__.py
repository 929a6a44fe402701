"""Transition-matrix methods: what turns a clean label into the noisy one, and losses that undo it. One file each."""
