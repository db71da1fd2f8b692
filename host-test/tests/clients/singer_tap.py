"""The Singer tap: our own checks of what singer-sdk's factory checks of Python classes, and a real target fed by it."""

import json
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import jsonschema
from lab import Cases, Lab, equal
from singer_sdk.singerlib import Catalog

ORDER = ["SCHEMA", "RECORD", "ACTIVATE_VERSION", "STATE"]


def catalogue_of(lab, config):
    ended = lab.run("singer", "tap", "--config", config, "--discover")
    equal(ended.code, 0)
    return json.loads(ended.out)


def by_stream(messages, kind):
    found = defaultdict(list)
    for message in messages:
        if message["type"] == kind:
            found[message["stream"]].append(message)
    return found


def select(catalogue, name, fields=None, root=None):
    """Selects one stream, and of it these fields; keys are always there."""
    for stream in catalogue["streams"]:
        mine = stream["tap_stream_id"] == name
        for entry in stream["metadata"]:
            if entry["breadcrumb"] == []:
                entry["metadata"]["selected"] = root if mine and root is not None else mine
            elif mine and fields is not None:
                entry["metadata"]["selected"] = entry["breadcrumb"][1] in fields
    return catalogue


def main():
    cases = Cases()
    with Lab(sys.argv[1]) as lab:
        run(cases, lab)
    cases.end()


