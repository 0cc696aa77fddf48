"""The reactor as one thing: conditions, flows, steady states, samples, safety."""
