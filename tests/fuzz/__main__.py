"""``python -m fuzz TARGET [libFuzzer flags]``: atheris on one target. Its corpus is in ``.fuzz/TARGET`` (not committed).

A failure leaves its input in ``.fuzz/TARGET-crash-...``; ``python -m fuzz TARGET FILE`` runs it again. What was
repaired is kept in ``tests/fuzz/kept/TARGET``, where ``test_targets`` finds it.
"""

from __future__ import annotations

import importlib
import sys
from hashlib import sha1
from pathlib import Path

import atheris

TARGETS = ("engine", "wire", "config")
WORK = Path(__file__).parents[2] / ".fuzz"


def main(name: str, flags: list[str]) -> None:
    with atheris.instrument_imports(include=["bridge"]):
        target = importlib.import_module(f"fuzz.{name}")
    corpus = WORK / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha1(seed).hexdigest()).write_bytes(seed)
    words = WORK / f"{name}.dict"
    entries = sorted({"".join(f"\\x{byte:02x}" for byte in word) for word in target.words()})
    words.write_text("".join(f'"{entry}"\n' for entry in entries))
    # What is read once is read before anything is timed.
    target.run(b"")
    inputs = [flag for flag in flags if not flag.startswith("-")] or [str(corpus)]
    options = [f"-dict={words}", f"-artifact_prefix={WORK / name}-", "-timeout=60", "-max_len=2048"]
    atheris.Setup([sys.argv[0], *options, *(flag for flag in flags if flag.startswith("-")), *inputs], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz {{{'|'.join(TARGETS)}}} [libFuzzer flags]")
    main(sys.argv[1], sys.argv[2:])
