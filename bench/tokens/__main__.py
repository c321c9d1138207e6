"""``python -m bench.tokens``: how far the count of each request is from what the models make of it.

First with nothing known of the model, then after it has answered every request of the set once (``-l``: every other
request of the set, so that no request is judged by a calibration that has seen it).
"""

from __future__ import annotations

import argparse
import sys

from bench.tokens import converted, reference, requests
from bridge.core.calibration import Calibration
from bridge.core.openai.prompt import prompt_size


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tokens", description=__doc__)
    parser.add_argument("-l", "--leave-out", action="store_true", help="judge each request by what the others taught")
    args = parser.parse_args()
    sizes = {name: prompt_size(converted(request)) for name, request in requests().items()}
    counts = reference()
    models = list(next(iter(counts.values())))
    print(f"{'':14}" + "".join(f"{model:>24}" for model in models))
    worst = dict.fromkeys(models, 0.0)
    for name, size in sizes.items():
        line = f"{name:14}"
        for model in models:
            real = counts[name][model]
            calibration = Calibration()
            for other, known in sizes.items():
                if not (args.leave_out and other == name):
                    calibration.learn(known, counts[other][model], 1)
            before = Calibration().count(size) / real - 1
            after = calibration.count(size) / real - 1
            worst[model] = max(worst[model], abs(after) if real >= 100 else 0.0)
            line += f"{real:>8} {before:>+7.1%} {after:>+7.1%}"
        print(line)
    print(f"{'worst':14}" + "".join(f"{value:>24.1%}" for value in worst.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
