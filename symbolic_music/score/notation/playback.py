"""In which order the bars of a written score are played: repeats, voltas, D.C., D.S., fine and coda.

The conventions are those of engraving and of MusicXML 4.0 (elements `repeat`, `ending` and `sound`):

- `:|` goes back to the last `|:`, or where there is none to the bar behind the last section that was repeated, or to
  the beginning (E. Gould, Behind Bars, "Repeat signs"). A section is played twice unless the sign says how often.
- A volta is played on the passes that its number names. The passes of a section with voltas are as many as their
  highest number; one more where only one volta stands and ends in `:|`, since then what follows it is the last ending.
  A pass that no volta names takes the last volta.
- D.C. and D.S. act at the end of their bar, once each, on the last pass of a section that is repeated. After them
  repeats are not taken again, and of voltas the last is played, except where a repeat says so itself (MusicXML's
  `after-jump`). Only then do "to coda" and "fine" count; both act at the end of their bar. A coda, which was not heard
  before, has its repeats played.
- A jump to a segno or coda that is not there is not made.
- The pass of a bar is how often it has come by then. After D.C. and D.S. a bar that was repeated is on its last pass
  again; one that was not is on its second.

Knows nothing of file formats or of what the bars hold.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from symbolic_music.score.errors import Refusal, ScoreError

MAX_PLAYED_BARS = 20_000
"""More is no music: an act of an opera has some 2,000. Bars before repeats are played out are counted too."""
MAX_SKIPPED_BARS = 10 * MAX_PLAYED_BARS
"""Bars of voltas that were passed over, in all passes together: a bound on the work that signs can ask for."""


@dataclass(frozen=True, slots=True)
class BarMarks:
    """The signs at a bar that change the order of playing.

    Args:
        repeat_start: `|:` at its beginning.
        repeat_times: how often the section that ends with this bar is played in all, 2 for a plain `:|`; 0: no sign.
        after_jump: whether that repeat is taken after D.C. and D.S. too.
        endings: the passes on which the bar is played, where it lies in a volta; () elsewhere.
        segno: the name of a segno at its beginning; "" where there is none. Names tell several apart.
        coda: likewise of a coda.
        da_capo: D.C. at its end.
        dal_segno: the name of the segno to jump to from its end; "" for no jump.
        to_coda: the name of the coda to jump to from its end; "" for no jump.
        fine: whether the piece ends with it, after D.C. or D.S.
    """

    repeat_start: bool = False
    repeat_times: int = 0
    after_jump: bool = False
    endings: tuple[int, ...] = ()
    segno: str = ""
    coda: str = ""
    da_capo: bool = False
    dal_segno: str = ""
    to_coda: str = ""
    fine: bool = False


NO_MARKS = BarMarks()


def play_order(bars: Sequence[BarMarks]) -> list[int]:
    """The numbers of the bars in the order they are played; arguments and errors as of `play_passes`."""
    return play_passes(bars)[0]


def play_passes(bars: Sequence[BarMarks]) -> tuple[list[int], list[int]]:
    """The numbers of the bars in the order they are played, and the pass of each; see the module for the conventions.

    Args:
        bars: the marks of every written bar.

    Raises:
        ScoreError: too_long, when the repeats ask for more than `MAX_PLAYED_BARS` bars.
    """
    if all(marks == NO_MARKS for marks in bars):
        return list(range(len(bars))), [1] * len(bars)
    if len(bars) > MAX_PLAYED_BARS:
        raise _too_long(len(bars))
    player = _Player(bars)
    return player.play(), player.passes


def count_passes(order: Sequence[int]) -> list[int]:
    """How often each bar has come by then, where a file itself says in which order its bars are played."""
    heard: Counter[int] = Counter()
    passes = []
    for bar in order:
        heard[bar] += 1
        passes.append(heard[bar])
    return passes


def _too_long(found: int) -> ScoreError:
    detail = f"expected at most {MAX_PLAYED_BARS:,} bars with repeats played out, found {found:,} or more"
    return ScoreError(Refusal.TOO_LONG, None, detail)


@dataclass
class _VoltaGroup:
    """All voltas that stand side by side.

    Args:
        first: its first bar.
        end: the bar behind its last.
        endings: the passes that each of its bars is for, in order.
        repeats: whether a `:|` stands in it.
        after_jump: whether one is taken after D.C. and D.S. too.
        named: every pass that one of them is for.
        only_volta: whether all of its bars are for the same passes; then the last ending is what follows it.
    """

    first: int
    end: int
    endings: list[tuple[int, ...]] = field(default_factory=list)
    repeats: bool = False
    after_jump: bool = False
    named: set[int] = field(default_factory=set)
    only_volta: bool = True

    def add(self, marks: BarMarks) -> None:
        self.end += 1
        self.only_volta = self.only_volta and (not self.endings or marks.endings == self.endings[0])
        self.endings.append(marks.endings)
        self.named.update(marks.endings)
        self.repeats = self.repeats or marks.repeat_times > 0
        self.after_jump = self.after_jump or marks.after_jump

    def plays(self, endings: tuple[int, ...], turn: int | None) -> bool:
        """Whether a bar with these numbers is played on a pass; None is the last pass, whichever that is."""
        if self.only_volta:
            return 1 not in endings if turn is None else turn in endings
        wanted = max(self.named) if turn is None else turn
        return wanted in endings if wanted in self.named else endings == self.endings[-1]

    def passes(self, times: int) -> int:
        """How often the section is played whose voltas these are, where its repeat sign says `times`."""
        return max(max(self.named) + self.only_volta, times if times > 2 else 0)


def _volta_groups(bars: Sequence[BarMarks]) -> list[_VoltaGroup | None]:
    """The group of voltas that each bar lies in."""
    groups: list[_VoltaGroup | None] = []
    current: _VoltaGroup | None = None
    for number, marks in enumerate(bars):
        if not marks.endings:
            current = None
        elif current is None or marks.repeat_start:
            current = _VoltaGroup(number, number)
        if current is not None:
            current.add(marks)
        groups.append(current)
    return groups


def _repeats_ahead(bars: Sequence[BarMarks]) -> list[int]:
    """For each bar the next one, or itself, that ends a section which it belongs to; -1 where none does."""
    ahead = [-1] * (len(bars) + 1)
    for number in range(len(bars) - 1, -1, -1):
        if bars[number].repeat_times:
            ahead[number] = number
        elif number + 1 < len(bars) and not bars[number + 1].repeat_start:
            ahead[number] = ahead[number + 1]
    return ahead


class _Signs:
    """Where the segnos or the codas stand, by name."""

    def __init__(self, names: list[str]) -> None:
        self.all: list[int] = [number for number, name in enumerate(names) if name]
        self.named: dict[str, list[int]] = {}
        for number in self.all:
            self.named.setdefault(names[number], []).append(number)

    def find(self, name: str, start: int) -> int | None:
        """The first bar from `start` on with the sign of this name, or else with any; None where there is none."""
        for bars in (self.named.get(name, []), self.all):
            place = bisect_left(bars, start)
            if place < len(bars):
                return bars[place]
        return None


class _Player:
    """Walks through the bars; knows the pass it is on and whether a D.C. or D.S. was taken."""

    def __init__(self, bars: Sequence[BarMarks]) -> None:
        self.bars = bars
        self.groups = _volta_groups(bars)
        self.repeats_ahead = _repeats_ahead(bars)
        self.segnos = _Signs([marks.segno for marks in bars])
        self.codas = _Signs([marks.coda for marks in bars])
        self.section = 0
        self.turn = 1
        self.jumped = False
        self.jumps_taken: set[int] = set()
        self.order: list[int] = []
        self.passes: list[int] = []
        self.heard: Counter[int] = Counter()

    def play(self) -> list[int]:
        bar: int | None = 0
        skipped = 0
        while bar is not None and bar < len(self.bars):
            if self.bars[bar].repeat_start and bar != self.section:
                self.section, self.turn = bar, 1
            if not self._is_played(bar):
                bar += 1
                skipped += 1
                if skipped > MAX_SKIPPED_BARS:
                    raise _too_long(MAX_PLAYED_BARS)
                continue
            self.order.append(bar)
            if not self.jumped or self.heard[bar] < 2:
                self.heard[bar] += 1
            self.passes.append(self.heard[bar])
            if len(self.order) > MAX_PLAYED_BARS:
                raise _too_long(len(self.order))
            bar = self._next(bar)
        return self.order

    def _is_played(self, bar: int) -> bool:
        """Whether the bar is in no volta, or in the one for this pass."""
        group = self.groups[bar]
        if group is None:
            return True
        return group.plays(self.bars[bar].endings, None if self.jumped and not group.after_jump else self.turn)

    def _next(self, bar: int) -> int | None:
        """The bar after one that was just played; None at the end."""
        marks = self.bars[bar]
        if self._goes_back(bar):
            self.turn += 1
            return self.section
        if self.jumped and marks.fine:
            return None
        if self.jumped and marks.to_coda and (coda := self.codas.find(marks.to_coda, bar + 1)) is not None:
            self.jumped = False
            return self._enter(coda)
        if (target := self._jump_target(bar)) is not None:
            self.jumps_taken.add(bar)
            self.jumped = True
            return self._enter(target)
        if self._ends_section(bar):
            self.section, self.turn = bar + 1, 1
        return bar + 1

    def _enter(self, bar: int) -> int:
        """Go on at a bar as if come there for the first time."""
        self.section, self.turn = bar, 1
        return bar

    def _goes_back(self, bar: int) -> bool:
        """Whether the bar ends in a `:|` that is taken now."""
        marks = self.bars[bar]
        if not marks.repeat_times or (self.jumped and not marks.after_jump):
            return False
        return self.turn < self._passes(bar)

    def _passes(self, bar: int) -> int:
        """How often the section that ends with `:|` at this bar is played."""
        times, group = self.bars[bar].repeat_times, self.groups[bar]
        if group is not None:
            return group.passes(times)
        inside = (number for marks in self.bars[self.section : bar] for number in marks.endings)
        return max(times, max(inside, default=0))

    def _jump_target(self, bar: int) -> int | None:
        """Where D.C. or D.S. at the end of this bar leads; None where there is none, or not now."""
        marks = self.bars[bar]
        if not (marks.da_capo or marks.dal_segno) or bar in self.jumps_taken or self._comes_again(bar):
            return None
        return self.segnos.find(marks.dal_segno, 0) if marks.dal_segno else 0

    def _comes_again(self, bar: int) -> bool:
        """Whether a repeat that is still ahead leads back over this bar."""
        ahead = self.repeats_ahead[bar]
        if self.jumped or self.bars[bar].endings or ahead <= bar:
            return False
        return self.turn < self._passes(ahead)

    def _ends_section(self, bar: int) -> bool:
        """Whether no later `:|` leads back over this bar."""
        group = self.groups[bar]
        if group is None:
            return bool(self.bars[bar].repeat_times)
        return group.repeats and not any(self._is_played(other) for other in range(bar + 1, group.end))
