"""Shares of valid samples, and why the others are not."""

import pytest

from symbolic_music.generation.compose import Composition
from symbolic_music.training.evaluation.sampling import readability, validity

PIECE = [
    *("Bar_None", "TimeSig_4/4", "Position_0", "Tempo_120.0"),
    *("Program_0", "Pitch_60", "Velocity_95", "Duration_1.0.24"),
]


def composition(processor, ids: list[int], complaint: str | None = None) -> Composition:
    score = None if complaint else processor.decode(ids)
    return Composition(ids, score, complaint, num_notes=1, num_bars=1)


def test_a_share_counts_whole_cut_and_broken_pieces(processor):
    whole = processor.encode_events(PIECE)
    cut = processor.encode_events(PIECE, add_eos=False)
    broken = processor.encode_events([*PIECE, "Velocity_95"])
    row = validity(
        [
            composition(processor, whole),
            composition(processor, cut, "the sequence stops"),
            composition(processor, broken, "may not follow"),
        ],
        processor,
    )
    assert row["pieces"] == 3
    assert row["valid"] == 1
    assert row["reasons"] == {"broken": 1, "unfinished": 1}
    assert row["interval"]["low"] < 1 / 3 < row["interval"]["high"]


@pytest.mark.slow
def test_other_programs_read_whole_pieces_and_no_others(processor):
    whole = composition(processor, processor.encode_events(PIECE))
    cut = composition(processor, processor.encode_events(PIECE, add_eos=False), "the sequence stops")
    row = readability([whole, whole, cut], num_workers=1)
    assert (row["pieces"], row["abc2midi"], row["music21"], row["read"]) == (3, 2, 2, 2)
    assert row["uneven_bars"] == 0
    assert row["complaints"] == {}
