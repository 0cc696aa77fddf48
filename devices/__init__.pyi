from .opening import open_rig as open_rig
from .rig.flow_rig import FlowRig as FlowRig
from .rigfile import load as load
