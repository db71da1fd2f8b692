"""The Airbyte source: its messages by the models and checks of airbyte-cdk, and its run in PyAirbyte."""

import json
import logging
import os
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import jsonschema
from lab import Cases, Lab, equal

os.environ["AIRBYTE_OFFLINE_MODE"] = "1"
os.environ["DO_NOT_TRACK"] = "1"

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer  # noqa: E402
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput  # noqa: E402
from airbyte_cdk.test.standard_tests import _assertions as assertions  # noqa: E402
from airbyte_cdk.test.standard_tests import _catalog_checks as catalog_checks  # noqa: E402
from airbyte_cdk.test.standard_tests import _read_assertions as read_assertions  # noqa: E402
from airbyte_cdk.test.standard_tests import _spec_lint as spec_lint  # noqa: E402
from airbyte_protocol.models import AirbyteMessage  # noqa: E402

NAME = "source-customerly"
# What an emulated account is known to have none of, or what is read only with options of its own.
DEFAULT = ["users", "leads", "tags", "accounts", "collections", "articles", "writers"]


def output(ended, verb):
    """What the CDK's assertions take: our lines, each parsed by its models, and by those of the protocol."""
    lines = ended.out.splitlines()
    for line in lines:
        AirbyteMessage.model_validate_json(line)
    return EntrypointOutput(messages=lines, command=[verb], stderr=ended.err)


def configured(catalog, mode, names=None):
    """A configured catalogue of these streams; `incremental` where a stream can."""
    streams = [stream for stream in catalog["streams"] if names is None or stream["name"] in names]
    pick = lambda stream: mode if mode in stream["supported_sync_modes"] else "full_refresh"
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": pick(stream),
                "destination_sync_mode": "append_dedup",
                "cursor_field": stream.get("default_cursor_field", []),
                "primary_key": stream["source_defined_primary_key"],
                "generation_id": 1,
                "minimum_generation_id": 0,
                "sync_id": 1,
            }
            for stream in streams
        ]
    }


class Source:
    """The source with a good configuration."""

    def __init__(self, lab):
        self.lab = lab
        self.config = {"api_key": lab.token, "_limit": 3}
        self.config_file = lab.file("config.json", self.config)

    def run(self, verb, *args):
        return self.lab.run("airbyte", verb, *args)

    def discover(self):
        ended = self.run("discover", "--config", self.config_file)
        equal(ended.code, 0)
        return ended.of("CATALOG")[0]["catalog"]

    def read(self, catalog, state=None, name="catalog.json", config=None):
        args = ["--config", config or self.config_file, "--catalog", self.lab.file(name, catalog)]
        if state is not None:
            args += ["--state", self.lab.file("state.json", state)]
        return self.run("read", *args)


def states(ended, stream):
    """The states of a stream, in order."""
    found = [message["state"] for message in ended.of("STATE")]
    return [s for s in found if s["stream"]["stream_descriptor"]["name"] == stream]


def records(ended, stream):
    """The records of a stream, in order."""
    found = [message["record"] for message in ended.of("RECORD")]
    return [record["data"] for record in found if record["stream"] == stream]


def statuses(ended, stream):
    """The statuses of a stream, in order."""
    found = [m["trace"]["stream_status"] for m in ended.of("TRACE") if "stream_status" in m["trace"]]
    return [s["status"] for s in found if s["stream_descriptor"]["name"] == stream]


def walk(schema, path=()):
    """Every schema object, with its path."""
    if isinstance(schema, dict):
        yield path, schema
        for name, value in schema.items():
            yield from walk(value, (*path, name))
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from walk(value, (*path, index))


