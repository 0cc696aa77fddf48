"""What stored runs and recorded traces answer without an experiment."""
