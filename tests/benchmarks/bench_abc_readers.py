"""Our ABC reader held against abc2midi, tune by tune, and the processor time of both.

    python tests/benchmarks/bench_abc_readers.py [--every 1] [--shared ../shared/data]

Tunes: the folk tunes in music21's wheel and, where the folder of shared data is given, Nottingham and Open Hymnal.
abc2midi plays each tune without its ornaments, grace notes and accompaniment, and its notes are compared in onset,
duration (to 1/100 of a quarter note) and pitch. It plays an upbeat at once; so onsets count from the first note. What
differs is counted by kind, and the JSON names the tunes:

- swing: `R:hornpipe` makes abc2midi play pairs of eighths 2 : 1; a Score holds what is written.
- order: another number of notes. A `:|` without `|:` goes back to the latest double bar line (ABC 2.1, section 4.8),
  `|::` is played three times, D.C. and D.S. are played; abc2midi does none of these.
- pitch, time: as many notes, another pitch or place, such as by notes of a chord that have lengths of their own.
"""

import argparse
import re
import resource
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from _report import report
from symusic.factory import _ABC2MIDI

from symbolic_music.data.sources.corpora import list_folk
from symbolic_music.score.abc.io import decode_abc, read_abc_tune, split_tune_book
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi

KINDS = ("same", "swing", "order", "time", "pitch", "only_ours", "refused")
# What abc2midi plays as several or shorter notes.
_ORNAMENT = re.compile(r'("[^"]*")|!(?:trill|breath|roll|staccato)!|[T~R.](?=[\^_=]*[A-Ga-g\[(])')


def spent() -> float:
    """Processor seconds of this process and its children."""
    return sum(
        getattr(resource.getrusage(who), kind)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        for kind in ("ru_utime", "ru_stime")
    )


def notes_of(score, late=0):
    """Onset from the first note, duration (quarter notes) and pitch of each note."""
    quarter = score.ticks_per_quarter
    notes = [
        ((note.time - late) / quarter, (note.duration + late) / quarter, note.pitch)
        for track in score.tracks
        for note in track.notes
    ]
    first = min((onset for onset, *_ in notes), default=0)
    return sorted((round(onset - first, 3), duration, pitch) for onset, duration, pitch in notes)


def played_by_abc2midi(text, folder):
    """The notes that abc2midi plays, or None where it makes no MIDI."""
    body = text.find("\nK:")
    lines = text[body + 1 :].split("\n")
    plain = [line if re.match(r"[A-Za-z]:|%", line) else _ORNAMENT.sub(r"\1", line) for line in lines]
    text = text[: body + 1] + "\n".join(plain)
    text = re.sub(r"^(X:.*)$", r"\1\n%%MIDI chordattack 0", text, count=1, flags=re.MULTILINE)
    (folder / "tune.abc").write_bytes(text.encode())
    (folder / "tune.mid").unlink(missing_ok=True)
    command = [str(_ABC2MIDI), "tune.abc", "-o", "tune.mid", "-silent", "-NFER", "-NGRA", "-NGUI"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=False)
    return notes_of(read_midi(folder / "tune.mid"), late=1) if (folder / "tune.mid").exists() else None


def difference(ours, theirs, text):
    """The kind of difference between two readings, "same" for none."""
    if theirs is None:
        return "only_ours"
    if len(ours) != len(theirs):
        return "order"
    near = all(abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01 for a, b in zip(ours, theirs, strict=True))
    pitches = [note[2] for note in ours] == [note[2] for note in theirs]
    if near and pitches:
        return "same"
    if re.search(r"^R:\s*hornpipe", text, re.MULTILINE | re.IGNORECASE):
        return "swing"
    return "time" if pitches else "pitch"


def corpora(shared, every):
    """Texts of tunes with their names, by corpus."""
    found = {"folk": [(unit.name, unit.text) for unit in list_folk()[::every]]}
    for name in ("nottingham", "open_hymnal") if shared else ():
        paths = sorted((shared / "abc" / name).rglob("*.abc"))
        tunes = [(path, tune) for path in paths for tune in split_tune_book(decode_abc(path.read_bytes()))]
        found[name] = [(f"{path.name}#{n}", tune) for n, (path, tune) in enumerate(tunes)][::every]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shared", type=Path)
    options = parser.parse_args()
    rows, differing = [], {}
    for corpus, tunes in corpora(options.shared, options.every).items():
        kinds, names, seconds = Counter(), {}, Counter()
        with tempfile.TemporaryDirectory() as folder:
            for name, text in tunes:
                start = spent()
                try:
                    ours = notes_of(read_abc_tune(text).score)
                except ScoreError:
                    ours, kind = None, "refused"
                seconds["ours"] += spent() - start
                start = spent()
                theirs = played_by_abc2midi(text, Path(folder))
                seconds["abc2midi"] += spent() - start
                kind = kind if ours is None else difference(ours, theirs, text)
                kinds[kind] += 1
                names.setdefault(kind, []).append(name)
        names.pop("same", None)
        rows.append(
            {
                "corpus": corpus,
                "tunes": len(tunes),
                **{kind: kinds[kind] for kind in KINDS},
                "ms_ours": round(seconds["ours"] / len(tunes) * 1000, 2),
                "ms_abc2midi": round(seconds["abc2midi"] / len(tunes) * 1000, 2),
            }
        )
        differing[corpus] = names
    report("bench_abc_readers", rows, differing=differing)


if __name__ == "__main__":
    main()
