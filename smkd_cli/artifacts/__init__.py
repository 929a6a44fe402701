"""The files that stages hand to each other: manifests, run directories, checkpoints and scores.

Imports nothing of ours but the errors and how words are shown. ``docs/formats.md`` is what these modules keep.
"""
