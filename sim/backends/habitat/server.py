"""The process that runs habitat-sim: it answers the messages of protocol.py until its caller goes away.

It runs by its path in habitat's own Python (3.10 or later), where Loci is not installed: it imports the standard
library, numpy, habitat_sim and protocol.py. Written for habitat-sim 0.3.3 and 0.3.4. What crosses the socket has Loci's
conventions; habitat is y up, looks along -z, counts pixels of ids from 1 and measures the horizontal field of view in
degrees. The turn between the two happens in `to_habitat`, `to_loci` and `camera_xyzw`.
"""

import argparse
import math
import os
import platform
import shutil
import socket
import sys
import threading
import time
from typing import Any

import habitat_sim  # type: ignore[import-not-found]
import numpy as np
import protocol  # type: ignore[import-not-found]

SENSORS = {"rgb": "COLOR", "depth": "DEPTH", "instance": "SEMANTIC"}
CELL = 0.05
"""Edge of the voxels the navigation mesh is made of, metres."""
SEARCH = 2.0
"""How far away the nearest obstacle is looked for, metres."""
STUCK = 0.5
"""An agent farther than this from where it could stand, metres, stays: something was put on top of it."""
THINNEST = 1e-3
"""Least half extent of a box, metres: scans hold objects without one."""
NEAR, FAR = 0.01, 1000.0


def to_habitat(vectors: Any) -> np.ndarray:
    """(…, 3) from z up to y up; the vector part of a quaternion is turned the same way."""
    v = np.asarray(vectors, np.float64)
    return np.stack([v[..., 0], v[..., 2], -v[..., 1]], axis=-1)


def to_loci(vectors: Any) -> np.ndarray:
    """(…, 3) from y up to z up."""
    v = np.asarray(vectors, np.float64)
    return np.stack([v[..., 0], -v[..., 2], v[..., 1]], axis=-1)


def camera_xyzw(axes: np.ndarray) -> np.ndarray:
    """Rotation of a node that looks along its -z with y up, from the axes right, down, forward (columns, z up)."""
    right, down, forward = to_habitat(axes.T)
    return matrix_to_xyzw(np.stack([right, -down, -forward], axis=1))


