"""Which job is next, and for how long."""

import pytest

from symbolic_music.training.queue.data.packed import QueueError
from symbolic_music.training.queue.jobs import build_jobs, read_jobs
from symbolic_music.training.queue.planner import next_deal

MODEL = {"model_type": "music_transformer"}


def jobs(*minutes, least=2):
    return build_jobs(
        [
            {"name": f"job{number}", "data": "remi", "model": MODEL, "minutes": each, "least_minutes": least}
            for number, each in enumerate(minutes)
        ]
    )


def test_the_first_job_that_has_not_ended_is_given_what_it_wants():
    deal = next_deal(jobs(5, 8), {}, {}, 3600)
    assert (deal.job.name, deal.seconds, deal.total_seconds) == ("job0", 300, 300)
    deal = next_deal(jobs(5, 8), {"job0": 300}, {"job0": "complete"}, 3300)
    assert (deal.job.name, deal.seconds) == ("job1", 480)


def test_a_job_goes_on_with_what_it_has_not_had():
    deal = next_deal(jobs(5), {"job0": 100}, {}, 3600)
    assert (deal.seconds, deal.total_seconds) == (200, 300)


def test_a_job_that_does_not_end_in_this_call_keeps_its_whole_time():
    deal = next_deal(jobs(30), {}, {}, 600)
    assert (deal.seconds, deal.total_seconds) == (600, 1800)


def test_with_last_each_job_ends_with_what_it_gets():
    deal = next_deal(jobs(30), {"job0": 60}, {}, 600, last=True)
    assert (deal.seconds, deal.total_seconds) == (600, 660)


def test_no_rest_is_left_that_is_not_worth_a_start():
    deal = next_deal(jobs(11), {}, {}, 600)
    assert (deal.seconds, deal.total_seconds) == (600, 600)


def test_a_job_that_can_do_nothing_useful_is_passed_over():
    small, large = build_jobs(
        [
            {"name": "large", "data": "remi", "model": MODEL, "minutes": 30, "least_minutes": 5},
            {"name": "small", "data": "remi", "model": MODEL, "minutes": 3, "least_minutes": 1},
        ]
    )
    deal = next_deal([small, large], {}, {}, 120)
    assert (deal.job.name, deal.seconds) == ("small", 120)
    assert next_deal([small, large], {}, {}, 30) is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "a/b"}, "expected a name of letters"),
        ({"minutes": -1}, "minutes is -1"),
        ({"minuts": 1}, "did you mean 'minutes'"),
        ({"model": {}}, "expected a model with a model_type"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"tokens": 10, "epochs": 1}, "tokens or epochs, not both"),
        ({"precision": "int4"}, "expected bf16 or float32"),
    ],
)
def test_what_cannot_be_a_job_is_named(entry, message):
    with pytest.raises(QueueError, match=message):
        build_jobs([{"name": "job", "data": "remi", "model": MODEL, "minutes": 1} | entry])


def test_two_jobs_of_one_name_are_refused():
    entry = {"name": "job", "data": "remi", "model": MODEL, "minutes": 1}
    with pytest.raises(QueueError, match="two jobs of this name"):
        build_jobs([entry, entry])


def test_rates_without_a_point_are_numbers():
    [job] = build_jobs([{"name": "job", "data": "remi", "model": MODEL, "minutes": 1, "learning_rate": "3e-3"}])
    assert job.learning_rate == 0.003


@pytest.mark.parametrize("text", ["jobs: []", "- a", "jobs: [a]", "jobs: {", "job: [{}]"])
def test_a_file_that_is_no_queue_is_named(tmp_path, text):
    path = tmp_path / "queue.yaml"
    path.write_text(text)
    with pytest.raises(QueueError, match=r"queue\.yaml"):
        read_jobs(path)
