"""The training step of a pair of peers, and what it is made of."""
