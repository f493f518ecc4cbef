"""Profile deletion: the profile and all that hangs on it go at once, whatever waits for them too."""

from klaviyo.sandbox.protocol.calls import Answer, Call
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import profile_shapes
from klaviyo.sandbox.state import people
from klaviyo.sandbox.state.people import Person

_POINTER = "/data/attributes/profile/data"
_BODY = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("data-privacy-deletion-job",)),
                "attributes": Members(
                    {
                        "profile": Members(
                            {
                                "data": Members(
                                    {
                                        "type": profile_shapes.TYPE,
                                        "attributes": Members(
                                            optional={
                                                "email": profile_shapes.EMAIL,
                                                "phone_number": profile_shapes.PHONE,
                                            }
                                        ),
                                    },
                                    {"id": Text(nullable=True)},
                                )
                            }
                        )
                    }
                ),
            }
        )
    }
)


def request_profile_deletion(call: Call) -> Answer:
    told = call.parse(_BODY)["data"]["attributes"]["profile"]["data"]
    given = {"id": told.get("id"), **told["attributes"]}
    named = {name: value for name, value in given.items() if value}
    if len(named) != 1:
        raise Refusal(invalid("Give exactly one of id, email and phone_number.", _POINTER))
    if "id" in named:
        person = people.get(call.sql, call.account, named["id"])
    else:
        person = people.find(call.sql, call.account, named)
    if person is None:
        name, value = next(iter(named.items()))
        detail = f'No profile with {name} "{value}" found.  The profile may have already been deleted.'
        raise Refusal(Problem(404, "not_found", "Not found.", detail))
    people.delete(call.sql, [person.id])
    _forget_failed_imports(call, person)
    return Answer(202)


def _forget_failed_imports(call: Call, person: Person) -> None:
    """Takes the person out of the errors of import jobs, which repeat what was sent."""
    call.sql.execute(
        "DELETE FROM job_errors WHERE job IN (SELECT id FROM jobs WHERE account = ?) AND ("
        "json_extract(document, '$.original_payload.id') = ? "
        "OR lower(json_extract(document, '$.original_payload.email')) = ? "
        "OR json_extract(document, '$.original_payload.phone_number') = ? "
        "OR json_extract(document, '$.original_payload.external_id') = ?)",
        (call.account, person.id, person.email and person.email.lower(), person.phone_number, person.external_id),
    )
