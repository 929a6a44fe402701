"""Target rules: how a network refines the noisy labels. One file per rule."""
