"""Our ABC reader held against abc2midi, tune by tune, and the processor time of both.

    python tests/benchmarks/bench_abc_readers.py [--every 1] [--shared ../shared/data]

Tunes: the folk tunes in music21's wheel and, where the folder of shared data is given, Nottingham and Open Hymnal.
abc2midi plays each tune without its ornaments, grace notes and accompaniment, and its notes are compared in onset,
duration (to 1/100 of a quarter note) and pitch. It plays an upbeat at once; so onsets count from the first note. Why
a tune differs is found by rewriting it (`_abc_causes`); the JSON names the tunes by cause. `several`: two or three
causes at once; `other`: none is found.
"""

import argparse
import re
import resource
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from _abc_causes import CAUSES, OTHER, cause_of
from _report import report
from symusic.factory import _ABC2MIDI

from symbolic_music.data.sources.named.packaged import list_folk
from symbolic_music.score.abc.io import decode_abc, read_abc_tune, split_tune_book
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi

KINDS = ("same", *CAUSES, "several", OTHER, "only_ours", "refused")
# What abc2midi plays as several or shorter notes.
_ORNAMENT = re.compile(r'("[^"]*")|!(?:trill|breath|roll|staccato)!|[T~R.](?=[H-Wh-w~.]*\(*[\^_=]*[A-Ga-g\[])')


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


def are_same(ours, theirs):
    """Whether two readings have the same notes."""
    return len(ours) == len(theirs) and all(
        abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01 and a[2] == b[2] for a, b in zip(ours, theirs, strict=True)
    )


def read_the_same(text, folder):
    """Whether both readers read a text and find the same notes in it."""
    try:
        ours = notes_of(read_abc_tune(text).score)
    except ScoreError:
        return False
    theirs = played_by_abc2midi(text, folder)
    return theirs is not None and are_same(ours, theirs)


def kind_of(ours, theirs, text, folder):
    """Why the readings differ; "same" where they do not."""
    if ours is None or theirs is None:
        return "refused" if ours is None else "only_ours"
    if are_same(ours, theirs):
        return "same"
    return cause_of(text, lambda rewritten: read_the_same(rewritten, folder))


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
                    ours = None
                seconds["ours"] += spent() - start
                start = spent()
                theirs = played_by_abc2midi(text, Path(folder))
                seconds["abc2midi"] += spent() - start
                kind = kind_of(ours, theirs, text, Path(folder))
                kinds["several" if "+" in kind else kind] += 1
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
    causes = {name: description for name, (description, _) in CAUSES.items()}
    report("bench_abc_readers", rows, causes=causes, differing=differing)


if __name__ == "__main__":
    main()
