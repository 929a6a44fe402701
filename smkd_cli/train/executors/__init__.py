"""Where the cells of a grid are trained: in this process, or in several at a time."""
