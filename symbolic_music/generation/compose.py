"""New pieces from a model: from nothing, or continuing a given Score. Knows nothing of files or training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from symusic.core import ScoreTick

from symbolic_music.events.codec import DecodingError
from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.events.voices.track_text import HeaderFields
from symbolic_music.generation.engine.draw import Draw
from symbolic_music.generation.likelihood import log_likelihoods
from symbolic_music.generation.writing.header import asked_header
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.generation.writing.request import Request, until_end
from symbolic_music.generation.writing.sequences import write_sequences
from symbolic_music.generation.writing.streaming import BarsWritten, BarWatch
from symbolic_music.score.transforms.continued import first_bars, with_given_bars
from symbolic_music.score.transforms.edit import count_bars
from symbolic_music.tokenization.token_grammar import TokenGrammar

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.generation.light import LightModel
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor


@dataclass(frozen=True)
class Composition:
    """One sampled piece.

    Attributes:
        ids: its tokens from BOS on, without padding.
        score: the decoded Score, the bars of a prompt as they were given; None when the tokens are no complete piece.
        invalid_reason: why they are not, or None.
        num_notes: notes begun in the tokens.
        num_bars: bars begun in the tokens; a last note may sound beyond them.
        num_prompt_tokens: how many of the tokens were given, BOS included.
    """

    ids: list[int]
    score: ScoreTick | None
    invalid_reason: str | None
    num_notes: int
    num_bars: int
    num_prompt_tokens: int = 1

    @property
    def valid(self) -> bool:
        """Whether the tokens decode to a complete Score with none dropped or repaired."""
        return self.score is not None


class OptionError(ValueError):
    """How to sample was said with a value out of range; the message is one line that names both."""


# Beyond these, logits in float32 become infinite or all alike.
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 1e-4, 1e4


@dataclass(frozen=True)
class SamplingOptions:
    """How to sample.

    Attributes:
        num_bars: bars of each piece, prompt included; None leaves the end to the model.
        max_length: longest piece in tokens, prompt included; None takes the model's context.
        temperature: 0 takes the likeliest token each time; None is what the model's generation config says, or 1.
        top_p: smallest set of tokens with this much probability is sampled from; None likewise.
        use_grammar: False samples from the bare model; its pieces may be invalid.
        batch_size: pieces sampled at once.
        seed: with a piece's number it says what the piece is, whatever the batches.
    """

    num_bars: int | None = None
    max_length: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    use_grammar: bool = True
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self):
        # Written so that NaN is refused too.
        if self.temperature and not _LOWEST_TEMPERATURE <= self.temperature <= _HIGHEST_TEMPERATURE:
            raise OptionError(
                f"temperature is {self.temperature}; expected 0 or {_LOWEST_TEMPERATURE:g} to {_HIGHEST_TEMPERATURE:g}"
            )
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise OptionError(f"top_p is {self.top_p}; expected more than 0 and at most 1")
        for name in ("batch_size", "num_bars", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}; expected 1 or more")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"seed is {self.seed}; expected 0 to {2**32 - 1}")

    def for_model(self, model: "PreTrainedModel | LightModel") -> "SamplingOptions":
        """With nothing left to the model."""
        asked, said = (self.temperature, self.top_p), model.generation_config
        temperature, top_p = (
            next(value for value in (mine, its, 1.0) if value is not None)
            for mine, its in zip(asked, (said.temperature, said.top_p), strict=True)
        )
        return replace(self, temperature=temperature, top_p=top_p)

    def generate_arguments(self) -> dict[str, Any]:
        """What `generate()` takes of them, once nothing is left to the model."""
        if self.temperature == 0:
            return {"do_sample": False}
        # top_k: transformers would keep the 50 likeliest tokens only.
        return {"do_sample": True, "temperature": self.temperature, "top_p": self.top_p, "top_k": 0}

    def draw(self) -> Draw:
        """How a token is chosen, once nothing is left to the model."""
        assert self.temperature is not None
        assert self.top_p is not None
        return Draw(self.temperature > 0, self.temperature or 1.0, self.top_p)


def compose(
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    num_samples: int = 1,
    prompt: ScoreTick | None = None,
    prompt_bars: int | None = None,
    options: SamplingOptions | None = None,
    on_batch: Callable[[int], Any] | None = None,
    fields: HeaderFields | None = None,
    words: str = "",
    first: int = 0,
    on_bar: Callable[[BarsWritten], Any] | None = None,
    controls: Controls | None = None,
    best_of: int = 1,
    on_token: Callable[[int, list[int]], Any] | None = None,
    particles: int = 1,
) -> list[Composition]:
    """Sample pieces.

    Args:
        model: a causal language model over the processor's ids.
        processor: codec and tokenizer.
        num_samples: how many pieces.
        prompt: a Score to continue; None starts from nothing.
        prompt_bars: how many bars of it to keep; None keeps all.
        options: how to sample.
        on_batch: called with how many pieces are done since the last call, for progress bars.
        fields: what the headers of track text shall say; `options.num_bars` is one of them.
        words: a title, or what else stands before a piece; for a model that came from text.
        first: number of the first piece: pieces 4 to 7 are the last four of pieces 0 to 7.
        on_bar: called each time that another bar of a piece is finished, with all that are.
        controls: what every piece shall be; `options.num_bars` is one of them.
        best_of: of so many pieces each, the one is taken that costs the model the fewest bits per note.
        on_token: called with a piece's number and its ids after each token; what it raises ends the writing.
        particles: of so many, written side by side and drawn anew at bar lines, each piece is the one that is drawn;
            the more, the less is what is asked for forced upon it. See `engine.particles`.

    Raises:
        GrammarError: when the prompt leaves no room for more, or what is asked for does not fit.
        ControlError: when what is asked for cannot be had of this model, or contradicts itself.
        EncodingError: when the prompt has no notes.
        ValueError: when the model's pieces have no header or no words before them, or a field is out of range; when
            bars are to be told and the model writes one voice after the other; for several particles on a GPU, without
            the grammar, of no temperature, or where pieces are heard as they are written.
    """
    if model.config.is_encoder_decoder:
        raise ValueError("this model fills in masked bars and composes nothing by itself: give it a piece to infill")
    options = (options or SamplingOptions()).for_model(model)
    prompt_ids = encode_prompt(processor, prompt, prompt_bars) if prompt else [processor.tokenizer.bos_token_id]
    if words:
        from symbolic_music.tokenization.text import encode_words  # imports transformers

        prompt_ids = encode_words(processor, words) + prompt_ids
    max_length = options.max_length or model.config.max_position_embeddings
    grammar, num_bars = _asked_grammar(processor, options, controls)
    if processor.grammar().header_names_bars and options.num_bars is not None:
        fields = replace(fields or HeaderFields(), num_bars=options.num_bars)
    header = asked_header(processor, fields, max_length - len(prompt_ids) + 1) if fields else None
    if len(prompt_ids) >= max_length:
        raise GrammarError(
            f"the prompt has {len(prompt_ids)} tokens; the limit is {max_length}, so nothing can follow"
        )
    heard = on_bar is not None or on_token is not None
    _check_several(best_of, particles, options, heard)
    request = Request(
        prompt_ids,
        max_length,
        processor.tokenizer.eos_token_id,
        processor.tokenizer.pad_token_id,
        options.draw(),
        grammar,
        num_bars,
        header,
        particles=particles,
        free=processor.grammar(),
    )
    numbers = range(first * best_of, (first + num_samples) * best_of)
    if on_bar is not None:
        on_token = _bar_teller(processor, numbers, on_bar, on_token)
    told = on_batch if best_of == 1 else None
    written = write_sequences(model, request, options.seed, numbers, options.batch_size, told, on_token)
    if best_of > 1:
        written = _likeliest(model, processor, written, len(prompt_ids), best_of)
        if on_batch is not None:
            on_batch(len(written))
    pieces = [composition_of(processor, ids, len(prompt_ids)) for ids in written]
    return pieces if prompt is None else [_with_prompt(prompt, prompt_bars, piece) for piece in pieces]


def _with_prompt(prompt: ScoreTick, prompt_bars: int | None, piece: Composition) -> Composition:
    """With the prompt's bars as they were given, instead of as the codec writes them."""
    if piece.score is None:
        return piece
    num_bars = count_bars(prompt) if prompt_bars is None else prompt_bars
    return replace(piece, score=with_given_bars(prompt, num_bars, piece.score))


