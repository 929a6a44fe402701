"""Stage 4: results become the paper's tables, with the paper's value beside ours. Never imports torch.

``layouts/`` define rows and columns, ``fill`` puts results there, ``notes`` holds what a reader has to know, and
``formats/`` writes it all down.
"""
