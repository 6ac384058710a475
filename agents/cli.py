"""The command `loci`: picks a subcommand and leaves its arguments to Hydra."""

import importlib
import sys

COMMANDS = {
    "train": "one memory learns one task:          loci train memory=gru seed=1",
    "evaluate": "a trained agent acts by itself:      loci evaluate run=runs/demo/dual_coding-s0",
    "compare": "memories x seeds, one fair report:   loci compare experiment=fast_mapping",
    "watch": "look inside, take part (browser):   loci watch checkpoint=runs/demo/dual_coding-s0 task=playground",
    "record": "a film of an episode with the recall: loci record run=runs/demo/dual_coding-s0",
}
ABOUT = """Loci: agents that live in simulated 3D worlds remember.

usage: loci <command> [setting=value ...]

{commands}

Settings are words:       loci train task=fast_mapping memory=dual_coding scale=debug
What a command can set:   loci train --help          (groups and their choices)
What it would run:        loci train memory=gru --cfg job
Choices of a group:       a wrong one lists them, e.g. loci train memory=?
"""


def main() -> None:
    """Entry point; exit code 2 for an unknown command."""
    name = sys.argv[1] if len(sys.argv) > 1 else "help"
    about = ABOUT.format(commands="\n".join(f"  loci {key:9} {text}" for key, text in COMMANDS.items()))
    if name in ("help", "-h", "--help"):
        print(about)
    elif name not in COMMANDS:
        print(f"loci: no command {name!r}. Commands: {', '.join(COMMANDS)}\n\n{about}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv = [f"loci {name}", *sys.argv[2:]]
        importlib.import_module(f"loci.agents.{name}").main()


if __name__ == "__main__":
    main()
