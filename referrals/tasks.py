"""The Celery tasks, which beat sends: visits are counted, forms carried out, friends reminded."""

from celery import shared_task

from referrals import reminders, submissions, tallies, visits


@shared_task(ignore_result=True)
def count_visits() -> None:
    visits.count()


@shared_task(ignore_result=True)
def carry_out() -> None:
    submissions.carry_out()


@shared_task(ignore_result=True)
def remind() -> None:
    reminders.remind_due()


@shared_task(ignore_result=True)
def forget() -> None:
    tallies.forget()
