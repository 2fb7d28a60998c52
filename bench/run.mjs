// Measures the same guests in hvm, npm's v86 and QEMU's TCG, in turns, and prints Markdown tables. Linux only (CPU time from /proc and bash).
// usage: npm run bench -- [--rounds 3] [--only GROUP|CASE|GROUP/CASE,...] [--engines native,hvm,v86,qemu] [--list]
//                         [--json FILE] [--picture FILE.svg] [--docs] [--from FILE]
//                         [--scale 1] [--timeout SECONDS] [--v86 DIRECTORY] [--qemu-cpu n270]
//   --docs    also replaces the tables in docs/performance.md and docs/bench.svg
//   --from    measures nothing: takes what an earlier --json wrote
//   --scale   multiplies the rounds of all kernels: small values show that everything runs, and measure little
// Figures are CPU seconds (user + system, all threads), those of kernels without start-up, medians of the rounds; in brackets the ratio to the
// reference. An engine that is not installed is skipped with a note; `interpreter` takes part when it is named. Status 1 if a run failed or a
// result differed, 2 for bad usage.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { describe, writeDocuments } from './documents.mjs';
import { BUILD, ROOT, createEngines } from './engines.mjs';
import { drawPicture } from './picture.mjs';
import { markdown, summarise } from './report.mjs';
import { Runner } from './runner.mjs';
import { ENGINES, GROUPS } from './suite.mjs';

class UsageError extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      engines: { type: 'string', default: 'native,hvm,v86,qemu' },
      json: { type: 'string' },
      picture: { type: 'string' },
      docs: { type: 'boolean', default: false },
      from: { type: 'string' },
      list: { type: 'boolean', default: false },
      v86: { type: 'string', default: `${BUILD}v86/node_modules/v86` },
      'qemu-cpu': { type: 'string', default: 'n270' },
      timeout: { type: 'string', default: '1800' },
      scale: { type: 'string', default: '1' },
    },
  });
  for (const name of ['rounds', 'timeout']) {
    if (!/^[1-9]\d*$/.test(values[name]))
      throw new UsageError(`--${name} '${values[name]}': expected a positive number`);
  }
  if (!(Number(values.scale) > 0))
    throw new UsageError(`--scale '${values.scale}': expected a positive number`);
  return values;
}

function chooseEngines(engines, list) {
  const names = list.split(',');
  const unknown = names.find((name) => !Object.hasOwn(engines, name));
  if (unknown !== undefined)
    throw new UsageError(`--engines '${unknown}': expected some of ${ENGINES.join(', ')}`);
  return ENGINES.filter((name) => {
    if (!names.includes(name)) return false;
    const reason = engines[name].missing();
    if (reason) console.error(`note: ${name} skipped: ${reason}`);
    return !reason;
  });
}

/** Groups by id, cases by name; a case's name chooses it in every group that has it, GROUP/CASE in one. */
export function chooseGroups(groups, list) {
  if (list === '') return groups;
  const wanted = list.split(',');
  const names = (group, test) => [group.id, test.name, `${group.id}/${test.name}`];
  const known = new Set(groups.flatMap((group) => group.cases.flatMap((test) => names(group, test))));
  const unknown = wanted.find((word) => !known.has(word));
  if (unknown !== undefined)
    throw new UsageError(`--only '${unknown}': expected groups or cases; --list shows them`);
  return groups
    .map((group) => ({
      ...group,
      cases: group.cases.filter((test) => names(group, test).some((word) => wanted.includes(word))),
    }))
    .filter((group) => group.cases.length > 0);
}

function buildGuests(targets) {
  try {
    execFileSync('make', ['-s', '-C', `${ROOT}guests/bench`, ...targets], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    throw new UsageError(
      `guests/bench does not build (gcc -m32 and make are needed): ${String(error.stderr ?? error.message).split('\n')[0]}`,
    );
  }
}

function withoutDebian(groups) {
  console.error('note: the Debian guests are skipped; scripts/guests.sh makes them');
  return groups
    .map((group) => ({
      ...group,
      cases: group.cases.filter(({ kind }) => !['debian', 'span', 'piece'].includes(kind)),
    }))
    .filter((group) => group.cases.length > 0);
}

async function measureAll(runner, groups, engineNames, rounds) {
  for (const group of groups) for (const test of group.cases) test.samples = {};
  for (let round = 1; round <= rounds; round++) {
    for (const group of groups) {
      for (const test of group.cases) {
        for (const name of engineNames) {
          if (group.engines && !group.engines.includes(name)) continue;
          test.samples[name] ??= [];
          await runner.sample(group, test, name, round, test.samples[name]);
        }
      }
    }
    console.error(`round ${round} of ${rounds} done`);
  }
}

// The command without what is only about this machine: files and directories.
function commandOf(options) {
  const words = ['rounds', 'only', 'engines', 'scale'].flatMap((name) =>
    options[name] === '' || (name === 'scale' && options[name] === '1') ? [] : [`--${name}`, options[name]],
  );
  return ['npm run bench --', ...words].join(' ');
}

const circumstances = (options) => ({
  date: new Date().toISOString().slice(0, 10),
  command: commandOf(options),
  rounds: Number(options.rounds),
  node: process.version,
  processor: `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`,
});

function listCases(groups) {
  for (const group of groups) console.log(`${group.id}: ${group.cases.map((test) => test.name).join(' ')}`);
}

/** Resolves to {circumstances, engines, groups}: plain data. */
async function measureGroups(groups, withDebian, options) {
  const engines = createEngines({ v86Directory: options.v86, qemuCpu: options['qemu-cpu'] });
  const engineNames = chooseEngines(engines, options.engines);
  buildGuests(withDebian ? ['all', 'debian'] : ['all']);
  const cases = groups.flatMap((group) => group.cases);
  const runner = new Runner(engines, cases, {
    timeoutSeconds: Number(options.timeout),
    scale: Number(options.scale),
    log: (text) => console.error(text),
  });
  await measureAll(runner, groups, engineNames, Number(options.rounds));
  if (runner.failures > 0) {
    console.error(`${runner.failures} runs failed`);
    process.exitCode = 1;
  }
  return {
    circumstances: circumstances(options),
    engines: Object.fromEntries(engineNames.map((name) => [name, engines[name].title])),
    groups: summarise(groups, engineNames),
  };
}

function readEarlier(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--from '${file}': expected a file that --json wrote (${error.message})`);
  }
}

function publish(result, options) {
  if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  if (options.picture)
    writeFileSync(options.picture, drawPicture(result.groups, describe(result.circumstances)));
  if (options.docs) writeDocuments(result);
  console.log(markdown(result.groups, Object.keys(result.engines), result.engines));
}

async function main() {
  const options = readOptions();
  if (options.from !== undefined) return publish(readEarlier(options.from), options);
  const withDebian = existsSync(`${BUILD}vmlinuz-686`) && existsSync(`${BUILD}expected.txt`);
  const groups = chooseGroups(withDebian ? GROUPS : withoutDebian(GROUPS), options.only);
  if (options.list) return listCases(groups);
  publish(await measureGroups(groups, withDebian, options), options);
}

main().catch((error) => {
  const usage = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(`bench: ${usage ? error.message.split('\n')[0] : error.stack}`);
  process.exitCode = 2;
});
