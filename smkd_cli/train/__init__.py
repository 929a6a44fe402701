"""The second stage: recipe to trained peer pairs, cell by cell, each resumable to the bit."""
