"""Signs of repetition in MusicXML -> the marks of bars (`notation.playback`).

<repeat> and <ending> stand at barlines. Jumps are <sound> attributes (`dacapo`, `dalsegno`, `segno`, `tocoda`,
`coda`, `fine`), or else the signs <segno> and <coda>, or else words. Of two coda signs that no <sound> explains the
first is where to leave from. Knows nothing of notes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml.etree import _Element

from symbolic_music.score.musicxml.reading.header import MAX_TEXT
from symbolic_music.score.notation.playback import BarMarks

MAX_TIMES = 10**6
_JUMP_ATTRIBUTES = ("dacapo", "dalsegno", "segno", "tocoda", "coda", "fine")
_DA_CAPO = re.compile(r"\bd\.? ?c\.?(?= |$)|\bda capo\b")
_DAL_SEGNO = re.compile(r"\bd\.? ?s\.?(?= |$)|\bd[ae]l segno\b")
_TO_CODA = re.compile(r"^(to|alla) (the )?coda\b")
_FINE = re.compile(r"^fine\.?$")
_CODA = re.compile(r"^coda\.?$")
_NAMELESS = "1"


@dataclass
class BarSigns:
    """The signs of one written bar, as they are found in any part."""

    repeat_start: bool = False
    repeat_times: int = 0
    after_jump: bool = False
    ending_start: tuple[int, ...] = ()
    ending_stop: bool = False
    segno: str = ""
    coda: str = ""
    da_capo: bool = False
    dal_segno: str = ""
    to_coda: str = ""
    fine: bool = False


_NO_SIGNS = BarSigns()


@dataclass
class Signs:
    """The signs of a whole score, bar by bar; parts add theirs, and what several parts write counts once."""

    bars: dict[int, BarSigns] = field(default_factory=dict)
    coda_signs: set[tuple[int, int]] = field(default_factory=set)
    """Coda signs that nothing explains: the bar that begins at each, and the one at whose end it would be left."""

    def at(self, bar: int) -> BarSigns:
        """The signs of a bar, to be added to."""
        return self.bars.setdefault(bar, BarSigns())

    def add_barline(self, barline: _Element, bar: int) -> None:
        """Take a <barline>.

        A forward repeat at the right belongs to the next bar, a backward one at the left to the one before.
        """
        location = barline.get("location", "right")
        for child in barline:
            if child.tag == "repeat":
                self._add_repeat(child, bar, location)
            elif child.tag == "ending":
                self._add_ending(child, bar)
            elif child.tag == "segno":
                self.at(bar if location == "left" else bar + 1).segno = _NAMELESS
            elif child.tag == "coda":
                ahead = bar if location == "left" else bar + 1
                self.coda_signs.add((ahead, max(0, ahead - 1)))

    def _add_repeat(self, repeat: _Element, bar: int, location: str) -> None:
        if repeat.get("direction") == "forward":
            self.at(bar + (location == "right")).repeat_start = True
        elif repeat.get("direction") == "backward" and (location != "left" or bar):
            signs = self.at(bar - (location == "left"))
            times = repeat.get("times", "")
            signs.repeat_times = max(signs.repeat_times, min(int(times), MAX_TIMES) if times.isdecimal() else 2, 2)
            signs.after_jump = signs.after_jump or repeat.get("after-jump") == "yes"

    def _add_ending(self, ending: _Element, bar: int) -> None:
        if ending.get("type") == "start":
            text = ending.get("number") or ending.text or ""
            numbers = tuple(int(number) for number in re.findall(r"\d{1,4}", text[:MAX_TEXT]))
            self.at(bar).ending_start = self.at(bar).ending_start or numbers
        else:
            self.at(bar).ending_stop = True

    def add_sound(self, sound: _Element, ahead: int, behind: int) -> bool:
        """Take the jumps of a <sound>; False where it has none.

        Args:
            sound: the element.
            ahead: the bar that begins where it stands.
            behind: the bar that ends there; where it stands within a bar, both are that bar.
        """
        given = {name: sound.get(name) for name in _JUMP_ATTRIBUTES if sound.get(name)}
        if not given:
            return False
        if "segno" in given or "coda" in given:
            target = self.at(ahead)
            target.segno = given.get("segno") or target.segno
            target.coda = given.get("coda") or target.coda
        origin = self.at(behind)
        origin.da_capo = origin.da_capo or given.get("dacapo") == "yes"
        origin.fine = origin.fine or "fine" in given
        origin.dal_segno = given.get("dalsegno") or origin.dal_segno
        origin.to_coda = given.get("tocoda") or origin.to_coda
        return True

    def add_sign(self, tag: str, ahead: int, behind: int) -> None:
        """Take a <segno> or <coda> that no <sound> explains; arguments as of `add_sound`."""
        if tag == "segno":
            self.at(ahead).segno = self.at(ahead).segno or _NAMELESS
        else:
            self.coda_signs.add((ahead, behind))

    def add_words(self, text: str, bar: int, ahead: int) -> bool:
        """Take words such as "D.S. al Coda"; False where they say nothing of the kind.

        Words stand at a bar's beginning or end as their program likes: those that lead away act at its end. "Coda"
        alone is a heading, of the bar `ahead`.
        """
        plain = " ".join(text.casefold().split())
        found = True
        if _DA_CAPO.search(plain):
            self.at(bar).da_capo = True
        elif _DAL_SEGNO.search(plain):
            self.at(bar).dal_segno = self.at(bar).dal_segno or _NAMELESS
        elif _TO_CODA.search(plain):
            self.at(bar).to_coda = self.at(bar).to_coda or _NAMELESS
        elif _FINE.search(plain):
            self.at(bar).fine = True
        elif _CODA.search(plain):
            self.at(ahead).coda = self.at(ahead).coda or _NAMELESS
        else:
            found = False
        return found

    def marks(self, bars: int) -> list[BarMarks]:
        """The marks of every bar."""
        self._explain_coda_signs()
        endings = dict(self._endings(bars))
        return [self._marks(number, endings.get(number, ())) for number in range(bars)]

    def _marks(self, number: int, endings: tuple[int, ...]) -> BarMarks:
        signs = self.bars.get(number)
        if signs is None:
            return BarMarks(endings=endings)
        return BarMarks(
            repeat_start=signs.repeat_start,
            repeat_times=signs.repeat_times,
            after_jump=signs.after_jump,
            endings=endings,
            segno=signs.segno,
            coda=signs.coda,
            da_capo=signs.da_capo,
            dal_segno=signs.dal_segno,
            to_coda=signs.to_coda,
            fine=signs.fine,
        )

    def _endings(self, bars: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The passes of each bar that lies in a volta. One that is never closed ends at its repeat, or is one bar."""
        closes = self._closed_behind(bars)
        open_numbers: tuple[int, ...] = ()
        for number in range(bars):
            signs = self.bars.get(number, _NO_SIGNS)
            if signs.ending_start:
                open_numbers = signs.ending_start
            if open_numbers:
                yield number, open_numbers
            if signs.ending_stop or signs.repeat_times or not closes[number]:
                open_numbers = ()

    def _closed_behind(self, bars: int) -> list[bool]:
        """For each bar whether a volta that is open there is closed in a later one, before the next volta begins."""
        closes = [False] * bars
        for number in range(bars - 1, 0, -1):
            signs = self.bars.get(number, _NO_SIGNS)
            closed_here = signs.ending_stop or signs.repeat_times > 0
            closes[number - 1] = not signs.ending_start and (closed_here or closes[number])
        return closes

    def _explain_coda_signs(self) -> None:
        """Give coda signs their meaning where no <sound> or word does: the last is the coda, to which others lead."""
        if not self.coda_signs:
            return
        *leaving, (arrival, _) = sorted(self.coda_signs)
        if not any(signs.coda for signs in self.bars.values()):
            self.at(arrival).coda = _NAMELESS
        if not any(signs.to_coda for signs in self.bars.values()):
            for ahead, behind in leaving:
                if not self.at(ahead).coda:
                    self.at(behind).to_coda = _NAMELESS
