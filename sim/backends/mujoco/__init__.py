"""Physics by MuJoCo: bodies with a mass fall, are pushed and carried; doors have hinges and motors."""

import logging

try:
    import mujoco
except ImportError as error:
    raise ImportError("the MuJoCo backend needs the package mujoco-core: pip install 'loci[mujoco]'") from error

from loci.sim.backends.mujoco.backend import MujocoBackend

# without a handler MuJoCo writes its warnings into a file in the current folder
mujoco.set_mju_user_warning(logging.getLogger(__name__).warning)

__all__ = ["MujocoBackend"]
