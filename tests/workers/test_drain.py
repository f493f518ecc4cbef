"""`manage.py drain`: deliveries without any broker, also while the database or Redis goes away."""

import threading
from collections import Counter

import pytest

from sorae import settings
from sorae.celery import app
from tests import servers
from tests.consent_screen import TEA_HOUSE_LTD
from tests.sorae.forks import Fork
from tests.workers.conftest import House

PEOPLE = 20

embedded = pytest.mark.parametrize("house", ["the embedded parts"], indirect=True)


def told(house: House) -> Counter[str]:
    return Counter(event.email or "" for event in house.klaviyo.events(TEA_HOUSE_LTD, "Sorae Advocate Started"))


def end(house: House, worker: Fork) -> str:
    """Ask it to end; what it has said."""
    worker.terminate()
    house.wait_until(lambda: worker.poll() is not None)
    assert worker.returncode == 0, house.said(worker)
    assert "Traceback" not in house.said(worker)
    return house.said(worker)


def test_it_delivers_what_is_due_says_how_much_and_ends(house: House) -> None:
    people = house.play("join", PEOPLE)
    house.lose_messages()
    worker = house.start_drain()
    house.wait_until(lambda: worker.poll() is not None)
    assert worker.returncode == 0, house.said(worker)
    assert f"{2 * PEOPLE} delivered; 0 wait." in house.said(worker)
    assert told(house) == Counter(people)


@embedded  # workers on PostgreSQL and Redis are killed in test_workers.py
def test_it_takes_over_what_a_dead_worker_held(house: House) -> None:
    people = house.play("join", PEOPLE)
    house.observer.at_request = PEOPLE // 2
    house.observer.act = house.kill_workers
    dead = house.start_drain()
    house.wait_until(lambda: dead.poll() is not None)
    house.play("end-leases")
    heir = house.start_drain()
    house.wait_until(lambda: heir.poll() is not None)
    assert house.play("standings") == {"accepted": 2 * PEOPLE}
    assert told(house) == Counter(people)


def test_it_sends_no_message_to_a_broker(house: House) -> None:
    house.lose_messages()
    house.play("join", 1)
    house.lose_messages()
    worker = house.start_drain()
    house.wait_until(lambda: worker.poll() is not None)
    assert house.messages() == 0


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_in_a_loop_it_outlives_a_database_and_a_redis_that_go_away(house: House) -> None:
    people = house.play("join", PEOPLE)
    house.observer.at_request = PEOPLE
    restarted = threading.Event()

    def restart() -> None:
        servers.restart_postgres(house.env["DATABASE_URL"])
        restarted.set()

    house.observer.act = restart
    house.env["REDIS_URL"] = f"redis://127.0.0.1:{servers.free_port()}/0"  # where nobody answers
    worker = house.start_drain("--loop", "--threads", "3")
    house.wait_until(restarted.is_set)
    house.play("end-leases")
    assert house.wait_until_settled() == {"accepted": 2 * PEOPLE}
    said = end(house, worker)
    assert "The database does not answer" in said
    assert told(house) == Counter(people)


@embedded  # on PostgreSQL it does so above, and in test_stopping.py
def test_in_a_loop_it_delivers_what_comes_later_and_passes_as_well(house: House) -> None:
    worker = house.start_drain("--loop")
    house.wait_until(lambda: check(house) == (0, "Workers work."))
    (person,) = house.play("join", 1)
    assert house.wait_until_settled() == {"accepted": 2}
    assert told(house) == {person: 1}
    end(house, worker)


@embedded
def test_without_anybody_who_works_the_check_says_so(house: House) -> None:
    status, said = check(house)
    assert status == 1
    assert said == "CommandError: No sweep has come to its end yet: start a worker and beat, or drain --loop."


@pytest.mark.django_db
def test_every_periodic_job_is_a_task_that_is_there() -> None:
    app.loader.import_default_modules()
    assert [job["task"] for job in settings.CELERY_BEAT_SCHEDULE.values() if job["task"] not in app.tasks] == []


def check(house: House) -> tuple[int, str]:
    return house.run("drain", "--check")
