"""The machines as an interpreter runs them, on the local warehouse: every branch of them, with real statements."""

import json
import time
import unittest
import uuid

import interpreter
from stack import Stack

# Quick enough for a test, with a pause that shows.
BRISK = {"InitialWaitTime": 0, "BaseWaitTime": 0, "MaxWait": 450, "MaxRetries": 10}
PATIENCE_SECONDS = 60


def setUpModule():
    global STACK, DEFAULTS
    STACK = Stack()
    unittest.addModuleCleanup(STACK.close)
    interpreter.connect(STACK.ready)
    place = STACK.place()
    DEFAULTS = {
        "DefaultClusterIdentifier": place["ClusterIdentifier"],
        "DefaultDatabase": place["Database"],
    }


def brisk(sql, **fields):
    """A query without waits."""
    return {"ExecuteStatementParameters": sql, **BRISK, **fields}


class Failing:
    """A statement that fails a number of times before it succeeds. It counts in an identity column's sequence, which no
    rollback takes back."""

    def __init__(self, times, error):
        table = f"tries_{uuid.uuid4().hex}"
        STACK.run(f"CREATE TABLE {table} (id integer IDENTITY(1, 1), other integer)")
        self.name = f"{table}_id_seq"
        self.sql = f"SELECT CAST(CASE WHEN nextval('{self.name}') <= {times} THEN '{error}' ELSE '7' END AS integer)"

    def tries(self):
        return STACK.run(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {self.name}")[0][0]


class ChainCase(unittest.TestCase):
    """Runs chains on a machine of its own."""

    @classmethod
    def setUpClass(cls):
        cls.machine = interpreter.create("query-chain", DEFAULTS)

    def succeed(self, chain):
        execution = interpreter.run(self.machine, chain)
        self.assertEqual(execution.status, "SUCCEEDED", execution)
        return execution

    def fail_with(self, error, chain):
        execution = interpreter.run(self.machine, chain)
        self.assertEqual(execution.error, error, execution)
        return execution


class Success(ChainCase):
    def test_queries_run_one_after_the_other_and_are_reported(self):
        table = f"chain_{uuid.uuid4().hex}"
        chain = [
            brisk(f"CREATE TABLE {table} (id integer)"),
            brisk(f"INSERT INTO {table} VALUES (1), (2), (3)"),
            brisk(f"SELECT id FROM {table} ORDER BY id"),
        ]
        output = self.succeed(chain).output
        self.assertEqual([query["Query"] for query in output], [1, 2, 3])
        self.assertEqual({query["Status"] for query in output}, {"FINISHED"})
        self.assertEqual([query["Rows"] for query in output][1:], [3, 3])
        self.assertEqual({query["Attempts"] for query in output}, {1})
        self.assertTrue(all(query["Seconds"] >= 0 for query in output), output)
        records = STACK.api("GetStatementResult", Id=output[2]["StatementId"])["Records"]
        self.assertEqual(records, [[{"longValue": 1}], [{"longValue": 2}], [{"longValue": 3}]])

    def test_sql_alone_waits_as_the_defaults_say(self):
        execution = self.succeed(["SELECT 1"])
        self.assertEqual(execution.waits[0], 30)
        self.assertLessEqual(set(execution.waits[1:]), {15})
        self.assertEqual(len(execution.output), 1)

    def test_parameters_are_passed_on(self):
        query = {"Sql": "SELECT CAST(:n AS integer) + 1 AS n", "Parameters": [{"name": "n", "value": "41"}]}
        output = self.succeed([brisk(query)]).output
        records = STACK.api("GetStatementResult", Id=output[0]["StatementId"])["Records"]
        self.assertEqual(records, [[{"longValue": 42}]])

    def test_a_statement_is_called_after_its_execution_or_as_it_says(self):
        mine = f"mine-{uuid.uuid4()}"
        execution = interpreter.start(self.machine, [brisk("SELECT 1"), brisk({"Sql": "SELECT 2", "StatementName": mine})])
        self.assertEqual(interpreter.finish(execution).status, "SUCCEEDED")
        run = execution.rsplit(":", 1)[1]
        named = STACK.statements(f"longshore-chain/{run}/")
        self.assertEqual([statement["StatementName"] for statement in named], [f"longshore-chain/{run}/1/1"])
        self.assertEqual(len(STACK.statements(mine)), 1)

    def test_a_long_query_is_looked_at_at_growing_intervals_up_to_the_longest(self):
        query = brisk("SELECT pg_sleep(1)", InitialWaitTime=3, BaseWaitTime=2, WaitMultiplier=1.5, MaxWait=4)
        execution = self.succeed([query])
        self.assertEqual(execution.waits[:6], [3, 2, 3, 4, 4, 4])
        self.assertGreaterEqual(execution.output[0]["Seconds"], 1)


class Retries(ChainCase):
    def test_a_failure_is_tried_again_after_a_pause_until_it_succeeds(self):
        failing = Failing(2, "boom")
        execution = self.succeed([brisk(failing.sql, BaseWaitTime=10, MaxWait=60), brisk("SELECT 1")])
        self.assertEqual(execution.output[0]["Attempts"], 3)
        self.assertEqual(execution.output[0]["Rows"], 1)
        self.assertEqual(failing.tries(), 3)
        pauses = [wait for wait in execution.waits if wait > 10]
        first, second = self.pauses(execution)
        self.assertTrue(10 <= first <= 30, pauses)
        self.assertTrue(10 <= second <= min(60, 3 * first + 1), pauses)

    def pauses(self, execution):
        """The waits of the state Pause, in order: waits are written down in the order of the states that wait."""
        names = ("Wait for the least it takes", "Wait for the next look", "Pause")
        waiting = [state for state in execution.states if state in names]
        self.assertEqual(len(waiting), len(execution.waits), execution)
        return [wait for state, wait in zip(waiting, execution.waits) if state == "Pause"]

    def test_an_error_that_matches_is_tried_again(self):
        failing = Failing(1, "deadlock of a kind")
        execution = self.succeed([brisk(failing.sql, RetryErrorMatch="1023|dead.*kind")])
        self.assertEqual(execution.output[0]["Attempts"], 2)

    def test_an_error_that_does_not_match_stops_the_chain(self):
        failing = Failing(1, "boom \\\" ü")
        never = Failing(0, "unused")
        execution = self.fail_with("QueryChain.QueryFailed", [brisk(failing.sql, RetryErrorMatch="deadlock"), brisk(never.sql)])
        self.assertRegex(
            execution.cause,
            r"^query 1 of 2 failed with an error that is not one to retry \(attempt 1, statement [0-9a-f-]{36}\): .*boom",
        )
        self.assertEqual(failing.tries(), 1)
        self.assertEqual(never.tries(), 0)
        self.assertNotIn("Pause", execution.states)

    def test_a_query_is_tried_no_more_than_it_may_be(self):
        failing = Failing(9, "boom")
        execution = self.fail_with("QueryChain.RetriesExhausted", [brisk(failing.sql, MaxRetries=2)])
        self.assertRegex(execution.cause, r"^query 1 of 1 failed 3 times, the last time as statement [0-9a-f-]{36}: .*boom")
        self.assertEqual(failing.tries(), 3)

    def test_without_retries_a_failure_is_the_end(self):
        failing = Failing(1, "boom")
        self.fail_with("QueryChain.RetriesExhausted", [brisk(failing.sql, MaxRetries=0)])
        self.assertEqual(failing.tries(), 1)


class Endings(ChainCase):
    def test_a_statement_that_somebody_cancels_is_not_tried_again(self):
        execution = interpreter.start(self.machine, [brisk("SELECT pg_sleep(60)"), brisk("SELECT 1")])
        prefix = f"longshore-chain/{execution.rsplit(':', 1)[1]}/"
        statement = self.running(prefix)
        STACK.api("CancelStatement", Id=statement)
        ended = interpreter.finish(execution)
        self.assertEqual(ended.error, "QueryChain.QueryAborted", ended)
        self.assertEqual(ended.cause, f"query 1 of 2 was cancelled (attempt 1, statement {statement})")
        self.assertEqual(len(STACK.statements(prefix)), 1)

    def running(self, prefix):
        """Waits until the statement of that name runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = [statement for statement in STACK.statements(prefix) if statement["Status"] == "STARTED"]
            if found:
                return found[0]["Id"]
            self.assertLess(time.monotonic(), deadline, "the statement did not start")
            time.sleep(0.02)

    def test_a_call_that_the_data_api_refuses_is_told_in_its_words(self):
        query = brisk({"Sql": "SELECT 1", "ClusterIdentifier": "nowhere"})
        execution = self.fail_with("QueryChain.CallRefused", [query])
        self.assertRegex(
            execution.cause,
            r"^query 1 of 1 \(attempt 1\): the Data API refused the call with RedshiftData\.ValidationException: .*exist",
        )


class Resume(ChainCase):
    def test_a_statement_that_is_done_is_not_run_again(self):
        counted = Failing(0, "unused")
        statement = STACK.submit(counted.sql)
        STACK.end(statement)
        execution = self.succeed([brisk(counted.sql, StatementId=statement), brisk("SELECT 1")])
        self.assertEqual(execution.output[0]["StatementId"], statement)
        self.assertEqual(execution.output[0]["Attempts"], 1)
        self.assertEqual(counted.tries(), 1)

    def test_a_statement_that_runs_is_waited_for(self):
        statement = STACK.submit("SELECT pg_sleep(0.5)")
        execution = self.succeed([brisk("SELECT pg_sleep(0.5)", StatementId=statement)])
        self.assertEqual(execution.output[0]["StatementId"], statement)
        self.assertIn("Wait for the next look", execution.states)
        self.assertNotIn("Submit it", execution.states)

    def test_a_statement_that_failed_is_tried_again(self):
        failing = Failing(1, "boom")
        statement = STACK.submit(failing.sql)
        self.assertEqual(STACK.end(statement)["Status"], "FAILED")
        execution = self.succeed([brisk(failing.sql, StatementId=statement)])
        self.assertEqual(execution.output[0]["Attempts"], 2)
        self.assertNotEqual(execution.output[0]["StatementId"], statement)

    def test_a_statement_that_nobody_knows_stops_the_chain_instead_of_running_it_twice(self):
        statement = str(uuid.uuid4())
        execution = self.fail_with("QueryChain.StatementUnknown", [brisk("SELECT 1", StatementId=statement)])
        self.assertIn(f"query 1 of 1: the Data API knows no statement {statement}", execution.cause)
        self.assertNotIn("Submit it", execution.states)


class BadInput(ChainCase):
    def test_a_chain_with_faults_runs_nothing_and_names_all_of_them(self):
        counted = Failing(0, "unused")
        chain = [counted.sql, {"Sql": "SELECT 1"}, brisk("SELECT 1", BaseWaitTime=-1), brisk("SELECT 1", RetryErrorMatch="a(b"), ""]
        execution = self.fail_with("QueryChain.BadInput", chain)
        self.assertEqual(
            execution.cause,
            "nothing was run: query 2, Sql: is not a field of a query"
            "; query 2: there is no ExecuteStatementParameters, so there is no SQL"
            "; query 3, BaseWaitTime: must be a whole number of seconds from 0 to 86400"
            "; query 4, RetryErrorMatch: character 2: ( is never closed"
            "; query 5: holds no SQL",
        )
        self.assertNotIn("Submit it", execution.states)
        self.assertEqual(counted.tries(), 0)

    def test_what_is_no_list_or_an_empty_one_is_refused(self):
        for chain, fault in [
            ({"a": 1}, "the chain must be a list of queries"),
            ("SELECT 1", "the chain must be a list of queries"),
            ([], "the chain holds no query"),
        ]:
            with self.subTest(chain):
                self.assertEqual(self.fail_with("QueryChain.BadInput", chain).cause, f"nothing was run: {fault}")

    def test_a_chain_of_many_queries_is_checked_within_the_time_of_an_expression(self):
        pattern = "connection.*(closed|reset)|1023|deadlock|timed? out"
        chain = [brisk("SELECT 1", RetryErrorMatch=pattern) for _ in range(30)] + [""]
        self.assertEqual(self.fail_with("QueryChain.BadInput", chain).cause, "nothing was run: query 31: holds no SQL")


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        chain = interpreter.create("query-chain", DEFAULTS)
        cls.machine = interpreter.create("query-chains-parallel", {**DEFAULTS, "QueryChainArn": chain})

    def test_groups_run_side_by_side_and_are_reported_by_name(self):
        # Each waits for a row that only the other writes: one after the other they would fail.
        table = f"meeting_{uuid.uuid4().hex}"
        STACK.run(f"CREATE TABLE {table} (who varchar(10))")
        groups = {
            mine: [
                brisk(f"INSERT INTO {table} VALUES ('{mine}')"),
                brisk(f"SELECT 1 / count(*) FROM {table} WHERE who = '{other}'", MaxRetries=100),
                brisk(f"SELECT who FROM {table}"),
            ]
            for mine, other in [("left", "right"), ("right", "left")]
        }
        execution = interpreter.run(self.machine, groups)
        self.assertEqual(execution.status, "SUCCEEDED", execution)
        self.assertEqual([group["Group"] for group in execution.output], ["left", "right"])
        self.assertEqual({group["Status"] for group in execution.output}, {"SUCCEEDED"})
        for group in execution.output:
            self.assertEqual([query["Query"] for query in group["Queries"]], [1, 2, 3])
            self.assertEqual(group["Queries"][2]["Rows"], 2)

    def test_a_group_that_fails_leaves_the_others_alone_and_is_named(self):
        counted = Failing(0, "unused")
        groups = {"good": [brisk(counted.sql)], "bad": [brisk("SELECT 1 / 0", MaxRetries=0)]}
        execution = interpreter.run(self.machine, groups)
        self.assertEqual(execution.error, "QueryChain.GroupsFailed", execution)
        self.assertRegex(execution.cause, r"^1 of 2 groups failed: group bad: ")
        self.assertNotIn("group good", execution.cause)
        self.assertEqual(counted.tries(), 1)

    def test_no_group_runs_while_one_has_a_fault(self):
        counted = Failing(0, "unused")
        execution = interpreter.run(self.machine, {"good": [brisk(counted.sql)], "bad": [""]})
        self.assertEqual(execution.error, "QueryChain.BadInput", execution)
        self.assertEqual(execution.cause, "nothing was run: group bad, query 1: holds no SQL")
        self.assertEqual(counted.tries(), 0)

    def test_what_is_no_group_is_refused(self):
        for groups, fault in [
            ([], "the groups must be an object that holds a list of queries under each name"),
            ({}, "there is no group"),
            ({"a": [], "b": "SELECT 1"}, "group a: the chain holds no query; group b: the chain must be a list of queries"),
        ]:
            with self.subTest(groups):
                execution = interpreter.run(self.machine, groups)
                self.assertEqual(execution.cause, f"nothing was run: {fault}")


class Trouble(ChainCase):
    """Calls of the Data API that go wrong."""

    def let_fail(self, *rules):
        STACK.let_fail(*rules)
        self.addCleanup(STACK.let_fail)

    def test_calls_that_are_throttled_are_made_again(self):
        counted = Failing(0, "unused")
        self.let_fail(
            {"operation": "ExecuteStatement", "when": {"first": 2}, "fault": "throttle"},
            {"operation": "DescribeStatement", "when": {"first": 2}, "fault": {"server_error": {"status": 500}}},
        )
        execution = self.succeed([brisk(counted.sql)])
        STACK.let_fail()
        self.assertEqual(execution.output[0]["Attempts"], 1)
        self.assertEqual(counted.tries(), 1)

    def test_a_submission_whose_answer_is_lost_runs_once(self):
        counted = Failing(0, "unused")
        self.let_fail({"operation": "ExecuteStatement", "when": {"first": 1}, "fault": "close_after"})
        self.succeed([brisk(counted.sql)])
        STACK.let_fail()
        self.assertEqual(counted.tries(), 1)

    def test_a_look_that_is_refused_stops_the_chain_and_names_the_statement(self):
        refused = {"refuse": {"code": "AccessDeniedException", "status": 400}}
        self.let_fail({"operation": "DescribeStatement", "fault": refused})
        execution = self.fail_with("QueryChain.CallRefused", [brisk("SELECT 1"), brisk("SELECT 2")])
        self.assertRegex(execution.cause, r"^query 1 of 2 \(attempt 1(, statement [0-9a-f-]{36})?\): the Data API refused the call")


class Whole(unittest.TestCase):
    """Comes last by its name: what the tests before it ran."""

    def test_every_step_of_the_machines_was_taken(self):
        for name in ("query-chain", "query-chains-parallel"):
            states = json.loads(interpreter.definition(name, {}))["States"]
            for state, body in states.items():
                branches = [*body.get("Choices", []), *body.get("Catch", []), body, {"Next": body.get("Default")}]
                for following in filter(None, (branch.get("Next") for branch in branches)):
                    with self.subTest(f"{name}: {state} > {following}"):
                        self.assertIn((state, following), interpreter.STEPS[name])


if __name__ == "__main__":
    unittest.main()
