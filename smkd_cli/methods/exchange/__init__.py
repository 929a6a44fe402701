"""Exchange rules: what passes between the peers. One file per rule."""
