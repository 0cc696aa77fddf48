"""What was measured: each analytics turns an event into quantities with errors."""
