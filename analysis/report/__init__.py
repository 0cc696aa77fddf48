"""What a campaign came to: the table, the summary, figures and a page."""
