"""The join form of a program, which tells nobody who is in it already."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from referrals import submissions
from referrals.forms import JoinForm
from referrals.models import Program
from referrals.views import public

PLACE = "join form"


@public.page
def join(request: HttpRequest, store: str, program: str) -> HttpResponse:
    wanted = Program.objects.select_related("store").filter(store__slug=store, slug=program).first()
    if wanted is None:
        return public.nothing_here(request)
    form = JoinForm(wanted.store, request.POST if request.method == "POST" else None)
    if form.is_bound:
        if refusal := public.too_often(request, PLACE, wanted.store):
            return refusal
        if public.kept(form, lambda: _keep(wanted, form)):
            return redirect(f"{reverse('referrals:join', args=[store, program])}?thanks")
    is_thanks = "thanks" in request.GET and not form.is_bound
    words = {"store": wanted.store, "program": wanted, "form": form, "is_thanks": is_thanks}
    return render(request, "referrals/join.html", words)


def _keep(program: Program, form: JoinForm) -> None:
    submissions.keep(
        program.store,
        form.cleaned_data["email"],
        place=PLACE,
        program=program,
        first_name=form.cleaned_data["first_name"],
        wishes=form.wishes(),
    )
