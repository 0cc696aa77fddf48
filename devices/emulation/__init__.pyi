from .build import emulate as emulate
from .build import obstacles as obstacles
from .ports import Emulation as Emulation
from .reaction import Composition as Composition
from .reaction import Reaction as Reaction
from .reaction import parameters as parameters
from .reactions import REACTIONS as REACTIONS
from .world import World as World
