"""Tries a Kinesis endpoint with boto3: its typed client, its waiters and its paginators.

Why: most scripts and tests that people have are written with it, and its validation and its parsers are its own.
Usage: main.py ENDPOINT [--short]. A line per check, then the sum; the exit code tells whether all passed.
Called by `cargo xtask interop sdks`.
"""

import sys

import absent
import consumers
import records
import refusals
import settings
import shards
import streams
from checks import World


def main() -> int:
    words = [word for word in sys.argv[1:] if word != "--short"]
    world = World(words[0], short="--short" in sys.argv)
    for scene in (streams, records, shards, settings, consumers, refusals, absent):
        with world.check(f"all of {scene.__name__} was tried"):
            scene.run(world)
    world.all_operations_were_called()
    return world.sum_up()


if __name__ == "__main__":
    sys.exit(main())
