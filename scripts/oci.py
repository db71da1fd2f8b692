"""Pushes a release to an OCI registry as a WebAssembly artifact, and pulls it by digest.

    oci.py push NAME:TAG FOLDER COMPONENT SIGNATURE    prints the digest of the manifest
    oci.py pull NAME@DIGEST FOLDER

The component is a layer `application/wasm` under a config `application/vnd.wasm.config.v0+json`, as registries and
runtimes of WebAssembly expect it; the annotations are the component's own metadata.
"""

import hashlib
import json
import pathlib
import sys

import oras.container
import oras.oci
import oras.provider

CONFIG = "application/vnd.wasm.config.v0+json"


def registry():
    return oras.provider.Registry(insecure=True, tls_verify=False)


def described(path, media_type):
    layer = oras.oci.NewLayer(str(path), is_dir=False, media_type=media_type)
    layer["annotations"] = {"org.opencontainers.image.title": path.name}
    return layer


def push(target, folder, component, signature):
    folder = pathlib.Path(folder)
    description = json.loads((folder / component).with_suffix(".json").read_text())
    files = [
        (folder / component, "application/wasm"),
        ((folder / component).with_suffix(".cdx.json"), "application/vnd.cyclonedx+json"),
        (folder / "SHA256SUMS", "text/plain"),
        (pathlib.Path(signature), "application/vnd.minisign"),
    ]
    client = registry()
    container = oras.container.Container(target)
    manifest = oras.oci.NewManifest()
    for path, media_type in files:
        layer = described(path, media_type)
        client.upload_blob(str(path), container, layer)
        manifest["layers"].append(layer)
    config = folder / ".config.json"
    config.write_text(
        json.dumps(
            {
                "architecture": "wasm",
                "os": "wasip2",
                "layerDigests": [manifest["layers"][0]["digest"]],
                "component": {
                    "exports": description["exports"],
                    "imports": description["imports"],
                },
            }
        )
    )
    described_config, _ = oras.oci.ManifestConfig(str(config), CONFIG)
    client.upload_blob(str(config), container, described_config)
    config.unlink()
    manifest["config"] = described_config
    manifest["annotations"] = {
        "org.opencontainers.image.title": description["name"],
        "org.opencontainers.image.description": description["summary"],
        "org.opencontainers.image.version": description["version"],
    }
    client.upload_manifest(manifest, container).raise_for_status()
    answer = client.do_request(
        f"{client.prefix}://{container.manifest_url()}",
        "HEAD",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    answer.raise_for_status()
    print(answer.headers["Docker-Content-Digest"])


def pull(target, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    client = registry()
    container = oras.container.Container(target)
    answer = client.do_request(
        f"{client.prefix}://{container.manifest_url()}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    answer.raise_for_status()
    check(answer.content, target.split("@")[1])
    for layer in answer.json()["layers"]:
        blob = client.get_blob(container, layer["digest"])
        blob.raise_for_status()
        check(blob.content, layer["digest"])
        name = pathlib.Path(layer["annotations"]["org.opencontainers.image.title"]).name
        (folder / name).write_bytes(blob.content)
        print(f"{layer['digest']}  {name}")


def check(content, digest):
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != digest:
        sys.exit(f"the registry gave {found} for {digest}")


def main():
    match sys.argv[1:]:
        case ["push", target, folder, component, signature]:
            push(target, folder, component, signature)
        case ["pull", target, folder]:
            pull(target, folder)
        case _:
            sys.exit(__doc__)


main()
