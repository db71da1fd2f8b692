"""The Singer target: the message files of singer-sdk's target tests, one case each."""

import json
import sys
from pathlib import Path

import singer_sdk.testing
from lab import Cases, Lab, equal

FILES = Path(singer_sdk.testing.__file__).parent / "target_test_streams"


def main():
    cases = Cases()
    with Lab(sys.argv[1], 5, 0) as lab:
        run(cases, lab)
    cases.end()


def run(cases, lab):
    # None of these messages is about users: each record is refused by its content, and the run goes on.
    config = lab.file("config.json", {"api_key": lab.token, "object": "users"})
    target = lambda *args, **kwargs: lab.run("singer", "target", "--config", config, *args, **kwargs)

    def about():
        assert "target-customerly" in lab.run("singer", "target", "--version").out
        told = json.loads(lab.run("singer", "target", "--about", "--format", "json").out)
        assert told["settings"]["properties"]["api_key"]["secret"] is True

    cases.check("MG-01", "version and about are printed", about)

    def handled(name):
        """Every record has its outcome, and every state comes back in order."""
        def case():
            text = (FILES / f"{name}.singer").read_text()
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
            ended = target(stdin=text)
            equal(ended.code, 0)
            told = [json.loads(line) for line in ended.out.splitlines()]
            equal(told, [line["value"] for line in lines if line["type"] == "STATE"])
            settled = 0
            for line in ended.err.splitlines():
                words = line.split()
                if "records," in words:
                    settled += int(words[words.index("records,") - 1])
            equal(settled, sum(line["type"] == "RECORD" for line in lines))
        return case

    def refused(name, why):
        def case():
            ended = target("--input", str(FILES / f"{name}.singer"))
            assert ended.code != 0
            assert any(line.startswith("CRITICAL") and why in line for line in ended.err.splitlines()), ended.err
            equal(ended.out, "")
        return case

    for ids, name in [
        ("MG-02", "array_data"),
        ("MG-03", "camelcase"),
        ("MG-04", "camelcase_complex_schema"),
        ("MG-05", "duplicate_records"),
        ("MG-06", "encoded_string_data"),
        ("MG-08", "no_primary_keys"),
        ("MG-08", "no_primary_keys_append"),
        ("MG-09", "optional_attributes"),
        ("MG-10", "pk_updates"),
        ("MG-13", "record_missing_fields"),
        ("MG-14", "schema_no_properties"),
        ("MG-15", "schema_updates"),
        ("MG-16", "special_chars_in_attributes"),
        ("MG-17", "multiple_state_messages"),
        ("MG-18", "record_missing_required_property"),
        ("extra", "user_location_data"),
        ("extra", "user_location_upsert_data"),
    ]:
        cases.check(ids, f"{name} is handled", handled(name))
    for ids, name, why in [
        ("MG-07", "invalid_schema", "names no properties"),
        ("MG-11", "record_before_schema", "before its schema"),
        ("MG-12", "record_missing_key_property", "without its key"),
    ]:
        cases.check(ids, f"{name} is refused", refused(name, why))


main()
