"""What commands share: options and exit codes, and how campaigns and points look on a terminal."""
