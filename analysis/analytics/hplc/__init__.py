"""On-line HPLC: from the trace of a photodiode to mole fractions."""
