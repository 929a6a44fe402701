"""Images as a network sees them, a batch at a time."""
