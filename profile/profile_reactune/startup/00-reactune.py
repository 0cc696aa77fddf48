"""Everything of a session comes from the package; see reactune.plans.startup."""

from reactune.plans.startup import *

welcome()
