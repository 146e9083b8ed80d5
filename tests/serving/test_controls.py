"""What can be asked of a model is one table: forms, checks and documents are made of it."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import tiny_bart, tiny_gpt2, tiny_model, tiny_processor

from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.generation.controls.abilities import abilities
from symbolic_music.serving.controls import wishes
from symbolic_music.serving.controls.control import Control, WishError
from symbolic_music.serving.controls.description import describe
from symbolic_music.serving.controls.wishes import NAMES, asked_of, musical_controls

MODELS = {
    "remi": lambda: (tiny_model(tiny_processor()), tiny_processor()),
    "track_text": tiny_gpt2,
    "filler": tiny_bart,
}


@pytest.fixture(params=MODELS)
def described(request):
    return request.param, describe(request.param, *MODELS[request.param]())


def test_actions_are_what_the_model_can(described):
    name, description = described
    assert (
        set(description.controls)
        == {
            "remi": {"compose", "continue"},
            "track_text": {"compose"},
            "filler": {"infill"},
        }[name]
    )


def test_every_default_and_bound_is_taken(described):
    _, description = described
    for action, controls in description.controls.items():
        for control in (control for control in controls if control.parse is None):
            taken = [control.default, control.low, control.high]
            if control.kind in ("choices", "integers"):
                taken = [[], [control.choices[0]] if control.choices else [1]]
            taken += [control.choices[-1]] if control.kind == "choice" else []
            taken += [True, False] if control.kind == "boolean" else []
            for value in taken:
                if value is not None:
                    value = int(value) if control.kind == "integer" else value
                    assert description.read(action, {control.name: value})[control.name] == value


def test_every_value_outside_is_refused_by_its_name(described):
    _, description = described
    for action, controls in description.controls.items():
        for control in (control for control in controls if control.name != "ask"):
            wrong = ["x" * 500, {"a": 1}, math.nan, math.inf, -1, [None], "C3-C6" * 1000]
            wrong += [True] if control.kind != "boolean" else [0, "true"]
            wrong += [control.high + 1] if control.high is not None else []
            for value in wrong:
                with pytest.raises(WishError, match=rf"^{control.name}(:| is) .*expected") as raised:
                    description.read(action, {control.name: value})
                assert len(str(raised.value)) < 400


# What each control of the music takes, and what it asks for then.
MEANINGS = {
    "tempo": [(120, {"tempo": 120}), ("119-121.5", {"tempo": (119, 121.5)})],
    "meter": [("3/4", {"meter": "3/4"})],
    "key": [("F#m", {"key": "F#m"})],
    "instruments": [(["Violin", "Drums"], {"instruments": (40, -1)}), ([], {})],
    "with_instruments": [(["Violin"], {"with_instruments": (40,)})],
    "range": [("60-64, Violin:G3-E6", {"ranges": ((-2, 60, 64), (40, 55, 88))})],
    "density": [("2-9", {"density": (2, 9)}), (4, {"density": (4, 4)})],
    "chords": [("C | Am F", {"chords": (("C",), ("Am", "F"))})],
    "ending": [(True, {"ending": True}), (False, {})],
    "ask": [("in D minor, 3 bars", {"key": "Dm", "bars": 3})],
}


def test_every_wish_asks_for_its_music(described):
    _, description = described
    for action, controls in description.controls.items():
        for control in controls:
            for value, expected in MEANINGS.get(control.name, []):
                wishes = description.read(action, {control.name: value})
                wishes["num_bars"] = None
                assert asked_of(controls, wishes).controls == Controls(**expected)


def test_all_that_a_model_can_is_offered(described):
    """A new ability is offered by itself, or is named here as one that has to be."""
    name, description = described
    codec = MODELS[name]()[1].codec
    can = {NAMES.get(ability, ability.replace("-", "_")) for ability in abilities(codec)}
    for controls in description.controls.values():
        assert can <= {control.name for control in controls}
        assert all(control.about for control in controls)


def test_an_ability_that_is_new_is_offered_by_its_form(monkeypatch):
    new = {
        "ending": "on the tonic",
        "bars": {"from": 1, "to": 9},
        "density": {"from": 1, "to": 9, "counts": "notes in a bar"},
        "chords": "by bar",
        "meter": ["3/4", "4/4"],
        "unheard-of": True,
    }
    monkeypatch.setattr(wishes, "abilities", lambda codec: new)
    monkeypatch.setattr(wishes, "_KNOWN", {})
    found = {control.name: control for control in musical_controls(tiny_processor().codec)}
    assert {name: (control.kind, control.about) for name, control in found.items()} == {
        "ending": ("boolean", "on the tonic"),
        "density": ("span", "notes in a bar"),
        "chords": ("text", "by bar"),
        "meter": ("choice", "meter"),
    }
    assert found["chords"].read("C | G") == (("C",), ("G",))
    assert found["density"].read("2-3") == (2, 3)
    assert found["density"].read(3) == (3, 3)
    with pytest.raises(WishError, match="density is 10; expected 1 to 9"):
        found["density"].read(10)


NUMBERS = st.integers() | st.floats() | st.integers(-2, 300)
# Near what is taken: texts of the characters that ranges, tempos, chords and keys are written with.
TEXTS = st.text(max_size=40) | st.text("0123456789-:,./|% ABCDEFGmb#maj", max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["Violin", "C", "4/4", "F#m", "2-4"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def all_described():
    return [describe(name, *make()) for name, make in MODELS.items()]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_is_taken_or_refused_in_one_line(all_described, data):
    description = data.draw(st.sampled_from(all_described))
    action = data.draw(st.sampled_from(sorted(description.controls)))
    controls = description.controls[action]
    names = st.sampled_from([control.name for control in controls])
    said, message = data.draw(st.dictionaries(names, VALUES, max_size=4)), ""
    try:
        asked_of(controls, description.read(action, said))
    except (WishError, ControlError) as error:
        message = str(error)
    assert len(message) < 600
    assert "\n" not in message


def test_words_and_wishes_are_joined_or_clash():
    description = describe("x", *tiny_gpt2())
    controls = description.controls["compose"]

    def asked(**said):
        return asked_of(controls, description.read("compose", said))

    both = asked(ask="a sparse waltz in D minor, gladly", ending=True)
    assert both.controls == Controls(meter="3/4", key="Dm", density=(1, 8), ending=True)
    assert [row["words"] for row in both.reading()["understood"]] == ["waltz", "in D minor", "sparse"]
    assert both.reading()["not_understood"] == ["gladly"]
    assert asked(ask="3 bars").controls.bars == 3
    assert asked(key="C").controls.bars == 4
    for said, message in (
        ({"ask": "in D minor", "key": "C"}, "the words and another wish clash: both say the key"),
        ({"ask": "3 bars", "num_bars": 2}, "both say the bars"),
        ({"playable": True, "range": "C3-C6"}, "playable and range both say the ranges"),
        ({"key": "C", "chords": "F#"}, "no note of F# belongs to C"),
    ):
        with pytest.raises(ControlError, match=message):
            asked(**said)


def test_a_page_without_a_server_asks_for_no_music():
    description = describe("x", tiny_model(tiny_processor()), tiny_processor(), has_controls=False)
    names = {control.name for controls in description.controls.values() for control in controls}
    assert names == {"num_bars", "prompt_bars", "num_samples", "seed", "temperature", "top_p", "max_length"}


def test_unknown_wishes_and_actions_are_refused(described):
    _, description = described
    action = next(iter(description.controls))
    with pytest.raises(WishError, match=r"knows no 'loudness'; expected .*num_samples"):
        description.read(action, {"num_samples": 1, "loudness": 3})
    with pytest.raises(WishError, match="does not paint"):
        description.read("paint", {})


def test_schemas_say_what_is_checked():
    control = Control("key", "choice", "which", choices=("C", "G"))
    assert control.schema() == {"enum": ["C", "G"], "type": "string", "description": "which"}
    many = Control("tracks", "integers", "which", None, 1, 9, most=3)
    assert many.schema()["items"] == {"minimum": 1, "maximum": 9, "type": "integer"}
    assert many.schema()["maxItems"] == 3


def test_schemas_say_what_a_span_may_be():
    span = Control("tempo", "span", "how fast", low=16, high=600, most=40, example="80-100", said_by=("ask",))
    assert span.schema() == {
        "minimum": 16,
        "maximum": 600,
        "type": ["number", "string"],
        "maxLength": 40,
        "examples": ["80-100"],
        "x-said-by": ["ask"],
        "description": "how fast",
    }


def test_a_tracks_instrument_may_be_any_of_the_vocabulary():
    controls = {control.name: control for control in describe("x", *tiny_gpt2()).controls["compose"]}
    assert {"Acoustic Grand Piano", "Violin", "Drums"} <= set(controls["instruments"].choices)
    assert "4/4" in controls["meter"].choices
    assert "F#m" in controls["key"].choices
