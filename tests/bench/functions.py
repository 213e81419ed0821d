"""The bars of the function that S3 calls: how soon it is ready, and what a warm event costs."""

import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import boto3
import pg8000.native
from measure import note
from statistics import median
from table import MIB, Line, Part

HERE = Path(__file__).resolve().parent
FUNCTION = "external-file-process"
PATIENCE_SECONDS = 120
# A function is warm after so many events; what is measured is what the ones after them add.
WARM_EVENTS = 20
MEASURED_EVENTS = 100
RULE = 7099
# A login of its own, so that the database's log can tell the function's statements from all others.
LOGIN = "longshore_bench"
# The clients that a function in Python begins with; then it asks for its first event, as any does.
PYTHON_READY = """
import http.client, os
import boto3, pg8000
for service in ("s3", "redshift-data", "secretsmanager", "sns"):
    boto3.client(service)
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
api.getresponse().read()
"""


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Lambda's runtime API for one process: it is asked for the next event, and told what came of it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), RuntimeRequest)
        self.asked, self.events, self.answers = queue.Queue(), queue.Queue(), queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"

    def deliver(self, event):
        """Gives an event and waits for its end."""
        self.events.put(event)
        kind, answer = self.answers.get(timeout=PATIENCE_SECONDS)
        if kind != "response":
            sys.exit(f"bench: an event ended with {kind}: {answer}")

    def handle_error(self, *_):
        """A process that is ended breaks its connection off."""


class RuntimeRequest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.put(time.monotonic())
        event = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(event)))
        self.send_header("lambda-runtime-aws-request-id", f"bench-{time.monotonic_ns()}")
        self.send_header("lambda-runtime-deadline-ms", str(int(time.time() * 1000) + 900_000))
        self.send_header("lambda-runtime-invoked-function-arn", f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}")
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.answers.put((self.path.rsplit("/", 1)[-1], body.decode(errors="replace")))

    def log_message(self, *_):
        """What comes in is counted, not logged."""


class Process:
    """A function's process on a runtime API of its own."""

    def __init__(self, command, variables):
        self.api = RuntimeApi()
        self.began = time.monotonic()
        self.log = tempfile.TemporaryFile()
        variables = variables | {"AWS_LAMBDA_RUNTIME_API": self.api.address}
        self.process = subprocess.Popen(command, env=variables, stdout=self.log, stderr=self.log)
        try:
            self.ready_after = self.api.asked.get(timeout=PATIENCE_SECONDS) - self.began
        except queue.Empty:
            self.end()
            self.log.seek(0)
            sys.exit(f"bench: {command[0]} did not ask for its first event: {self.log.read().decode(errors='replace')[-2000:]}")

    def end(self):
        """Ends it, and gives the seconds of CPU that it had."""
        self.process.kill()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.api.shutdown()
        self.api.server_close()
        return usage.ru_utime + usage.ru_stime


def variables(stack):
    """What the functions of the stack have in their environment."""
    ready = stack.ready
    return {
        "PATH": "/usr/bin:/bin",
        "AWS_ENDPOINT_URL": ready["endpoint_url"],
        "AWS_ACCESS_KEY_ID": ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"],
        "AWS_REGION": ready["region"],
        "AWS_DEFAULT_REGION": ready["region"],
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "secret_postgres": ready["secret_postgres"],
        "secret_redshift": ready["secret_redshift"],
        "sns_topic_arn": ready["topic_arn"],
        "iam_role": ready["iam_role"],
        "region": ready["region"],
    }


