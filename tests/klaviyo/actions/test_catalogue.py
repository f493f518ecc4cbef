"""The catalogue: every action is there, with its operations, its examples, and other products' names for its fields."""

import pytest

from klaviyo.actions import catalogue, checking
from klaviyo.actions.declaration import REGISTRY, Action
from klaviyo.actions.inputs import aliases_of, labels_of, snake
from klaviyo.api import published
from klaviyo.management.console import manual
from klaviyo.management.console.options import Options
from klaviyo.pages import action_fields
from tests.klaviyo.actions import readme_table

ACTIONS = catalogue.everything()
COMMON = {"Timeout Seconds", "Max Retry Count", "Retry Delay (ms)", "Use Exponential Backoff", "Retry On All Errors"}
WHO = {"Email", "Phone 1", "Klaviyo Id", "Klaviyo External Id", "Klaviyo Identifier", "Klaviyo Profile Handling"}
ABOUT = {
    "First Name",
    "Last Name",
    "Title",
    "Company Name",
    "Organization",
    "Klaviyo Photo Url",
    "Image",
    "Address 1",
    "Address 2",
    "City",
    "Country",
    "State",
    "Postal Code",
    "Latitude",
    "Longitude",
    "Klaviyo Timezone",
    "Location",
    "Klaviyo Custom",
    "Properties",
}
#: What the forms of LeadConduit and Prismatic call the fields of their actions.
LABELS = {
    "create_profile": COMMON | ABOUT | {"Email", "Phone 1", "Phone Number", "Reference", "External ID"},
    "get_profiles": COMMON | WHO,
    "update_profile": COMMON | WHO | ABOUT | {"Reference", "Profile ID"},
    "get_profile": COMMON | {"Profile ID", "Additional Profile Fields"},
    "add_profile_to_list": COMMON | WHO | {"Klaviyo List Id"},
    "get_segment_profiles": COMMON | WHO | {"Klaviyo Segment Id"},
    "subscribe_profile_to_list": COMMON | WHO | {"Klaviyo List Id", "Klaviyo Channels", "Klaviyo Custom Source"},
    "subscribe_profiles": COMMON | {"Profiles", "List ID"},
    "unsubscribe_profiles": COMMON | {"Profiles", "List ID"},
    "list_list_profiles": COMMON | {"List ID"},
    "create_list": COMMON | {"List Name"},
    "get_list": COMMON | {"List ID"},
    "update_list": COMMON | {"List ID", "List Name"},
    "delete_list": COMMON | {"List ID"},
    "create_segment": COMMON | {"Segment Name", "Segment Condition Groups", "Is Starred Segment"},
    "get_segment": COMMON | {"Segment ID"},
    "update_segment": COMMON | {"Segment ID", "Segment Name", "Segment Condition Groups", "Is Starred Segment"},
    "delete_segment": COMMON | {"Segment ID"},
    "create_event": COMMON
    | {"Event Name", "Event Profile", "Event Properties", "Event Time", "Event Value", "Event Value Currency"}
    | {"Event Unique ID"},
    "bulk_create_events": COMMON | {"Events Array"},
    "get_event": COMMON | {"Event ID", "Event Fields", "Metric Fields", "Profile Fields"},
    "list_events": COMMON | {"Event Fields", "Metric Fields", "Profile Fields"},
    "create_template": COMMON | {"Template Name", "Editor Type", "Template HTML", "Template Text"},
    "get_template": COMMON | {"Template ID"},
    "update_template": COMMON | {"Template ID", "Template Name", "Template HTML", "Template Text"},
    "delete_template": COMMON | {"Template ID"},
    "create_campaign": COMMON
    | {"Campaign Name", "Included Audiences", "Excluded Audiences", "Campaign Messages", "Tracking Options"}
    | {"Send Options", "Send Strategy"},
    "get_campaign": COMMON | {"Campaign ID"},
    "list_campaigns": COMMON | {"Filter Campaigns"},
    "update_campaign": COMMON
    | {"Campaign ID", "Campaign Name", "Included Audiences", "Excluded Audiences", "Tracking Options"}
    | {"Send Options", "Send Strategy"},
    "delete_campaign": COMMON | {"Campaign ID"},
    "upload_image": COMMON | {"Image URL", "File Data", "Image Name"},
    "get_image": COMMON | {"Image ID"},
    "update_image": COMMON | {"Image ID", "Image Name", "Image Hidden"},
    "get_account": COMMON | {"Account ID", "Fields"},
    "raw_request": COMMON
    | {"URL", "Method", "Data", "Form Data", "File Data", "File Data File Names", "Query Parameter", "Header"}
    | {"Response Type", "Timeout", "Exclude Authorization"},
}


def test_there_are_all_of_them_and_no_other() -> None:
    assert len(catalogue.names()) == 98
    assert set(REGISTRY) == set(catalogue.names())
    assert sum(bool(one.seeds) for one in ACTIONS) == 42
    assert sum(len(one.seeds) for one in ACTIONS) == 44


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: one.name)
def test_an_action_says_what_it_does_asks_what_is_published_and_has_examples_that_hold(action: Action) -> None:
    assert catalogue.GROUPS[action.group].count(action.name) == 1
    assert action.summary.endswith(".")
    for id in (*action.operations, *action.sometimes):
        assert published.find(id).id == id
    assert action.examples
    for example in action.examples:
        for strict in (False, True):
            checking.checked(action, example, strict=strict)
    schema = action.inputs.model_json_schema()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", LABELS)
def test_fields_are_found_by_the_names_of_other_products(name: str) -> None:
    model = catalogue.find(name).inputs
    known = {label for _, _, label in labels_of(model)}
    assert LABELS[name] - known == set()
    own = {field.alias or field_name for field_name, field in model.model_fields.items()}
    for label in LABELS[name]:
        assert snake(label) in own | set(aliases_of(model))


@pytest.mark.parametrize("name", LABELS)
def test_names_of_other_products_are_shown_in_help_and_form_and_can_be_used_in_both(name: str) -> None:
    action = catalogue.find(name)
    help = " ".join(" ".join(manual.of_action(name)).split())
    options = Options(action)
    form = action_fields.of(action)
    shown = {word for one in form for word in (one.label, *one.elsewhere)}
    shown |= {word for one in form for word in (one.group, one.about_group)}
    for label in LABELS[name]:
        option = "--" + snake(label).replace("_", "-")
        assert label in help or option in options.names, label
        assert option in options.aliases.keys() | options.names.keys(), label
        assert action_fields.named(action, snake(label)), label
        assert any(_same(label) in _same(word) for word in shown), label


def _same(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def test_an_unknown_action_is_told_which_is_meant() -> None:
    with pytest.raises(catalogue.NoSuchAction, match="did you mean create_profile"):
        catalogue.find("creat_profile")


def test_the_readme_has_them_as_they_are_declared() -> None:
    assert readme_table.written() == readme_table.made()
