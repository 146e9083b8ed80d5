"""The process of one model: orders in, music out, one after the other. Knows nothing of HTTP or of who asked."""

import signal
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from symbolic_music.data.preparation.workers import limit_data
from symbolic_music.score.errors import ScoreError
from symbolic_music.serving.jobs import Event, MusicFile, Order
from symbolic_music.serving.limits import ServerLimits

if TYPE_CHECKING:
    from symusic.core import ScoreTick

    from symbolic_music.events.controls.asked import Controls
    from symbolic_music.generation.compose import Composition
    from symbolic_music.score.piece import Piece
    from symbolic_music.serving.controls.description import Description

_TOKENS_BETWEEN_TIDINGS = 16
_MOST_SECONDS_OF_SOUND = 900.0
CONVERTED_SUFFIXES = (".mid", ".abc", ".musicxml", ".wav", ".mp3", ".png", ".svg")
"""What `convert` writes, each as one file."""

Tell = Callable[[Event], None]


class RefusedError(ValueError):
    """What is asked cannot be done with what was given; the message is one line for the client."""


class _CancelledError(Exception):
    """Nobody waits for this any more."""


def run_worker(connection: Connection, cancelled: Any, name: str | None, limits: ServerLimits) -> None:
    """Serve orders until the other end is closed.

    The first message is an Event "ready" with a Description, or "failed". Then each `Order` is answered by
    Events, the last of a kind in `jobs.ENDS`.

    Args:
        connection: orders come, events go.
        cancelled: shared number of the order that nobody waits for any more.
        name: of a model; None for a process that converts files.
        limits: of files and of memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the connection
    try:
        writer, description = _begin(name, limits)
    except Exception as error:  # whatever a broken folder raises is told, by one line
        connection.send(Event("failed", {"error": _one_line(error)}))
        return
    if sys.platform == "linux":
        limit_data(limits.memory)
    connection.send(Event("ready", {"description": description}))
    while True:
        try:
            order: Order = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_served(writer, order, connection.send, partial(_is_cancelled, cancelled, order.number)))


def _is_cancelled(cancelled: Any, number: int) -> bool:
    return bool(cancelled.value == number)


def short_name(name: str) -> str:
    """What a model is called, of a folder or a Hub id."""
    return Path(name).resolve().name if Path(name).is_dir() else PurePosixPath(name).name


def _begin(name: str | None, limits: ServerLimits) -> tuple[Any, Any]:
    if name is None:
        return _Converter(limits), None
    from symbolic_music.generation.light import open_model
    from symbolic_music.serving.controls.description import describe

    model, processor = open_model(name)
    description = describe(short_name(name), model, processor)
    writer = _Writer(model, processor, description, limits)
    if "compose" in description.controls:  # the first piece is waited for by nobody
        wishes = description.read("compose", {"num_bars": 1})
        writer.serve(Order(0, "compose", wishes), lambda event: None, lambda: False)
    return writer, description


def _served(writer: Any, order: Order, tell: Tell, is_cancelled: Callable[[], bool]) -> Event:
    """Carry out an order; returns its last event."""
    started = time.perf_counter()
    tell(Event("begun"))
    try:
        said = writer.serve(order, tell, is_cancelled)
    except _CancelledError:
        return Event("cancelled")
    except MemoryError:
        return Event("refused", {"error": "this takes more memory than one request may have"})
    except (RefusedError, ScoreError, ValueError, ImportError) as error:
        return Event("refused", {"error": _one_line(error)})
    except Exception as error:  # one request is lost, the model goes on
        return Event("failed", {"error": f"{type(error).__name__}: {_one_line(error)}"})
    return Event("end", {**said, "seconds": round(time.perf_counter() - started, 3)})


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


class _Converter:
    """Files from one format to another."""

    def __init__(self, limits: ServerLimits):
        self._limits = limits

    def serve(self, order: Order, tell: Tell, is_cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Answer "convert" by one event "file"; nothing more is to be said."""
        assert order.file is not None
        piece, suffix = read_given(order.file, self._limits), order.wishes["to"]
        if suffix in (".wav", ".mp3"):
            _check_length(piece.score, order.wishes["apart"])
        if order.wishes["apart"]:
            from symbolic_music.score.render.audio import mp3_tracks

            pages = mp3_tracks(piece.score)
        else:
            pages = self._written(piece, order)
        tell(Event("file", {"pages": [b64encode(page).decode() for page in pages]}))
        return {}

    def _written(self, piece: "Piece", order: Order) -> list[bytes]:
        from symbolic_music.score.output import write_piece

        suffix = order.wishes["to"]
        with TemporaryDirectory() as folder:
            written = write_piece(piece, Path(folder) / f"piece{suffix}", order.wishes["title"])
            return [path.read_bytes() for path in written]


