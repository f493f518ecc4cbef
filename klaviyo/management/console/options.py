"""Options of one action: argparse's parser made from the action's model, with other products' names for its fields."""

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import aliases_of
from klaviyo.management.console.refusals import Unusable
from klaviyo.management.console.texts import Kind, kind_of, stripped, value_of, word_of

DJANGO = ("--settings", "--pythonpath", "--verbosity")  # read before us; they have a value
DJANGO_FLAGS = ("--traceback", "--no-color", "--force-color", "--skip-checks")
OURS = ("connection", "input", "key")
OUR_FLAGS = {
    "json": "print the outcome as JSON",
    "dry-run": "print the requests as they would go, and send nothing",
    "yes": "do what asks first",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong and repeats no value."""

    def error(self, message: str) -> NoReturn:
        raise Unusable(message)


class Options:
    """What may follow the name of an action."""

    def __init__(self, action: Action) -> None:
        self.action = action
        fields = action.inputs.model_fields
        self.fields = {_option(field.alias or name): field for name, field in fields.items()}
        self.names = {_option(field.alias or name): field.alias or name for name, field in fields.items()}
        self.kinds: dict[str, Kind] = {option: kind_of(field) for option, field in self.fields.items()}
        self.aliases = {_option(alias): _option(name) for alias, name in aliases_of(action.inputs).items()}
        if "--properties" in self.fields:
            self.aliases["--property"] = "--properties"

    def parsed(self, words: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
        """Our own options, and what was given of the action's fields. May be Unusable."""
        said, rest = self.parser().parse_known_args(self._spelled(words))
        if rest:
            unknown = [word for word in rest if word.startswith("--") and word != "--"]
            raise Unusable(*(self._unknown(word) for word in unknown or rest[:1]))
        given: dict[str, Any] = {}
        problems: list[str] = []
        for option, name in self.names.items():
            value = getattr(said, _place(option), None)
            if value is None:
                continue
            try:
                given[name] = value if isinstance(value, bool) else self._value(option, value)
            except Unusable as problem:
                problems += problem.lines
        if problems:
            raise Unusable(*problems)
        return said, {name: value for name, value in given.items() if value is not None}

    def parser(self) -> Parser:
        """The parser; its help is made elsewhere."""
        made = Parser(prog=self.action.name, add_help=False, allow_abbrev=False)
        for name in OURS:
            made.add_argument(f"--{name}", action=_Once)
        for name in OUR_FLAGS:
            made.add_argument(f"--{name}", action="store_true")
        for name in DJANGO:
            made.add_argument(name)
        for name in DJANGO_FLAGS:
            made.add_argument(name, action="store_true")
        for option, kind in self.kinds.items():
            if kind == "flag":
                made.add_argument(option, action=argparse.BooleanOptionalAction, dest=_place(option), default=None)
            else:
                made.add_argument(option, action="append", dest=_place(option), default=None)
        return made

    def example(self, given: dict[str, Any]) -> str:
        """The words after the action's name; people go by `--input`, not as arguments that others can see."""
        plain = {name: value for name, value in given.items() if isinstance(value, bool | int | float | str)}
        if plain != given or self.action.reaches or set(given) & {"email", "phone_number", "emails", "profile"}:
            return "--input -"
        return " ".join(_word(_option(name), value) for name, value in stripped(plain).items())

    def _value(self, option: str, texts: list[str]) -> Any:
        kind = self.kinds[option]
        if len(texts) > 1 and kind not in ("list", "object"):
            raise Unusable(f"{option}: this was given twice: give it once.")
        if kind == "list" and _is_of_words(option):
            texts = [word for text in texts for word in ([text] if text.strip()[:1] in "[@" else text.split(","))]
        return value_of(option, kind, texts)

    def _spelled(self, words: Sequence[str]) -> list[str]:
        """Each option under its own name, and joined with its value where that begins with a dash."""
        found: list[str] = []
        valued = {option for option, kind in self.kinds.items() if kind != "flag"} | {f"--{name}" for name in OURS}
        for word in words:
            before = found[-1] if found else ""
            if before in valued and word.startswith("-") and (word == "-" or not word.startswith("--")):
                found[-1] = f"{before}={word}"
            elif word.startswith("--") and word != "--":
                name, equals, value = word.partition("=")
                found.append(f"{self._own(name)}{equals}{value}")
            else:
                found.append(word)
        return found

    def _own(self, name: str) -> str:
        plain = _option(name[2:])
        negated = plain.removeprefix("--no-") if plain.startswith("--no-") else ""
        if negated and (own := self.aliases.get(f"--{negated}")):
            return f"--no-{own[2:]}"
        return self.aliases.get(plain, plain)

    def _unknown(self, word: str) -> str:
        if not word.startswith("--"):
            return "A word stands where an option was expected. Options are written --field value."
        name = word.partition("=")[0]
        known = [*self.names, *self.aliases, *(f"--{one}" for one in (*OURS, *OUR_FLAGS))]
        near = difflib.get_close_matches(name, known, 1)
        return f"{name}: there is no such option{f': did you mean {near[0]}?' if near else '.'}"


class _Once(argparse.Action):
    def __call__(self, _parser: Any, namespace: Any, values: Any, _option_string: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            raise Unusable(f"{self.option_strings[0]}: this was given twice: give it once.")
        setattr(namespace, self.dest, values)


def help_of(options: Options, option: str) -> tuple[str, str]:
    """A line of the help: the option with what it takes, and what it is."""
    field, kind = options.fields[option], options.kinds[option]
    left = f"--[no-]{option[2:]}" if kind == "flag" else f"{option} {word_of(field)}"
    extra = field.json_schema_extra
    labels = [str(label) for label in extra.get("seed", ())] if isinstance(extra, dict) else []  # type: ignore[union-attr]
    required = "Required. " if field.is_required() else ""
    default = field.get_default() if not field.is_required() else None
    usual = f" Default: {default}." if default is not None and not isinstance(default, bool) else ""
    usual = f" Default: {'yes' if default else 'no'}." if isinstance(default, bool) else usual
    if kind == "list":
        usual += " May be repeated, or joined by commas." if _is_of_words(option) else " May be repeated."
    known_as = f" ({', '.join(labels)})" if labels else ""
    return left, f"{required}{field.description or ''}{usual}{known_as}".strip()


def _is_of_words(option: str) -> bool:
    """Whether it takes names of Klaviyo's, which hold no comma."""
    return option == "--include" or option.endswith("-fields") or option == "--fields"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-").lower()


def _place(option: str) -> str:
    return "field_" + option[2:].replace("-", "_")


def _word(option: str, value: Any) -> str:
    if isinstance(value, bool):
        return option if value else f"--no-{option[2:]}"
    text = str(value)
    return f"{option} {text}" if text.replace("_", "").replace("-", "").isalnum() else f"{option} '{text}'"
