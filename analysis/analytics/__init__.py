"""What an instrument says of a sample: each analytics turns an event into quantities with errors."""