def ready(stack, programs, rounds):
    """From the start of the process to its question for the first event."""
    ours, python = [], []
    for _ in range(rounds):
        for command, waited in (([programs / FUNCTION], ours), ([sys.executable, "-c", PYTHON_READY], python)):
            process = Process(command, variables(stack))
            process.end()
            waited.append(process.ready_after)
        note(f"ready after {ours[-1] * 1000:.1f} ms; Python after {python[-1] * 1000:.0f} ms")
    print(f"\nready for the first event: {FUNCTION} {median(ours) * 1000:.1f} ms, Python {median(python) * 1000:.0f} ms")
    return [
        Line(
            f"{FUNCTION} ready for its first event, against Python with boto3, pg8000 and four clients",
            [Part("wall", median(ours) / median(python), 1 / 30, " × Python"), Part("zip", zipped(programs) / MIB, 8, " MiB")],
        )
    ]


def zipped(programs):
    """The size of the zip that is deployed, were it made of this executable."""
    with tempfile.TemporaryDirectory() as folder:
        bootstrap = Path(folder) / "in" / "bootstrap"
        bootstrap.parent.mkdir()
        shutil.copy2(programs / FUNCTION, bootstrap)
        archive = Path(folder) / "out.zip"
        subprocess.run([HERE.parents[1] / "scripts" / "zip-reproducibly", archive, bootstrap.parent], check=True)
        return archive.stat().st_size


def warm(stack, programs, rounds):
    """The CPU that one more event takes, of a small file that COPY reads where it lies."""
    feed = Feed(stack)
    calls = feed.record([programs / FUNCTION])
    replay = [sys.executable, HERE / "warm_function.py", calls]
    ours, python = [], []
    for _ in range(rounds):
        for command, costs in (([programs / FUNCTION], ours), (replay, python)):
            few, many = (feed.cpu(command, events) for events in (WARM_EVENTS, WARM_EVENTS + MEASURED_EVENTS))
            costs.append((many - few) / MEASURED_EVENTS)
        note(f"an event {ours[-1] * 1000:.2f} ms of CPU; Python {python[-1] * 1000:.2f} ms")
    recorded = json.loads(calls.read_text())
    print(
        f"\na warm event: {FUNCTION} {median(ours) * 1000:.2f} ms of CPU, Python {median(python) * 1000:.2f} ms;"
        f" {len(recorded['sql'])} statements to PostgreSQL, one GET, one BatchExecuteStatement"
    )
    return [
        Line(
            "warm event for a file that needs no preparation, against the same calls by boto3 and pg8000",
            [Part("CPU", median(ours) / median(python), 0.1, " × Python"), Part("CPU", median(ours) * 1000, 5, " ms")],
        )
    ]