def spec_cases(cases, source):
    ended = source.run("spec")
    emitted = output(ended, "spec")
    message = spec_lint.get_single_spec(emitted, connector_name=NAME)
    spec = ended.of("SPEC")[0]["spec"]
    form = spec["connectionSpecification"]
    schemas = [(path, schema) for path, schema in walk(form)]
    fields = [(path, s) for path, s in schemas if len(path) >= 2 and path[-2] == "properties"]

    def keywords():
        forbidden = {"not", "anyOf", "patternProperties", "prefixItems", "allOf", "if", "then", "else"}
        forbidden |= {"dependentSchemas", "dependentRequired", "oneOf", "$ref"}
        for path, schema in schemas:
            if not path or path[-1] != "properties":
                assert not forbidden & set(schema), path

    def orders():
        for path, schema in schemas:
            if path and path[-1] == "properties":
                orders = [field["order"] for field in schema.values()]
                equal(sorted(orders), list(range(len(orders))))

    def types():
        for path, field in fields:
            kind = field["type"]
            assert isinstance(kind, str) or (len(kind) == 2 and kind[1] == "null"), path
            if kind == "object":
                assert field["properties"], path
            if "array" in kind:
                assert field["items"].get("type") in ("object", "string", "number", "integer") or "enum" in field["items"]
            for values in [field.get("enum", [])]:
                equal(len(values), len(set(map(str, values))))
            assert "group" not in field and "display_type" not in field

    stripped = {key: value for key, value in source.config.items() if not key.startswith("_")}
    cases.check("AC-01 AS-02", "the configuration fits the spec", lambda: (
        jsonschema.validate(stripped, form),
        assertions.assert_config_matches_spec(
            config=stripped, spec_result=emitted, connector_name=NAME, scenario_id="good"),
    ))
    cases.check("AC-03 AC-06 AC-07 AC-08 AC-13 AC-14", "types, lists, enums and groups of fields", types)
    cases.check("AC-04 AC-09 AC-15", "no keyword that a form cannot show", keywords)
    cases.check("AC-05 AC-25 AS-01", "the secret is marked, and nothing else", lambda: (
        spec_lint.assert_spec_is_valid(message, connector_name=NAME),
        equal([path[-1] for path, field in fields if field.get("airbyte_secret")], ["api_key"]),
    ))
    cases.check("AC-12", "the order of fields is unique at each level", orders)
    cases.check("AC-20", "the form stays open", lambda: equal(form["additionalProperties"], True))
    cases.check("AC-10 AC-11", "no date format without its pattern", lambda: [
        equal(field.get("format"), None) for _, field in fields])
    cases.not_applicable("AC-16 AC-17", "the connector has no OAuth")
    cases.not_applicable("AC-02 AC-18 AC-19 AC-49 AS-08", "the first version; the spec is a snapshot in tests/airbyte.rs")
    cases.not_applicable("AC-21 AC-22", "checked on the Dockerfile, by .ci/image")
    return form


def check_cases(cases, source):
    lab = source.lab
    expect = lambda status: SimpleNamespace(
        expect_uncaught_error=lambda: status == "exception",
        expect_exception=lambda: status == "failed",
        expect_success=lambda: status == "succeed",
    )

    def check(config, status, code=0):
        ended = source.run("check", "--config", lab.file("tried.json", config))
        equal(ended.code == 0, code == 0)
        assertions.assert_check_outcome(
            check_result=output(ended, "check"), expected_outcome=expect(status), connector_name=NAME)
        return ended

    cases.check("AC-30 AC-24", "a good configuration without any optional field succeeds",
                lambda: equal(len(check({"api_key": lab.token}, "succeed").of("CONNECTION_STATUS")), 1))

    def bad():
        for config in [{}, {"api_key": "wrong-token-1234"}, {"api_key": "a b"},
                       {"api_key": lab.token, "auth_header": "x"}, {"api_key": lab.token, "page_size": 7}]:
            ended = check(config, "failed")
            equal(len(ended.of("CONNECTION_STATUS")), 1)
            assert ended.of("CONNECTION_STATUS")[0]["connectionStatus"]["message"], config

    cases.check("AC-31 AC-23", "a bad configuration fails with its reason, and exits 0", bad)

    def unexpected():
        ended = check("{", "exception", code=1)
        errors = [m for m in ended.of("TRACE") if m["trace"]["type"] == "ERROR"]
        equal(len(errors), 1)
        assert errors[0]["trace"]["error"]["message"]

    cases.check("AC-32", "what cannot be a configuration is one error trace and a failure", unexpected)


def discover_cases(cases, source):
    ended = source.run("discover", "--config", source.config_file)
    found = output(ended, "discover").get_message_by_types(
        [__import__("airbyte_cdk").models.Type.CATALOG])
    catalog = ended.of("CATALOG")[0]["catalog"]

    def problems():
        equal(len(found), 1)
        problems = catalog_checks.find_catalog_problems(found[0].catalog)
        enforced = {check: what for check, what in problems.items() if check.enforced}
        assert not enforced, catalog_checks.format_catalog_problems(enforced)
        if problems:
            print("      warned: " + catalog_checks.format_catalog_problems(problems).replace("\n", "\n      "))

    cases.check("AC-40 AC-41 AC-42 AC-43 AC-44 AC-45 AC-46 AC-47 AC-48 AC-50 AS-04", "the catalogue", problems)
    return catalog