def run(cases, lab):
    config = lab.file("config.json", {"api_key": lab.token, "page_size": 100})
    tap = lambda *args, **kwargs: lab.run("singer", "tap", *args, **kwargs)

    def about():
        assert "tap-customerly" in tap("--version").out
        assert "Capabilities" in tap("--about").out
        told = json.loads(tap("--about", "--format", "json").out)
        equal(told["name"], "tap-customerly")
        assert told["settings"]["properties"]["api_key"]["secret"] is True
        assert {"catalog", "state", "discover", "about"} <= set(told["capabilities"])
        assert tap("--about", "--format=markdown").out.startswith("# ")

    cases.check("MT-01", "version and about are printed", about)

    catalogue = catalogue_of(lab, config)

    def taken_back():
        Catalog.from_dict(catalogue)
        for name in ["--catalog", "--properties"]:
            ended = tap("--config", config, name, lab.file("catalogue.json", catalogue))
            equal(ended.code, 0)
            found = by_stream(ended.messages, "RECORD")["users"]
            equal(len({message["record"]["crmhero_user_id"] for message in found}), lab.users)

    cases.check("MT-02", "the discovered catalogue is one by the SDK, and is taken back", taken_back)
    cases.check("MT-03", "each stream can be connected to", lambda: (
        equal(tap("--config", config, "--test").code, 0),
        equal({m["type"] for m in tap("--config", config, "--test=schema").messages}, {"SCHEMA"}),
        equal(tap("--config", "ENV", "--test", env={"TAP_CUSTOMERLY_API_KEY": lab.token}).code, 0),
    ))

    ended = tap("--config", config, "--catalog", lab.file("catalogue.json", catalogue))
    messages = ended.messages
    schemas = {stream: found[-1] for stream, found in by_stream(messages, "SCHEMA").items()}
    records = by_stream(messages, "RECORD")
    states = [message["value"] for message in messages if message["type"] == "STATE"]
    listed = {stream["tap_stream_id"]: stream for stream in catalogue["streams"]}

    def state():
        equal(ended.code, 0)
        for name, bookmark in states[-1]["bookmarks"].items():
            assert "progress_markers" not in bookmark, name
            assert bookmark["connector"]["position"]["finished"] is True, name
        assert states[-1]["bookmarks"]["users"]["replication_key_value"]

    def sequence():
        seen = set()
        for message in messages:
            assert message["type"] in ORDER, message["type"]
            if message["type"] == "SCHEMA":
                seen.add(message["stream"])
            elif message["type"] in ("RECORD", "ACTIVATE_VERSION"):
                assert message["stream"] in seen, message["stream"]

    def validates():
        for name, found in records.items():
            validator = jsonschema.Draft7Validator(
                schemas[name]["schema"], format_checker=jsonschema.FormatChecker())
            for message in found:
                validator.validate(message["record"])

    def keys():
        for name, found in records.items():
            key = schemas[name]["key_properties"]
            equal(key, listed[name]["key_properties"])
            if key:
                seen = {}
                for message in found:
                    value = tuple(message["record"].get(field) for field in key)
                    assert all(part is not None for part in value), name
                    # A walk looks once more at what changed last: the same row may come again, and nothing else.
                    equal(seen.setdefault(value, message["record"]), message["record"])
                assert len(found) - len(seen) < 10, name

    def fields():
        for name, found in records.items():
            known = set(listed[name]["schema"]["properties"])
            for message in found:
                assert set(message["record"]) <= known, (name, set(message["record"]) - known)

    cases.check("MT-04", "the last state says that each stream came to its end", state)
    cases.check("MT-05", "each schema is one", lambda: [
        jsonschema.Draft7Validator.check_schema(message["schema"]) for message in schemas.values()])
    cases.check("MT-06", "each stream that is selected by default gives a record", lambda: equal(
        sorted(records), sorted(name for name, s in listed.items()
                                if s["metadata"][0]["metadata"]["selected-by-default"])))
    cases.check("MT-08", "no field that the catalogue does not have", fields)
    cases.check("MT-09", "every record validates, with formats", validates)
    cases.check("MT-10", "keys are there, unique and not null", keys)
    cases.check("SCHEMA before RECORD", "of each stream", sequence)

    missing = {
        name: sorted(set(listed[name]["schema"]["properties"])
                     - {field for message in found for field in message["record"]})
        for name, found in records.items()
    }
    unseen = {name: fields for name, fields in missing.items() if fields}
    print(f"ok    MT-07: fields without a value in this account, told only: {json.dumps(unseen)}")

    def attribute(kind, passes, matches=None):
        def case():
            for name, found in records.items():
                for field, schema in schemas[name]["schema"]["properties"].items():
                    declared = schema.get("type", [])
                    declared = [declared] if isinstance(declared, str) else declared
                    if (matches or (lambda s, d: set(d) - {"null"} == {kind}))(schema, declared):
                        for message in found:
                            value = message["record"].get(field)
                            assert value is None or passes(value), (name, field, value)
        return case

    number = lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)
    cases.check("MT-11", "date-times parse", attribute(
        "date-time", lambda v: datetime.fromisoformat(v), lambda s, d: s.get("format") == "date-time"))
    cases.check("MT-12", "booleans are booleans", attribute("boolean", lambda v: isinstance(v, bool)))
    cases.check("MT-13", "objects are objects", attribute("object", lambda v: isinstance(v, dict)))
    cases.check("MT-14", "integers are integers", attribute("integer", lambda v: int(v) == v))
    cases.check("MT-15", "numbers are numbers", attribute("number", number))

    def not_null():
        for name, found in records.items():
            for field, schema in schemas[name]["schema"]["properties"].items():
                if isinstance(schema.get("type"), str) and schema["type"] != "null":
                    for message in found:
                        assert message["record"].get(field, "") is not None, (name, field)

    cases.check("MT-16", "what cannot be null is not", not_null)

    def selection():
        chosen = select(catalogue_of(lab, config), "users", {"email"}, "true")
        told = tap("--config", config, "--catalog", lab.file("chosen.json", chosen)).messages
        equal({m["stream"] for m in told if m["type"] == "RECORD"}, {"users"})
        kept = {"crmhero_user_id", "last_update", "email"}
        equal(set(by_stream(told, "SCHEMA")["users"][0]["schema"]["properties"]), kept)
        for message in by_stream(told, "RECORD")["users"]:
            assert set(message["record"]) <= kept, set(message["record"])

    cases.check("selection", "fields that are not selected are in neither schema nor record", selection)

    def activation():
        for name in ("users", "leads"):
            activated = by_stream(messages, "ACTIVATE_VERSION")[name]
            equal(len(activated), 1)
            equal({m["version"] for m in records[name]}, {activated[0]["version"]})
        dated = lab.file("dated.json", {"api_key": lab.token, "start_date": "2025-12-25"})
        partial = tap("--config", dated).messages
        equal(by_stream(partial, "ACTIVATE_VERSION")["users"], [])

    cases.check("ACTIVATE_VERSION", "after a whole walk, and not where rows were left out", activation)

    def again():
        state = lab.file("state.json", {**states[-1], "other": {"kept": 1.5}})
        ended = tap("--config", config, "--state", state)
        equal(ended.code, 0)
        assert 0 < len(by_stream(ended.messages, "RECORD")["users"]) < lab.users
        equal(by_stream(ended.messages, "ACTIVATE_VERSION")["users"], [])
        last = [m["value"] for m in ended.messages if m["type"] == "STATE"][-1]
        equal(last["other"], {"kept": 1.5})
        equal(set(last["bookmarks"]), set(states[-1]["bookmarks"]))

    cases.check("state", "a second run goes on from the state, and keeps what is not its own", again)

    def resumed():
        middle = next(s for s in states if not s["bookmarks"].get("users", {}).get("connector", {"position": {"finished": True}})["position"]["finished"])
        seen, at = set(), 0
        for at, message in enumerate(messages):
            if message["type"] == "STATE" and message["value"] == middle:
                break
            if message["type"] == "RECORD" and message["stream"] == "users":
                seen.add(message["record"]["crmhero_user_id"])
        ended = tap("--config", config, "--state", lab.file("middle.json", middle))
        rest = {m["record"]["crmhero_user_id"] for m in by_stream(ended.messages, "RECORD")["users"]}
        equal(len(seen | rest), lab.users)
        equal({m["version"] for m in by_stream(ended.messages, "RECORD")["users"]},
              {records["users"][0]["version"]})

    cases.check("resume", "from a state in the middle the rest comes, under the same version", resumed)

    def metrics():
        lines = [line for line in ended.err.splitlines() if line.startswith("INFO METRIC: ")]
        found = [json.loads(line.removeprefix("INFO METRIC: ")) for line in lines]
        users = [m["value"] for m in found if m["metric"] == "record_count" and m["tags"]["stream"] == "users"]
        equal(sum(users), len(records["users"]))
        timers = [m for m in found if m["metric"] == "http_request_duration"]
        assert {m["tags"]["status"] for m in timers} == {"succeeded"}
        assert all(m["tags"]["http_status_code"] == 200 for m in timers)

    def refused():
        wrong = lab.file("wrong.json", {"api_key": "wrong-token-1234"})
        ended = tap("--config", wrong, "--test")
        assert ended.code != 0
        assert any(line.startswith("CRITICAL") for line in ended.err.splitlines()), ended.err
        for text in (ended.out, ended.err):
            assert "wrong-token-1234" not in text

    cases.check("metrics", "records and requests are counted on standard error", metrics)
    cases.check("CRITICAL", "a fatal cause has its line, and no secret", refused)
    cases.check("AC-26", "no secret in any output", lambda: [
        equal(lab.token in text, False) for text in (ended.out, ended.err)])

    def jsonl():
        folder = lab.folder / "jsonl"
        settings = lab.file("target.json", {"destination_path": str(folder), "do_timestamp_file": False})
        program = str(Path(sys.executable).with_name("target-jsonl"))
        done = subprocess.run([program, "--config", settings], input=ended.out, capture_output=True, text=True)
        equal(done.returncode, 0)
        lines = (folder / "users.jsonl").read_text().splitlines()
        equal(len(lines), len(records["users"]))
        equal(len({json.loads(line)["crmhero_user_id"] for line in lines}), lab.users)
        equal(json.loads(done.stdout.splitlines()[-1]), states[-1])

    cases.check("target-jsonl", "a real target takes every record, and gives back the last state", jsonl)


main()