class _Writer:
    """Pieces of a model."""

    def __init__(self, model: Any, processor: Any, description: "Description", limits: ServerLimits):
        self._model, self._processor, self._description, self._limits = model, processor, description, limits

    def serve(self, order: Order, tell: Tell, is_cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Answer an order by events: "understood" where words ask for something, "tokens" and "bars" while pieces are
        written, and a "piece" for each.

        Returns:
            What is to be said at the end: "notice", of pieces for which there was no room for all bars.
        """
        from symbolic_music.events.controls.asked import Controls
        from symbolic_music.generation.compose import SamplingOptions, notice_of_room
        from symbolic_music.serving.controls.wishes import asked_of

        wishes = self._with_files(order)
        asked = asked_of(self._description.controls[order.action], wishes)
        if asked.words is not None:
            tell(Event("understood", asked.reading()))
        options = SamplingOptions(
            num_bars=self._num_bars(order.action, asked.controls),
            max_length=wishes["max_length"],
            temperature=wishes["temperature"],
            top_p=wishes["top_p"],
            seed=wishes["seed"],
            batch_size=wishes["num_samples"],
        )
        given = None if order.file is None else read_given(order.file, self._limits).score
        hear = _Listener(tell, is_cancelled, self._watches(order))
        write = self._infill if order.action == "infill" else self._compose
        controls = None if asked.controls == Controls(bars=asked.controls.bars) else asked.controls
        pieces = write(wishes, options, given, hear, controls)
        for number, piece in enumerate(pieces):
            tell(Event("piece", _piece_data(number, piece)))
        notice = notice_of_room(pieces, options.num_bars)
        return {"notice": notice} if notice else {}

    def _with_files(self, order: Order) -> dict[str, Any]:
        """The wishes, of files that are asked for what they give."""
        from symbolic_music.events.controls.given import GivenNotes

        names = [control.name for control in self._description.controls[order.action] if control.kind == "file"]
        files = {name: MusicFile(f"{name}.mid", order.wishes[name]) for name in names if order.wishes.get(name)}
        scores = {name: read_given(file, self._limits).score for name, file in files.items()}
        return {**order.wishes, **{name: GivenNotes.read(score, "the file") for name, score in scores.items()}}

    def _num_bars(self, action: str, asked: "Controls") -> int | None:
        """How many bars a piece has; None where its chords or files say it."""
        control = next((c for c in self._description.controls[action] if c.name == "num_bars"), None)
        if asked.bars is not None or control is None:
            return asked.bars
        return None if set(asked.asked) & {*control.said_by} else control.default

    def _watches(self, order: Order) -> list[Any]:
        from symbolic_music.generation.writing.streaming import BarWatch

        if not self._description.tells_bars or order.action == "infill":
            return []
        return [BarWatch(self._processor, number) for number in range(order.wishes["num_samples"])]

    def _compose(
        self, wishes: Any, options: Any, given: "ScoreTick | None", hear: Any, controls: "Controls | None"
    ) -> "list[Composition]":
        from symbolic_music.generation.compose import compose
        from symbolic_music.score.transforms.edit import count_bars

        prompt_bars = None
        if given is not None:
            prompt_bars = min(wishes["prompt_bars"] or count_bars(given), count_bars(given))
            if prompt_bars >= options.num_bars:
                raise RefusedError(
                    f"num_bars is {options.num_bars}; expected more than the {prompt_bars} bars that are given"
                )
        return compose(
            self._model,
            self._processor,
            wishes["num_samples"],
            given,
            prompt_bars,
            options,
            controls=controls,
            on_token=hear,
        )

    def _infill(
        self, wishes: Any, options: Any, given: "ScoreTick | None", hear: Any, controls: "Controls | None"
    ) -> "list[Composition]":
        from symbolic_music.generation.infill import infill

        assert given is not None
        bars = (wishes["first_bar"] - 1, wishes["last_bar"])
        if bars[1] <= bars[0]:
            raise RefusedError(f"last_bar is {bars[1]}; expected first_bar, {bars[0] + 1}, or more")
        tracks = None if wishes["tracks"] is None else [number - 1 for number in wishes["tracks"]]
        samples = wishes["num_samples"]
        return infill(
            self._model, self._processor, given, bars, tracks, samples, options, controls=controls, on_token=hear
        )


class _Listener:
    """Hears every token: tells now and then how far a piece is, and what bars are there."""

    def __init__(self, tell: Tell, is_cancelled: Callable[[], bool], watches: list[Any]):
        self._tell, self._is_cancelled, self._watches = tell, is_cancelled, watches

    def __call__(self, number: int, ids: list[int]) -> None:
        if self._is_cancelled():
            raise _CancelledError
        if len(ids) % _TOKENS_BETWEEN_TIDINGS == 0:
            self._tell(Event("tokens", {"piece": number, "tokens": len(ids)}))
        found = self._watches[number].look(ids) if self._watches else None
        if found is not None:
            bars = {"piece": number, "num_bars": found.num_bars, "midi": _midi(found.score)}
            self._tell(Event("bars", bars))


def read_given(file: MusicFile, limits: ServerLimits) -> "Piece":
    """The first piece of a file that was given, if a server takes it.

    Raises:
        ScoreError: when it cannot be read.
        RefusedError: when it is too long.
    """
    from symbolic_music.score.bars import count_bars
    from symbolic_music.score.files import read_bytes

    piece = read_bytes(file.data, file.name).pieces[0]
    bars, notes = count_bars(piece.score), piece.score.note_num()
    if bars > limits.bars or notes > limits.notes:
        raise RefusedError(
            f"{file.name}: expected at most {limits.bars:,} bars and {limits.notes:,} notes, found {bars:,} and "
            f"{notes:,}"
        )
    return piece


def _check_length(score: "ScoreTick", apart: bool) -> None:
    from symbolic_music.score.checks import play_seconds

    tracks = sum(len(track.notes) > 0 for track in score.tracks) if apart else 1
    if play_seconds(score) * max(tracks, 1) > _MOST_SECONDS_OF_SOUND:
        many = ", all tracks counted apart," if apart else ""
        raise RefusedError(f"expected at most {_MOST_SECONDS_OF_SOUND:g} s of music{many} to be made sound")


def _piece_data(number: int, piece: "Composition") -> dict[str, Any]:
    data = {
        "piece": number,
        "valid": piece.valid,
        "num_bars": piece.num_bars,
        "num_notes": piece.num_notes,
        "num_tokens": len(piece.ids),
    }
    return data | ({"invalid_reason": piece.invalid_reason} if piece.score is None else {"midi": _midi(piece.score)})


def _midi(score: "ScoreTick") -> str:
    from symbolic_music.score.midi.io import midi_bytes

    return b64encode(midi_bytes(score)).decode()
