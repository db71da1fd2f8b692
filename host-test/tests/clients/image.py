"""The Dockerfile: what Airbyte asks of an image, and its last steps by hand in a clean folder."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dockerfile_parse import DockerfileParser
from lab import Cases, equal

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "packaging" / "Dockerfile"


def stages():
    """The instructions of each stage, by its name, and the stage or image that it begins from."""
    parser = DockerfileParser(fileobj=DOCKERFILE.open("rb"))
    found, name = {}, None
    for item in parser.structure:
        if item["instruction"] == "COMMENT":
            continue
        if item["instruction"] == "FROM":
            base, _, name = item["value"].split()
            found[name] = {"base": base, "instructions": []}
        else:
            found[name]["instructions"].append((item["instruction"], item["value"]))
    return found


def pairs(value):
    """`NAME="value" …` of ENV and LABEL."""
    return dict(word.split("=", 1) for word in shlex.split(value))


def of(stage, kind):
    return [value for instruction, value in stage["instructions"] if instruction == kind]


def main():
    connector, component = (Path(argument).resolve() for argument in sys.argv[1:3])
    cases = Cases()
    found = stages()
    version = next(
        line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines()
        if line.startswith("version = "))

    def lint():
        for name, stage in found.items():
            base = stage["base"]
            if base not in found:
                assert ":" in base and not base.endswith(":latest"), f"{base} has no version"
                assert "scratch" not in base and "distroless" not in base, f"{base} has no shell"
            for value in of(stage, "RUN"):
                if "apt-get install" in value:
                    assert "--no-install-recommends" in value and "rm -rf /var/lib/apt/lists" in value, name
            for value in of(stage, "COPY"):
                for word in value.split():
                    if word.startswith("--from="):
                        assert word.removeprefix("--from=") in found, value
            assert not of(stage, "ADD"), "COPY does not fetch"
        equal(of(found["base"], "USER"), ["airbyte"])

    cases.check("Dockerfile", "pinned bases with a shell, small layers, not as root", lint)
    for role in ("source", "destination"):
        stage = found[role]

        def image(stage=stage, role=role):
            entrypoint = json.loads(of(stage, "ENTRYPOINT")[-1])
            equal(pairs(of(stage, "ENV")[0])["AIRBYTE_ENTRYPOINT"], shlex.join(entrypoint))
            labels = pairs(of(stage, "LABEL")[0])
            assert labels["io.airbyte.name"].endswith(f"/{role}-customerly")
            equal(labels["io.airbyte.version"], version)

        cases.check("AC-21 AC-22", f"{role}: the entrypoint is in the environment, and the labels are there", image)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bin_, share = root / "usr/local/bin", root / "usr/local/share/connector"
        bin_.mkdir(parents=True)
        share.mkdir(parents=True)
        shutil.copy(connector, bin_ / "connector")
        shutil.copy(component, share / "customerly.wasm")
        environment = {"PATH": f"{bin_}:/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8"}

        def here(command):
            """The image's paths, below the folder."""
            return command.replace("/usr/local/", f"{root}/usr/local/")

        def steps():
            for command in of(found["base"], "RUN"):
                if command.startswith("connector "):
                    subprocess.run(["sh", "-c", here(command)], env=environment, check=True, capture_output=True)

        def started(role):
            """As the platform starts an image: a shell evaluates the variable, and redirects to a named pipe."""
            pipe = root / f"{role}.pipe"
            os.mkfifo(pipe)
            entrypoint = here(pairs(of(found[role], "ENV")[0])["AIRBYTE_ENTRYPOINT"])
            process = subprocess.Popen(
                ["sh", "-c", f'(eval "$AIRBYTE_ENTRYPOINT spec" 2>&1 > {pipe})'],
                env={**environment, "AIRBYTE_ENTRYPOINT": entrypoint})
            spec = json.loads(pipe.read_text())["spec"]
            equal(process.wait(), 0)
            equal("supported_destination_sync_modes" in spec, role == "destination")

        cases.check("AS-07", "the steps of the image run in a clean folder", steps)
        cases.check("AS-07", "the source's image is started by a shell", lambda: started("source"))
        cases.check("AS-07", "the destination's image is started by a shell", lambda: started("destination"))
    cases.end()


main()
