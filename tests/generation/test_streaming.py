"""Bars are told as they are finished, each once, and the last telling is the piece."""

from threading import Thread

import pytest
import torch

from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor
from symbolic_music.generation.writing import sequences
from symbolic_music.generation.writing.bar_streamer import BarStreamer
from symbolic_music.score.transforms.edit import cut_bars
from symbolic_music.tokenization.build import build_word_level_tokenizer

ASKED = SamplingOptions(num_bars=4, max_length=2000, seed=2)


def notes(score):
    return [
        (track.program, track.is_drum, note.time, note.duration, note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
    ]


def check(told, piece):
    assert told[-1].is_whole
    assert notes(told[-1].score) == notes(piece.score)
    assert [bars.num_bars for bars in told] == [*sorted({bars.num_bars for bars in told[:-1]}), 4]
    for bars in told[:-1]:
        assert not bars.is_whole
        begun = cut_bars(piece.score, 0, bars.num_bars)
        assert [note[2:5:2] for note in notes(bars.score)] == [note[2:5:2] for note in notes(begun)]


@pytest.mark.parametrize("has_engine", [True, False])
def test_each_bar_is_told_when_it_is_finished(model, processor, monkeypatch, has_engine):
    def refuse(*_):
        raise UnsupportedModelError("not today")

    if not has_engine:
        monkeypatch.setattr(sequences, "decoder_of", refuse)
    told = []
    pieces = compose(model, processor, 3, options=ASKED, on_bar=told.append, first=5)
    for number, piece in enumerate(pieces, start=5):
        check([bars for bars in told if bars.piece == number], piece)


def test_note_level_abc_is_told_too():
    from tiny_model import tiny_model

    settings = AbcNotesSettings(lowest_pitch=60, highest_pitch=64, tempo_range=(118, 122), max_voices=3)
    processor = build_word_level_tokenizer(AbcNotesCodec(settings))
    told = []
    (piece,) = compose(tiny_model(processor), processor, 1, options=ASKED, on_bar=told.append)
    check(told, piece)


def test_what_is_written_line_by_line_is_refused(model):
    processor = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=2)))
    with pytest.raises(ValueError, match="bars cannot be heard while track_text is written"):
        BarStreamer(processor)


def test_a_streamer_gives_bars_to_another_thread(model, processor):
    tokenizer, prompt = processor.tokenizer, torch.tensor([[processor.tokenizer.bos_token_id]])
    streamer = BarStreamer(processor, timeout=60)
    asked = {
        "max_length": 2000,
        "do_sample": True,
        "top_k": 0,
        "logits_processor": [GrammarLogitsProcessor(processor.grammar(), 2000, 4)],
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    output = []
    thread = Thread(target=lambda: output.append(model.generate(prompt, streamer=streamer, **asked)))
    thread.start()
    told = list(streamer)
    thread.join()
    assert len(told) >= 2
    assert told[-1].is_whole
    assert notes(told[-1].score) == notes(processor.decode(output[0][0]))
