"""Runs our state machines on MiniStack's interpreter of the Amazon States Language, with our endpoint as its Redshift Data API.

MiniStack (PyPI) is somebody else's reading of the language, JSONata included. It has no Redshift Data API: `connect` enters ours
into its table of services, signed like any client's calls. Waits are written down instead of slept.
"""

import asyncio
import collections
import http.client
import json
import logging
import pathlib
import time
import urllib.error
import urllib.request
import uuid

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from jsonata.timebox import Timebox
from ministack import app
from ministack.services import stepfunctions

MACHINES = pathlib.Path(__file__).resolve().parents[2] / "orchestration" / "state-machines"
# What the deployment's template has as its parameters' defaults.
SUBSTITUTIONS = {
    "DefaultClusterIdentifier": "",
    "DefaultWorkgroupName": "",
    "DefaultDatabase": "",
    "DefaultDbUser": "",
    "DefaultSecretArn": "",
    "DefaultInitialWaitTime": "30",
    "DefaultBaseWaitTime": "15",
    "DefaultWaitMultiplier": "1",
    "DefaultMaxWait": "450",
    "DefaultMaxRetries": "10",
    "MaxGroupsAtOnce": "5",
    "QueryChainArn": "arn:aws:states:us-east-1:000000000000:stateMachine:query-chain",
}
PATIENCE_SECONDS = 120
# Between two looks at a statement that runs: enough for the warehouse to get on with it.
BREATH_SECONDS = 0.02

# It tells of every execution that it starts.
logging.getLogger("states").setLevel(logging.WARNING)
# An expression may take a second. On a machine that does other things too, it is a second of its own work.
Timebox.current_milli_time = staticmethod(lambda: int(time.thread_time() * 1000))


# Every step from state to state that an execution took, by the machine's name.
STEPS = collections.defaultdict(set)


class Waits:
    """The waits of the machine that runs, in order."""

    def __init__(self):
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)
        time.sleep(BREATH_SECONDS)


class Execution:
    """How an execution ended."""

    def __init__(self, description, history, waits):
        self.status = description["status"]
        self.output = json.loads(description["output"]) if self.status == "SUCCEEDED" else None
        self.error = description.get("error")
        self.cause = description.get("cause")
        self.waits = waits
        entered = [event.get("stateEnteredEventDetails") for event in history]
        self.states = [details["name"] for details in entered if details]

    def __str__(self):
        return f"{self.status} {self.error} {self.cause}\nby {' > '.join(self.states)}"


def definition(name, substitutions):
    """A machine's definition with the template's parameters filled in, as CloudFormation does it."""
    text = (MACHINES / f"{name}.asl.json").read_text()
    for parameter, value in {**SUBSTITUTIONS, **substitutions}.items():
        text = text.replace("${" + parameter + "}", value)
    return text


def connect(ready):
    """Makes the local stack the interpreter's Redshift Data API."""
    stepfunctions._AWS_SDK_SERVICE_MAP["redshiftdata"] = {
        "target_prefix": "RedshiftData",
        "protocol": "json",
        "service_key": "redshift-data",
    }
    stepfunctions._AWS_SDK_ERROR_PREFIX["redshiftdata"] = "RedshiftData"

    async def forward(method, path, headers, body, query):
        try:
            status, answer = call(ready, headers["x-amz-target"], body)
        except http.client.RemoteDisconnected:
            # What Step Functions makes of a call without an answer.
            status, answer = 500, json.dumps({"__type": "SdkClientException", "message": "no answer"}).encode()
        return status, {"content-type": "application/x-amz-json-1.1"}, answer

    app.SERVICE_HANDLERS["redshift-data"] = forward


def call(ready, target, body):
    """A signed call of the Data API. Gives the status and the body of the answer."""
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", ready["endpoint_url"] + "/", headers=headers, data=body)
    keys = Credentials(ready["access_key_id"], ready["secret_access_key"])
    SigV4Auth(keys, "redshift-data", ready["region"]).add_auth(request)
    wire = urllib.request.Request(request.url, request.data.encode(), dict(request.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(wire) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def service(action, body):
    """A call of Step Functions."""
    headers = {"x-amz-target": f"AWSStepFunctions.{action}"}
    answer = asyncio.run(stepfunctions.handle_request("POST", "/", headers, json.dumps(body).encode(), {}))
    status, _, text = answer
    result = json.loads(text)
    assert status == 200, result
    return result


def create(name, substitutions):
    """Makes a state machine and gives its ARN."""
    body = {
        "name": f"{name}-{uuid.uuid4()}",
        "definition": definition(name, substitutions),
        "roleArn": "arn:aws:iam::000000000000:role/query-chain",
    }
    return service("CreateStateMachine", body)["stateMachineArn"]


def start(machine, chain):
    """Starts an execution and gives its ARN. One at a time: the waits of all are written into one list."""
    stepfunctions._scaled_sleep = Waits()
    return service("StartExecution", {"stateMachineArn": machine, "input": json.dumps(chain)})["executionArn"]


def finish(execution):
    """Waits for the end of an execution."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        description = service("DescribeExecution", {"executionArn": execution})
        if description["status"] != "RUNNING":
            break
        assert time.monotonic() < deadline, f"the execution did not end within {PATIENCE_SECONDS} s"
        time.sleep(BREATH_SECONDS)
    history = service("GetExecutionHistory", {"executionArn": execution, "maxResults": 1000})["events"]
    ended = Execution(description, history, stepfunctions._scaled_sleep.seconds)
    note_steps(execution, ended.states)
    return ended


def note_steps(execution, entered):
    """Puts down which states followed each other. Those within a Map are not looked at."""
    run_of = execution.split(":")[-2]
    name = next(name for name in ("query-chains-parallel", "query-chain") if run_of.startswith(name))
    outer = json.loads(definition(name, {}))["States"]
    passed = [state for state in entered if state in outer]
    STEPS[name].update(zip(passed, passed[1:]))


def run(machine, chain):
    """Runs an execution to its end."""
    return finish(start(machine, chain))
