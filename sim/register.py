"""Every task under its name in Gymnasium: `conf/task/fast_mapping.yaml` is `loci/FastMapping-v0`.

Importing `loci` registers the names; Gymnasium 1.0 and later finds no environments by itself.
"""

from importlib.resources import files

import gymnasium


def register_tasks() -> None:
    """Tell Gymnasium of every yaml in `conf/task`; what a name stands for is imported when it is made."""
    for path in sorted(files("loci.conf").joinpath("task").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            task = path.name.removesuffix(".yaml")
            gymnasium.register(
                id=name_of(task),
                entry_point="loci.sim.compose:make_env",
                vector_entry_point="loci.sim.compose:make_vector",
                kwargs={"task": task},
            )


def name_of(task: str) -> str:
    """`fast_mapping` → `loci/FastMapping-v0`."""
    return f"loci/{''.join(word.capitalize() for word in task.split('_'))}-v0"
