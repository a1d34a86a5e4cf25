"""Registries of every kind with one package in each, `greet`, served from a folder on loopback; prints the port."""

import base64
import functools
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile
import zipfile


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def python():
    info = "greet-1.0.0.dist-info"
    files = {
        "greet.py": 'HELLO = "hello"\n',
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.0.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    wheel = "greet-1.0.0-py3-none-any.whl"
    write(f"files/{wheel}", packed.getvalue())
    write("simple/greet/index.html", f'<!DOCTYPE html><a href="/files/{wheel}">{wheel}</a>')


def node(address):
    package = {"name": "greet", "version": "1.0.0", "main": "index.js"}
    packed = tar({"package/package.json": json.dumps(package), "package/index.js": 'module.exports = "hello";\n'})
    write("files/greet-1.0.0.tgz", packed)
    digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
    dist = {"tarball": f"{address}/files/greet-1.0.0.tgz", "integrity": f"sha512-{digest}"}
    versions = {"1.0.0": {**package, "dist": dist}}
    write("npm/greet", json.dumps({"name": "greet", "dist-tags": {"latest": "1.0.0"}, "versions": versions}))


def rust(address):
    manifest = '[package]\nname = "greet"\nversion = "1.0.0"\nedition = "2021"\n'
    library = 'pub const HELLO: &str = "hello";\n'
    packed = tar({"greet-1.0.0/Cargo.toml": manifest, "greet-1.0.0/src/lib.rs": library})
    write("files/greet-1.0.0.crate", packed)
    write("cargo/config.json", json.dumps({"dl": f"{address}/files/{{crate}}-{{version}}.crate"}))
    digest = hashlib.sha256(packed).hexdigest()
    line = {"name": "greet", "vers": "1.0.0", "deps": [], "cksum": digest, "features": {}, "yanked": False}
    write("cargo/gr/ee/greet", json.dumps(line) + "\n")


os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="."))
address = f"http://localhost:{server.server_port}"
python()
node(address)
rust(address)
print(server.server_port, flush=True)
server.serve_forever()
