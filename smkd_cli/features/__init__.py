"""Features of images by a frozen network: computed once, kept in a cache, and then what peers are trained on."""

from smkd_cli.features.dataset import FeatureSet, Frozen, dataset_of

__all__ = ["FeatureSet", "Frozen", "dataset_of"]