def _check_several(best_of: int, particles: int, options: SamplingOptions, heard: bool) -> None:
    for name, value in (("best_of", best_of), ("particles", particles)):
        if value < 1 or (value > 1 and heard):
            raise ValueError(
                f"{name} is {value}; expected 1 or more, and 1 where pieces are heard as they are written"
            )
    if particles > 1 and not options.use_grammar:
        raise ValueError(f"particles is {particles}; expected 1 without the grammar, by which they are weighed")
    if particles > 1 and options.temperature == 0:
        raise ValueError(f"particles is {particles}; expected 1 at temperature 0, where all of them are alike")


def _likeliest(
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    written: list[list[int]],
    num_given: int,
    best_of: int,
) -> list[list[int]]:
    """Of each so many sequences the one with the fewest bits per note, by the model alone."""
    said = log_likelihoods(model, written, num_given)
    costs = [-nats / max(processor.count_events(ids)["notes"], 1) for nats, ids in zip(said, written, strict=True)]
    groups = range(0, len(written), best_of)
    return [written[min(range(begin, begin + best_of), key=costs.__getitem__)] for begin in groups]


def _asked_grammar(
    processor: "MusicProcessor | EventTokenizer", options: SamplingOptions, controls: Controls | None
) -> tuple[TokenGrammar | None, int | None]:
    """The grammar to sample under, and the number of bars."""
    if controls is None:
        return processor.grammar() if options.use_grammar else None, options.num_bars
    if not options.use_grammar:
        raise ControlError("without the grammar nothing can be asked for")
    if options.num_bars is not None:
        controls = replace(controls, bars=options.num_bars)
    asked = settle(processor.codec, controls)
    return processor.control(asked), asked.bars


