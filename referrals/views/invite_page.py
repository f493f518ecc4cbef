"""The invite page before the shop: the inviter, the offer, and the newsletter for those who ask for it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from referrals import links, names, submissions, suppressions
from referrals.forms import NewsletterForm
from referrals.models import Invite
from referrals.views import public

PLACE = "invite page"


@public.page
def invite_page(request: HttpRequest, uid: str) -> HttpResponse:
    """Whoever was sent the link may open it; whom it was sent to is not shown."""
    invite = _invite(uid)
    if invite is None:
        return public.nothing_here(request)
    campaign = "".join(f"&{piece}" for piece in links.campaign(links.query(request)))
    if _is_over(invite):
        return render(request, "referrals/invite_over.html", _words(invite, campaign))
    form = NewsletterForm(invite.advocate.program.store, request.POST if request.method == "POST" else None)
    if form.is_bound:
        if refusal := public.too_often(request, PLACE, form.store):
            return refusal
        if public.kept(form, lambda: _keep(form)):
            return redirect(f"{reverse('referrals:invite_page', args=[invite.uid])}?thanks{campaign}")
    is_thanks = "thanks" in request.GET and not form.is_bound
    return render(request, "referrals/invite.html", _words(invite, campaign) | {"form": form, "is_thanks": is_thanks})


def _keep(form: NewsletterForm) -> None:
    submissions.keep(form.store, form.cleaned_data["email"], place=PLACE, wishes=form.wishes())


def _invite(uid: str) -> Invite | None:
    try:
        read = UUID(uid)
    except ValueError:
        return None
    return Invite.objects.select_related("advocate__program__store").filter(uid=read).first()


def _is_over(invite: Invite) -> bool:
    closed_for_good = (Invite.Closing.OPTED_OUT, Invite.Closing.EXPIRED, Invite.Closing.ERASED)
    has_expired = invite.expires_at is not None and invite.expires_at <= timezone.now()
    return has_expired or invite.closed_by in closed_for_good or suppressions.is_erased(invite.recipient_email)


def _words(invite: Invite, campaign: str) -> dict[str, Any]:
    program = invite.advocate.program
    share_link = reverse("referrals:share_link", args=[invite.advocate.referral_code])
    way = f"{share_link}?i={invite.uid}{campaign}"
    return {
        "inviter": names.shown(invite.advocate),
        "store": program.store,
        "program": program,
        "expires_on": program.store.local(invite.expires_at).date() if invite.expires_at else None,
        "shop": program.store.url if suppressions.is_erased(invite.recipient_email) else way,
    }
