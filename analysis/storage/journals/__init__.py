"""The journal of a run: every document as it was emitted, one checked and fsynced line each."""
