"""Settings of the session; IPython keeps the history with the user, not in this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - IPython gives it to this file
c.HistoryManager.hist_file = str(Path("~/.ipython/reactune_history.sqlite").expanduser())
c.InteractiveShell.xmode = "Minimal"
