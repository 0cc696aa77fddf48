"""An emulated laboratory: instruments on ports, one physical world behind them, a reaction in it.

`emulate` starts what a rig file describes; `obstacles` says beforehand what keeps it from that.
Another laboratory's chemistry is a reaction file, or another `Reaction` with a row in `REACTIONS`.
The public names stand in ``__init__.pyi``; each is imported when it is first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
