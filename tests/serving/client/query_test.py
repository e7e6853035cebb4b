"""Tests of robust_tf.serving.client.query: batches, retries, deadlines and refusals, in both
protocols, with servers made by hand."""

import threading
import time

import pytest

from robust_tf.errors import InputError
from robust_tf.serving.client import Query, QueryOptions
from robust_tf.serving.client.answers import Answer, Failure, Guess
from robust_tf.serving.client.failures import Passing
from tests.serving.client.fake import (
    BAD,
    MODEL,
    PROBABILITIES,
    PROTOCOLS,
    fake_server,
    free_port,
    pauses_of,
)

TOP = tuple(Guess(i, PROBABILITIES[i], None) for i in (1, 0, 2))


@pytest.fixture(params=PROTOCOLS)
def fake(request):
    with fake_server(request.param) as server:
        yield server


@pytest.fixture
def files(tmp_path):
    """Five files, a.png to e.png, whose content is their letter."""
    paths = [tmp_path / f"{letter}.png" for letter in "abcde"]
    for path in paths:
        path.write_bytes(path.stem.encode())
    return [str(path) for path in paths]


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between retries."""
    return pauses_of(monkeypatch)


def results(fake, *images, **options):
    with Query(fake.options(*images, **options)) as query:
        return list(query.results())


def test_images_go_in_batches_and_come_back_in_order(fake, files):
    assert results(fake, *files, batch=2) == [Answer(file, TOP) for file in files]
    assert fake.asked == [[b"a", b"b"], [b"c", b"d"], [b"e"]]


def test_a_label_is_asked_for_its_signatures_and_its_answers(fake, files):
    fake.label = "stable"
    assert results(fake, files[0], label="stable") == [Answer(files[0], TOP)]
    for other in ({"label": "canary"}, {}):
        with pytest.raises(InputError, match="--model=shapes is not there"):
            results(fake, files[0], **other)


def test_a_batch_is_also_limited_by_its_bytes(fake, tmp_path):
    sizes = {"a": 3, "b": 4, "c": 2, "d": 9, "e": 1}
    for letter, megabytes in sizes.items():
        (tmp_path / f"{letter}.png").write_bytes(letter.encode() * (megabytes * 2**20))
    assert all(isinstance(result, Answer) for result in results(fake, str(tmp_path)))
    letters = [[content[:1] for content in batch] for batch in fake.asked]
    assert letters == [[b"a", b"b"], [b"c"], [b"d"], [b"e"]]


def test_what_cannot_be_read_keeps_its_place_and_costs_nobody_an_answer(fake, files, tmp_path):
    missing = str(tmp_path / "none.png")
    found = results(fake, files[0], missing, files[1], batch=3)
    failure = Failure(missing, "The file cannot be read: No such file or directory.")
    assert found == [Answer(files[0], TOP), failure, Answer(files[1], TOP)]
    assert fake.asked == [[b"a", b"b"]]


def test_nothing_is_asked_for_a_batch_of_nothing(fake, tmp_path):
    assert [type(r) for r in results(fake, str(tmp_path / "x"), str(tmp_path))] == [Failure] * 2
    assert fake.asked == []


def test_one_bad_image_of_a_batch_loses_none_of_the_others(fake, files, tmp_path):
    (tmp_path / "c.png").write_bytes(BAD)
    found = results(fake, *files, batch=4)
    refused = Failure(files[2], "It is invalid.")
    others = [Answer(file, TOP) for file in files]
    assert found == [*others[:2], refused, *others[3:]]
    # The batch, its images one by one, and the batch behind it; nothing was asked twice.
    assert [len(batch) for batch in fake.asked] == [4, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("kind", ["unavailable", "busy"])
def test_what_passes_is_asked_again_until_it_has_passed(fake, files, pauses, kind):
    fake.trouble = [kind, kind]
    assert results(fake, files[0]) == [Answer(files[0], TOP)]
    assert fake.asked == [[b"a"]] * 3
    assert len(pauses) == 2


def test_retries_end(fake, files, pauses):
    fake.trouble = ["unavailable"] * 4
    (failure,) = results(fake, files[0], retries=3)
    assert isinstance(failure, Failure)
    assert failure.sentence.endswith("It is unavailable (4 times).")
    assert len(fake.asked) == 4
    # Each pause is up to twice the one before, and at least half of that.
    for pause, longest in zip(pauses, (0.2, 0.4, 0.8), strict=True):
        assert longest / 2 <= pause <= longest
    fake.trouble = ["unavailable"]
    (failure,) = results(fake, files[0], retries=0)
    assert failure.sentence.endswith("It is unavailable.")


@pytest.mark.parametrize("kind", ["invalid", "missing", "failed"])
def test_what_does_not_pass_is_asked_once(fake, files, pauses, kind):
    fake.trouble = [kind]
    (failure,) = results(fake, files[0])
    assert isinstance(failure, Failure)
    assert failure.sentence.endswith(f"It is {kind}.")
    assert (len(fake.asked), pauses) == (1, [])


def test_a_failure_of_the_server_is_that_of_the_whole_batch(fake, files, pauses):
    fake.trouble = ["failed"]
    found = results(fake, *files, batch=3)
    assert [type(result) for result in found] == [Failure] * 3 + [Answer] * 2
    assert [len(batch) for batch in fake.asked] == [3, 2]


def test_the_deadline_ends_a_request_and_the_next_is_answered(fake, files):
    fake.trouble = ["asleep"]
    # Were it not ended, its image would be answered, after a nap of 30 seconds.
    found = results(fake, *files[:2], batch=1, deadline=1.0)
    assert "did not answer within" in found[0].sentence
    assert found[1] == Answer(files[1], TOP)
    assert fake.asked == [[b"a"], [b"b"]]


def test_the_deadline_is_that_of_all_retries(fake, files, pauses):
    fake.trouble = ["unavailable"] * 100
    (failure,) = results(fake, files[0], deadline=3.0, retries=100)
    times = len(fake.asked)
    assert failure.sentence.endswith(f"It is unavailable ({times} times).")
    # Four pauses are at most 0.2 + 0.4 + 0.8 + 1.6 seconds, five at least half of 6.2.
    assert times in (4, 5)
    assert sum(pauses) < 3.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_is_still_to_come_is_waited_for(protocol, files):
    port, found = free_port(), []
    scheme = "grpc://" if protocol == "grpc" else ""
    options = QueryOptions((files[0],), f"{scheme}127.0.0.1:{port}", MODEL)

    def ask():
        with Query(options) as query:
            found.extend(query.results())

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(0.3)
    assert not found
    with fake_server(protocol, port):
        client.join(30)
    assert found == [Answer(files[0], TOP)]


def test_nobody_who_listens_is_told_in_a_sentence(pauses):
    with fake_server("rest") as fake:
        options = fake.options(retries=1)
    with pytest.raises(Passing, match=r"metadata cannot be asked: Connection refused \(2 times\)"):
        Query(options)


def test_a_model_that_is_not_there_is_bad_usage(fake):
    with pytest.raises(InputError, match="--model=forms is not there: .* is not there"):
        Query(QueryOptions(("a.png",), fake.address, "forms"))


def test_an_unknown_signature_is_bad_usage(fake):
    with pytest.raises(InputError, match="--signature=encode is unknown; did you mean encoded"):
        Query(fake.options(signature="encode"))


def test_class_names_stand_beside_the_numbers_and_must_be_as_many(fake, files, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("circle\nsquare\nstar\n")
    (answer,) = results(fake, files[0], class_names=str(names), top=2)
    assert answer.top == (Guess(1, 0.625, "square"), Guess(0, 0.25, "circle"))
    names.write_text("circle\nsquare\n")
    with pytest.raises(InputError, match="has 2 lines; expected 3, one for each class"):
        Query(fake.options(class_names=str(names)))
    with pytest.raises(InputError, match="none.txt cannot be read: No such file"):
        Query(fake.options(class_names=str(tmp_path / "none.txt")))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
