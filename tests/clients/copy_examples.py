"""Runs the examples of the manual's page of COPY through boto3 against a local stack, and compares the rows with the manual's.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY_command_examples.html
"""

import gzip
import io
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import fastavro
import pyarrow
from pyarrow import orc, parquet

BUCKET = "manual-examples"
ROLE = "iam_role 'arn:aws:iam::0123456789012:role/MyRedshiftRole'"
START_PATIENCE = 120


@dataclass
class Example:
    """A heading of the page: tables, files, a COPY, and either the rows of a query or a part of the error."""

    title: str
    setup: list[str]
    files: dict[str, bytes]
    copy: str
    query: str = ""
    rows: list[tuple] = field(default_factory=list)
    error: str = ""


LISTING = (
    "create table listing(listid integer not null distkey, sellerid integer not null, eventid integer not null, dateid smallint not null"
    " sortkey, numtickets smallint not null, priceperticket decimal(8,2), totalprice decimal(8,2), listtime timestamp)"
)
LISTINGS = [
    (1, 36861, 7872, 1850, 10, "182.00", "1820.00", "2008-02-24 06:36:29"),
    (2, 16002, 4806, 1890, 15, "233.00", "3495.00", "2008-04-04 03:05:42"),
]
CUSTOMER = "create table customer(id int, name varchar(20))"
VENUE = (
    "create table venue(venueid {id} not null, venuename varchar(100), venuecity varchar(30), venuestate char(2), venueseats integer)"
)
VENUE_NEW = (
    "create table {name}(venueid {id}, venuename varchar(100) not null, venuecity varchar(30), venuestate char(2),"
    " venueseats integer not null default '1000')"
)
VENUES = [
    (1, "Toyota Park", "Bridgeview", "IL"),
    (2, "Columbus Crew Stadium", "Columbus", "OH"),
    (3, "RFK Stadium", "Washington", "DC"),
    (4, "CommunityAmerica Ballpark", "Kansas City", "KS"),
    (5, "Gillette Stadium", "Foxborough", "MA"),
]
SEATS = [0, 0, 0, 0, 68756]
CATEGORY = (
    "create table category(catid smallint not null, catgroup varchar(10), catname varchar(10), catdesc varchar(50))"
)
CSV_CATEGORIES = [
    (12, "Shows", "Musicals", "Musical theatre"),
    (13, "Shows", "Plays", 'All "non-musical" theatre'),
    (14, "Shows", "Opera", 'All opera, light, and "rock" opera'),
    (15, "Concerts", "Classical", "All symphony, concerto, and choir concerts"),
]
CATEGORIES = [
    (1, "Sports", "MLB", "Major League Baseball"),
    (2, "Sports", "NHL", "National Hockey League"),
    (3, "Sports", "NFL", "National Football League"),
    (4, "Sports", "NBA", "National Basketball Association"),
    (5, "Concerts", "Classical", "All symphony, concerto, and choir concerts"),
]
NAMES = ("catid", "catgroup", "catname", "catdesc")


def piped(rows, end="\n"):
    return "".join("|".join(str(value) for value in row) + end for row in rows).encode()


def fixed_width():
    lines = (
        f"{row[0]:<3}{row[1]:<25}{row[2]:<12}{row[3]}{seats}\n" for row, seats in zip(VENUES, SEATS)
    )
    return "".join(lines).encode()


def quoted(quote):
    """The categories with a quote around what needs one, doubled inside when it is the same."""
    def text(value):
        if "," not in value and '"' not in value:
            return value
        return quote + value.replace(quote, quote * 2) + quote
    return "".join(",".join([str(row[0]), *map(text, row[1:])]) + "\n" for row in CSV_CATEGORIES).encode()


def objects(names):
    """JSON objects, pretty-printed, one after the other without a line break at one place, and one with a stray name."""
    texts = [json.dumps(dict(zip(names, row)), indent=4) for row in CATEGORIES]
    texts[3] = texts[3].replace("{", '{\n    "bogus": "Bogus Sports LLC",', 1)
    return (texts[0] + "\n" + texts[1] + "".join(text + "\n" for text in texts[2:])).encode()


def avro(names):
    schema = {
        "name": "category",
        "type": "record",
        "fields": [
            {"name": name, "type": "int" if name == names[0] else "string"}
            for name in (names[0], names[3], names[2], names[1])
        ],
    }
    file = io.BytesIO()
    fastavro.writer(file, schema, [dict(zip(names, row)) for row in CATEGORIES])
    return file.getvalue()


def columnar(write):
    types = [pyarrow.int16(), pyarrow.string(), pyarrow.string(), pyarrow.string()]
    columns = [pyarrow.array(values, kind) for values, kind in zip(zip(*CATEGORIES), types)]
    file = io.BytesIO()
    write(pyarrow.table(dict(zip(NAMES, columns))), file)
    return file.getvalue()


