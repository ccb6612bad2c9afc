"""Checks that are told line by line, as `cargo xtask interop sdks` counts them.

Called by `aiokpl` and `async_kinesis`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

tally = Counter()


@contextmanager
def check(name: str) -> Iterator[None]:
    """Runs the block; whatever it raises is told, and the next check follows."""
    try:
        yield
    except Exception as fault:
        tally["failed"] += 1
        print(f"FAILED {name}: {type(fault).__name__}: {' '.join(str(fault).split())[:500]}", flush=True)
    else:
        tally["passed"] += 1
        print(f"ok {name}", flush=True)


def expect(what: str, got, wanted) -> None:
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, got {got!r}")
