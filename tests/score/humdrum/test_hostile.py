"""Files that are broken or made to hurt: refused by name, with the line, within seconds and little memory."""

import multiprocessing
import resource
from pathlib import Path

import pytest
from score.humdrum.kern import kern, melody, read

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.files import read_bytes

SECONDS, MEGABYTES = 5, 500
PLAIN = kern("4C|4c", "4D|4d", spines=2)

BROKEN = {
    "no exclusive interpretation": ("4c\n4d\n", Refusal.NOT_MUSIC, "exclusive interpretation"),
    "empty but for comments": ("!!!COM: nobody\n! nothing\n", Refusal.NOT_MUSIC, "exclusive interpretation"),
    "no kern": ("**text\nla\n*-\n", Refusal.NOT_MUSIC, "found **text"),
    "only rests": (kern("4r", "4r"), Refusal.NO_NOTES, "no notes"),
    "no durations": (kern("c", "d"), Refusal.NO_NOTES, "no notes"),
    "too few tokens": (PLAIN.replace("4D\t4d", "4D"), Refusal.UNREADABLE, "line 3: expected 2 spines, found 1"),
    "too many tokens": (PLAIN.replace("4C\t", "!! x\n4C\t4C\t"), Refusal.UNREADABLE, "line 3: expected 2"),
    "cut in a line": (PLAIN[: PLAIN.index("\t4d")], Refusal.UNREADABLE, "line 3: expected 2 spines, found 1"),
    "join of one": (PLAIN.replace("4D\t4d", "*v\t*"), Refusal.UNREADABLE, "line 3: expected *v on two"),
    "exchange of one": (PLAIN.replace("4D\t4d", "*x\t*"), Refusal.UNREADABLE, "line 3: expected *x on two"),
    "data behind the end": (PLAIN + "4c\t4c\n", Refusal.UNREADABLE, "line 5: expected an exclusive"),
    "split without a token": (PLAIN.replace("4D\t4d", "*^\t*\n4c\t4d"), Refusal.UNREADABLE, "line 4: expected 3"),
    "binary": (bytes(range(256)) * 100, Refusal.NOT_MUSIC, "exclusive interpretation"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_with_the_line(name):
    text, refusal, words = BROKEN[name]
    with pytest.raises(ScoreError) as caught:
        read_bytes(text if isinstance(text, bytes) else text.encode(), Path("a.krn"))
    assert caught.value.refusal == refusal
    assert words in str(caught.value)
    assert str(caught.value).startswith("a.krn: ")


HOSTILE = {
    "a line of 10 MB": lambda: kern("4c " * 3_500_000),
    "a token of 10 MB": lambda: kern("c" * 10_000_000),
    "a chord of 80,000 notes": lambda: kern("4c " * 80_000),
    "a million spines": lambda: kern("4c", kinds=["**kern"] * 1_000_000),
    "a spine split again and again": lambda: "**kern\n" + "".join("\t".join(["*^"] * 2**n) + "\n" for n in range(18)),
    "a million splits and joins": lambda: "**kern\n" + "*^\n4c\t4e\n*v\t*v\n" * 300_000 + "*-\n",
    "an endless expansion list": lambda: kern("*>[" + ",".join(["A"] * 100_000) + "]", "*>A", *["4c", "="] * 1_000),
    "lists of lists": lambda: kern(*(f"*>{n}[{n + 1},{n + 1}]" for n in range(1_000)), "*>[0,0]", "*>0", "4c"),
    "repeats without end": lambda: kern(*["=!¦:", "4c", "=:¦!"] * 100_000),
    "absurd rationals": lambda: kern(*(f"{n}%{n - 1}c" for n in range(99_990, 99_990 + 200)), "999999999%999999998d"),
    "digits without end": lambda: kern("4" * 5_000 + "c", "1%" + "9" * 5_000 + "c", "0" * 3_000 + "c", "4c"),
    "dots without end": lambda: kern("4" + "." * 4_000 + "c"),
    "the longest notes": lambda: kern(*["000000000c"] * 300_000),
    "two million rows": lambda: "**kern\n" + "16c\n" * 2_000_000 + "*-\n",
    "empty bars": lambda: kern(*["="] * 500_000, "4c"),
    "bars of their own": lambda: kern(*["4c", "=", "*M3/4", "=", "*M4/4"] * 60_000),
    "ties to nowhere": lambda: kern(*["[4c_]"] * 200_000),
    "added spines": lambda: "**kern\n" + "".join("\t".join(["*"] * n + ["*+"]) + "\n" for n in range(3_000)),
    "grace notes": lambda: kern(*["8qc"] * 200_000, "4c"),
    "null tokens": lambda: kern(*["4c" + "|." * 200] + [".|" * 200 + "."] * 20_000, spines=201),
    "NUL bytes": lambda: "**kern\n" + "\0" * 1_000_000,
    "tabs": lambda: "**kern\n" + "\t" * 10_000_000,
}


def read_apart(name, answers):
    """What becomes of a hostile file, the seconds of the processor and the memory it took, in a process of its own."""
    data = HOSTILE[name]().encode()
    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        answer = len(read_bytes(data, Path("a.krn")).pieces)
    except ScoreError as error:
        answer = str(error)
    except BaseException as error:
        answer = error
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answers.put((answer, seconds, (after.ru_maxrss - before.ru_maxrss) / 1024))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon_and_small(name):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=read_apart, args=(name, answers))
    process.start()
    answer, seconds, megabytes = answers.get(timeout=120)
    process.join()
    assert isinstance(answer, int) or answer.startswith("a.krn: "), answer
    assert len(str(answer)) < 400
    assert seconds < SECONDS, f"{seconds:.1f} s"
    assert megabytes < MEGABYTES, f"{megabytes:.0f} MB"


def test_a_file_cut_between_lines_is_read_to_there():
    assert melody(read(PLAIN[: PLAIN.index("4D")])) == [48, 60]
