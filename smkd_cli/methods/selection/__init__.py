"""Sample selection: methods that learn from samples, or by weights, which they take to be labelled right."""
