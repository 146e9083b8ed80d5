"""Examples of masked bars: the same masks in three formats, cut and left out as asked, and what they are scored on."""

import numpy as np
import pytest
import tiny_run
from datasets import Dataset

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.infilling.examples import (
    InfillCollator,
    InfillFormat,
    MaskSettings,
    build_examples,
    random_cells,
)
from symbolic_music.training.optimization.losses import IGNORED_LABEL


@pytest.fixture(scope="module")
def processor():
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=3, max_masks=8)))


@pytest.fixture(scope="module")
def split():
    return Dataset.from_list([tiny_run.row(seed) for seed in range(3)], split="train")


def examples(split, processor, style, settings=None, context_length=512, **kwargs):
    return build_examples(split, processor, style, settings or MaskSettings(), context_length, **kwargs)


def words(processor, ids):
    return processor.ids_to_events(ids)


def test_the_three_formats_hide_the_same_music(split, processor):
    built = {style: examples(split, processor, style)[0] for style in InfillFormat}
    assert len({len(rows) for rows in built.values()}) == 1
    for number in range(len(built[InfillFormat.CAUSAL])):
        seq2seq, causal, plain = (
            built[style][number] for style in (InfillFormat.SEQ2SEQ, InfillFormat.CAUSAL, InfillFormat.LEFT_TO_RIGHT)
        )
        assert seq2seq["notes"] == causal["notes"] == plain["notes"]
        hidden = [
            event
            for event, scored in zip(words(processor, plain["input_ids"]), plain["scored"], strict=True)
            if scored
        ]
        read = words(processor, seq2seq["source_ids"])[:-1]
        start, first = read.index("Tracks_None") + 1, read.index("Mask_1")
        written = words(processor, seq2seq["input_ids"])
        cut = written.index("Fill_None")
        assert written[:cut] == read[:first]
        fill, scored = written[cut + 1 :], seq2seq["scored"][cut + 1 :]
        assert not any(seq2seq["scored"][: cut + 1])
        assert [event for event in fill[:-1] if not event.startswith("Mask_")] == hidden
        assert (written[0], fill[-1]) == ("BOS_None", "EOS_None")
        both = words(processor, causal["input_ids"])
        cut = both.index("Fill_None")
        assert sorted(both[:cut]) == sorted(read)
        assert both[cut - (first - start) : cut] == read[start:first]
        assert both[cut + 1 :] == fill
        assert causal["scored"] == [False] * (cut + 1) + scored
        assert [event for event, scored in zip(fill, scored, strict=True) if scored] == hidden
        assert not any("Mask_" in event for event in words(processor, plain["input_ids"]))


def test_masks_are_deterministic_and_differ_within_a_window(split, processor):
    settings = MaskSettings(masks_per_window=4)
    first, again = (examples(split, processor, InfillFormat.SEQ2SEQ, settings)[0] for _ in range(2))
    assert first["input_ids"] == again["input_ids"]
    assert len({tuple(ids) for ids in first["source_ids"][:4]}) > 1
    other = examples(split, processor, InfillFormat.SEQ2SEQ, MaskSettings(masks_per_window=4, seed=1))[0]
    assert other["input_ids"] != first["input_ids"]


def test_lines_are_cut_until_none_is_too_long(split, processor):
    rows, _ = examples(split, processor, InfillFormat.LEFT_TO_RIGHT, MaskSettings(max_line_tokens=12))
    for ids in rows["input_ids"]:
        events = words(processor, ids)
        line = events[events.index("Track_1") + 2 : -1]
        assert len(line) <= 12 or line.count("Bar_last") == len([event for event in line if "Bar_" in event])


def test_what_is_too_long_is_counted(split, processor):
    whole = examples(split, processor, InfillFormat.CAUSAL)[0]
    some, left_out = examples(split, processor, InfillFormat.CAUSAL, context_length=45)
    assert len(some) + left_out["longer than the context of 45 tokens"] == len(whole)
    with pytest.raises(TrainingError, match=r"no window of the split can be masked; left out: {'longer than the"):
        examples(split, processor, InfillFormat.CAUSAL, context_length=16)


def test_transpositions_are_further_examples(split, processor):
    plain = examples(split, processor, InfillFormat.CAUSAL)[0]
    shifted = examples(split, processor, InfillFormat.CAUSAL, transpositions=[0, 1])[0]
    assert len(shifted) == 2 * len(plain)


def test_a_vocabulary_without_masks_is_refused(split):
    other = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_tracks=1)))
    with pytest.raises(TrainingError, match="this processor has no masks"):
        examples(split, other, InfillFormat.CAUSAL)


@pytest.mark.parametrize(("lines", "bars", "most"), [(1, 1, 64), (4, 8, 64), (16, 16, 8), (2, 5, 3)])
def test_masks_are_blocks_of_neighbouring_bars(lines, bars, most):
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        cells = random_cells(rng, lines, bars, most)
        own_lines, own_bars = {line for line, _ in cells}, sorted({bar for _, bar in cells})
        assert cells == {(line, bar) for line in own_lines for bar in own_bars}
        assert own_bars == list(range(own_bars[0], own_bars[-1] + 1))
        assert len(own_bars) <= (bars + 1) // 2
        assert max(own_lines) < lines
        assert own_bars[-1] < bars
        assert len(cells) <= max(most, len(own_bars))
        seen.add((len(own_lines), len(own_bars)))
    assert len(seen) > 1 or lines * bars == 1


@pytest.mark.parametrize("style", InfillFormat)
def test_a_share_of_the_windows_is_masked_whole(split, processor, style):
    rows, _ = examples(split, processor, style, MaskSettings(whole_share=1.0))
    for row in rows:
        music = [
            scored
            for event, scored in zip(words(processor, row["input_ids"]), row["scored"], strict=True)
            if event.startswith(("Note_", "With_", "Rest_"))
        ]
        assert music
        assert all(music)


def test_batches_are_padded_and_begin_with_nothing_to_predict(split, processor):
    rows, _ = examples(split, processor, InfillFormat.SEQ2SEQ)
    pad = processor.tokenizer.pad_token_id
    batch = InfillCollator(pad)([rows[0], rows[1]])
    for row in (0, 1):
        ids, labels = rows[row]["input_ids"], batch["labels"][row]
        assert batch["input_ids"][row].tolist() == ids + [pad] * (batch["input_ids"].shape[1] - len(ids))
        assert labels[0] == IGNORED_LABEL
        assert labels[1 : len(ids)].tolist() == ids[1:]
        assert (labels[len(ids) :] == IGNORED_LABEL).all()
        assert batch["source_mask"][row].sum() == len(rows[row]["source_ids"])
    assert batch["notes"].tolist() == rows["notes"][:2]
    assert not (batch["scored"] & (batch["labels"] == IGNORED_LABEL)).any()
    assert batch["scored"].sum() == sum(map(sum, rows["scored"][:2]))
