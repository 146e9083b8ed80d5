"""Windows of track text with bars masked, and what fills them.

    … Track_1 Instrument_0 Bar_None Note_C4:w Bar_None Tie_q Mask_1 Bar_last Mask_2 …   the context
    Mask_1 Rest_q Note_E4:h Mask_2 Tie_q Note_C4:h.                                     the fill
    … Mask_1 Bar_last Mask_2 … Track_1 Instrument_0 Bar_None Note_C4:w Bar_None Tie_q   the context, turned

A *cell* is one bar of one line. What is masked are the notes that begin in masked cells: a note held into a masked
cell from before stays, and the mask stands behind it; a note that begins in a masked cell ends with the last masked
bar at the latest. So no fill can touch what stands around it. A cell that a held note fills has nothing to mask.

Knows the codec and its voices, nothing of ids or models.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.grammar import Automaton, AutomatonBuilder, EventGrammar
from symbolic_music.events.voices.bars import Span, VoiceWriter
from symbolic_music.events.voices.grammar import (
    all_but,
    group_by_duration,
    group_by_type,
    lengths_automaton,
    pitch_automaton,
)
from symbolic_music.events.voices.quantise import Voice, VoicePiece
from symbolic_music.events.voices.track_text import TrackTextCodec

Cell = tuple[int, int]
"""A line and a bar of a window, both counted from 0."""


@dataclass(frozen=True)
class Gap:
    """What is masked of a cell.

    Attributes:
        line: counted from 0.
        begin: first step, counted from the window's.
        steps: how many; they reach to the end of the bar.
        continues: whether the gap before it ends where this one begins, so that a note may be held on.
    """

    line: int
    begin: int
    steps: int
    continues: bool

    @property
    def end(self) -> int:
        """The step behind it."""
        return self.begin + self.steps


@dataclass(frozen=True)
class MaskedWindow:
    """A window with cells masked.

    Attributes:
        context: events with a mask in place of each gap.
        gaps: in the order of their masks.
        fill: each mask again, with the events it stands for behind it.
        whole: events of the window, without masks, of which `masked` says for each whether a mask stands for it.
        masked: see `whole`.
    """

    context: list[str]
    gaps: tuple[Gap, ...]
    fill: list[str]
    whole: list[str]
    masked: list[bool]

    @property
    def turned(self) -> list[str]:
        """The context, its lines turned so that what stands before the first mask comes last.

        A model that reads context and fill in one sequence then writes the first gap as it would from left to right,
        having seen what comes behind it: suffix, prefix, middle (Bavarian et al. 2022, arXiv:2207.14255).
        """
        start, first = self.context.index("Tracks_None") + 1, self.context.index("Mask_1")
        return [*self.context[:start], *self.context[first:], *self.context[start:first]]

    def before_fill(self, is_encoder_decoder: bool) -> list[str]:
        """What stands before the fill where it is written, `Fill` included.

        The context, turned; for an encoder-decoder, which reads all of it, only what stands before the first mask.
        """
        before = self.context[: self.context.index("Mask_1")] if is_encoder_decoder else self.turned
        return [*before, "Fill_None"]


def mask_window(codec: TrackTextCodec, piece: VoicePiece, cells: Collection[Cell]) -> MaskedWindow:
    """Mask cells of a window.

    Args:
        codec: writes it; its `max_masks` says how many gaps there may be.
        piece: of `codec.read_window`.
        cells: to mask.

    Raises:
        EncodingError: when there is nothing to mask, or more than the vocabulary has masks for.
    """
    header = codec.header_of(piece)
    context, whole, masked = [*header], [*header], [False] * len(header)
    fill: list[str] = []
    gaps: list[Gap] = []
    for line, voice in enumerate(piece.voices):
        before = codec.line_opening(line + 1, voice)
        for bar, (kept, hidden) in enumerate(_split_bars(codec, piece, line, cells)):
            before = [*before, codec.bar_line(bar, piece), *codec.span_events(kept)]
            behind = codec.span_events(hidden)
            context += before
            whole += [*before, *behind]
            masked += [False] * len(before) + [True] * len(behind)
            before = []
            if hidden:
                begin = piece.bar_starts[bar] + sum(span.steps for span in kept)
                follows = bool(gaps) and (gaps[-1].line, gaps[-1].end) == (line, begin)
                gaps.append(Gap(line, begin, sum(span.steps for span in hidden), follows))
                context.append(f"Mask_{len(gaps)}")
                fill += [f"Mask_{len(gaps)}", *behind]
    if not gaps:
        raise EncodingError("nothing begins in the bars to fill: held notes fill them")
    if len(gaps) > codec.settings.max_masks:
        raise EncodingError(
            f"{len(gaps)} bars of lines are to be filled; this vocabulary has masks for {codec.settings.max_masks}: "
            "fill fewer bars or tracks at once"
        )
    return MaskedWindow(context, tuple(gaps), fill, whole, masked)


def _split_bars(
    codec: TrackTextCodec, piece: VoicePiece, line: int, cells: Collection[Cell]
) -> Iterator[tuple[list[Span], list[Span]]]:
    """By bar of a line, what stays and what is masked behind it."""
    held = False  # whether all of this run of masked bars so far is one note held from before
    for bar, spans in enumerate(codec.bars_of(_end_within_mask(piece, line, cells), piece)):
        if (line, bar) not in cells:
            yield spans, []
            held = False
            continue
        held = held or (line, bar - 1) not in cells
        stays = _leading_ties(spans) if held else 0
        held = held and stays == len(spans)
        yield spans[:stays], spans[stays:]


def _end_within_mask(piece: VoicePiece, line: int, cells: Collection[Cell]) -> Voice:
    """The voice of a line, its notes that begin in a run of masked bars ending with it."""
    ends = [*piece.bar_starts[1:], piece.end]
    limits: list[int | None] = [None] * len(ends)
    for bar in reversed(range(len(ends))):
        if (line, bar) in cells:
            behind = limits[bar + 1] if bar + 1 < len(ends) else None
            limits[bar] = ends[bar] if behind is None else behind
    chords = []
    for onset, end, pitches in piece.voices[line].chords:
        limit = limits[int(np.searchsorted(ends, onset, side="right"))]
        chords.append((onset, end if limit is None else min(end, limit), pitches))
    return replace(piece.voices[line], chords=chords)


def _leading_ties(spans: Sequence[Span]) -> int:
    kinds = [span.kind for span in spans]
    return next((place for place, kind in enumerate(kinds) if kind != "Tie"), len(kinds))


def read_fill(codec: TrackTextCodec, gaps: Sequence[Gap], events: Sequence[str]) -> list[Voice]:
    """What a fill writes: a voice for each run of gaps, whose `source` is the line.

    Args:
        codec: whose events these are.
        gaps: of a `MaskedWindow`.
        events: a fill, without special tokens.

    Raises:
        DecodingError: when it is none for these gaps; the message names the first wrong event.
    """
    complaint = fill_grammar(codec, gaps).explain(["BOS_None", *events, "EOS_None"], first_index=-1)
    if complaint is not None:
        raise DecodingError(complaint)
    voices: list[Voice] = []
    writer: VoiceWriter | None = None
    for event in events:
        kind, _, value = event.partition("_")
        if kind != "Mask":
            assert writer is not None
            codec.write_span(writer, kind, value)
        elif not gaps[int(value) - 1].continues:
            gap = gaps[int(value) - 1]
            voices.append(Voice(0, source=gap.line))
            writer = VoiceWriter(voices[-1], gap.begin)
    return voices


def fill_grammar(codec: TrackTextCodec, gaps: Sequence[Gap]) -> EventGrammar:
    """The grammar of what fills these gaps: exactly their durations, each behind its mask.

    It begins with BOS, or with `Fill` where something stands before it in one sequence.
    """
    events = ["PAD_None", "BOS_None", "EOS_None", *codec.events]
    by_type = group_by_type(events)
    durations = codec.event_steps
    room, to_gap_end = _room_automaton(events, by_type, durations, gaps)
    order, to_last_mask = _order_automaton(events, by_type, gaps, to_gap_end)
    automata = [
        order,
        room,
        _tie_automaton(events, by_type, gaps),
        lengths_automaton(events, by_type, durations, fresh_after=("Mask",)),
        pitch_automaton(events, by_type),
    ]
    return EventGrammar(
        events, automata, final_state=order.states.index("ended"), to_end={0: to_last_mask, 1: to_gap_end}
    )


_SPANS = ("Note", "With", "Rest", "Tie")


def _order_automaton(
    events: Sequence[str], by_type: Mapping[str, list[str]], gaps: Sequence[Gap], to_gap_end: np.ndarray
) -> tuple[Automaton, np.ndarray]:
    """Mask after mask, and by state the events that those to come and what stands behind them take at the least."""
    name = "{} masks filled".format
    builder = AutomatonBuilder("order", events, ["start", *map(name, range(len(gaps) + 1)), "ended"])
    spans = [event for kind in _SPANS for event in by_type[kind]]
    builder.add("start", by_type["PAD"], "start")
    builder.add("start", [*by_type["BOS"], *by_type["Fill"]], name(0))
    for number in range(1, len(gaps) + 1):
        builder.add(name(number - 1), [f"Mask_{number}"], name(number))
        builder.add(name(number), spans, name(number))
    builder.add(name(len(gaps)), by_type["EOS"], "ended")
    builder.add("ended", by_type["PAD"], "ended")
    each = [1 + int(to_gap_end[gap.steps]) for gap in gaps]
    to_come = [1 + sum(each[number:]) for number in range(len(gaps) + 1)]
    return builder.build(), np.array([1 + to_come[0], *to_come, 0])


def _room_automaton(
    events: Sequence[str], by_type: Mapping[str, list[str]], durations: Mapping[str, int], gaps: Sequence[Gap]
) -> tuple[Automaton, np.ndarray]:
    """The durations behind a mask sum to its gap, and by state the fewest events that still take."""
    most = max(gap.steps for gap in gaps)
    name = "{} steps to fill".format
    builder = AutomatonBuilder("room", events, [name(steps) for steps in range(most + 1)])
    builder.stay_on(all_but(by_type, "Mask", "EOS", "Note", "Rest", "Tie"))
    builder.add(name(0), by_type["EOS"], name(0))
    for number, gap in enumerate(gaps, start=1):
        builder.add(name(0), [f"Mask_{number}"], name(gap.steps))
    spans = [*by_type["Note"], *by_type["Tie"], *by_type["Rest"]]
    for steps, group in group_by_duration(spans, durations).items():
        columns = builder.columns(group)
        for room in range(steps, most + 1):
            builder.add(name(room), columns, name(room - steps))
    automaton = builder.build()
    return automaton, automaton.distance_to([0])


def _tie_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], gaps: Sequence[Gap]) -> Automaton:
    """A tie goes on from a note or chord of the same gap, or of the one that it continues."""
    builder = AutomatonBuilder("tie", events, ["silent", "in a note"])
    builder.stay_on(all_but(by_type, "Note", "Rest", "Tie", "Mask"))
    for state in builder.row:
        builder.add(state, by_type["Note"], "in a note")
        builder.add(state, by_type["Rest"], "silent")
        for number, gap in enumerate(gaps, start=1):
            builder.add(state, [f"Mask_{number}"], state if gap.continues else "silent")
    builder.add("in a note", by_type["Tie"], "in a note")
    return builder.build()
