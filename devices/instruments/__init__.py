"""The ophyd devices, one for each role; no byte is spelt here."""
