"""The order of bars, against what musicians write: each table row is a form and its bars as played."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS, BarMarks, count_passes, play_order, play_passes


def bars(form: str) -> list[BarMarks]:
    """A form in words, a bar each: `a` plain, `|:`, `:|`, `:|3`, `[1` in a volta, `S` `O` signs, `DC`, `DS`, `to`."""
    marks = []
    for bar in form.split():
        signs = set(bar.split("+"))
        times = next((int(sign[2:] or 2) for sign in signs if sign.startswith(":|")), 0)
        endings = next((tuple(map(int, sign[1:].split(","))) for sign in signs if sign.startswith("[")), ())
        marks.append(
            BarMarks(
                repeat_start="|:" in signs,
                repeat_times=times,
                after_jump="again" in signs,
                endings=endings,
                segno="s" if "S" in signs else "",
                coda="c" if "O" in signs else "",
                da_capo="DC" in signs,
                dal_segno="s" if "DS" in signs else "",
                to_coda="c" if "to" in signs else "",
                fine="fine" in signs,
            )
        )
    return marks


FORMS = {
    "plain": ("a a a", "0 1 2"),
    "repeat": ("|: :| a", "0 1 0 1 2"),
    "one bar": ("a |:+:| a", "0 1 1 2"),
    "from the beginning": ("a :| a", "0 1 0 1 2"),
    "back to the end of the last section": ("a :| a :|", "0 1 0 1 2 3 2 3"),
    "three times": ("|: :|3 a", "0 1 0 1 0 1 2"),
    "voltas": ("|: [1+:| [2 a", "0 1 0 2 3"),
    "voltas of two bars": ("|: [1 [1+:| [2 [2 a", "0 1 2 0 3 4 5"),
    "both voltas end in repeats": ("|: [1+:| [2+:| a", "0 1 0 2 3"),
    "one volta": ("|: [1+:| a", "0 1 0 2"),
    "voltas of several passes": ("|: [1,3+:| [2,4+:| a", "0 1 0 2 0 1 0 2 3"),
    "three voltas": ("|: [1+:| [2+:| [3 a", "0 1 0 2 0 3 4"),
    "1 and 2, then 3": ("|: [1,2+:| [3", "0 1 0 1 0 2"),
    "one volta of three": ("|: [1,2,3+:| a", "0 1 0 1 0 1 0 2"),
    "repeat after voltas": ("|: [1+:| [2 a :|", "0 1 0 2 3 4 3 4"),
    "voltas inside a section": ("|: [1 [2 :| a", "0 1 3 0 2 3 4"),
    "two sections with voltas": ("|: [1+:| [2 |: [1+:| [2", "0 1 0 2 3 4 3 5"),
    "one volta and D.C.": ("|: [1+:| a DC", "0 1 0 2 3 0 2 3"),
    "da capo": ("a a DC", "0 1 2 0 1 2"),
    "da capo al fine": ("a fine a DC", "0 1 2 3 0 1"),
    "dal segno al fine": ("a S fine DS", "0 1 2 3 1 2"),
    "da capo al coda": ("a to a DC O a", "0 1 2 3 0 1 4 5"),
    "dal segno al coda": ("a S to DS O a", "0 1 2 3 1 2 4 5"),
    "repeats are not taken after D.C.": ("|: :| fine DC", "0 1 0 1 2 3 0 1 2"),
    "last volta after D.C.": ("|: [1+:| [2+fine a DC", "0 1 0 2 3 4 0 2"),
    "a repeat that asks to be taken after D.C.": ("|: :|+again DC", "0 1 0 1 2 0 1 0 1 2"),
    "D.C. waits for the last pass": ("|: DC :|", "0 1 2 0 1 0 1 2"),
    "D.C. where the section is repeated": ("|: :|+DC a", "0 1 0 1 0 1 2"),
    "the coda has repeats of its own": ("a to DC |:+O :|", "0 1 2 0 1 3 4 3 4"),
    "fine without D.C.": ("a fine a", "0 1 2"),
    "no segno": ("a DS a", "0 1 2"),
    "no coda": ("a to DC", "0 1 2 0 1 2"),
    "nothing to repeat to": ("a |:", "0 1"),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_played_as_musicians_play_them(name):
    form, played = FORMS[name]
    assert " ".join(map(str, play_order(bars(form)))) == played


MARKS = st.builds(
    BarMarks,
    repeat_start=st.booleans(),
    repeat_times=st.sampled_from([0, 0, 2, 3]),
    after_jump=st.booleans(),
    endings=st.sampled_from([(), (), (), (1,), (2,), (1, 2), (3,)]),
    segno=st.sampled_from(["", "", "a", "b"]),
    coda=st.sampled_from(["", "", "a", "b"]),
    da_capo=st.sampled_from([False, False, True]),
    dal_segno=st.sampled_from(["", "", "a", "b"]),
    to_coda=st.sampled_from(["", "", "a"]),
    fine=st.booleans(),
)


@given(st.lists(MARKS, max_size=12))
def test_any_signs_end_and_start_at_the_beginning(marks):
    order = play_order(marks)
    assert all(0 <= bar < len(marks) for bar in order)
    if marks and (not marks[0].endings or 1 in marks[0].endings):
        assert order[0] == 0
    if not any(mark.da_capo or mark.dal_segno or mark.endings for mark in marks):
        # Without jumps and voltas every bar is played, for the first time in the order they are written.
        assert list(dict.fromkeys(order)) == list(range(len(marks)))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=6))
def test_sections_are_played_as_often_as_they_say(sections):
    """Each section is `length` bars, repeated `times`; the order is theirs, one after the other."""
    marks, expected = [], []
    for length, times in sections:
        first = len(marks)
        for number in range(length):
            repeat = times if number == length - 1 and times > 1 else 0
            marks.append(BarMarks(repeat_start=number == 0, repeat_times=repeat))
        expected += list(range(first, first + length)) * times
    assert play_order(marks) == expected


@pytest.mark.parametrize(
    "marks",
    [
        [BarMarks(repeat_times=10**9)],
        [BarMarks()] * 9_000 + [BarMarks(repeat_times=3)],
        [BarMarks(), *([BarMarks(endings=(number,), repeat_times=2) for number in range(1, MAX_PLAYED_BARS)])],
        [BarMarks(da_capo=True)] * MAX_PLAYED_BARS,
        [BarMarks(dal_segno="x", segno="y", to_coda="x", coda="y")] * MAX_PLAYED_BARS,
        [BarMarks(fine=True)] * (MAX_PLAYED_BARS + 1),
    ],
)
def test_absurd_repeats_are_refused_by_name(marks):
    with pytest.raises(ScoreError, match="repeats played out") as caught:
        play_order(marks)
    assert caught.value.refusal is Refusal.TOO_LONG


@pytest.mark.parametrize(
    ("form", "passes"),
    [
        ("a a", "1 1"),
        ("|: :|3 a", "1 1 2 2 3 3 1"),
        ("|: [1+:| [2 a", "1 1 2 1 1"),
        ("|: :| a DC", "1 1 2 2 1 1 2 2 2 2"),
        ("a to DC O", "1 1 1 2 2 1"),
    ],
)
def test_the_pass_is_how_often_a_bar_has_come(form, passes):
    order, found = play_passes(bars(form))
    assert " ".join(map(str, found)) == passes
    assert order == play_order(bars(form))


def test_the_passes_of_a_stated_order():
    assert count_passes([0, 1, 0, 1, 2, 0]) == [1, 1, 2, 2, 1, 3]