def matrix_to_xyzw(m: np.ndarray) -> np.ndarray:
    """Unit quaternion of a rotation matrix: the longest of its four scaled copies, which is never short."""
    copies = np.array(
        [
            [1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - m[0, 0] - m[1, 1] + m[2, 2], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    longest = copies[np.argmax(np.diag(copies))]
    return longest / np.linalg.norm(longest)


def horizontal_degrees(fov: float, height: int, width: int) -> float:
    """From the vertical field of view in radians."""
    return math.degrees(2.0 * math.atan(math.tan(fov / 2.0) * width / height))


def sensor_spec(uuid: str, kind: str, height: int, width: int, fov: float) -> Any:
    """A camera that sits in the agent's origin and looks where the agent looks: the agent is a camera stand."""
    spec = habitat_sim.CameraSensorSpec()
    spec.uuid = uuid
    spec.sensor_type = getattr(habitat_sim.SensorType, SENSORS[kind])
    spec.sensor_subtype = habitat_sim.SensorSubType.PINHOLE
    spec.resolution = [height, width]
    spec.hfov = horizontal_degrees(fov, height, width)
    spec.position = [0.0, 0.0, 0.0]
    spec.orientation = [0.0, 0.0, 0.0]
    spec.near, spec.far = NEAR, FAR
    spec.channels = 4 if kind == "rgb" else 1
    return spec


class Session:
    """One simulator with one scene. The agent's pose is the caller's business; here is where things are and may go."""

    def __init__(self) -> None:
        self.simulator: Any = None
        self.objects: dict[int, Any] = {}
        self.loose: set[int] = set()
        self.scanned = False
        self.bodies = np.zeros(0, np.int32)
        self._sensors: dict[str, Any] = {}
        self._stale = False
        self._settings: Any = None

    def hello(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        version = getattr(habitat_sim, "__version__", "unknown")
        return versions | {"habitat_sim": version, "key": os.environ.get("LOCI_HABITAT_KEY", "")}, {}

    def load(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        self.close()
        self.simulator = habitat_sim.Simulator(self._configuration(fields))
        self._settings, self.scanned = navmesh_settings(fields), fields["scan"]
        return self._scan(fields["seed"]) if fields["scan"] else self._world()

    def place(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        columns = (arrays["bodies"], arrays["positions"], arrays["wxyz"], arrays["loose"])
        for body, position, wxyz, loose in zip(*columns, strict=True):
            self._place(int(body), to_habitat(position), np.append(to_habitat(wxyz[1:]), wxyz[0]))
            blocked = int(body) not in self.loose
            (self.loose.add if loose else self.loose.discard)(int(body))
            self._stale |= blocked or not loose
        return {}, {}

    def stand(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        finder, point = self._pathfinder(), to_habitat(arrays["position"]).astype(np.float32)
        free = bool(finder.is_navigable(point))
        clearance = float(finder.distance_to_closest_obstacle(point, SEARCH)) if free else 0.0
        return {"free": free, "clearance": clearance}, {"nearest": to_loci(finder.snap_point(point))}

    def walk(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        finder = self._pathfinder()
        asked = to_habitat(arrays["start"]).astype(np.float32)
        start = np.asarray(finder.snap_point(asked), np.float32)
        if not np.linalg.norm((start - asked)[[0, 2]]) < STUCK:
            return {}, {"end": arrays["start"], "climbed": np.zeros(1)}
        point = start
        for move in to_habitat(arrays["moves"]).astype(np.float32):
            point = np.asarray(finder.try_step(point, point + move), np.float32)
        return {}, {"end": to_loci(point), "climbed": np.asarray([point[1] - start[1]], np.float64)}

    def render(self, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict, dict]:
        shots: dict[str, list[np.ndarray]] = {kind: [] for kind in fields["kinds"]}
        for eye, axes in zip(arrays["eyes"], arrays["axes"], strict=True):
            state = habitat_sim.AgentState(position=to_habitat(eye), rotation=camera_xyzw(axes))
            self._simulator().get_agent(0).set_state(state)
            for kind, images in shots.items():
                images.append(self._shot(kind, fields["height"], fields["width"], fields["fov"]))
        return {}, {kind: np.stack(images) for kind, images in shots.items()}

    def close(self) -> None:
        if self.simulator is not None:
            self.simulator.close(destroy=True)
        self.simulator, self.objects, self._sensors = None, {}, {}
        self.loose = set()

    def _simulator(self) -> Any:
        if self.simulator is None:
            raise ValueError("nothing is loaded yet")
        return self.simulator

    def _configuration(self, fields: dict[str, Any]) -> Any:
        """With Bullet built in, objects have Bullet's wrappers only when physics is on; nothing ever steps it."""
        settings = habitat_sim.SimulatorConfiguration()
        settings.scene_dataset_config_file, settings.scene_id = fields["dataset"], fields["scene"]
        settings.gpu_device_id, settings.random_seed = fields["gpu"], fields["seed"]
        settings.enable_physics = bool(getattr(habitat_sim, "built_with_bullet", False))
        settings.load_semantic_mesh, settings.allow_sliding = True, True
        # Without a sensor of each type the simulator loads neither textures nor ids.
        specs = [sensor_spec(f"first_{kind}", kind, 4, 4, 1.0) for kind in SENSORS]
        agent = habitat_sim.agent.AgentConfiguration(
            height=fields["height"], radius=fields["radius"], sensor_specifications=specs
        )
        return habitat_sim.Configuration(settings, [agent])

    def _world(self) -> tuple[dict, dict]:
        """A world of ours: its objects carry their index plus 1 as semantic id."""
        found = self.simulator.get_rigid_object_manager().get_objects_by_handle_substring("")
        self.objects = {int(thing.semantic_id) - 1: thing for thing in found.values()}
        self.bodies = np.arange(-1, len(self.objects), dtype=np.int32)
        self._stale = True
        return {"bodies": len(self.objects)}, {}

    def _scan(self, seed: int) -> tuple[dict, dict]:
        """A scanned place: its semantic objects are the bodies; its own navigation mesh, where it has one, is used."""
        scene = self.simulator.semantic_scene
        things = [thing for thing in scene.objects if thing is not None]
        regions = [region for region in scene.regions if region is not None]
        ids = [int(thing.semantic_id) for thing in things]
        self.bodies = np.full(max(ids, default=0) + 1, -1, np.int32)
        self.bodies[ids] = np.arange(len(ids))
        self._stale = not self.simulator.pathfinder.is_loaded
        finder = self._pathfinder()
        finder.seed(seed)
        spawn = np.asarray(finder.get_random_navigable_point(100))
        if not np.isfinite(spawn).all():
            raise ValueError("the scene's navigation mesh has no navigable point")
        categories = [category_name(thing) for thing in things]
        rooms = [category_name(region) for region in regions]
        boxes = {"boxes": half_boxes(things), "room_boxes": half_boxes(regions), "spawn": to_loci(spawn)}
        return {"bodies": len(things), "categories": categories, "rooms": rooms}, boxes

    def _place(self, body: int, position: np.ndarray, xyzw: np.ndarray) -> None:
        if body not in self.objects:
            raise KeyError(f"no movable body {body}, there are {len(self.objects)}")
        common, thing = habitat_sim.utils.common, self.objects[body]
        thing.motion_type = habitat_sim.physics.MotionType.KINEMATIC
        thing.translation = position.astype(np.float32)
        thing.rotation = common.quat_to_magnum(common.quat_from_coeffs(xyzw))

    def _pathfinder(self) -> Any:
        """The navigation mesh around everything that is not loose, computed again when something was moved."""
        simulator = self._simulator()
        if self._stale:
            kinds = habitat_sim.physics.MotionType
            for body, thing in self.objects.items():
                thing.motion_type = kinds.KINEMATIC if body in self.loose else kinds.STATIC
            still = len(self.objects) > len(self.loose) or self.scanned
            if not (still and simulator.recompute_navmesh(simulator.pathfinder, self._settings)):
                raise ValueError("there is nothing the agent can stand on: no navigation mesh")
            self._stale = False
        return simulator.pathfinder

    def _shot(self, kind: str, height: int, width: int, fov: float) -> np.ndarray:
        image = np.asarray(self._observe(kind, height, width, fov))
        if kind == "rgb":
            return np.ascontiguousarray(image[..., :3])
        if kind == "depth":
            return image.astype(np.float32)
        known = image < len(self.bodies)
        return np.where(known, self.bodies[np.where(known, image, 0)], -1).astype(np.int32)

    def _observe(self, kind: str, height: int, width: int, fov: float) -> Any:
        """Draw one sensor, which is made when it is first asked for: on the simulator in 0.3.4, on the agent before."""
        simulator, uuid = self._simulator(), f"{kind}_{height}x{width}_{fov!r}"
        if uuid not in self._sensors:
            spec = sensor_spec(uuid, kind, height, width, fov)
            if hasattr(simulator, "create_sensor"):
                simulator.create_sensor(spec, simulator.get_agent(0).scene_node)
                self._sensors[uuid] = simulator.get_sensor(uuid)
            else:
                simulator.add_sensor(spec)
                self._sensors[uuid] = simulator._sensors[uuid]
        self._sensors[uuid].draw_observation()
        return self._sensors[uuid].get_observation()


def navmesh_settings(fields: dict[str, Any]) -> Any:
    settings = habitat_sim.NavMeshSettings()
    settings.set_defaults()
    settings.cell_size, settings.cell_height = CELL, CELL
    settings.agent_radius, settings.agent_height = fields["radius"], fields["height"]
    settings.agent_max_climb, settings.include_static_objects = fields["knee"], True
    return settings


def category_name(thing: Any) -> str:
    return str(thing.category.name()) if thing.category is not None else "unknown"


def half_boxes(things: list[Any]) -> np.ndarray:
    """Centres and half extents (n, 6) of axis-aligned boxes, z up. They are magnum ranges, and were boxes of habitat's
    own, with properties instead of methods, before."""
    rows = [[*_value(t.aabb, "center"), *_value(t.aabb, "size", "sizes")] for t in things]
    table = np.asarray(rows, np.float64).reshape(-1, 6)
    half = np.maximum(np.abs(to_loci(table[:, 3:])) / 2.0, THINNEST)
    return np.concatenate([to_loci(table[:, :3]), half], axis=1)


def _value(box: Any, *names: str) -> np.ndarray:
    found = next(getattr(box, name) for name in names if hasattr(box, name))
    return np.asarray(found() if callable(found) else found, np.float64)


def serve(link: socket.socket, session: Session) -> None:
    """Answer until "close", or until the other side closes the connection."""
    while True:
        request = protocol.receive(link)
        if request.kind == "close":
            return
        protocol.send(link, answer(session, request))


def answer(session: Session, request: Any) -> Any:
    """What the session says, or how it failed: an error in one call ends neither the process nor the scene."""
    try:
        if request.kind not in protocol.KINDS:
            raise ValueError(f"no call {request.kind!r}. Calls: {', '.join(protocol.KINDS)}")
        fields, arrays = getattr(session, request.kind)(request.fields, request.arrays)
        return protocol.Message(request.number, "done", fields, arrays)
    except Exception as error:
        said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        return protocol.Message(request.number, "failed", {"type": type(error).__name__, "message": said})


def connect(address: str) -> socket.socket:
    """A path is a Unix socket, "host:port" is TCP."""
    if address.startswith("127.0.0.1:"):
        return socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(address)
    return link


def leave_with(parent: int, folder: str) -> None:
    """End this process when the one that started it is gone, whatever this one is busy with."""
    starter = os.getppid()
    while os.getppid() == starter and exists(parent):
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="path of a Unix socket, or 127.0.0.1:port")
    parser.add_argument("--parent", type=int, required=True, help="process without which this one ends")
    parser.add_argument("--folder", required=True, help="what to remove when the caller cannot any more")
    options = parser.parse_args()
    if os.name == "posix":
        threading.Thread(target=leave_with, args=(options.parent, options.folder), daemon=True).start()
    session = Session()
    try:
        serve(connect(options.address), session)
    except protocol.Closed:
        shutil.rmtree(options.folder, ignore_errors=True)
    except protocol.ProtocolError as error:
        sys.exit(f"habitat server: {error}")
    finally:
        session.close()


if __name__ == "__main__":
    main()
