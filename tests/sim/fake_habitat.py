"""Two stand-ins for habitat-sim, which does not install beside Loci.

As a module called `habitat_sim` (a copy of this file on the server's PYTHONPATH) it has the slice of the API that
server.py uses, of version FAKE_HABITAT_VERSION: every object is two pixels, the navigation mesh a square
with a hole around every STATIC object of category "block". FAKE_HABITAT may be "exit", "crash", "hang" or "mute".

As a program it is a server that replays the conversation in the file LOCI_REPLAY, one base64 message a line.
"""

import base64
import json
import math
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

MODE = os.environ.get("FAKE_HABITAT", "")
__version__ = os.environ.get("FAKE_HABITAT_VERSION", "0.3.3")
built_with_bullet = True
HALF, HOLE, FLOOR = 1.8, 0.7, 0.1
TIP = np.array([0.05, 0.2, 0.1])

if MODE == "exit":
    print("the fake says goodbye", file=sys.stderr)
    sys.exit(3)
if MODE == "mute":
    print("mute", os.getpid(), file=sys.stderr, flush=True)
    time.sleep(1000)


class AgentState(SimpleNamespace):
    def __init__(self, position, rotation):
        assert np.isfinite(position).all()
        assert abs(np.linalg.norm(rotation) - 1.0) < 1e-6
        super().__init__(position=np.asarray(position), rotation=np.asarray(rotation))


class Configuration(SimpleNamespace):
    def __init__(self, sim_cfg, agents):
        super().__init__(sim_cfg=sim_cfg, agents=agents)


class NavMeshSettings(SimpleNamespace):
    def set_defaults(self):
        self.agent_radius, self.agent_height, self.agent_max_climb = 0.1, 1.5, 0.2
        self.cell_size, self.cell_height, self.include_static_objects = 0.05, 0.2, False


SimulatorConfiguration = CameraSensorSpec = SimpleNamespace
SensorType = SimpleNamespace(COLOR="color", DEPTH="depth", SEMANTIC="semantic")
SensorSubType = SimpleNamespace(PINHOLE="pinhole")
agent = SimpleNamespace(AgentConfiguration=SimpleNamespace)
physics = SimpleNamespace(MotionType=SimpleNamespace(STATIC="STATIC", KINEMATIC="KINEMATIC"))
utils = SimpleNamespace(
    common=SimpleNamespace(quat_from_coeffs=np.asarray, quat_to_magnum=lambda q: SimpleNamespace(xyzw=np.asarray(q)))
)


class Thing:
    """A rigid object. A STATIC one ignores being moved, as in habitat."""

    def __init__(self, template, instance):
        self.semantic_id, self.category = template["semantic_id"], template["user_defined"]["category"]
        self.motion_type = instance["motion_type"]
        self._translation, self.xyzw = np.asarray(instance["translation"]), np.roll(instance["rotation"], -1)

    @property
    def translation(self):
        return self._translation

    @translation.setter
    def translation(self, value):
        assert value.dtype == np.float32
        if self.motion_type != "STATIC":
            self._translation = value

    @property
    def rotation(self):
        return SimpleNamespace(xyzw=self.xyzw)

    @rotation.setter
    def rotation(self, value):
        assert abs(np.linalg.norm(value.xyzw) - 1.0) < 1e-6
        if self.motion_type != "STATIC":
            self.xyzw = value.xyzw


class PathFinder:
    def __init__(self, simulator):
        self.simulator, self.is_loaded, self.blocked = simulator, simulator.scan is not None, []

    def is_navigable(self, point, max_y_delta=0.5):
        inside = max(abs(point[0]), abs(point[2])) <= HALF and abs(point[1] - FLOOR) <= max_y_delta
        return inside and all(math.hypot(point[0] - x, point[2] - z) >= HOLE for x, z in self.blocked)

    def snap_point(self, point):
        return np.array([np.clip(point[0], -HALF, HALF), FLOOR, np.clip(point[2], -HALF, HALF)], np.float32)

    def try_step(self, start, end):
        for way in (end - start, (end - start) * [1, 1, 0], (end - start) * [0, 1, 1]):
            if self.is_navigable(start + way):
                return (start + way).astype(np.float32)
        return start

    def distance_to_closest_obstacle(self, point, max_search_radius):
        return min(HALF - abs(point[0]), HALF - abs(point[2]), max_search_radius)

    def seed(self, seed):
        self.random = np.random.default_rng(seed)

    def get_random_navigable_point(self, max_tries=10):
        x, z = self.random.uniform(-HALF, HALF, 2)
        return np.array([x, FLOOR, z], np.float32)