class Feed:
    """A rule of small files, a login of the control database that is written down, and files that no event is told of."""

    def __init__(self, stack):
        self.stack, self.landed = stack, 0
        self.folder = stack.folder / "small"
        self.folder.mkdir()
        self.s3 = self._client("s3")
        self._apply_rule()
        self.secret = self._login()
        self.log = Path(stack.ready["data_dir"]) / "postgresql.log"

    def cpu(self, command, events):
        """What a process with so many events takes."""
        delivered = self._land(events)
        process = Process(command, variables(self.stack))
        for event in delivered:
            process.api.deliver(event)
        return process.end()

    def record(self, command):
        """Writes down what one warm event asks of PostgreSQL and the Data API, for Python to ask the same."""
        process = Process(command, variables(self.stack) | {"secret_postgres": self.secret})
        *first, last = self._land(WARM_EVENTS)
        for event in first:
            process.api.deliver(event)
        seen = self.log.stat().st_size
        process.api.deliver(last)
        process.end()
        sql = statements(self.log.read_bytes()[seen:].decode(errors="replace"))
        key = last["Records"][0]["s3"]["object"]["key"]
        with self._database() as control:
            ((plan,),) = control.run("SELECT plan FROM rdscnfg.ext_file_load WHERE object_key = :key", key=key)
        calls = {
            "sql": sql,
            "transaction": strings(plan),
            "cluster": self.stack.ready["cluster_identifier"],
            "database": self.stack.ready["database"],
            "control": json.loads(self._client("secretsmanager").get_secret_value(SecretId=self.stack.ready["secret_postgres"])["SecretString"]),
        }
        path = self.stack.folder / "calls.json"
        path.write_text(json.dumps(calls))
        return path

    def _land(self, count):
        """Puts files into the bucket and gives their events, as S3 would tell of them."""
        bucket, events = self.stack.ready["bucket"], []
        for _ in range(count):
            self.landed += 1
            key, text = f"bench/small/f{self.landed}_{RULE}.txt", f"{self.landed}|plum\n".encode()
            etag = self.s3.put_object(Bucket=bucket, Key=key, Body=text)["ETag"].strip('"')
            told = {"key": key, "size": len(text), "eTag": etag, "sequencer": f"{self.landed:016X}"}
            events.append({
                "Records": [{
                    "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": self.stack.ready["region"],
                    "eventTime": "2026-11-27T12:00:00.000Z", "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": bucket}, "object": told},
                }],
            })
        return events

    def _apply_rule(self):
        document = self.folder / "rule.yaml"
        document.write_text(
            f"interfaces:\n- {{ext_interface_cid: {RULE}, interface_name: 'BENCH'}}\nrules:\n- ext_file_config_sid: {RULE}\n"
            f"  ext_interface_cid: {RULE}\n  file_prefix: {RULE}.\n  tgt_schema_name: rdsftetl\n  tgt_table_name: bench_small\n"
            "  file_format: txt\n  file_type: txt\n  delimiter: '|'\n  load_id_column: ~\n  columns: [id, name]\n"
        )
        with self._database(self.stack.ready["database"]) as warehouse:
            warehouse.run("CREATE TABLE rdsftetl.bench_small (id integer, name text)")
        subprocess.run(
            self.stack.command("rule", "apply", document, "--yes", "--as", "bench", "--why", "measured"),
            check=True, stdout=subprocess.DEVNULL,
        )

    def _login(self):
        """A superuser whose statements are all logged, and the secret with it."""
        with self._database() as control:
            control.run(f"CREATE ROLE {LOGIN} SUPERUSER LOGIN PASSWORD '{self._superuser().password}'")
            control.run(f"ALTER ROLE {LOGIN} SET log_statement = 'all'")
        secrets = self._client("secretsmanager")
        known = json.loads(secrets.get_secret_value(SecretId=self.stack.ready["secret_postgres"])["SecretString"])
        secrets.create_secret(Name="bench/postgres", SecretString=json.dumps(known | {"username": LOGIN}))
        return "bench/postgres"

    def _database(self, name="control"):
        login = self._superuser()
        return pg8000.native.Connection(login.username, host=login.hostname, port=login.port, database=name, password=login.password)

    def _superuser(self):
        return urllib.parse.urlsplit(self.stack.ready["control_database_url"])

    def _client(self, service):
        ready = self.stack.ready
        return boto3.client(
            service, endpoint_url=ready["endpoint_url"], region_name=ready["region"],
            aws_access_key_id=ready["access_key_id"], aws_secret_access_key=ready["secret_access_key"],
        )


def statements(log):
    """The statements that PostgreSQL logged, in order, each with its parameters."""
    found = []
    for entry in re.split(r"\n(?!\t)", log):
        entry = entry.replace("\n\t", "\n")
        if asked := re.search(r"LOG:  (?:statement|execute [^:]+): (.*)", entry, re.DOTALL):
            found.append([asked[1], []])
        elif parameters := re.search(r"DETAIL:  [Pp]arameters: (.*)", entry, re.DOTALL):
            values = re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", parameters[1])
            found[-1][1] = [None if value == "NULL" else value[1:-1].replace("''", "'") for value in values]
    return found


def strings(plan):
    """The SQL of a plan, which the ledger keeps as JSON."""
    if isinstance(plan, str):
        return [plan] if " " in plan.strip() else []
    values = plan.values() if isinstance(plan, dict) else plan if isinstance(plan, list) else []
    return [sql for value in values for sql in strings(value)]
