"""Transition-matrix methods: what turns a clean label into the given one, and losses that undo it. One file each."""
