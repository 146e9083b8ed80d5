"""Copies against cases worked out by hand, against brute force, and against quotations planted in real music."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quotations import QUOTED_NOTES, SURROUNDINGS, TEMPI, draw_quotation, plant, runs_with
from safetensors.numpy import load_file, save_file
from symusic.core import NoteTick, ScoreTick, TempoTick, TrackTick

from symbolic_music.metrics.memorisation.copies import CopyLimits, find_copies
from symbolic_music.metrics.memorisation.freshness import fresh_notes, latest_repeats
from symbolic_music.metrics.memorisation.line_index import LineIndex, join_lines
from symbolic_music.metrics.memorisation.lines import END, find_lines, line_symbols
from symbolic_music.metrics.memorisation.report import compare_copies, copies_table, summarise_copies
from symbolic_music.metrics.memorisation.training_index import FORMAT, IndexFileError, MemorisationIndex
from symbolic_music.score.files import read_scores

QUARTER = 480
# No figure of four notes and no gesture of six occurs twice.
TUNE = [60, 55, 57, 64, 69, 74, 67, 64, 57, 57, 62, 62, 62, 65, 64, 69, 65, 58, 58, 67, 74, 73, 72, 74]
SHORT = CopyLimits(cover_notes=4, alarm_notes=6)


def piece(*tracks, quarter=QUARTER, drums=()):
    """Tracks of (onset, duration, pitch) in quarter notes."""
    score = ScoreTick(quarter)
    for number, content in enumerate(tracks):
        track = TrackTick("", 0, number in drums)
        for onset, duration, pitch in content:
            track.notes.append(NoteTick(int(onset * quarter), int(duration * quarter), pitch, 80))
        score.tracks.append(track)
    return score


def melody(pitches, start=0, step=1):
    return [(start + step * number, step, pitch) for number, pitch in enumerate(pitches)]


def index_of(*scores):
    return MemorisationIndex.build(scores, [f"piece {number}" for number in range(len(scores))])


def lines_of(score):
    found = find_lines(score)
    return [found.pitches[line].tolist() for line in found.lines]


def test_a_line_is_intervals_and_ratios_in_turn():
    symbols = line_symbols(np.array([0, 480, 720, 960]), np.array([60, 64, 64, 55]))
    up, half, level, same, down = symbols[:5].tolist()
    assert (up, level, down) == (64, 60, 51)
    assert same - half == 2  # one half lies two classes below one, 2/3 between them
    assert symbols[5:].tolist() == [END] * 3


def test_lines_of_a_chordal_track_hold_every_note_once_by_rank_and_the_lowest():
    score = piece([(0, 1, 72), (0, 1, 64), (0, 1, 60), (1, 1, 71), (1, 1, 62), (2, 1, 67), (3, 1, 66)])
    assert lines_of(score) == [[72, 71, 67, 66], [64, 62], [60, 62, 67, 66]]


def test_the_skyline_is_the_tune_above_livelier_notes():
    accompaniment = [(number / 2, 0.5, 48 + 3 * (number % 3)) for number in range(8)]
    score = piece(melody([72, 74, 76, 77]) + accompaniment)
    assert [72, 74, 76, 77] in lines_of(score)


def test_the_skyline_runs_through_all_tracks():
    score = piece([(0, 1, 72), (1, 1, 74)], [(2, 1, 76), (3, 1, 77), (0, 1, 50)])
    assert [72, 74, 76, 77] in lines_of(score)


def test_drums_and_what_comes_before_are_passed_over():
    score = piece(melody(TUNE), melody([36] * 8), drums=(1,))
    assert lines_of(score) == [TUNE]
    assert find_lines(score, ignore_before=20).pitches.tolist() == TUNE[20:]


@pytest.mark.parametrize(
    ("pitches", "fresh"),
    [
        (TUNE, 24),
        ([60] * 50, 4),
        ([60, 67, 64, 67] * 10, 7),
        (range(20, 80), 4),
        ([p + d for d in (0, 2, -1, 1, 3, 0) for p in (48, 52, 55, 60, 64, 60, 55, 52)], 11),
    ],
    ids=["tune", "drone", "broken chord", "chromatic scale", "broken chords over harmony"],
)
def test_fresh_notes(pitches, fresh):
    symbols = line_symbols(np.arange(len(pitches)), np.array(pitches))
    assert fresh_notes(latest_repeats(symbols), 0, len(pitches)) == fresh


def test_a_run_of_n_copied_notes_counts_n_and_says_where_it_stands():
    training = index_of(piece(melody([70, 50, 75, 55])), piece(melody(TUNE)))
    quoted = [pitch + 5 for pitch in TUNE[4:12]]
    sample = piece(melody([40, 90]), [(0, 1, 81), *melody(quoted, start=5, step=2), (24, 1, 30)])
    copies = find_copies(training, [sample], SHORT)[0]
    run = copies.longest
    assert (run.notes, run.fresh, run.track, run.quarter, run.last_quarter, run.bar) == (8, 8, 1, 5, 19, 2)
    assert (run.piece, run.piece_quarter, run.piece_bar) == ("piece 1", 4, 2)
    assert copies.alarm
    assert copies.notes == 12
    assert copies.covered == copies.nearest_share == 8 / 12
    assert copies.nearest == "piece 1"


def test_a_rhythm_that_differs_ends_the_run():
    training = index_of(piece(melody(TUNE)))
    notes = melody(TUNE)
    late = notes[:10] + [(onset + 1, duration, pitch) for onset, duration, pitch in notes[10:]]
    copies = find_copies(training, [piece(late)], SHORT)[0]
    assert sorted(run.notes for run in copies.runs) == [10, 14]
    assert copies.covered == 1


def test_no_run_crosses_from_one_piece_to_the_next():
    training = index_of(piece(melody(TUNE[:12])), piece(melody(TUNE[12:])))
    copies = find_copies(training, [piece(melody(TUNE))], SHORT)[0]
    assert copies.longest.notes == 12
    assert copies.covered == 1


def test_the_nearest_piece_holds_most_notes_and_not_the_longest_run():
    training = index_of(piece(melody(TUNE[:10])), piece(melody(TUNE[9:16]), melody(TUNE[17:])))
    copies = find_copies(training, [piece(melody(TUNE))], SHORT)[0]
    assert copies.longest.piece == "piece 0"
    assert copies.nearest == "piece 1"
    assert copies.nearest_share == 14 / 24


def test_a_drone_is_no_copy():
    copies = find_copies(index_of(piece(melody([60] * 40))), [piece(melody([72] * 40))])[0]
    assert (copies.longest.notes, copies.longest.fresh) == (40, 4)
    assert (copies.runs, copies.covered, copies.nearest, copies.alarm) == ([], 0, None, False)


def test_a_prompt_can_be_left_out():
    training, sample = index_of(piece(melody(TUNE[:12]))), piece(melody([*TUNE[:12], 50, 90, 51, 88]))
    whole, rest = find_copies(training, [sample, sample], SHORT, ignore_before=[0, 12])
    assert (whole.longest.notes, whole.notes) == (12, 16)
    assert (rest.longest, rest.notes) == (None, 4)


def test_pieces_without_notes_copy_nothing():
    empty, silent = ScoreTick(QUARTER), piece([], melody([36] * 5), drums=(1,))
    for index in (index_of(), index_of(empty), index_of(piece(melody(TUNE)))):
        for copies in find_copies(index, [empty, silent, piece([(0, 1, 60)])]):
            assert (copies.longest, copies.covered, copies.nearest, copies.alarm) == (None, 0, None, False)
    assert find_copies(index_of(), [piece(melody(TUNE))])[0].longest is None


def longest_by_brute_force(line, texts):
    """Notes from each note of a line that some line of the texts has too, counted from pitches and onsets."""
    onsets, pitches = line
    lengths = []
    for start in range(len(pitches)):
        best = 1
        for other_onsets, other_pitches in texts:
            for place in range(len(other_pitches)):
                length = 1
                while start + length < len(pitches) and place + length < len(other_pitches):
                    own = line_symbols(onsets[start : start + length + 1], pitches[start : start + length + 1])
                    other = line_symbols(
                        other_onsets[place : place + length + 1], other_pitches[place : place + length + 1]
                    )
                    if own.tolist() != other.tolist():
                        break
                    length += 1
                best = max(best, length)
        lengths.append(best)
    return lengths


def lines(most_notes=9):
    notes = st.lists(st.tuples(st.integers(1, 3), st.integers(60, 62)), min_size=2, max_size=most_notes)
    return notes.map(lambda notes: (np.cumsum([step for step, _ in notes]), np.array([pitch for _, pitch in notes])))


@settings(max_examples=25, deadline=None)
@given(st.lists(lines(), min_size=1, max_size=4), st.lists(lines(), min_size=1, max_size=2))
def test_the_index_finds_what_brute_force_finds(texts, queries):
    index = LineIndex.build(join_lines([line_symbols(*text) for text in texts]))
    matches = index.match(join_lines([line_symbols(*query) for query in queries]))
    expected = [length for query in queries for length in longest_by_brute_force(query, texts)]
    assert matches.notes.tolist() == expected
    assert (matches.notes > 1).sum() == sum(length > 1 for length in expected)


@settings(max_examples=25, deadline=None)
@given(st.lists(lines(), min_size=1, max_size=4), lines(), st.integers(2, 5))
def test_the_index_finds_every_occurrence(texts, query, length):
    index = LineIndex.build(join_lines([line_symbols(*text) for text in texts]))
    symbols = line_symbols(*query)
    starts = np.arange(max(len(symbols) // 2 - length + 1, 0))
    first, end = index.occurrences(symbols, starts, length)
    width = 2 * length - 3
    for start, low, high in zip(starts, first, end, strict=True):
        wanted = symbols[2 * start : 2 * start + width].tolist()
        expected = [n for n in range(len(index.order)) if index.text[2 * n : 2 * n + width].tolist() == wanted]
        assert sorted(index.order[low:high].tolist()) == expected


tunes = st.lists(
    st.tuples(st.sampled_from([120, 160, 240, 480, 720]), st.integers(40, 80)), min_size=QUOTED_NOTES, max_size=40
)


@settings(max_examples=25, deadline=None)
@given(tunes, st.integers(-12, 12), st.sampled_from([1, 2, 3, Fraction(1, 2), Fraction(1, 5)]), st.integers(0, 16))
def test_neither_key_nor_tempo_hides_a_copy(notes, semitones, factor, first):
    onsets = np.cumsum([step for step, _ in notes])
    training, sample = ScoreTick(QUARTER), ScoreTick(96)
    sample.tempos.append(TempoTick(0, 40.0))
    for score, shift, ratio, content in ((training, 0, 1, notes), (sample, semitones, factor, notes[first:])):
        track = TrackTick("", 0, False)
        for onset, (step, pitch) in zip(onsets[len(notes) - len(content) :], content, strict=True):
            track.notes.append(NoteTick(int(onset * ratio), int(step * ratio), pitch + shift, 80))
        score.tracks.append(track)
    copies = find_copies(index_of(training), [sample], SHORT)[0]
    assert copies.longest.notes == len(notes) - first
    assert copies.longest.last_quarter == pytest.approx(float(onsets[-1] * factor / 96))


def test_an_index_is_read_as_it_was_written(tmp_path):
    index = MemorisationIndex.build([piece(melody(TUNE), melody(TUNE[::2]))], ["tûne"], "hash")
    index.save(tmp_path / "made" / "index.safetensors")
    read = MemorisationIndex.load(tmp_path / "made" / "index.safetensors")
    assert (read.names, read.source, read.num_notes) == (["tûne"], "hash", 36)
    sample = [piece(melody(TUNE[3:20]))]
    assert find_copies(read, sample) == find_copies(index, sample)


@pytest.mark.parametrize("change", ["order", "line_pieces", "line_starts", "text", "bars"])
def test_a_damaged_index_is_refused(tmp_path, change):
    path = tmp_path / "index.safetensors"
    index_of(piece(melody(TUNE)), piece(melody(TUNE[::-1]))).save(path)
    tensors = load_file(path)
    tensors[change] = tensors[change][:-1] if change in ("text", "bars") else tensors[change] + 100
    facts = json.dumps({"names": ["a", "b"], "num_notes": 48, "source": ""})
    save_file(tensors, path, metadata={"format": FORMAT, "facts": facts})
    with pytest.raises(IndexFileError, match=change):
        MemorisationIndex.load(path)


def test_what_is_no_index_is_refused(tmp_path):
    path = tmp_path / "index.safetensors"
    with pytest.raises(IndexFileError, match=r"index\.safetensors"):
        MemorisationIndex.load(path)
    path.write_text("not one")
    with pytest.raises(IndexFileError, match="no index of training pieces"):
        MemorisationIndex.load(path)
    save_file({"text": np.zeros(2, np.uint8)}, path)
    with pytest.raises(IndexFileError, match="expected the format"):
        MemorisationIndex.load(path)


def test_limits_name_both_values():
    with pytest.raises(ValueError, match="cover_notes is 20 and alarm_notes 16"):
        CopyLimits(20, 16)


def test_samples_and_human_pieces_stand_side_by_side():
    index = index_of(piece(melody(TUNE)))
    strange = [piece(melody(TUNE[start::-1])) for start in (23, 22, 20)]
    seen = []
    result = compare_copies(
        index, [piece(melody(TUNE))], strange, human_groups=[0, 0, 1], on_piece=lambda count: seen.append(count)
    )
    assert seen == [1, 3]
    assert result["samples"]["alarms"] == 1
    assert result["samples"]["covered"]["mean"] == 1
    assert result["human"]["alarms"] == 0
    assert result["human"]["alarm_interval"]["low"] == pytest.approx(0)
    assert result["human"]["longest_run"]["mean_interval"]["low"] <= result["human"]["longest_run"]["mean"]
    assert len(result["human"]["per_piece"]) == 3
    json.dumps(result)
    table = copies_table(result).splitlines()
    assert table[0] == "|  | samples | human |"
    assert table[2] == "| pieces | 1 | 3 |"
    assert "| held by the nearest piece: most | 100.0% | 0.0% |" in table
    with pytest.raises(ValueError, match="no pieces"):
        summarise_copies([])


def test_planted_quotations_are_found_in_real_music(shared_data):
    """The whole of it is tests/benchmarks/bench_memorisation.py."""
    chorales = sorted(shared_data("midi_satb/js_fakes").iterdir())[:40]
    songs = sorted(shared_data("midi_song/openscore_lieder").iterdir())[:20]
    scores = [read_scores(path)[0] for path in (*chorales, *songs)]
    training, hosts = scores[::2], scores[1::2]
    index, draw, planted = index_of(*training), np.random.default_rng(0), 0
    while planted < 100:
        quotation = draw_quotation(training[draw.integers(len(training))], draw)
        if quotation is None or quotation.fresh < 16:
            continue
        kind, factor = SURROUNDINGS[planted % len(SURROUNDINGS)], TEMPI[planted // 4 % len(TEMPI)]
        score, begin, last = plant(hosts[draw.integers(len(hosts))], quotation, kind, factor, draw)
        copies = find_copies(index, [score])[0]
        assert runs_with(copies, begin, last), (kind, factor)
        assert copies.alarm
        planted += 1
