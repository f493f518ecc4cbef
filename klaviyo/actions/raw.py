"""The raw request: any operation of Klaviyo's, by its id or by a method and a path, guarded."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from integrations.errors import TemporaryError
from integrations.wire import http
from klaviyo.actions import retries, unsubscription
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Inputs,
    Line,
    Object,
    Shaped,
    Text,
    json_problem,
    needs,
    only_one_of,
    seed,
    wrong,
)
from klaviyo.actions.task import Refused, Task
from klaviyo.api import answers, bodies, published
from klaviyo.api.answers import Answer
from klaviyo.api.operation import Operation
from klaviyo.api.published import Published

# No % and no dots alone: on their way they would be read as other characters, and so as another operation.
SAFE_PATH = re.compile(r"/(api|client)/[A-Za-z0-9._~!$&'()*+,;=:/-]*")
UNSAFE = re.compile(r"//|\.\.|/\.(/|$)")
REFUSED_HEADERS = frozenset(
    {
        "accept-encoding",
        "expect",
        "forwarded",
        "keep-alive",
        "klaviyo-api-key",
        "proxy-connection",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "authorization",
        "host",
        "cookie",
        "content-length",
        "transfer-encoding",
        "connection",
        "proxy-authorization",
        "upgrade",
        "te",
        "trailer",
    }
)
#: Where the product has an action with its guards: asked for by hand, it asks as the action does.
GUARDED = {
    "bulk_subscribe_profiles": "subscribe_profiles",
    "create_client_subscription": "subscribe_profiles",
    "bulk_unsubscribe_profiles": "unsubscribe_profiles",
    "bulk_suppress_profiles": "suppress_profiles",
    "bulk_unsuppress_profiles": "unsuppress_profiles",
    "merge_profiles": "merge_profiles",
    "request_profile_deletion": "request_profile_deletion",
    "delete_list": "delete_list",
    "delete_segment": "delete_segment",
    "delete_template": "delete_template",
    "delete_campaign": "delete_campaign",
    "send_campaign": "send_campaign",
    "cancel_campaign_send": "cancel_campaign_send",
    "delete_coupon": "delete_coupon",
    "delete_coupon_code": "delete_coupon_code",
    "update_flow": "update_flow_status",
    "delete_tag": "delete_tag",
    "delete_webhook": "delete_webhook",
}
UNMATCHED = (1, 15)  # the smallest of Klaviyo's limits


NO_OPERATION = "An operation's id has small letters, digits and _ alone, as get_lists."
NO_HEADER = "The name of a header has letters, digits and dashes alone."


class Raw(Inputs):
    RULES = (only_one_of("operation", "url"), needs("url", "method"))

    operation: Annotated[
        Annotated[str, Shaped(r"^[a-z0-9_]{1,120}$", NO_OPERATION)] | None,
        Field(description="Klaviyo's id of the operation: get_lists."),
    ] = None
    path: Annotated[
        dict[str, Annotated[str, Field(min_length=1, max_length=300)]] | None,
        Field(description='The values in the operation\'s path: {"id": "Y6nRLr"}.'),
    ] = None
    url: Annotated[
        str | None,
        Field(
            min_length=1, max_length=2_000, description="Or a path, such as /api/lists.", json_schema_extra=seed("URL")
        ),
    ] = None
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None,
        Field(description="With a path.", json_schema_extra=seed("Method")),
    ] = None
    data: Annotated[
        Object | list[Any] | Text | None, Field(description="The body: JSON, or text.", json_schema_extra=seed("Data"))
    ] = None
    form_data: Annotated[
        dict[Line, Text] | None, Field(description="The body as a form.", json_schema_extra=seed("Form Data"))
    ] = None
    file_data: Annotated[
        dict[Line, str] | None,
        Field(description="Files of a form, each as base64.", json_schema_extra=seed("File Data")),
    ] = None
    file_data_file_names: Annotated[
        dict[str, Line] | None,
        Field(description="The names of these files.", json_schema_extra=seed("File Data File Names")),
    ] = None
    query_parameters: Annotated[
        dict[str, Text] | None,
        Field(description="What follows the ? of the address.", json_schema_extra=seed("Query Parameter")),
    ] = None
    headers: Annotated[
        dict[Annotated[str, Shaped(r"^[A-Za-z0-9-]{1,100}$", NO_HEADER)], Text] | None,
        Field(description="Further headers.", json_schema_extra=seed("Header")),
    ] = None
    response_type: Annotated[
        Literal["json", "text", "binary"],
        Field(description="How the answer is read; binary comes as base64.", json_schema_extra=seed("Response Type")),
    ] = "json"
    exclude_authorization: Annotated[
        bool,
        Field(description="Without our access: for /client/… only.", json_schema_extra=seed("Exclude Authorization")),
    ] = False
    timeout_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=3600,
            description="After so many seconds it ends, whatever it is at.",
            json_schema_extra=seed("Timeout", "Timeout Seconds"),
        ),
    ] = 360
    max_retries: Annotated[
        int,
        Field(
            ge=0,
            le=10,
            description="How often it is made again; a POST that may have been done is not.",
            json_schema_extra=seed("Max Retry Count"),
        ),
    ] = 0
    exponential_backoff: Annotated[
        bool, Field(description="Wait 1, 2, 4 … 60 seconds.", json_schema_extra=seed("Use Exponential Backoff"))
    ] = False

    @model_validator(mode="after")
    def _is_safe(self) -> "Raw":
        if (self.operation is None) == (self.url is None):
            raise wrong("Give either an operation or a url.", field="operation")
        if self.operation is not None:
            self._names_an_operation()
            if self.method not in (None, published.find(self.operation).operation.method):
                raise wrong("The operation has a method of its own: leave it out.", field="method")
        if self.url is not None:
            if self.method is None:
                raise wrong("A url needs a method.", "missing", field="method")
            check_path(self.url)
        self._headers_are_safe()
        self._one_body()
        meant = self.meant
        said = answers.members(bodies.read(self.body).get("data")).get("id")
        if meant[0].id == "update_profile" and said != meant[1]["id"]:
            raise wrong("The data must have the id that the path has.", field="data")
        is_client = (self.url or meant[0].path).startswith("/client/")
        if self.exclude_authorization and not is_client:
            raise wrong("Only /client/… is asked without our access.", field="exclude_authorization")
        if is_client and "company_id" not in (self.query_parameters or {}):
            raise wrong("/client/… needs company_id among the query_parameters.", "missing", field="query_parameters")
        return self

    def _names_an_operation(self) -> None:
        try:
            found = published.find(self.operation or "")
        except published.Unknown:
            raise wrong("Klaviyo has no operation of that id.", field="operation") from None
        wanted = set(re.findall(r"{(\w+)}", found.operation.path))
        if wanted != set(self.path or {}):
            raise wrong(f"Its path needs: {', '.join(sorted(wanted)) or 'nothing'}.", field="path")
        for value in (self.path or {}).values():
            if not re.fullmatch(r"[A-Za-z0-9_=.:~-]{1,300}", value) or ".." in value or value == ".":
                raise wrong("A value in the path holds what cannot be an id.", field="path")

    def _headers_are_safe(self) -> None:
        names = [name.lower() for name in self.headers or {}]
        if len(set(names)) < len(names):
            raise wrong("A header is given twice.", field="headers")
        for name, value in (self.headers or {}).items():
            if name.lower() in REFUSED_HEADERS or name.lower().startswith("x-forwarded-"):
                raise wrong(f"The header {name} is ours to send.", field="headers")
            if not re.fullmatch(r"[\x20-\x7e\t]*", value):
                raise wrong(f"The header {name} holds what a header cannot.", field="headers")
            if name.lower() == "revision" and not _is_revision(value):
                raise wrong("A revision is a date, such as 2026-07-15.", field="headers")

    def _one_body(self) -> None:
        files = self.file_data or {}
        if problem := json_problem(self.data):
            raise wrong(problem, field="data")
        if self.data is not None and (self.form_data or files):
            raise wrong("Give either data or a form.", field="data")
        if set(self.file_data_file_names or {}) - set(files):
            raise wrong("It names files that are not among file_data.", field="file_data_file_names")
        if isinstance(self.data, str) and bodies.names_twice(self.data):
            raise wrong("A name stands twice in one object: whoever reads it may take either.", field="data")
        for text in files.values():
            try:
                base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise wrong("This is not base64.", field="file_data") from None

    @property
    def meant(self) -> tuple[Operation, Mapping[str, str], Published | None]:
        """The operation that it asks, the values in its path, and what Klaviyo publishes of it, if anything."""
        if self.operation is not None:
            found = published.find(self.operation)
            return found.operation, self.path or {}, found
        method, url = self.method or "GET", self.url or ""
        if matched := published.matching(method, url.rstrip("/") or url):
            return matched[0].operation, matched[1], matched[0]
        burst, steady = UNMATCHED
        return Operation("raw_request", f"{method} {url}", "", burst, steady, success=(200, 201, 202, 204)), {}, None

    @property
    def body(self) -> Any:
        """The body, as the client sends it."""
        if self.file_data:
            names = self.file_data_file_names or {}
            files = {
                name: bodies.File(names.get(name, name), base64.b64decode(text))
                for name, text in self.file_data.items()
            }
            return bodies.multipart(self.form_data or {}, files)
        if self.form_data:
            return bodies.form(self.form_data)
        if isinstance(self.data, str):
            kind = next((v for n, v in (self.headers or {}).items() if n.lower() == "content-type"), "text/plain")
            return bodies.Body(self.data.encode(), kind)
        return self.data


def _is_revision(value: str) -> bool:
    """Whether it is a date, as https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy has it."""
    day, _, stage = value.partition(".")
    try:
        return date.fromisoformat(day).isoformat() == day and (stage.isalpha() or not stage)
    except ValueError:
        return False


def _on_the_wire(path: str) -> str:
    """The path as the HTTP library sends it: https://urllib3.readthedocs.io/en/stable/reference/urllib3.util.html"""
    from urllib3.util import parse_url  # heavy

    return parse_url(f"https://klaviyo.example{path}").path or ""