def read_cases(cases, source, catalog):
    lab = source.lab
    chosen = configured(catalog, "full_refresh", DEFAULT)
    first = source.read(chosen)
    emitted = output(first, "read")
    model = ConfiguredAirbyteCatalogSerializer.load(chosen)

    cases.check("AC-60 AC-61 AC-62 AC-63 AC-64 AS-05", "records of every stream fit their schemas", lambda: (
        equal(first.code, 0),
        read_assertions.assert_read_records(
            records=emitted.records_iterator, configured_catalog=model,
            require_records_per_stream=True, validate_schema=True),
    ))

    def columns():
        for stream in chosen["streams"]:
            known = set(stream["stream"]["json_schema"]["properties"])
            for record in records(first, stream["stream"]["name"]):
                assert set(record) <= known, set(record) - known

    def keys():
        for stream in chosen["streams"]:
            key = [field for [field] in stream["stream"]["source_defined_primary_key"]]
            for record in records(first, stream["stream"]["name"]):
                parts = [record.get(field) for field in key]
                assert not key or any(part is not None for part in parts), record
                assert all(not isinstance(part, (dict, list)) for part in parts), record

    def order():
        for name in DEFAULT:
            found = statuses(first, name)
            assert found[0] == "STARTED" and found[-1] == "COMPLETE", (name, found)
            assert set(found[1:-1]) == {"RUNNING"}, (name, found)
        open_streams = set()
        for message in first.messages:
            if message["type"] == "TRACE" and "stream_status" in message["trace"]:
                status = message["trace"]["stream_status"]
                name = status["stream_descriptor"]["name"]
                open_streams.add(name) if status["status"] == "STARTED" else None
                open_streams.discard(name) if status["status"] == "COMPLETE" else None
            elif message["type"] in ("RECORD", "STATE"):
                body = message[message["type"].lower()]
                name = body.get("stream") if message["type"] == "RECORD" else body["stream"]["stream_descriptor"]["name"]
                assert name in open_streams, name

    def counted():
        since = Counter()
        for message in first.messages:
            if message["type"] == "RECORD":
                since[message["record"]["stream"]] += 1
            elif message["type"] == "STATE":
                state = message["state"]
                name = state["stream"]["stream_descriptor"]["name"]
                equal(state["type"], "STREAM")
                equal(state["sourceStats"]["recordCount"], float(since.pop(name, 0)))
        equal(sum(since.values()), 0)
        for line in first.out.splitlines():
            if '"type":"STATE"' in line:
                assert '"recordCount":' in line and '.0}' in line, line
        for name in DEFAULT:
            assert states(first, name), name

    cases.check("AC-64", "no column that the schema does not declare", columns)
    cases.check("AC-65", "keys are scalars and not null", keys)
    cases.check("AC-68", "STARTED, RUNNING, COMPLETE around records and states", order)
    cases.check("AC-69", "a state for every stream, each counting the records since the last", counted)
    cases.check("AC-67", "every user and lead is there", lambda: (
        equal(len({r["crmhero_user_id"] for r in records(first, "users")}), lab.users),
        equal(len({r["crmhero_user_id"] for r in records(first, "leads")}), lab.leads),
    ))

    def bad_catalogue():
        wrong = {"streams": [{"stream": {"name": "ghosts", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                              "sync_mode": "INVALID", "destination_sync_mode": "INVALID"},
                             *configured(catalog, "full_refresh", ["tags"])["streams"]]}
        ended = source.read(wrong)
        assert ended.code != 0
        errors = [m["trace"]["error"] for m in ended.of("TRACE") if m["trace"]["type"] == "ERROR"]
        equal([error["failure_type"] for error in errors], ["config_error"])
        equal(statuses(ended, "ghosts"), ["STARTED", "INCOMPLETE"])
        equal(statuses(ended, "tags")[-1], "COMPLETE")

    cases.check("AC-70 AS-06", "an unknown stream is an error; the others go on", bad_catalogue)

    second = source.read(chosen)

    def repeated():
        at = lambda ended: [m["record"]["emitted_at"] for m in ended.of("RECORD")]
        assert min(at(second)) > max(at(first))
        for name in DEFAULT:
            whole = lambda ended: {json.dumps(r, sort_keys=True) for r in records(ended, name)}
            assert whole(first) <= whole(second), name

    cases.check("AC-80 AC-81", "a second full read is later and has the same records", repeated)
    cases.not_applicable("AC-66", "optional; which fields an account fills is not known")
    for ended, verb in [(first, "read"), (source.run("check", "--config", source.config_file), "check")]:
        cases.check("AC-26 AS-03", f"no secret in any output of {verb}", lambda e=ended, v=verb: (
            spec_lint.assert_no_secrets_in_output(
                output(e, v), spec=spec_lint.get_single_spec(output(source.run("spec"), "spec"), connector_name=NAME),
                config={"api_key": lab.token}, verb=v, connector_name=NAME),
        ))


def incremental_cases(cases, source, catalog):
    lab = source.lab
    chosen = configured(catalog, "incremental", ["users", "leads"])
    first = source.read(chosen)
    last = [states(first, name)[-1] for name in ("users", "leads")]

    cases.check("AC-90", "a first incremental read gives states and records", lambda: (
        equal(first.code, 0),
        equal(len({r["crmhero_user_id"] for r in records(first, "users")}), lab.users),
    ))

    def again():
        ended = source.read(chosen, last)
        equal(ended.code, 0)
        assert len(records(ended, "users")) < lab.users / 2
        marks = [r["last_update"] for r in records(first, "users")]
        assert all(r["last_update"] >= min(marks) for r in records(ended, "users"))
        assert states(ended, "users")

    cases.check("AC-91", "reading again from the last state gives only what is near the mark", again)

    def sampled():
        middle = states(first, "users")[1:-1]
        assert middle, "too few pages to sample"
        step = max(1, len(middle) // 4)
        seen = int(states(first, "users")[0]["sourceStats"]["recordCount"])
        for index, state in enumerate(middle):
            seen += int(state["sourceStats"]["recordCount"])
            if index % step == 0:
                ended = source.read(configured(catalog, "incremental", ["users"]), [state])
                equal(ended.code, 0)
                assert len(records(ended, "users")) >= lab.users - seen, (index, seen)
                union = {r["crmhero_user_id"] for r in records(ended, "users")}
                before = [r["crmhero_user_id"] for r in records(first, "users")][:seen]
                equal(len(union | set(before)), lab.users)

    cases.check("AC-92", "the rest is read from sampled states in the middle", sampled)

    def future():
        state = json.loads(json.dumps(last[0]))
        text = json.dumps(state["stream"]["stream_state"]["state"])
        marks = sorted({r["last_update"] for r in records(first, "users")})
        assert marks[-1] in text, "the state holds the mark as it is written"
        state["stream"]["stream_state"]["state"] = json.loads(text.replace(marks[-1], "2199-01-01 00:00:00"))
        ended = source.read(configured(catalog, "incremental", ["users"]), [state])
        equal(ended.code, 0)
        equal(records(ended, "users"), [])
        assert states(ended, "users")

    cases.check("AC-93", "a state far in the future gives no record and a state", future)

    def foreign():
        other = source.lab.file("other.json", {"api_key": source.lab.token, "page_size": 50})
        ended = source.read(chosen, last, config=other)
        assert ended.code != 0
        errors = [m["trace"]["error"] for m in ended.of("TRACE") if m["trace"]["type"] == "ERROR"]
        equal({error["failure_type"] for error in errors}, {"config_error"})
        equal(states(ended, "users")[-1]["stream"]["stream_state"], last[0]["stream"]["stream_state"])

    cases.check("CX-23", "a state of other options is refused, and stands", foreign)


def silently(case):
    """Without the progress that PyAirbyte shows to people."""

    def run():
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            case()

    return run


def pyairbyte_cases(cases, lab):
    """PyAirbyte runs the binary as a local executable."""
    import airbyte
    from airbyte.caches import DuckDBCache

    logging.disable(logging.CRITICAL)
    # It ends a process as soon as it has the message it wants, and complains of the signal where nobody can catch it.
    sys.unraisablehook = lambda _: None
    source = airbyte.get_source(
        NAME, config={"api_key": lab.token}, local_executable=lab.wrapper("airbyte"), install_if_missing=False)

    def check():
        source.check()

    def discover():
        assert set(DEFAULT) <= set(source.get_available_streams()), source.get_available_streams()

    def read():
        source.select_streams(["users", "leads", "tags", "articles"])
        cache = DuckDBCache(db_path=lab.folder / "cache.duckdb")
        result = source.read(cache=cache)
        equal(len({row["crmhero_user_id"] for row in result["users"]}), lab.users)
        equal(len({row["crmhero_user_id"] for row in result["leads"]}), lab.leads)
        assert len(list(result["articles"])) > 0
        again = source.read(cache=cache)
        assert again.processed_records < result.processed_records, "the second read goes on from the state"
        equal(len({row["crmhero_user_id"] for row in again["users"]}), lab.users)

    for ids, text, case in [
        ("AC-30 AS-03", "PyAirbyte: check", check),
        ("AC-40 AS-04", "PyAirbyte: discover", discover),
        ("AC-60 AC-91 AS-05", "PyAirbyte: read into its cache, and again from its state", read),
    ]:
        cases.check(ids, text, silently(case))


def main():
    cases = Cases()
    with Lab(sys.argv[1]) as lab:
        source = Source(lab)
        spec_cases(cases, source)
        check_cases(cases, source)
        catalog = discover_cases(cases, source)
        read_cases(cases, source, catalog)
        incremental_cases(cases, source, catalog)
        pyairbyte_cases(cases, lab)
    cases.not_applicable("AC-100 to AC-108 AQ-01 to AQ-28", "files of Airbyte's own repository")
    cases.not_applicable("AS-07", "no Docker engine runs here; the image's steps are run by .ci/image")
    cases.end()


main()
