"""A study's YAML: the grid it makes, and one clear line for what it must not say."""

import copy

import pytest

from symbolic_music.scaling.grid.study import LearningRate, Run, StudyError, parse_settings, read_settings

NANO = {"name": "nano", "layers": 1, "heads": 2, "width": 32}
GRID = {
    "families": ["transformer", "lstm"],
    "sizes": [NANO, "tiny", "small"],
    "fractions": [0.5, 1.0],
    "seeds": {"default": [0], "nano": [0, 1, 2]},
    "learning_rate": {
        "transformer": {"base": "3e-3", "width_power": -0.5, "sizes": {"small": 1e-3}},
        "lstm": 2e-3,
    },
    "muon": {"transformer": True, "lstm": False},
    "training": {"warmup_steps": 0.05},
}


def test_the_grid_holds_every_combination_once():
    runs = parse_settings(GRID).runs()
    assert len(runs) == len({run.name for run in runs}) == 2 * 2 * (3 + 1 + 1)
    assert runs[:2] == [Run("transformer", "nano", 0.5, 0), Run("lstm", "nano", 0.5, 0)], "the families side by side"
    sizes = [run.size for run in runs]
    assert sizes == sorted(sizes, key=["nano", "tiny", "small"].index), "the cheap runs first"


def test_learning_rates_follow_the_rule_and_its_exceptions():
    settings = parse_settings(GRID)
    assert settings.learning_rate["transformer"].at("tiny", 192) == pytest.approx(3e-3)
    assert settings.learning_rate["transformer"].at("nano", 48) == pytest.approx(6e-3)
    assert settings.learning_rate["transformer"].at("small", 256) == 1e-3
    assert settings.learning_rate["lstm"] == LearningRate(2e-3)
    assert settings.muon == {"transformer": True, "lstm": False}


def test_seeds_may_stop_at_a_fraction():
    settings = parse_settings(GRID | {"fractions": [0.25, 0.5, 1.0], "seeds": [3, 4], "repeat_up_to": 0.5})
    assert {(run.fraction, run.seed) for run in settings.runs()} == {
        (0.25, 3), (0.5, 3), (1.0, 3), (0.25, 4), (0.5, 4)
    }  # fmt: skip


def test_one_value_serves_all_families():
    settings = parse_settings(GRID | {"learning_rate": {"base": 1e-3}, "muon": False})
    assert settings.learning_rate["lstm"] == settings.learning_rate["transformer"] == LearningRate(1e-3, sizes={})
    assert settings.muon == {"transformer": False, "lstm": False}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"families": ["transformer", "gru"]}, "unknown family 'gru'; it is one of transformer, lstm"),
        ({"families": []}, "families must be a list of at least one"),
        ({"sizes": ["huge"]}, "unknown size 'huge'; it is one of"),
        ({"sizes": ["tiny", "tiny"]}, "sizes holds 'tiny' twice"),
        ({"sizes": [NANO | {"width": 33}]}, "width 33 is no multiple of heads 2"),
        ({"sizes": [NANO | {"depth": 3}]}, "sizes: unknown key 'depth'"),
        ({"sizes": [{"name": "nano"}]}, "sizes: layers is missing"),
        ({"fractions": [0.0]}, r"fractions must lie in \(0, 1\], got 0.0"),
        ({"fractions": [1.5]}, r"fractions must lie in \(0, 1\], got 1.5"),
        ({"fractions": ["half"]}, r"fractions must lie in \(0, 1\], got 'half'"),
        ({"fractions": [0.5, 0.5]}, "fractions must be distinct"),
        ({"seeds": [0, -1]}, "seeds must be a whole number of at least 0, got -1"),
        ({"seeds": {"nano": [0]}}, "seeds: neither 'tiny' nor 'default' is given"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"learning_rate": {"transformer": 1e-3}}, "learning_rate: lstm is missing"),
        ({"learning_rate": {"base": 1e-3, "sizes": {"tinny": 1}}}, "unknown key 'tinny', did you mean 'tiny'"),
        ({"muon": "yes"}, "muon must be true or false, got 'yes'"),
        ({"context": 1}, "context must be a whole number of at least 2, got 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"training": {"num_train_epochs": 3}}, "training: unknown key 'num_train_epochs'"),
        ({"share_trunks": 1}, "share_trunks must be true or false, got 1"),
        ({"share_trunks": True, "training": {"warmup_steps": 0.05}}, "warmup_steps must be a whole number"),
        (
            {"share_trunks": True, "training": {"lr_scheduler_type": "cosine"}},
            "lr_scheduler_type is cosine",
        ),
        ({"repeat_up_to": 2}, r"fractions must lie in \(0, 1\], got 2"),
        ({"train_tokens": 0}, "train_tokens must be a whole number of at least 1"),
        ({"fraction": [1.0]}, "unknown key 'fraction', did you mean 'fractions'"),
    ],
)
def test_what_a_study_must_not_say(changes, complaint):
    with pytest.raises(StudyError, match=complaint):
        parse_settings(copy.deepcopy(GRID) | changes)


@pytest.mark.parametrize("missing", ["families", "sizes", "fractions", "seeds", "learning_rate"])
def test_what_a_study_must_say(missing):
    with pytest.raises(StudyError, match=f"{missing} is missing"):
        parse_settings({key: value for key, value in GRID.items() if key != missing})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(None, "no such file"), ("a: [", "cannot be read as YAML"), ("- 1", "expected a mapping, found list")],
)
def test_a_file_that_is_no_study_is_one_line_with_its_name(tmp_path, text, complaint):
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StudyError, match=f"study.yaml: .*{complaint}") as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


def test_scaled_rates_are_the_rule_times_the_factor():
    rate = LearningRate(1e-3, base_width=100, width_power=-1, sizes={"tiny": 4e-3})
    assert rate.scaled(2).at("small", 200) == pytest.approx(2 * rate.at("small", 200))
    assert rate.scaled(2).at("tiny", 200) == 8e-3
