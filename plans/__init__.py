"""What happens in time: plans, the command line and the startup of a session."""
