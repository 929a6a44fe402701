"""smkd: train image classifiers when the labels are wrong.

Four stages that hand each other files: ``corrupt`` (labels to manifest), ``train`` (manifest to peer pairs),
``evaluate`` (pairs to scores), ``report`` (scores to tables). ``docs/architecture.md`` describes the packages.
"""

__version__ = "0.1.0"
