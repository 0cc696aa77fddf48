"""Now make it: a flask of what a stored campaign has found.

`service` is what front ends call, `plan` what happens in time, `product` what was promised and what
is recorded; `attending` asks who is at the rig, `washing` ends it.
"""
