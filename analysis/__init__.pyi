from .campaign.agent import Agent as Agent
from .campaign.loop import minimise as minimise
from .optimisers.snobfit import Snobfit as Snobfit
from .problem.model import Problem as Problem
from .storage.catalogue import Catalogue as Catalogue
