"""The reactions that an emulated rig can have, one file each."""
