"""A function in Python that does with each event what Longshore's did with one: the same statements, one GET, one submission.

Its arguments name the calls that were written down. It speaks to the runtime API as Lambda's own client in Python does.
"""

import http.client
import json
import os
import sys

import boto3
import pg8000.native


def main(calls):
    with open(calls, encoding="utf-8") as file:
        calls = json.load(file)
    s3, warehouse = boto3.client("s3"), boto3.client("redshift-data")
    login = calls["control"]
    control = pg8000.native.Connection(
        login["username"], host=login["host"], port=login["port"], database=login["dbname"], password=login["password"]
    )
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = api.getresponse()
        event, request = json.loads(answer.read()), answer.headers["lambda-runtime-aws-request-id"]
        for record in event["Records"]:
            process(record["s3"], request, calls, control, s3, warehouse)
        api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", b"{}")
        api.getresponse().read()


def process(told, request, calls, control, s3, warehouse):
    for sql, parameters in calls["sql"]:
        if parameters:
            control.execute_unnamed(sql, parameters)
        else:
            control.execute_simple(sql)
    s3.get_object(Bucket=told["bucket"]["name"], Key=told["object"]["key"])["Body"].read()
    warehouse.batch_execute_statement(
        ClusterIdentifier=calls["cluster"], Database=calls["database"], Sqls=calls["transaction"], StatementName="bench",
        ClientToken=request,
    )


main(*sys.argv[1:])
