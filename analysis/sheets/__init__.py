"""A table that people keep by hand is the state of their campaign: rows done, failed, pending."""
