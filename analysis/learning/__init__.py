"""What stored campaigns teach the next one."""
