"""The commands as they are typed: one file per command with its options. Its work is imported when it is called."""
