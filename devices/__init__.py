"""The hardware: clock, transports, instruments, rig and their emulation."""
