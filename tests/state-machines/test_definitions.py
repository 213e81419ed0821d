"""The definitions as they are deployed: built from their source, valid, and the same under every reading of the language."""

import json
import re
import subprocess
import sys
import unittest

from interpreter import MACHINES, SUBSTITUTIONS, definition

NAMES = sorted(path.name.removesuffix(".asl.json") for path in MACHINES.glob("*.asl.json"))


# asl-validator takes no empty text in an Assign, which the language does.
FILLED = {parameter: value or "x" for parameter, value in SUBSTITUTIONS.items()}


def validator_says(text):
    """What asl-validator has against a definition."""
    validator = MACHINES.parents[1] / "tests" / "state-machines" / "validator.cjs"
    answer = subprocess.run(["node", str(validator)], input=text, text=True, capture_output=True, check=True)
    return json.loads(answer.stdout)


def states(container):
    """Every state with its name, those within a Map too."""
    for name, state in container["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def assignments(state):
    """Every Assign of a state, of its choices and catchers too."""
    for holder in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        if "Assign" in holder:
            yield holder["Assign"]


class Definitions(unittest.TestCase):
    def test_they_are_what_their_source_says(self):
        builder = MACHINES.parents[1] / "scripts" / "build-state-machines"
        subprocess.run([sys.executable, str(builder), "--check"], check=True)

    def test_asl_validator_has_nothing_against_them(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(validator_says(definition(name, FILLED)), [])

    def test_asl_validator_would_object_to_a_state_that_is_not_there(self):
        text = definition("query-chain", FILLED).replace('"Next": "Submit it"', '"Next": "Submit them"')
        self.assertNotEqual(validator_says(text), [])

    def test_their_parameters_are_those_that_the_readme_lists(self):
        used = {found for name in NAMES for found in re.findall(r"\$\{(\w+)\}", (MACHINES / f"{name}.asl.json").read_text())}
        listed = set(re.findall(r"^\| `(\w+)` \|", (MACHINES / "README.md").read_text(), re.MULTILINE))
        self.assertEqual(used, set(SUBSTITUTIONS))
        self.assertEqual(used - listed, set())

    def test_every_state_can_be_reached(self):
        for name in NAMES:
            machine = json.loads(definition(name, {}))
            text = json.dumps(machine)
            for state, _ in states(machine):
                with self.subTest(f"{name}: {state}"):
                    named = [f'"{key}": {json.dumps(state)}' for key in ("StartAt", "Next", "Default")]
                    self.assertTrue(any(reference in text for reference in named))

    def test_no_variable_is_read_where_it_is_assigned(self):
        """Step Functions evaluates an Assign as a whole, MiniStack one by one: none may need to know which."""
        for name in NAMES:
            for state, body in states(json.loads(definition(name, {}))):
                for assign in assignments(body):
                    names = list(assign)
                    for index, variable in enumerate(names):
                        for earlier in names[:index]:
                            with self.subTest(f"{name}: {state}: {variable}"):
                                self.assertNotRegex(json.dumps(assign[variable]), rf"\${earlier}\b")

    def test_no_call_can_hang(self):
        for name in NAMES:
            for state, body in states(json.loads(definition(name, {}))):
                if body["Type"] == "Task" and "redshiftdata" in body["Resource"]:
                    with self.subTest(f"{name}: {state}"):
                        self.assertGreater(body["TimeoutSeconds"], 0)
                        self.assertEqual(body["Catch"][-1]["ErrorEquals"], ["States.ALL"])


if __name__ == "__main__":
    unittest.main()