def _bar_teller(
    processor: "MusicProcessor | EventTokenizer",
    numbers: range,
    on_bar: Callable[[BarsWritten], Any],
    on_token: Callable[[int, list[int]], Any] | None,
) -> Callable[[int, list[int]], None]:
    """What hears every token, tells every bar, and hands the token on."""
    watches = {number: BarWatch(processor, number) for number in numbers}

    def hear(number: int, ids: list[int]) -> None:
        found = watches[number].look(ids)
        if found is not None:
            on_bar(found)
        if on_token is not None:
            on_token(number, ids)

    return hear


def encode_prompt(
    processor: "MusicProcessor | EventTokenizer", prompt: ScoreTick, prompt_bars: int | None = None
) -> list[int]:
    """Ids of the first bars of a Score, up to and including the opening of the bar where the model takes over.

    Args:
        processor: codec and tokenizer.
        prompt: the Score to continue.
        prompt_bars: how many bars to keep; None keeps all.
    """
    num_bars = prompt_bars if prompt_bars is not None else count_bars(prompt)
    opening = first_bars(prompt, num_bars) if prompt.note_num() else prompt  # which the codec refuses
    return processor.encode_events(processor.codec.encode_opening(opening, num_bars), add_eos=False)


def notice_of_room(pieces: Sequence[Composition], num_bars: int | None) -> str | None:
    """What to tell of pieces that ended before the last bar, for there was no room for all; None where none did.

    Args:
        pieces: as they were written.
        num_bars: of each, as asked; None where the end was left to the model.
    """
    short = sum(piece.valid and piece.num_bars < num_bars for piece in pieces) if num_bars else 0
    if not short:
        return None
    told = f"{short} of {len(pieces)} pieces ended before bar {num_bars} for want of room"
    return f"{told}: ask for fewer bars or instruments"


def composition_of(
    processor: "MusicProcessor | EventTokenizer", ids: list[int], num_prompt_tokens: int
) -> Composition:
    """What sampled ids are, up to their EOS.

    Args:
        processor: of the model that sampled them.
        ids: from the first given token on; padding behind EOS is cut.
        num_prompt_tokens: how many of them were given.
    """
    ids = until_end(ids, processor.tokenizer.eos_token_id)
    counts = processor.count_events(ids)
    try:
        score, complaint = processor.decode(ids), None
    except DecodingError as error:
        score, complaint = None, str(error)
    return Composition(ids, score, complaint, counts["notes"], counts["bars"], num_prompt_tokens)