class Simulator:
    def __init__(self, configuration):
        self.config, settings = configuration, configuration.sim_cfg
        assert settings.gpu_device_id == -1, "unable to find CUDA device 0 among 1 EGL devices"
        assert [spec.sensor_type for spec in configuration.agents[0].sensor_specifications]
        self.agent = SimpleNamespace(scene_node=object(), set_state=lambda state: setattr(self, "state", state))
        self.things, self.made, self.scan = {}, {}, None
        if settings.scene_id == "world":
            self._read(Path(settings.scene_dataset_config_file))
        else:
            self.scan = settings.scene_id
            self.semantic_scene = semantic_scene()
        self.pathfinder = PathFinder(self)

    def _read(self, dataset):
        folders = json.loads(dataset.read_text())
        root = dataset.parent
        scene = root / folders["scene_instances"]["paths"][".json"][0] / "world.scene_instance.json"
        objects = root / folders["objects"]["paths"][".json"][0]
        for number, instance in enumerate(json.loads(scene.read_text())["object_instances"]):
            name = instance["template_name"]
            template = json.loads((objects / f"{name}.object_config.json").read_text())
            assert (objects / template["render_asset"]).is_file()
            self.things[f"{name}_:{number:04d}"] = Thing(template, instance)

    def get_rigid_object_manager(self):
        return SimpleNamespace(get_objects_by_handle_substring=lambda part: self.things)

    def get_agent(self, number):
        return self.agent

    def recompute_navmesh(self, pathfinder, settings):
        assert settings.include_static_objects
        still = [thing for thing in self.things.values() if thing.motion_type == "STATIC"]
        pathfinder.blocked = [(t.translation[0], t.translation[2]) for t in still if t.category == "block"]
        pathfinder.is_loaded = bool(still)
        return bool(still)

    def close(self, destroy=True):
        self.things = {}

    def _make(self, spec):
        self.made[spec.uuid] = SimpleNamespace(draw_observation=lambda: None, get_observation=lambda: self._draw(spec))

    def _draw(self, spec):
        """Ids and depth at the centre of each object, a colour at its tip; rows from the top, as habitat has them."""
        if MODE == "hang":
            time.sleep(1000)
        if MODE == "crash":
            print("the fake falls over", file=sys.stderr, flush=True)
            os._exit(7)
        assert spec.position == [0.0, 0.0, 0.0]
        height, width = spec.resolution
        image = {"color": np.full((height, width, 4), 9, np.uint8), "depth": np.zeros((height, width), np.float32)}
        image["semantic"] = np.zeros((height, width), np.uint32)
        if self.scan is not None:
            image["semantic"][:2], image["semantic"][2:4], image["semantic"][4:6] = 3, 7, 1000
        for thing in self.things.values():
            row, column, away = self._pixel(spec, thing.translation)
            if away > 0 and not 0 < image["depth"][row, column] <= away:
                image["depth"][row, column] = away
                image["semantic"][row, column] = thing.semantic_id
            row, column, away = self._pixel(spec, thing.translation + rotation_matrix(thing.xyzw) @ TIP)
            if away > 0:
                image["color"][row, column] = 100 + thing.semantic_id
        return image[spec.sensor_type]

    def _pixel(self, spec, point):
        """Row, column and depth of a point, depth 0 where it is not seen."""
        height, width = spec.resolution
        focal = width / 2.0 / math.tan(math.radians(spec.hfov) / 2.0)
        x, y, z = rotation_matrix(self.state.rotation).T @ (point - self.state.position)
        if z >= 0:
            return 0, 0, 0.0
        row, column = math.floor(height / 2 - focal * y / -z), math.floor(width / 2 + focal * x / -z)
        return row, column, -z if 0 <= row < height and 0 <= column < width else 0.0


if __version__ == "0.3.3":
    Simulator.add_sensor = lambda self, spec: self._make(spec)
    Simulator._sensors = property(lambda self: self.made)
else:
    Simulator.create_sensor = lambda self, spec, node: self._make(spec)
    Simulator.get_sensor = lambda self, uuid: self.made[uuid]


def rotation_matrix(xyzw):
    x, y, z, w = xyzw
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * across + 2 * across @ across


def semantic_scene():
    """Two objects and a region; boxes as magnum ranges and as the older boxes."""
    chair = SimpleNamespace(center=lambda: (1.0, 0.5, -2.0), size=lambda: (0.4, 1.0, 0.6))
    table = SimpleNamespace(center=(-1.0, 0.4, 1.0), sizes=(1.0, 0.8, 2.0))
    room = SimpleNamespace(center=lambda: (0.0, 1.0, 0.0), size=lambda: (6.0, 2.0, 6.0))

    def named(name, box, number):
        return SimpleNamespace(category=SimpleNamespace(name=lambda: name), aabb=box, semantic_id=number)

    lost = SimpleNamespace(category=None, aabb=SimpleNamespace(center=(9.0, 0.0, 0.0), sizes=(0, 0, 0)), semantic_id=5)
    objects = [named("chair", chair, 7), None, named("table", table, 3), lost]
    return SimpleNamespace(objects=objects, regions=[named("kitchen", room, 0)])


def replay():
    """Answer as in the record; an unexpected question is refused with what was expected."""
    import protocol

    lines = Path(os.environ["LOCI_REPLAY"]).read_text().split()
    spoken = [protocol.unpack(base64.b64decode(line)) for line in lines]
    import socket

    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(sys.argv[sys.argv.index("--address") + 1])
    for asked, said in zip(spoken[::2], spoken[1::2], strict=True):
        request = protocol.receive(link)
        if request.kind == "close":
            return
        if not same(asked, request):
            message = f"expected {asked}, got {request}"
            protocol.send(link, protocol.Message(request.number, "failed", {"type": "Replay", "message": message}))
            continue
        if asked.kind == "hello":
            said.fields["key"] = os.environ["LOCI_HABITAT_KEY"]
        protocol.send(link, said)
    protocol.receive(link)


def same(asked, request):
    fields = {**request.fields, **({"dataset": ""} if "dataset" in request.fields else {})}
    plain = (asked.number, asked.kind, asked.fields) == (request.number, request.kind, fields)
    arrays = asked.arrays.keys() == request.arrays.keys()
    return plain and arrays and all(np.allclose(v, request.arrays[n], atol=1e-9) for n, v in asked.arrays.items())


if __name__ == "__main__":
    replay()
