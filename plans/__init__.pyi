from .campaign import optimise as optimise
