"""One campaign as pure functions of its documents: ask, evaluate, stop, replay."""
