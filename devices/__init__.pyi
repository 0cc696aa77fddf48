from .rig.flow_rig import FlowRig as FlowRig
from .rigfile import load as load
