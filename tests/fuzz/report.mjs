// report.mjs STATE BIN COVERAGE-BIN - the table of a campaign as docs/internals/fuzz.md has it: what each target did, what is kept of it,
// and which part of the files under test the kept corpus reaches, counted by clang's source coverage. Writes the page between its marks.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const page = path.join(root, 'docs/internals/fuzz.md');
const [state, bin, covered] = process.argv.slice(2);

// What a target is about, from the root of the sources.
const under = {
    fuzz_archive: ['server/backup/archive_read.c', 'server/backup/manifest.c', 'server/backup/tar.c', 'server/backup/sealed.c'],
    fuzz_connection: ['server/front/', 'server/net/http', 'server/net/ws.c', 'core/'],
    fuzz_csv: ['core/wire/csv.c', 'core/auth/id_template.c', 'core/auth/mac.c', 'core/base/utf16.c'],
    fuzz_document: ['core/prov/enrollment', 'core/hub/device', 'core/prov/hub.c', 'core/prov/dps_message.c'],
    fuzz_dps_device: ['core/prov/dps_'],
    fuzz_files: ['server/ops/config', 'server/ops/seed.c', 'server/ops/pki_pem.c'],
    fuzz_forensics: ['core/auth/forensics'],
    fuzz_http: ['server/net/http'],
    fuzz_hub_topic: ['core/hub/hub_topic.c', 'core/hub/hub_event.c'],
    fuzz_json: ['core/wire/json'],
    fuzz_mqtt: ['core/wire/mqtt'],
    fuzz_provisioning: ['client/provisioning'],
    fuzz_record: ['core/hub/device', 'core/prov/enrollment.c', 'core/prov/registration.c', 'core/auth/policy.c'],
    fuzz_sas: ['core/auth/sas.c'],
    fuzz_text: ['core/wire/percent.c', 'core/wire/query.c', 'core/crypto/b64.c', 'core/auth/mac.c'],
    fuzz_twin: ['core/hub/twin'],
    fuzz_websocket: ['server/net/ws.c', 'core/wire/websocket.c'],
};

const targets = fs.readdirSync(bin).filter((name) => /^fuzz_[a-z_]+$/.test(name) && name in under);
const files = (directory) => (fs.existsSync(directory) ? fs.readdirSync(directory).map((name) => fs.statSync(path.join(directory, name)).size) : []);
const sum = (list) => list.reduce((a, b) => a + b, 0);
const part = (n, of) => (of === 0 ? '–' : `${((100 * n) / of).toFixed(1)} %`);

function rounds(target) {
    const lines = fs.readFileSync(path.join(root, 'tests/fuzz/rounds'), 'utf8').split('\n').map((line) => line.split(' '));
    const rows = lines.filter(([name]) => name === target).map(([, ...figures]) => figures.map(Number));
    return { cpu: sum(rows.map((row) => row[0])), runs: sum(rows.map((row) => row[1])), edges: Math.max(0, ...rows.map((row) => row[2])) };
}

function coverage(target) {
    const profile = path.join(state, `${target}.profraw`);
    const merged = path.join(state, `${target}.profdata`);
    const kept = ['corpus', 'regressions'].map((name) => path.join(root, 'tests/fuzz', name, target));
    const ran = spawnSync(path.join(covered, target), kept, { env: { ...process.env, LLVM_PROFILE_FILE: profile } });
    if (ran.status !== 0) throw new Error(`${target}: ${ran.stderr}`);
    execFileSync('llvm-profdata', ['merge', '-sparse', profile, '-o', merged]);
    const text = execFileSync('llvm-cov', ['export', '-summary-only', `-instr-profile=${merged}`, path.join(covered, target)], { maxBuffer: 1 << 28 });
    const about = JSON.parse(text).data[0].files.filter((f) => under[target].some((start) => path.relative(root, f.filename).startsWith(start)));
    const of = (what) => [sum(about.map((f) => f.summary[what].covered)), sum(about.map((f) => f.summary[what].count))];
    return { lines: of('lines'), branches: of('branches') };
}

function row(target) {
    const r = rounds(target);
    const corpus = files(path.join(root, 'tests/fuzz/corpus', target));
    const regressions = files(path.join(root, 'tests/fuzz/regressions', target));
    const c = coverage(target);
    const rate = r.cpu === 0 ? '–' : Math.round(r.runs / r.cpu).toLocaleString('en');
    return `| \`${target}\` | ${r.cpu.toLocaleString('en')} | ${r.runs.toLocaleString('en')} | ${rate} | ${corpus.length} | ${Math.ceil(sum(corpus) / 1024)} | ` +
        `${r.edges.toLocaleString('en')} | ${part(...c.lines)} | ${part(...c.branches)} | ${regressions.length} |`;
}

const table = [
    '| Target | CPU s | Executions | a CPU s | Kept files | KiB | Edges | Lines | Branches | Regressions |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...targets.map(row),
].join('\n');

console.log(table);
const text = fs.readFileSync(page, 'utf8');
fs.writeFileSync(page, text.replace(/(<!-- campaign -->\n)[^]*?(\n<!-- end -->)/, (all, begin, end) => begin + table + end));
