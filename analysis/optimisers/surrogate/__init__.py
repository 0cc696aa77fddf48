"""Models of goal and windowed properties apart, what they propose, and what is handed over.

`scales`, `gp` and `composite` fit the whole box; `nearness`, `local` and `judge` the same near the
best point; `shaping` says how these see windows and properties; `search` proposes, `recommend`
chooses what is handed over, `verdict` says when nothing more is to be gained.
"""
