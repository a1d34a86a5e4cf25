// Builds the gate: node build.mjs CONTRACT_DIR [OUT.wasm]
// CONTRACT_DIR is the folder with the contract's .wit files. Nothing is fetched from the network.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';

const here = dirname(fileURLToPath(import.meta.url));
const [contract, out = '{{name}}.wasm'] = process.argv.slice(2);
if (contract === undefined) {
  console.error('usage: node build.mjs CONTRACT_DIR [OUT.wasm]');
  process.exit(64);
}

// The tool wants one folder: our world, and the packages it uses under `deps`.
const wit = mkdtempSync(join(tmpdir(), 'gate-wit-'));
try {
  cpSync(join(here, 'world.wit'), join(wit, 'world.wit'));
  cpSync(contract, join(wit, 'deps', 'orch-gate'), { recursive: true });
  const { component } = await componentize({
    sourcePath: join(here, 'gate.js'),
    witPath: wit,
    worldName: 'my-gate',
    // Each of these would be one more permission. A gate needs none of them.
    disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
  });
  writeFileSync(out, component);
  console.log(`${out}: ${component.length} bytes`);
} finally {
  rmSync(wit, { recursive: true, force: true });
}