def check_path(url: str) -> None:
    """Raises a validation error for what might lead elsewhere than to Klaviyo's API."""
    if UNSAFE.search(url) or not SAFE_PATH.fullmatch(url) or _on_the_wire(url) != url:
        raise wrong(
            "Give a path that begins with /api/ or /client/, without host, query, @, %, // or dots alone.", field="url"
        )


def _question(given: Raw) -> str:
    operation, _, _ = given.meant
    if name := GUARDED.get(operation.id):
        return f"The action {name} does this with its guards; as a raw request it goes without them."
    return "This deletes something for good." if operation.method == "DELETE" else ""


@action(
    seeds=("Prismatic: Raw Request",),
    asks=_question,
    reaches=True,
    examples=(
        {"operation": "get_lists"},
        {"method": "GET", "url": "/api/lists", "query_parameters": {"page[size]": "5"}},
    ),
)
def raw_request(task: Task, given: Raw) -> dict[str, Any]:
    """Make a request of your own to Klaviyo, by the id of an operation or by a method and a path.

    The operation's limits and scopes hold; redirects are never followed, and it goes to Klaviyo and nowhere else.
    """
    operation, path, found = given.meant
    if given.operation is None and found is None and operation.path.count("{"):
        raise Refused("invalid", "The path holds what a path cannot.", pointer="/url")
    if operation.id == "bulk_unsubscribe_profiles":
        unsubscription.noted(task, given.body)
    try:
        answer = task.call(
            operation,
            path=path,
            query=given.query_parameters,
            body=given.body,
            headers=given.headers,
            response_type=given.response_type,
            is_anonymous=given.exclude_authorization,
            is_repeatable=retries.may_be_repeated(operation, given.body),
        )
    except TemporaryError as error:
        if error.code != http.REDIRECTED.code:
            raise
        raise Refused(error.code, error.sentence) from error  # the same again leads to the same place
    return _told(answer, operation, given.response_type)


def _told(answer: Answer, operation: Operation, response_type: str) -> dict[str, Any]:
    told: dict[str, Any] = {"operation": operation.id, "status": answer.status, "media_type": answer.media_type}
    if response_type == "json":
        return told | {"body": answer.document}
    if response_type == "text":
        return told | {"body": answer.text}
    return told | {"body": base64.b64encode(answer.content).decode()}
