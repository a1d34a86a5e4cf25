#!/bin/bash
# Uses each package manager as a project does, by the registries at $REGISTRY; a line in $SEEN for each that worked.
# What a program said on the way is beside it.
unset NO_PROXY no_proxy
export npm_config_noproxy= npm_config_registry=$REGISTRY/npm/ npm_config_audit=false npm_config_update_notifier=false
export PIP_DISABLE_PIP_VERSION_CHECK=1

tries() {
  name=$1
  mkdir -p "$TMPDIR/$name"
  if (cd "$TMPDIR/$name" && set -ex && "$name") > "$SEEN.$name" 2>&1; then echo "$name" >> "$SEEN"; fi
}

pip() {
  python3 -m venv own
  own/bin/pip install --index-url "$REGISTRY/simple/" greet==1.0.0
  own/bin/python -c 'import greet; assert greet.HELLO == "hello"'
}

uv() {
  command uv venv own
  command uv pip install --python own/bin/python --index-url "$REGISTRY/simple/" greet
  own/bin/python -c 'import greet; assert greet.HELLO == "hello"'
}

npm() {
  echo '{"name": "own", "version": "1.0.0"}' > package.json
  command npm install greet@1.0.0
  node -e 'require("assert").equal(require("greet"), "hello")'
}

pnpm() {
  echo '{"name": "own", "version": "1.0.0"}' > package.json
  "$PNPM" add greet@1.0.0
  node -e 'require("assert").equal(require("greet"), "hello")'
}

cargo() {
  mkdir -p src .cargo
  printf '[package]\nname = "own"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\ngreet = "1"\n' > Cargo.toml
  printf '[source.crates-io]\nreplace-with = "kit"\n[source.kit]\nregistry = "sparse+%s/cargo/"\n' "$REGISTRY" > .cargo/config.toml
  echo 'fn main() { assert_eq!(greet::HELLO, "hello"); }' > src/main.rs
  command cargo run
}

maven() {
  cp -r "$FILES/maven/." .
  printf '<settings><mirrors><mirror><id>kit</id><mirrorOf>*</mirrorOf><url>%s/maven/</url></mirror></mirrors></settings>' \
    "$REGISTRY" > settings.xml
  MAVEN_OPTS="$MAVEN_OPTS -Dhttp.nonProxyHosts=" mvn -B -s settings.xml -Dmaven.repo.local=own package
  test -f target/own-1.0.0.jar
}

browser() {
  cat > look.cjs <<'END'
const { chromium } = require("playwright-core");
(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"],
    proxy: { server: process.env.HTTP_PROXY, bypass: "<-loopback>" },
  });
  const page = await browser.newPage();
  await page.goto(process.env.REGISTRY + "/simple/greet/");
  require("assert").equal(await page.locator("a").innerText(), "greet-1.0.0-py3-none-any.whl");
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
END
  NODE_PATH=$DRIVER node look.cjs
}

for name in $TOOLS; do tries "$name"; done
