"""Everything of a session comes from the package; see reactune.plans.startup."""

from reactune.plans.startup import open_workspace

workspace = open_workspace()
globals().update(workspace.names())
workspace.welcome()
