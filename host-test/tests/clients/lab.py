"""The connector against its emulator, and cases with the ids of the acceptance tests they stand for."""

import json
import os
import subprocess
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

ORIGIN = "https://api.customerly.io"


@dataclass
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def messages(self):
        """The lines of standard output, each one JSON object."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind):
        """The messages of a type."""
        return [message for message in self.messages if message["type"] == kind]


class Lab:
    """An emulator, and the connector beside it. The folder is gone afterwards."""

    def __init__(self, connector, users=400, leads=130, *args):
        self.connector = str(Path(connector).resolve())
        self.folder = Path(tempfile.mkdtemp(prefix="connector-clients-"))
        self.users, self.leads = users, leads
        command = [self.connector, "emulator", "--json", f"--users={users}", f"--leads={leads}", *args]
        self.emulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started = json.loads(self.emulator.stdout.readline())
        self.origin, self.token = started["origin"], started["token"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.emulator.terminate()
        self.emulator.wait()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        self.folder.rmdir()

    def file(self, name, value):
        """A file of JSON, or of text as it is."""
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return str(path)

    def wrapper(self, *args):
        """An executable that is the connector with these arguments before all others."""
        path = self.folder / "-".join(["run", *args])
        grant = f"{ORIGIN}={self.origin}"
        path.write_text(f"#!/bin/sh\nexec '{self.connector}' --origin '{grant}' {' '.join(args)} \"$@\"\n")
        path.chmod(0o755)
        return str(path)

    def run(self, *args, stdin="", env=None):
        """Runs the connector to its end."""
        command = [self.connector, "--origin", f"{ORIGIN}={self.origin}", *args]
        environment = {**os.environ, "NO_COLOR": "1", **(env or {})}
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment)
        return Ended(done.returncode, done.stdout, done.stderr)


class Cases:
    """Runs cases and prints their ids beside their results."""

    def __init__(self):
        self.failed = []

    def check(self, ids, text, case):
        """Runs a case; it fails by raising."""
        try:
            case()
        except Exception as error:  # noqa: BLE001 - every failure is a result
            self.failed.append(ids)
            print(f"FAIL  {ids}: {text}\n{''.join(traceback.format_exception_only(error)).strip()}")
            frame = traceback.extract_tb(error.__traceback__)[-1]
            print(f"      {frame.filename}:{frame.lineno}: {frame.line}")
        else:
            print(f"ok    {ids}: {text}")

    def not_applicable(self, ids, reason):
        """Says why a case does not apply."""
        print(f"n/a   {ids}: {reason}")

    def end(self):
        """Exits with 1 if anything failed."""
        if self.failed:
            raise SystemExit(f"{len(self.failed)} cases failed: {', '.join(self.failed)}")


def equal(found, expected):
    """Says what differs."""
    assert found == expected, f"{found!r} instead of {expected!r}"
