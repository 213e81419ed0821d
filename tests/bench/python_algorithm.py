"""How a loader in Python, in use for years, takes the trailer off a file in S3: it fetches the file three times and holds all of it.

Written anew from its description, as tightly as that allows: once for the trailer, once to count, once to strip; each time read,
decode, cut into lines. What is left is joined, encoded and put back.
"""

import sys

import boto3


def main(endpoint, bucket, source, target):
    s3 = boto3.client("s3", endpoint_url=endpoint)
    declared = int(lines_of(s3, bucket, source)[-1].split("|")[1])
    found = len(lines_of(s3, bucket, source)) - 1
    if declared != found:
        sys.exit(f"the trailer says {declared} records, the file has {found}")
    lines = lines_of(s3, bucket, source)
    # Instead of the trailer, so that the last record has its line end.
    lines[-1] = ""
    s3.put_object(Bucket=bucket, Key=target, Body="\n".join(lines).encode("utf-8"))


def lines_of(s3, bucket, key):
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


main(*sys.argv[1:])
