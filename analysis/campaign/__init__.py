"""One campaign as pure functions of its documents: ask, conclude, stop, replay."""
