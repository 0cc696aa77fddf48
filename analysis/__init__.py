"""Problem, merit, optimisers, chromatograms and catalogue; knows no device."""
