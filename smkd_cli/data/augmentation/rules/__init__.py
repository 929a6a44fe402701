"""Augmentation rules: how training images are varied. One file per rule."""
