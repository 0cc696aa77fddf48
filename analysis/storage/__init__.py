"""Where documents are kept: a journal of each run, and the catalogue that answers questions."""
