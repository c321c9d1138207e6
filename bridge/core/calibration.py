"""What a model's own token counts teach about counting for it.

The prompt of a request is a sum of parts: what the chat template writes for nothing, for every
message and for tools, and texts of several kinds, each of which a vocabulary makes more or fewer
tokens of. A ``Calibration`` holds a weight for each part and corrects them, a little with every
count that an upstream reports, by as much as the part can be blamed (a Kalman filter). The weights
begin at the mean of open models; one that no request tells about stays there.
"""

from __future__ import annotations

from bridge.core.openai.prompt import PromptSize
from bridge.core.tokens import DIGIT

# Prior and its standard deviation: template, each message, tools at all, letters, digits, han, other scripts.
_PRIOR = (5.0, 4.0, 110.0, 1.0, DIGIT, 1.0, 1.0)
_SPREAD = (100.0, 3.0, 80.0, 0.08, 0.4, 0.3, 0.3)
_LEAST = (-100.0, 0.0, 0.0, 0.5, -0.5, 0.3, 0.3)
_MOST = (5_000.0, 40.0, 5_000.0, 2.0, 1.2, 3.0, 3.0)

_NOISE = 0.03
_NOISE_TOKENS = 5.0
_FORGET = 0.0003
_DRIFT = tuple(deviation**2 * _FORGET for deviation in _SPREAD)
_FARTHEST = 2.0
_RECENT = 4
_SURPRISE = 0.2
_SURPRISE_TOKENS = 100


class Calibration:
    """The weights of one model at one upstream. ``learnt`` counts its lessons, ``seen`` the chances of one."""

    __slots__ = ("_density", "_spread", "_weights", "learnt", "seen")

    def __init__(self) -> None:
        self.learnt = 0
        self.seen = 0
        self._density = 0.0
        self._weights = list(_PRIOR)
        self._spread = _unsure()

    def count(self, size: PromptSize) -> int:
        """The tokens of a prompt; at least 1, and of text never more than twice off what is usual."""
        parts = _parts(size)
        usual = size.fixed + _product(_PRIOR, parts)
        learnt = size.fixed + _product(self._weights, parts)
        return max(1, size.media + round(min(max(learnt, usual / _FARTHEST), usual * _FARTHEST + _MOST[0])))

    def guess(self, length: int) -> int:
        """The tokens of a request of so many bytes, at the density of those before; 0 if there were none."""
        return round(length * self._density)

    def learn(self, size: PromptSize, reported: int, length: int) -> None:
        """An upstream counted ``reported`` tokens for a prompt, and a request of ``length`` bytes.

        Media, and figures beyond belief, teach nothing.
        """
        parts = _parts(size)
        usual = size.fixed + _product(_PRIOR, parts)
        if size.media or not usual / _FARTHEST < reported < usual * _FARTHEST + _MOST[0]:
            return
        self.learnt += 1
        self._density += (reported / max(1, length) - self._density) / min(self.learnt, _RECENT)
        miss = reported - size.fixed - _product(self._weights, parts)
        if abs(miss) > _SURPRISE * reported + _SURPRISE_TOKENS:
            # Another model by the same name, or a kind of text that was not seen before: all may be wrong.
            self._spread = _unsure()
        spread = self._spread
        blame = [_product(row, parts) for row in spread]
        doubt = _product(blame, parts) + (_NOISE * reported + _NOISE_TOKENS) ** 2
        error = miss / doubt
        for place, share in enumerate(blame):
            self._weights[place] = min(max(self._weights[place] + share * error, _LEAST[place]), _MOST[place])
            for other, its in enumerate(blame):
                known = spread[place][other] - share * its / doubt
                # What was learnt long ago counts less: the doubt drifts back to where it began.
                spread[place][other] = known * (1 - _FORGET) + (_DRIFT[place] if place == other else 0.0)


def _unsure() -> list[list[float]]:
    """How far the weights may be off, and together: before anything was learnt, each by itself."""
    places = range(len(_SPREAD))
    return [[_SPREAD[row] ** 2 if row == column else 0.0 for column in places] for row in places]


def _parts(size: PromptSize) -> tuple[float, ...]:
    text = size.text
    return (1.0, size.messages, 1.0 if size.tools else 0.0, text.letters, text.digits, text.han, text.scripts)


def _product(left: list[float] | tuple[float, ...], right: list[float] | tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
