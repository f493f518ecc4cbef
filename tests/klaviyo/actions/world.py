"""The world of the table of actions: one sandbox, an account with all scopes, and its things, made when needed."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from klaviyo_api import KlaviyoAPI

from integrations.models import Connection
from klaviyo import actions
from klaviyo.api import published
from klaviyo.sandbox import Exchange, Sandbox
from tests.consent_screen import TEA_HOUSE_LTD

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one point
DEFINITION = {
    "condition_groups": [
        {
            "conditions": [
                {
                    "type": "profile-property",
                    "property": "properties['sorae_code']",
                    "filter": {"type": "existence", "operator": "is-set"},
                }
            ]
        }
    ]
}


@dataclass
class World:
    """What cases are made of. `asked` are the operations that Klaviyo was asked since the last look."""

    sandbox: Sandbox
    connection: Connection
    exchanges: list[Exchange] = field(default_factory=list)
    sdk: Any = None
    secret: str = ""  # of a token for all actions, once one is made

    def asked(self) -> list[str]:
        """The ids of the operations, in order."""
        found = []
        for one in self.exchanges:
            matched = published.matching(one.method, one.path)
            found.append(matched[0].id if matched else f"{one.method} {one.path}")
        return found

    def done(self, name: str, /, **given: Any) -> Any:
        """The data of an action that must succeed, for what a case needs before."""
        outcome = actions.run(name, self.connection, **given)
        assert outcome.outcome == "success", outcome
        return outcome.data

    def email(self) -> str:
        return f"p{uuid.uuid4().hex[:10]}@shop.example"

    def profile(self, **more: Any) -> Any:
        return self.done("create_profile", email=self.email(), **more)

    def list(self) -> str:
        return str(self.done("create_list", name=f"List {uuid.uuid4().hex[:6]}")["id"])

    def member(self) -> tuple[str, Any]:
        """A list and who is on it."""
        list_id, profile = self.list(), self.profile()
        self.done("add_profile_to_list", list_id=list_id, klaviyo_id=profile["id"])
        return list_id, profile

    def segment(self) -> str:
        return str(self.done("create_segment", name="Fans", definition=DEFINITION)["id"])

    def event(self) -> str:
        """The id of an event."""
        self.done("create_event", event_name="Reward Issued", profile={"email": self.email()}, value=5)
        return str(self.done("list_events", limit=1, sort="-datetime")["items"][0]["id"])

    def metric(self) -> str:
        self.event()
        return str(self.done("list_metrics")["items"][0]["id"])

    def template(self) -> str:
        return str(self.done("create_template", name="Invite", html="<p>Hello {{ first_name }}</p>")["id"])

    def campaign(self) -> Any:
        list_id, _ = self.member()
        return self.done("create_campaign", name="Spring", included=[list_id], messages=[{"subject": "Bring a friend"}])

    def message(self) -> str:
        told = self.done("get_campaign", campaign_id=self.campaign()["id"], include=["campaign-messages"])
        return str(told["relationships"]["campaign-messages"]["data"][0]["id"])

    def ready(self) -> str:
        """The id of a campaign that can be sent."""
        campaign = self.campaign()
        message = campaign["relationships"]["campaign-messages"]["data"][0]["id"]
        self.done("assign_template", message_id=message, template_id=self.template())
        return str(campaign["id"])

    def scheduled(self) -> str:
        """The id of a campaign that waits for its day."""
        id = self.ready()
        strategy = {"method": "static", "datetime": "2027-03-01T09:00:00Z"}
        self.done("update_campaign", campaign_id=id, send_strategy=strategy)
        self.done("send_campaign", campaign_id=id)
        return id

    def image(self) -> str:
        return str(self.done("upload_image", file=PNG, name="Cup")["id"])

    def coupon(self) -> str:
        return str(self.done("create_coupon", external_id=f"F{uuid.uuid4().hex[:8]}")["id"])

    def code(self) -> str:
        unique_code = f"C{uuid.uuid4().hex[:8]}"
        return str(self.done("create_coupon_code", coupon_id=self.coupon(), unique_code=unique_code)["id"])

    def flow(self) -> str:
        """The id of a flow that listens to a metric, which no action makes."""
        body = {
            "data": {
                "type": "flow",
                "attributes": {"name": "Thanks", "definition": flow_definition(self.metric())},
            }
        }
        given = {"operation": "create_flow", "data": body}
        return str(self.done("raw_request", **given)["body"]["data"]["id"])

    def tag(self) -> str:
        return str(self.done("create_tag", name=f"Tag {uuid.uuid4().hex[:6]}")["id"])

    def webhook(self) -> str:
        given = {"endpoint_url": "https://shop.example/hook", "secret_key": "a long secret of ours"}
        return str(self.done("create_webhook", name="Ours", topics=[self.topic()], **given)["id"])

    def topic(self) -> str:
        return str(self.done("list_webhook_topics")["items"][0]["id"])


def flow_definition(metric: str) -> dict[str, Any]:
    return {
        "triggers": [{"type": "metric", "id": metric, "trigger_filter": None}],
        "profile_filter": None,
        "entry_action_id": "wait",
        "actions": [
            {
                "temporary_id": "wait",
                "type": "time-delay",
                "links": {"next": None},
                "data": {
                    "unit": "days",
                    "value": 1,
                    "secondary_value": 0,
                    "timezone": "profile",
                    "delay_until_time": None,
                },
            }
        ],
    }


def sdk(sandbox: Sandbox) -> Any:
    """The official client, over the same account."""
    tokens = sandbox.connect(TEA_HOUSE_LTD)
    made = KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=tokens.access_token)
    made.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
    return made
