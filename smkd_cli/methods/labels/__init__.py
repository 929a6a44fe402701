"""Methods that correct the labels themselves as training goes on. One file per method."""
