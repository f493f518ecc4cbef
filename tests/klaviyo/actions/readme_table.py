"""The README's table of actions, as made from their declarations: `python -m tests.klaviyo.actions.readme_table`."""

import os
from pathlib import Path

import django

README = Path(__file__).parents[3] / "README.md"
BEGINS, ENDS = "<!-- actions: begin -->\n", "<!-- actions: end -->\n"


def made() -> str:
    """Its lines, group by group."""
    from klaviyo.action_groups import ASKING_SOMETIMES
    from klaviyo.actions import catalogue

    lines = ["| action | what it does | asks Klaviyo | elsewhere |", "| --- | --- | --- | --- |"]
    for group, names in catalogue.GROUPS.items():
        lines.append(f"| **{group.capitalize()}** | | | |")
        for action in map(catalogue.find, names):
            asked = [*(f"({id})" for id in action.sometimes), *action.operations]
            mark = "" if not action.asks else " (☠)" if action.name in ASKING_SOMETIMES else " ☠"
            seeds = ", ".join(
                seed.replace("LeadConduit: ", "L: ").replace("Prismatic: ", "P: ") for seed in action.seeds
            )
            lines.append(f"| `{action.name}`{mark} | {action.summary} | {' '.join(asked)} | {seeds} |")
    return "\n".join(lines) + "\n"


def written() -> str:
    """What stands in the README."""
    return README.read_text().partition(BEGINS)[2].partition(ENDS)[0]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    text = README.read_text()
    before, _, rest = text.partition(BEGINS)
    README.write_text(before + BEGINS + made() + ENDS + rest.partition(ENDS)[2])
