"""The lab's own plans and devices; reactune never overwrites this file."""
