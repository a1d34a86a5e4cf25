"""{{name}}: passes when the task's folder has a file `notes.md` with enough words in it.

A gate answers three questions, the three methods of the class `Gate` below. It keeps nothing from one
question to the next: the host starts it afresh every time.
"""

import json

# `componentize-py` makes these modules from the contract when it builds the gate. What the gate may call
# there is what world.wit imports.
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import artefacts, task
from wit_world.imports.description import Descriptor, StatusKey
from wit_world.imports.types import (
    Decision_Fail,
    Decision_Pass,
    Finding,
    GateError_Internal,
    GateError_Misconfigured,
    Location,
    Severity,
    Verdict,
)

NAME = "{{name}}"
FILE = "notes.md"

# Which settings there are, as a JSON Schema. The host refuses settings that do not fit it.
SETTINGS_SCHEMA = {
    "type": "object",
    "properties": {
        "min_words": {
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "description": "How many words notes.md must have at least.",
        },
    },
    "additionalProperties": False,
}


# Names with a dash in the contract have an underscore here: `check-settings` is `check_settings`.
class Gate(exports.Gate):
    def describe(self) -> Descriptor:
        """Who are you? Asked once, when the gate is loaded. No import may be called here."""
        return Descriptor(
            name=NAME,
            version="0.1.0",
            summary=f"Checks that {FILE} says something",
            # The verdict is written as `<key>: PASS` or `<key>: FAIL`. A key has only a-z, 0-9 and _.
            status=StatusKey(key=NAME.replace("-", "_") + "_status", pass_="PASS", fail="FAIL"),
            # The file of the task's folder that the host writes the verdict to.
            artefact=f"{NAME}-report.md",
            settings_schema=json.dumps(SETTINGS_SCHEMA),
        )

    def check_settings(self, settings: str) -> list[str]:
        """Are these settings all right? One text for each problem; an empty list means yes.

        No import may be called here either.
        """
        return settings_problems(parse(settings))

    def evaluate(self) -> Verdict:
        """May the task go on? This is the gate's real work."""
        try:
            return judge()
        except Err:
            # To say "I cannot decide", raise a `gate-error` in an `Err`. That never counts as a pass.
            raise
        except Exception as error:
            # A mistake in the code: without these lines the gate would stop and not say why.
            raise Err(GateError_Internal(f"{type(error).__name__}: {error}"))


def judge() -> Verdict:
    given = parse(task.settings())
    problems = settings_problems(given)
    if problems:
        raise Err(GateError_Misconfigured("; ".join(problems)))
    min_words = given.get("min_words", 1)
    words = len(notes().split())
    task.log(task.Level.INFO, f"{FILE} has {words} word(s), {min_words} wanted")

    if words >= min_words:
        return verdict(Decision_Pass(), f"{FILE} has {words} word(s)", [])
    finding = Finding(
        rule=f"{NAME}/no-notes",
        severity=Severity.MEDIUM,
        # The agent that wrote the code gets this text word for word, so say plainly what is wrong.
        message=f"{FILE} has {words} word(s) and needs at least {min_words}.",
        at=Location(path=FILE, line=None),
        help=f"Write what you did into {FILE} in the task's folder.",
        blocking=True,
    )
    return verdict(Decision_Fail(), f"{FILE} is missing or too short", [finding])


def notes() -> str:
    """The text of the notes; a file that does not exist counts as empty."""
    try:
        return artefacts.read(FILE)
    except Err as error:
        # An import that answers with an error raises it; the `read-error` is in `value`.
        if isinstance(error.value, artefacts.ReadError_Missing):
            return ""
        raise Err(GateError_Internal(f"{FILE} cannot be read: {error.value}"))


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def settings_problems(given: object) -> list[str]:
    if not isinstance(given, dict):
        return ['the settings must be a JSON object, such as {"min_words": 1}']
    problems = [
        f"there is no setting `{key}`; this gate knows only `min_words`" for key in given if key != "min_words"
    ]
    min_words = given.get("min_words", 1)
    # In Python `True` is an integer too, so it is refused by name.
    if isinstance(min_words, bool) or not isinstance(min_words, int) or min_words < 1:
        problems.append(f"`min_words` must be a whole number of at least 1, not {json.dumps(min_words)}")
    return problems


def verdict(decision, summary: str, findings: list[Finding]) -> Verdict:
    # `fields` are more lines for the verdict's frontmatter, `report` is its text in Markdown.
    return Verdict(decision=decision, summary=summary, fields=[], findings=findings, report="")
