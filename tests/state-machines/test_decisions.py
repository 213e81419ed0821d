"""The expressions of the state machines against the table that the command line's rules are held to as well."""

import json
import unittest

from engines import Port, Reference
from interpreter import MACHINES

TABLE = json.loads((MACHINES / "decisions.json").read_text())
STATES = json.loads((MACHINES / "query-chain.asl.json").read_text())["States"]
GROUPS = json.loads((MACHINES / "query-chains-parallel.asl.json").read_text())["States"]


def inner(template):
    """What is between {% and %}."""
    assert template.startswith("{%") and template.endswith("%}"), template
    return template[2:-2]


CHECK = inner(STATES["Check every query"]["ItemProcessor"]["States"]["Check a query"]["Output"])
LIST = inner(STATES["Check every query"]["Items"])


class Decisions:
    """Run for each engine by the classes below."""

    @classmethod
    def setUpClass(cls):
        cls.engine = cls.make()
        cls.addClassCleanup(cls.engine.close)

    def evaluate(self, template, draw=None, **bindings):
        return self.engine.evaluate(inner(template), bindings, draw)

    def check(self, given, place="query 1", defaults=TABLE["defaults"]):
        states = {"input": {"Given": given, "Place": place}}
        return self.engine.evaluate(CHECK, {"states": states, "defaults": defaults})

    def test_patterns_match_and_are_refused_as_the_table_says(self):
        for row in TABLE["patterns"]:
            with self.subTest(row["pattern"]):
                checked = self.check({"ExecuteStatementParameters": "x", "RetryErrorMatch": row["pattern"]})
                if "fault" in row:
                    fault = checked["Faults"]
                    self.assertEqual(fault, [f"query 1, RetryErrorMatch: {row['fault']}"])
                    continue
                for error in row["matches"]:
                    self.assertIs(self.matches(checked["Query"], error), True, error)
                for error in row["misses"]:
                    self.assertIs(self.matches(checked["Query"], error), False, error)

    def matches(self, query, error):
        judge = STATES["Judge the failure"]["Assign"]["retriable"]
        return self.evaluate(judge, query=query, seen={"Error": error})

    def test_waits_between_looks_grow_as_the_table_says(self):
        state = STATES["Wait for the next look"]
        for row in TABLE["looks"]:
            with self.subTest(row):
                # Where it begins: "Begin a query" and "Draw a pause" set it.
                wait, seconds = row["BaseWaitTime"], []
                for _ in row["seconds"]:
                    seconds.append(self.evaluate(state["Seconds"], wait=wait))
                    wait = self.evaluate(state["Assign"]["wait"], wait=wait, query=row)
                self.assertEqual(seconds, row["seconds"])

    def test_pauses_between_tries_are_drawn_as_the_table_says(self):
        for row in TABLE["pauses"]:
            with self.subTest(row):
                pause, seconds = row["BaseWaitTime"], []
                for draw in row["draws"]:
                    pause = self.evaluate(STATES["Draw a pause"]["Assign"]["pause"], draw, pause=pause, query=row)
                    seconds.append(self.evaluate(STATES["Pause"]["Seconds"], pause=pause))
                self.assertEqual(seconds, row["seconds"])

    def test_failures_are_judged_as_the_table_says(self):
        state = STATES["Is it tried again?"]
        for row in TABLE["verdicts"]:
            with self.subTest(row):
                given = {key: row[key] for key in ("MaxRetries", "RetryErrorMatch")}
                query = self.check({"ExecuteStatementParameters": "x", **given})["Query"]
                known = {"query": query, "attempt": row["attempt"], "retriable": self.matches(query, row["error"])}
                chosen = [c["Next"] for c in state["Choices"] if self.evaluate(c["Condition"], **known)]
                self.assertEqual([*chosen, state["Default"]][0], row["then"])

    def test_a_chain_stops_with_the_sentences_of_the_table(self):
        row = TABLE["sentences"]
        place = self.evaluate(
            STATES["Begin a query"]["Assign"]["place"], number=row["query"], queries=[{}] * row["queries"]
        )
        known = {"place": place, "attempt": row["attempt"], "statement": row["statement"], "seen": {"Error": row["error"]}}
        for name in [name for name in row if name.startswith("Fail: ")]:
            with self.subTest(name):
                self.assertEqual(self.evaluate(STATES[name]["Cause"], **known), row[name])

    def test_chains_are_completed_or_refused_as_the_table_says(self):
        for row in TABLE["chains"]:
            with self.subTest(row["name"]):
                items = self.engine.evaluate(LIST, {"states": {"input": row["given"]}})
                defaults = {**TABLE["defaults"], **row.get("defaults", {})}
                checked = [self.check(item.get("Given"), item["Place"], defaults) for item in items]
                faults = [fault for result in checked for fault in result.get("Faults", [])]
                queries = [result["Query"] for result in checked if "Query" in result]
                self.assertEqual(faults, row.get("faults", []))
                if "queries" in row:
                    self.assertEqual(queries, row["queries"])

    def test_a_group_that_failed_is_told_in_its_own_words(self):
        """Step Functions describes the execution in the cause; MiniStack does not."""
        template = GROUPS["Run every group"]["ItemProcessor"]["States"]["Run a group"]["Catch"][0]["Output"]
        said = 'query 1 of 1 failed 2 times, the last time as statement x: no "y" \\ here'
        described = json.dumps({"ExecutionArn": "arn", "Status": "FAILED", "Error": "QueryChain.QueryFailed", "Cause": said})
        for cause, expected in [(described, said), (described + "cut", said), ("plain", "plain"), ("", "")]:
            with self.subTest(cause):
                states = {"input": {"Group": "g"}, "errorOutput": {"Error": "States.TaskFailed", "Cause": cause}}
                told = self.evaluate(template, states=states)
                self.assertEqual(told, {"Group": "g", "Status": "FAILED", "Cause": expected})


class DecisionsOfThePort(Decisions, unittest.TestCase):
    make = Port


class DecisionsOfTheReference(Decisions, unittest.TestCase):
    make = Reference


if __name__ == "__main__":
    unittest.main()
