"""Target rules: how a network refines the labels it is given. One file per rule."""
