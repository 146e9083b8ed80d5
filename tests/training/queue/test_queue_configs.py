"""The queues of train/configs/gpu: their models are of the sizes that they say, and fit the shards."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from symbolic_music.scaling.grid.ladder import RUNGS, find_rung, lstm_config, parameter_count, transformer_config
from symbolic_music.scaling.grid.ladder_jobs import ladder_jobs
from symbolic_music.scaling.grid.study import StudyError
from symbolic_music.training.queue.jobs import build_jobs, read_jobs
from symbolic_music.training.queue.models import build_model
from symbolic_music.training.queue.shards import check_shards

GPU = Path(__file__).parents[3] / "train" / "configs" / "gpu"
# What is asked of a tokenizer before any token is encoded.
TOKENIZER = SimpleNamespace(vocab_size=4096, pad=0, bos=1, eos=2)
MILLIONS = {"remi-ensemble-30m": 30.4, "gpt2-music-base": 16.2, "bart-music-base": 14.8, "remi-ensemble-100m": 102.3}


def test_the_ensembles_are_of_their_sizes():
    jobs = build_jobs(read_jobs(GPU / "ensembles.yaml"))
    assert [job.name for job in jobs] == list(MILLIONS)
    for job in jobs:
        with torch.device("meta"):
            model = build_model(job, TOKENIZER, infills=job.data == "infill")
        parameters = sum(parameter.numel() for parameter in model.parameters())
        assert parameters / 1e6 == pytest.approx(MILLIONS[job.name], abs=0.05)
        assert job.batch_tokens % job.micro_tokens == job.micro_tokens % job.context == 0
        check_shards(model, job.precision, job.name)
    assert sum(job.minutes for job in jobs) < 60


def test_the_ladder_has_both_families_at_every_rung():
    [entry] = read_jobs(GPU / "ladder.yaml")
    jobs = build_jobs(ladder_jobs(entry, GPU, vocab_size=2000))
    assert len(jobs) == 2 * 3 * len(RUNGS)
    by_name = {job.name: job for job in jobs}
    for make, family in ((transformer_config, "transformer"), (lstm_config, "lstm")):
        job = by_name[f"ladder-{family}-small-f0.5-s0"]
        assert (job.fraction, job.epochs, job.transposed, job.muon) == (0.5, 1, False, family == "transformer")
        with torch.device("meta"):
            model = build_model(job, SimpleNamespace(**vars(TOKENIZER) | {"vocab_size": 2000}), infills=False)
        expected = parameter_count(make(find_rung("small"), 2000, 256, "rotary")).total
        assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_a_ladder_without_its_study_is_named():
    with pytest.raises(StudyError, match=r"nothing\.yaml"):
        ladder_jobs({"ladder": "nothing.yaml"}, GPU, 2000)
