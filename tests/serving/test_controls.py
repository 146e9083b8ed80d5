"""What can be asked of a model is one table: forms, checks and documents are made of it."""

import math

import pytest
from tiny_model import tiny_bart, tiny_gpt2, tiny_model, tiny_processor

from symbolic_music.serving.controls import Control, WishError, describe

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
        for control in controls:
            taken = [control.default, control.low, control.high]
            if control.kind in ("choices", "integers"):
                taken = [[], [control.choices[0]] if control.choices else [1]]
            taken += [control.choices[-1]] if control.kind == "choice" else []
            for value in taken:
                if value is not None:
                    value = int(value) if control.kind == "integer" else value
                    assert description.read(action, {control.name: value})[control.name] == value


def test_every_value_outside_is_refused_by_its_name(described):
    _, description = described
    for action, controls in description.controls.items():
        for control in controls:
            wrong = ["x" * 500, {"a": 1}, True, math.nan, math.inf, -1, [None]]
            wrong += [control.high + 1] if control.high is not None else []
            for value in wrong:
                with pytest.raises(WishError, match=rf"^{control.name} is .*; expected") as raised:
                    description.read(action, {control.name: value})
                assert len(str(raised.value)) < 400


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


def test_a_tracks_instrument_may_be_any_of_the_vocabulary():
    controls = {control.name: control for control in describe("x", *tiny_gpt2()).controls["compose"]}
    assert {"Acoustic Grand Piano", "Violin", "Drums"} <= set(controls["instruments"].choices)
    assert "4/4" in controls["meter"].choices
    assert "F#m" in controls["key"].choices
