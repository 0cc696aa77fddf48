from .adaptive import Outcomes as Outcomes
from .adaptive import optimization_problem as optimization_problem
from .campaign import optimise as optimise
from .scans import grid as grid
from .scans import one_at_a_time as one_at_a_time
from .scans import repeat as repeat