def paths(expressions):
    return json.dumps({"jsonpaths": expressions}).encode()


def manifest(*keys, mandatory=True):
    entries = [{"url": f"s3://{BUCKET}/{key}", "mandatory": mandatory} for key in keys]
    return json.dumps({"entries": entries}).encode()


def category(title, files, options, rows):
    return Example(title, [CATEGORY], files, f"copy category from 's3://{BUCKET}/{next(iter(files))}' {ROLE} {options}",
                   "select * from category order by catid", rows)


CUSTOMERS = {"custdata.1": b"1|a\n", "custdata.2": b"2|b\n", "custdata.3": b"3|c\n", "custdata.backup": b"9|unwanted\n"}
NO_SEATS = piped(VENUES, "|\n")
DEFAULT_SEATS = [(*row, 1000) for row in VENUES]
WITHOUT_NAMES = piped([(row[0], row[2], row[3]) for row in VENUES])

EXAMPLES = [
    Example("FAVORITEMOVIES from DynamoDB", ["create table favoritemovies(a int)"], {},
            f"copy favoritemovies from 'dynamodb://Movies' {ROLE} readratio 50", error="not supported"),
    Example("LISTING from a folder", [LISTING], {"data/listing/a": piped(LISTINGS[:1]), "data/listing/b": piped(LISTINGS[1:])},
            f"copy listing from 's3://{BUCKET}/data/listing/' {ROLE}", "select * from listing order by listid", LISTINGS),
    Example("SALES from EMR", ["create table sales(a int)"], {},
            f"copy sales from 'emr://j-SAMPLE2B500FC/myoutput/part-*' {ROLE} delimiter '\\t' lzop", error="not supported"),
    Example("a prefix takes what it finds", [CUSTOMER], CUSTOMERS, f"copy customer from 's3://{BUCKET}/custdata' {ROLE}",
            "select count(*) from customer", [(4,)]),
    Example("a manifest takes what it lists", [CUSTOMER],
            {**CUSTOMERS, "cust.manifest": manifest("custdata.1", "custdata.2", "custdata.3")},
            f"copy customer from 's3://{BUCKET}/cust.manifest' {ROLE} manifest",
            "select * from customer order by id", [(1, "a"), (2, "b"), (3, "c")]),
    Example("a mandatory file of a manifest is missing", [CUSTOMER],
            {"custdata.1": b"1|a\n", "cust.manifest": manifest("custdata.1", "custdata.9")},
            f"copy customer from 's3://{BUCKET}/cust.manifest' {ROLE} manifest", error="custdata.9"),
    Example("no file of a manifest is there", [CUSTOMER], {"cust.manifest": manifest("custdata.8", mandatory=False)},
            f"copy customer from 's3://{BUCKET}/cust.manifest' {ROLE} manifest", error=""),
    Example("LISTING pipe-delimited", [LISTING], {"data/listings_pipe.txt": piped(LISTINGS)},
            f"copy listing from 's3://{BUCKET}/data/listings_pipe.txt' {ROLE}", "select * from listing order by listid", LISTINGS),
    Example("LISTING with temporary credentials", [LISTING], {"data/listings_pipe.txt": piped(LISTINGS)},
            f"copy listing from 's3://{BUCKET}/data/listings_pipe.txt' access_key_id 'A' secret_access_key 'S' session_token 'T'",
            "select count(*) from listing", [(2,)]),
    category("CATEGORY from Parquet", {"listings/parquet/part": columnar(parquet.write_table)}, "format as parquet", CATEGORIES),
    category("CATEGORY from ORC", {"listings/orc/part": columnar(orc.write_table)}, "format as orc", CATEGORIES),
    Example("EVENT with options", ["create table event(eventid int, eventname varchar(200), note varchar(20), starttime timestamp)"],
            {"data/allevents_pipe.txt": b'1|"Gotterdammerung"|   |2008-09-26 05:43:12\n2|Hannah Montana||2008-01-05 20:00:00\n'
                                        b"x|bad|bad|2008-01-05 20:00:00\n"},
            f"copy event from 's3://{BUCKET}/data/allevents_pipe.txt' {ROLE} removequotes emptyasnull blanksasnull maxerror 5"
            " delimiter '|' timeformat 'YYYY-MM-DD HH:MI:SS'",
            "select * from event order by eventid",
            [(1, "Gotterdammerung", None, "2008-09-26 05:43:12"), (2, "Hannah Montana", None, "2008-01-05 20:00:00")]),
    Example("VENUE fixed width", [VENUE.format(id="smallint")], {"data/venue_fw.txt": fixed_width()},
            f"copy venue from 's3://{BUCKET}/data/venue_fw.txt' {ROLE}"
            " fixedwidth 'venueid:3,venuename:25,venuecity:12,venuestate:2,venueseats:6'",
            "select * from venue order by venueid", [(*row, seats) for row, seats in zip(VENUES, SEATS)]),
    Example("CATEGORY comma-delimited fails", [CATEGORY],
            {"data/category_csv.txt": "".join(",".join(map(str, row)) + "\n" for row in CSV_CATEGORIES).encode()},
            f"copy category from 's3://{BUCKET}/data/category_csv.txt' {ROLE} delimiter ','", error="load into table 'category' failed"),
    category("CATEGORY as CSV", {"data/category_csv.txt": quoted('"')}, "csv", CSV_CATEGORIES),
    category("CATEGORY as CSV with QUOTE AS", {"data/category_csv.txt": quoted("%")}, "csv quote as '%'", CSV_CATEGORIES),
    Example("VENUE with explicit identities", [VENUE.format(id="int identity(1,1)")],
            {"data/venue.txt": piped([(row[0] + 100, *row[1:], seats) for row, seats in zip(VENUES, SEATS)])},
            f"copy venue from 's3://{BUCKET}/data/venue.txt' {ROLE} explicit_ids",
            "select min(venueid), max(venueid) from venue", [(101, 105)]),
    Example("TIME from gzip", ['create table time(a int, b varchar(9))'], {"data/timerows.gz": gzip.compress(b"1|x\n2|y\n")},
            f"copy time from 's3://{BUCKET}/data/timerows.gz' {ROLE} gzip delimiter '|'",
            "select a, b from time order by a", [(1, "x"), (2, "y")]),
    Example("a timestamp to the microsecond", ["create table timestamp1(c1 timestamp)"], {"data/time.txt": b"2009-01-12 14:15:57.119568\n"},
            f"copy timestamp1 from 's3://{BUCKET}/data/time.txt' {ROLE} timeformat 'YYYY-MM-DD HH:MI:SS'",
            "select * from timestamp1", [("2009-01-12 14:15:57.119568",)]),
    Example("VENUE_NEW with the default", [VENUE_NEW.format(name="venue_new", id="smallint not null")], {"data/venue_noseats.txt": NO_SEATS},
            f"copy venue_new(venueid, venuename, venuecity, venuestate) from 's3://{BUCKET}/data/venue_noseats.txt' {ROLE} delimiter '|'",
            "select * from venue_new order by venueid", DEFAULT_SEATS),
    Example("VENUE without a name that has no default", [VENUE_NEW.format(name="venue", id="smallint not null")],
            {"data/venue_pipe.txt": WITHOUT_NAMES},
            f"copy venue(venueid, venuecity, venuestate) from 's3://{BUCKET}/data/venue_pipe.txt' {ROLE} delimiter '|'",
            error="venuename"),
    Example("VENUE_IDENTITY with its identities", [VENUE_NEW.format(name="venue", id="int identity(1,1)")],
            {"data/venue_pipe.txt": NO_SEATS},
            f"copy venue(venueid, venuename, venuecity, venuestate) from 's3://{BUCKET}/data/venue_pipe.txt' {ROLE}"
            " delimiter '|' explicit_ids", "select * from venue order by venueid", DEFAULT_SEATS),
    Example("EXPLICIT_IDS without the identity column", [VENUE_NEW.format(name="venue", id="int identity(1,1)")],
            {"data/venue_pipe.txt": NO_SEATS},
            f"copy venue(venuename, venuecity, venuestate) from 's3://{BUCKET}/data/venue_pipe.txt' {ROLE}"
            " delimiter '|' explicit_ids", error="identity"),
    Example("the identity column without EXPLICIT_IDS", [VENUE_NEW.format(name="venue", id="int identity(1,1)")],
            {"data/venue_pipe.txt": NO_SEATS},
            f"copy venue(venueid, venuename, venuecity, venuestate) from 's3://{BUCKET}/data/venue_pipe.txt' {ROLE} delimiter '|'",
            error="identity"),
    Example("REDSHIFTINFO with ESCAPE", ["create table redshiftinfo(infoid int, tableinfo varchar(50))"],
            {"data/redshiftinfo.txt": b"1|public\\|event\\|dwuser\n2|public\\|sales\\|dwuser\n"},
            f"copy redshiftinfo from 's3://{BUCKET}/data/redshiftinfo.txt' {ROLE} delimiter '|' escape",
            "select * from redshiftinfo order by 1", [(1, "public|event|dwuser"), (2, "public|sales|dwuser")]),
    Example("line breaks with ESCAPE", ["create table t2(c1 varchar(200), c2 int)"],
            {"data/nlTest2.txt": b"<xml start>\\\n<line in content>\\\n</xml>|1000\n<xml>\\\n</xml>|2000\n"},
            f"copy t2 from 's3://{BUCKET}/data/nlTest2.txt' {ROLE} escape delimiter as '|'", "select * from t2 order by 2",
            [("<xml start>\n<line in content>\n</xml>", 1000), ("<xml>\n</xml>", 2000)]),
    category("JSON 'auto'", {"category_object_auto.json": objects(NAMES)}, "json 'auto'", CATEGORIES),
    category("JSON 'auto ignorecase'", {"category_object_auto.json": objects([name.upper() for name in NAMES])},
             "json 'auto ignorecase'", CATEGORIES),
    category("JSON with a paths file", {"category_object_paths.json": objects(("one", "two", "three", "four")),
                                        "category_jsonpath.json": paths(["$['one']", "$['two']", "$['three']", "$['four']"])},
             f"json 's3://{BUCKET}/category_jsonpath.json'", CATEGORIES),
    category("JSON arrays with a paths file", {"category_array_data.json": "".join(json.dumps(row) + "\n" for row in CATEGORIES).encode(),
                                               "category_array_jsonpath.json": paths(["$[0]", "$[1]", "$[2]", "$[3]"])},
             f"json 's3://{BUCKET}/category_array_jsonpath.json'", CATEGORIES),
    category("Avro 'auto'", {"category_auto.avro": avro(NAMES)}, "format as avro 'auto'", CATEGORIES),
    category("Avro with a paths file", {"category_paths.avro": avro(("id", "group", "name", "desc")),
                                        "category_path.avropath": paths(["$['id']", "$['group']", "$['name']", "$['desc']"])},
             f"format avro 's3://{BUCKET}/category_path.avropath'", CATEGORIES),
]


