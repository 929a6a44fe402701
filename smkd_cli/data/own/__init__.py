"""Images of one's own: a folder with a folder per class."""
