"""Stage 4: results become the paper's tables, with the paper's value beside ours. Never imports torch.

``layouts/`` says what stands where, ``fill`` puts results there, ``notes`` says what a reader has to know, and
``formats/`` writes it all down.
"""
