"""`pipeline("symbolic-music-generation")`: a model by name, pieces out."""

from dataclasses import fields, replace
from typing import Any

from symusic.core import ScoreTick
from transformers import AutoModelForCausalLM, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY
from transformers.utils import logging

from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.controls.words import understand
from symbolic_music.score.files import read_scores

logger = logging.get_logger(__name__)
TASK = "symbolic-music-generation"
OPTION_NAMES = {field.name for field in fields(SamplingOptions)}
_OTHER_NAMES = {"num_samples", "prompt_bars", "controls", "ask", "best_of", "particles"}


class SymbolicMusicGenerationPipeline(Pipeline):
    """Composes pieces, from nothing or continuing a Score or music file.

        composer = pipeline("symbolic-music-generation", model="…")
        pieces = composer(num_samples=4, num_bars=16)
        more = composer("opening.mid", prompt_bars=4, num_bars=16, temperature=0.9)
        waltzes = composer(controls=Controls(meter="3/4", key="Dm", chords=(("Dm",), ("A7",))), num_bars=8)
        others = composer(ask="a slow waltz in D minor for violin and cello, 8 bars")

    Each piece is a dict with `score`, `valid`, `invalid_reason`, `notes`, `bars` and `tokens`.
    """

    _load_processor = True  # type: ignore[assignment]
    _load_tokenizer = False  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]

    processor: Any

    def __call__(self, prompt: ScoreTick | str | None = None, **kwargs: Any) -> list[dict[str, Any]]:  # type: ignore[override]
        """Pieces that continue `prompt`, or pieces from nothing; see `SamplingOptions` for the arguments."""
        return super().__call__({"prompt": prompt}, **kwargs)

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict, dict, dict]:
        unknown = set(kwargs) - OPTION_NAMES - _OTHER_NAMES
        if kwargs.get("ask") is not None:
            if kwargs.get("controls") is not None:
                raise TypeError("controls and ask both say what the pieces shall be; give one")
            understood = understand(kwargs.pop("ask"))
            if understood.unknown:
                logger.warning("not understood: %s", ", ".join(understood.unknown))
            kwargs["controls"] = understood.controls
        if unknown:
            raise TypeError(f"unknown argument {sorted(unknown)[0]!r}; expected one of {sorted(OPTION_NAMES)}")
        return {}, kwargs, {}

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        """The prompt as a Score."""
        prompt = inputs["prompt"]
        return {"prompt": prompt if prompt is None or isinstance(prompt, ScoreTick) else read_scores(prompt)[0]}

    def _forward(self, model_inputs: dict[str, Any], **kwargs: Any) -> list:  # type: ignore[override]
        options = replace(SamplingOptions(), **{name: kwargs.pop(name) for name in OPTION_NAMES & set(kwargs)})
        return compose(self.model, self.processor, prompt=model_inputs["prompt"], options=options, **kwargs)

    def postprocess(self, model_outputs: list) -> list[dict[str, Any]]:  # type: ignore[override]
        """One dict per piece."""
        return [
            {
                "score": piece.score,
                "valid": piece.valid,
                "invalid_reason": piece.invalid_reason,
                "notes": piece.num_notes,
                "bars": piece.num_bars,
                "tokens": len(piece.ids),
            }
            for piece in model_outputs
        ]


def register_pipeline() -> None:
    """Make `transformers.pipeline` know the task."""
    if TASK not in PIPELINE_REGISTRY.get_supported_tasks():
        PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=SymbolicMusicGenerationPipeline, pt_model=AutoModelForCausalLM
        )
