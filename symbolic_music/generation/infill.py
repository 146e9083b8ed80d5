"""Bars of a Score written anew by a model, all else untouched. Knows nothing of files or training.

The bars around, as many as the model reads, become a window of track text with masks in it; what the model writes for
the masks is put in their place. Both kinds of model do it: one with encoder and decoder reads the window and goes on
from what stands before the first mask, a causal one reads window and fill in one sequence.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symusic.core import NoteTick, NoteTickList, ScoreTick, TrackTick

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.compiled import controlled_fill
from symbolic_music.events.voices.infilling import MaskedWindow, fill_grammar, mask_window, read_fill
from symbolic_music.events.voices.quantise import VELOCITY, Voice, VoicePiece
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.generation.compose import Composition, SamplingOptions
from symbolic_music.generation.writing.request import Request
from symbolic_music.generation.writing.sequences import write_sequences
from symbolic_music.score.bars import bar_table
from symbolic_music.score.programs import DRUMS, program_name
from symbolic_music.score.transforms.edit import cut_bars, median_velocity

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.generation.light import LightModel
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor

# A fill may be this much longer than what stood there.
_HEADROOM = 1.5


@dataclass(frozen=True)
class _Request:
    """A Score, the bars and tracks of it to fill, and the window that is shown to the model.

    Attributes:
        score: as it was given.
        grid: the same at the codec's steps.
        bars: first bar to fill and the one behind the last, from 0.
        tracks: to fill.
        first_bar: of the window.
        piece: the window.
        masked: the window's events.
    """

    score: ScoreTick
    grid: ScoreTick
    bars: tuple[int, int]
    tracks: tuple[int, ...]
    first_bar: int
    piece: VoicePiece
    masked: MaskedWindow


def find_tracks(score: ScoreTick, names: Sequence[str]) -> list[int]:
    """The tracks with notes that names stand for.

    Args:
        score: has the tracks.
        names: each the number of a track from 1, or a part of its name or of its instrument's.

    Raises:
        ValueError: when one names no track; the message lists those there are.
    """
    playing = [number for number, track in enumerate(score.tracks) if len(track.notes)]
    found: set[int] = set()
    for name in names:
        wanted = name.strip().lower()
        if wanted.isdecimal():
            matches = [number for number in playing if number + 1 == int(wanted)]
        else:
            matches = [number for number in playing if wanted and wanted in _names(score.tracks[number]).lower()]
        if not matches:
            there = ", ".join(f"{number + 1} {_names(score.tracks[number])}" for number in playing)
            raise ValueError(f"no track {name!r}; there are {there or 'none with notes'}")
        found.update(matches)
    return sorted(found)


def _names(track: TrackTick) -> str:
    instrument = program_name(DRUMS if track.is_drum else track.program)
    return instrument if track.name in ("", instrument) else f"{track.name} ({instrument})"


def infill(
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    score: ScoreTick,
    bars: tuple[int, int],
    tracks: Collection[int] | None = None,
    num_samples: int = 1,
    options: SamplingOptions | None = None,
    on_batch: Callable[[int], Any] | None = None,
    controls: Controls | None = None,
    on_token: Callable[[int, list[int]], Any] | None = None,
) -> list[Composition]:
    """Write bars anew.

    The notes that begin in these bars of these tracks are replaced; everything else of the Score stays as it is, off
    the grid or not. New notes end with the last of the bars at the latest, and are as loud as their track.

    Args:
        model: trained to fill masked bars of track text, causal or with encoder and decoder.
        processor: of the model.
        score: the piece.
        bars: the first bar, counted from 0, and the one behind the last.
        tracks: numbers of the tracks, from 0; None is every track that plays around these bars.
        num_samples: how many ways to fill them.
        options: how to sample; `num_bars` says nothing here.
        on_batch: called with how many samples are done since the last call, for progress bars.
        controls: what the new notes shall be: of a key, within ranges.
        on_token: called with a sample's number and its ids after each token; what it raises ends the writing.

    Returns:
        The whole Score each time, with the ids, notes and bars of what was filled in.

    Raises:
        ValueError: when the model fills nothing, or the bars or tracks are not there or do not fit; the message names
            the value and what there is. `EncodingError` is one.
    """
    options = (options or SamplingOptions()).for_model(model)
    request = _request(model, processor, score, bars, tracks, options)
    asked, numbers = _what_to_write(model, processor, request, options, controls), range(num_samples)
    written = write_sequences(model, asked, options.seed, numbers, options.batch_size, on_batch, on_token)
    return [_filled(processor, request, ids[asked.start :]) for ids in written]


# --- What is asked of the model --------------------------------------------------------------------------------------


def _request(
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    score: ScoreTick,
    bars: tuple[int, int],
    tracks: Collection[int] | None,
    options: SamplingOptions,
) -> _Request:
    """The largest window around the bars that fits the model."""
    codec = processor.codec
    if not isinstance(codec, TrackTextCodec) or not codec.settings.max_masks:
        raise ValueError("this model has not learnt to fill masked bars; see train/train_infill.py")
    grid = codec.move_to_grid(score)
    begin, behind = _stretch(codec, grid, bars)
    first, last = bars
    most = min(codec.settings.max_bars, behind - begin)
    if last - first > most:
        raise ValueError(
            f"bars {first + 1}-{last} are {last - first}; this model's windows hold {codec.settings.max_bars}"
        )
    room, refusal = _room(model, options), ""
    for size in range(most, last - first - 1, -1):
        window = min(max(first - (size - (last - first)) // 2, begin), behind - size)
        try:
            request = _masked_request(codec, score, grid, bars, tracks, window, size)
        except EncodingError as error:  # fewer bars may hold fewer voices
            refusal = refusal or str(error)
            continue
        length = _length(model, processor, request.masked)
        if length <= room:
            return request
        refusal = f"the bars to fill take {length} tokens, the model holds {room}: fill fewer bars or tracks at once"
    raise EncodingError(refusal)


def _stretch(codec: TrackTextCodec, grid: ScoreTick, bars: tuple[int, int]) -> tuple[int, int]:
    """The stretch of one meter that the bars lie in."""
    first, last = bars
    table = bar_table(grid)
    if not 0 <= first < last <= len(table):
        raise ValueError(f"bars {first + 1}-{last} are not there; expected bars within 1-{len(table)}")
    meter = f"{table.numerators[first]}/{table.denominators[first]}"
    if meter not in codec.settings.meters:
        raise ValueError(f"bar {first + 1} has meter {meter}; expected one of {', '.join(codec.settings.meters)}")
    begin, behind = next((begin, behind) for begin, behind in codec.stretches(grid) if begin <= first < behind)
    if last > behind:
        raise ValueError(
            f"bars {first + 1}-{last} hold a change of meter: fill {first + 1}-{behind} and {behind + 1}-{last} apart"
        )
    if table.lengths[last - 1] != codec.steps_in_bar(meter):
        raise ValueError(f"bar {last} is cut short by a change of meter and cannot be filled")
    return begin, behind if table.lengths[behind - 1] == codec.steps_in_bar(meter) else behind - 1


def _masked_request(
    codec: TrackTextCodec,
    score: ScoreTick,
    grid: ScoreTick,
    bars: tuple[int, int],
    tracks: Collection[int] | None,
    first_bar: int,
    num_bars: int,
) -> _Request:
    piece = codec.read_window(cut_bars(grid, first_bar, num_bars))
    if not piece.whole:
        around = f"{first_bar + 1}-{first_bar + num_bars}"
        raise EncodingError(f"bars {around} hold more voices or other pitches than this model's vocabulary has")
    piece.fill_up(num_bars)
    playing = {voice.source for voice in piece.voices}
    chosen = playing if tracks is None else set(tracks)
    for track in sorted(chosen - playing):
        name = _names(score.tracks[track]) if 0 <= track < len(score.tracks) else "none"
        around = f"{first_bar + 1}-{first_bar + num_bars}"
        raise EncodingError(f"track {track + 1} ({name}) is silent in bars {around}, which the model reads")
    cells = {
        (line, bar - first_bar)
        for line, voice in enumerate(piece.voices)
        if voice.source in chosen
        for bar in range(*bars)
    }
    masked = mask_window(codec, piece, cells)
    return _Request(score, grid, bars, tuple(sorted(chosen)), first_bar, piece, masked)


def _room(model: "PreTrainedModel | LightModel", options: SamplingOptions) -> int:
    context = model.config.max_position_embeddings
    return min(options.max_length or context, context)


def _length(
    model: "PreTrainedModel | LightModel", processor: "MusicProcessor | EventTokenizer", masked: MaskedWindow
) -> int:
    """Tokens that the model has to hold at once: window and fill, or the longer of what its two sides hold."""
    codec = processor.codec
    assert isinstance(codec, TrackTextCodec)
    shortest = int(sum(needed[0] for needed in fill_grammar(codec, masked.gaps).distance_to_end()))
    fill = max(shortest, round(_HEADROOM * len(masked.fill))) + 1
    apart = model.config.is_encoder_decoder
    written = 1 + len(masked.before_fill(apart)) + fill
    return max(len(masked.context) + 2, written) if apart else written


# --- Sampling --------------------------------------------------------------------------------------------------------


def _what_to_write(
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    request: _Request,
    options: SamplingOptions,
    controls: Controls | None,
) -> Request:
    """Fills of a window, from `Fill` on, behind what stands before them."""
    codec, tokenizer, masked = processor.codec, processor.tokenizer, request.masked
    assert isinstance(codec, TrackTextCodec)
    grammar = fill_grammar(codec, masked.gaps)
    if controls is not None:
        if not options.use_grammar:
            raise ControlError("without the grammar nothing can be asked for")
        programs = [request.piece.voices[gap.line].program for gap in masked.gaps]
        grammar = controlled_fill(codec, controls, grammar, programs)
    apart = model.config.is_encoder_decoder
    written = processor.encode_events(masked.before_fill(apart), add_eos=False)
    return Request(
        written,
        _room(model, options),
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
        options.draw(),
        processor.lift(grammar) if options.use_grammar else None,
        start=len(written) - 1,
        context=processor.encode_events(masked.context) if apart else None,
    )


# --- Back into the Score ---------------------------------------------------------------------------------------------


def _filled(processor: "MusicProcessor | EventTokenizer", request: _Request, ids: list[int]) -> Composition:
    codec = processor.codec
    assert isinstance(codec, TrackTextCodec)
    notes, bars = processor.count_events(ids)["notes"], request.bars[1] - request.bars[0]
    try:
        if ids[-1] != processor.tokenizer.eos_token_id:
            raise DecodingError(f"the fill has no end after {len(ids)} tokens")
        voices = read_fill(codec, request.masked.gaps, processor.ids_to_events(ids[1:-1]))
    except DecodingError as error:
        return Composition(ids, None, str(error), notes, bars)
    return Composition(ids, _splice(codec, request, voices), None, notes, bars)


def _splice(codec: TrackTextCodec, request: _Request, voices: Sequence[Voice]) -> ScoreTick:
    """The Score with the notes of the masked bars replaced."""
    filled = request.score.copy()
    new: dict[int, list[tuple[int, int, list[int]]]] = {track: [] for track in request.tracks}
    for voice in voices:
        new[request.piece.voices[voice.source].source] += voice.chords
    for track, chords in new.items():
        kept = _notes_outside(request, track)
        loudness = median_velocity(kept, VELOCITY)
        written = [
            NoteTick(onset, max(end - onset, 1), pitch, loudness)
            for onset, end, pitches in ((_tick(codec, request, a), _tick(codec, request, b), p) for a, b, p in chords)
            for pitch in pitches
        ]
        notes = sorted([*kept, *written], key=lambda note: note.time)  # stable: what stays keeps its order
        filled.tracks[track].notes = NoteTickList(notes)
    return filled


def _notes_outside(request: _Request, track: int) -> list[NoteTick]:
    """The notes of a track that do not begin in the masked bars, as they were given."""
    table = bar_table(request.grid)
    first, last = request.bars
    begin, end = int(table.starts[first]), int(table.starts[last - 1] + table.lengths[last - 1])
    steps = [note.time for note in request.grid.tracks[track].notes]
    notes = request.score.tracks[track].notes
    return [note for note, step in zip(notes, steps, strict=True) if not begin <= step < end]


def _tick(codec: TrackTextCodec, request: _Request, step: int) -> int:
    """A step of the window as a tick of the Score, the nearest one."""
    start = int(bar_table(request.grid).starts[request.first_bar]) + step
    unit = codec.settings.steps_per_quarter
    return (2 * start * request.score.ticks_per_quarter + unit) // (2 * unit)