class Stack:
    """A local stack of our own, for as long as the program runs."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name, "ready.json")
        self.process = subprocess.Popen(
            ["target/debug/longshore", "local", "up", "--port", "0", "--ready-file", file], stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_PATIENCE
        while not file.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                sys.exit("the local stack did not start")
            time.sleep(0.05)
        ready = json.loads(file.read_text())
        access = dict(endpoint_url=ready["endpoint_url"], region_name=ready["region"],
                      aws_access_key_id=ready["access_key_id"], aws_secret_access_key=ready["secret_access_key"])
        self.s3 = boto3.client("s3", **access)
        self.redshift = boto3.client("redshift-data", **access)
        self.target = dict(ClusterIdentifier=ready["cluster_identifier"], Database=ready["database"])
        self.s3.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def execute(self, sql):
        """Runs a statement to its end."""
        answer = self.redshift.execute_statement(Sql=sql, WaitTimeSeconds=30, **self.target)
        while answer["Status"] in ("SUBMITTED", "PICKED", "STARTED"):
            answer = self.redshift.describe_statement(Id=answer["Id"], WaitTimeSeconds=30)
        return self.redshift.describe_statement(Id=answer["Id"])

    def run(self, sql):
        ended = self.execute(sql)
        assert ended["Status"] == "FINISHED", f"{sql}: {ended.get('Error')}"
        return ended

    def rows(self, sql):
        ended = self.run(sql)
        pages = self.redshift.get_paginator("get_statement_result").paginate(Id=ended["Id"])
        return [tuple(None if "isNull" in item else next(iter(item.values())) for item in record)
                for page in pages for record in page["Records"]]

    def put(self, files):
        for old in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self.s3.delete_object(Bucket=BUCKET, Key=old["Key"])
        for key, content in files.items():
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


def check(stack, example):
    """Why the example is not as the manual says; None when it is."""
    stack.run("drop schema public cascade")
    stack.run("create schema public")
    for sql in example.setup:
        stack.run(sql)
    stack.put(example.files)
    copied = stack.execute(example.copy)
    if not example.query:
        error = copied.get("Error", "")
        return None if copied["Status"] == "FAILED" and example.error in error.lower() else f"{copied['Status']}: {error}"
    if copied["Status"] != "FINISHED":
        return copied.get("Error")
    if "MyRedshiftRole" in copied["QueryString"]:
        return f"the role is in {copied['QueryString']}"
    found = [tuple(value.rstrip() if isinstance(value, str) else value for value in row) for row in stack.rows(example.query)]
    return None if found == example.rows else f"expected {example.rows}, found {found}"


def main():
    faults = 0
    with Stack() as stack:
        for example in EXAMPLES:
            fault = check(stack, example)
            faults += fault is not None
            print(f"{'ok' if fault is None else 'WRONG'}  {example.title}" + (f"\n    {fault}" if fault else ""))
    print(f"{len(EXAMPLES) - faults} of {len(EXAMPLES)} examples are as the manual says")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
