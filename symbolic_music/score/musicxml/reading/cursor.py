"""The cursor that goes through a part's measures: times are whole numbers of the part's unit."""

from collections import Counter
from fractions import Fraction

from lxml.etree import _Element

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.musicxml.reading.part import MeasureFacts, Part, number_of
from symbolic_music.score.notation.clock import MAX_QUARTERS


class Cursor:
    """Where the walk is: the bar, the place in it, and what has been found of that bar.

    Args:
        part: takes what is read.
        left_out: counts what is left out, by kind.
    """

    def __init__(self, part: Part, left_out: Counter[str]) -> None:
        self.part = part
        self.left_out = left_out
        self.scale = part.unit
        self.bar = 0
        self.position = 0
        self.facts = MeasureFacts()

    def _length(self, text: str | None) -> int:
        """A <duration> in units; what is below 0 is 0."""
        if text is not None and text.isdecimal() and len(text) < 10:
            units = int(text) * self.scale
        else:
            units = self._odd_length(text)
        if units > MAX_QUARTERS * self.part.unit:
            detail = (
                f"expected durations of at most {MAX_QUARTERS:,} quarter notes, found {units / self.part.unit:.3g}"
            )
            raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
        return units

    def _odd_length(self, text: str | None) -> int:
        """A <duration> that is no plain whole number: decimals are allowed, what is no number or below 0 is 0."""
        number = number_of(text)
        if number is None and (text or "").strip().isdecimal():
            detail = (
                f"expected durations of at most {MAX_QUARTERS:,} quarter notes, found {(text or '').strip()[:20]}…"
            )
            raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
        if number is None or number < 0:
            self.left_out["durations that cannot be"] += 1
            return 0
        return round(number * self.scale)

    def _backup(self, element: _Element) -> None:
        self.position -= self._length(element.findtext("duration"))
        if self.position < 0:
            self.left_out["backups beyond the bar line"] += 1
            self.position = 0

    def _forward(self, element: _Element) -> None:
        self.position += self._length(element.findtext("duration"))
        self.facts.end = max(self.facts.end, self.position)

    def _onset(self, offset: _Element | None = None) -> Fraction:
        """Where the cursor is, in quarter notes; an <offset> is in divisions and may be negative."""
        shift = number_of(offset.text) if offset is not None else None
        units = self.position + (shift or 0) * self.scale
        return max(Fraction(0), Fraction(units) / self.part.unit)
