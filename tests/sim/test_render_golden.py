"""The renderer's floating point is strict: one picture has one hash on every CPU (SSE2 to AVX-512 agreed).

If a change of the picture is meant: look at it, run `python tests/sim/test_render_golden.py`, and put the printed
hashes into GOLDEN. Poses are literals, because sines and cosines differ between machines in their last bit.
"""

import hashlib
from pathlib import Path

import numpy as np

from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Light, Pose, Shape, World

GOLDEN = {"rgb": "34777d2c73e20395", "depth": "4f9a3b00422a86c8", "instance": "90b93496c7fc1639"}
OCTAHEDRON = """v 1 0 0\nv -1 0 0\nv 0 1 0\nv 0 -1 0\nv 0 0 1\nv 0 0 -1
f 1 3 5\nf 3 2 5\nf 2 4 5\nf 4 1 5\nf 3 1 6\nf 2 3 6\nf 4 2 6\nf 1 4 6
"""


def still_life(folder: Path) -> World:
    """Every kind of shape, most textures."""
    path = folder / "octahedron.obj"
    path.write_text(OCTAHEDRON)
    tilted = (0.5, 0.5, 0.5, 0.5)
    shapes = [
        (Shape("plane", (6.0, 6.0, 0.0), texture="checker"), Pose()),
        (Shape("box", (0.1, 6.0, 1.5), (0.9, 0.8, 0.7), "bricks"), Pose((6.0, 0.0, 1.5))),
        (Shape("box", (0.5, 0.3, 0.4), (0.8, 0.3, 0.2), "wood"), Pose((3.0, 1.2, 0.4), (0.96, 0.0, 0.0, 0.28))),
        (Shape("sphere", (0.5,) * 3, (0.2, 0.5, 0.9), "dots"), Pose((3.2, -1.0, 0.5), tilted)),
        (Shape("cylinder", (0.4, 0.4, 0.7), (0.3, 0.8, 0.3), "marble"), Pose((4.2, 0.1, 0.7))),
        (Shape("capsule", (0.25, 0.25, 0.8), (0.9, 0.8, 0.1), "stripes"), Pose((2.2, 0.2, 0.3), (0.6, 0.8, 0.0, 0.0))),
        (Shape("mesh", (0.4, 0.5, 0.6), (0.7, 0.2, 0.7), mesh=str(path)), Pose((4.5, -2.0, 0.6), (0.8, 0.0, 0.0, 0.6))),
    ]
    bodies = tuple(Body(f"{shape.kind}_{i}", "thing", (shape,), pose) for i, (shape, pose) in enumerate(shapes))
    return World(bodies, lights=(Light((0.48, 0.36, -0.8), 0.45, 0.6),))


def pictures(folder: Path, size: int = 128) -> dict[str, np.ndarray]:
    scene = Scene(1)
    scene.load(0, still_life(folder))
    axes = np.array([[0.0, -0.28, 0.96], [-1.0, 0.0, 0.0], [0.0, -0.96, -0.28]])
    return render(scene, np.array([[[-0.5, 0.0, 1.6]]]), axes[None, None], size, size, 1.25, shadows=True)


def hashes(images: dict[str, np.ndarray]) -> dict[str, str]:
    return {kind: hashlib.sha256(image.tobytes()).hexdigest()[:16] for kind, image in images.items()}


def test_the_picture_is_the_one_that_was_looked_at(tmp_path):
    assert hashes(pictures(tmp_path)) == GOLDEN


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        print(hashes(pictures(Path(name))))
