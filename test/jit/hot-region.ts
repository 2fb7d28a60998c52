/** Translates a small loop after it has run a little, and gives the emitted function. */
import { parse } from 'acorn';
import { generate } from 'astring';
import type { FunctionDeclaration, Program } from 'estree';

type Engines = typeof import('../../src/jit/engines.js');
type Machines = typeof import('../../src/jit/vector-machine.js');

const CODE = 0x400000;
const R_EIP = 16,
  R_BUDGET = 22;

/** The function among what a region's source declares. */
function functionIn(source: string): FunctionDeclaration {
  const program = parse(source, {
    ecmaVersion: 2022,
    allowReturnOutsideFunction: true,
  }) as unknown as Program;
  return program.body.find((s): s is FunctionDeclaration => s.type === 'FunctionDeclaration')!;
}

/** Source of the region at the block's first byte; the constants it closes over are left out. */
export function hotRegion({ createEngine }: Engines, { VectorMachine }: Machines, bytes: Uint8Array): string {
  const machine = new VectorMachine(32);
  machine.enterUser();
  machine.memory.copyIn(CODE, bytes);
  const sources: string[] = [];
  const options = { onTranslation: (_name: string, source: string) => sources.push(source) };
  const engine = createEngine('jit', options)(machine.cpu, machine.memory);
  const { r } = machine.cpu;
  [5, 100, 0x200000, 0, 0x302000, 0, 0x200000, 0x300000].forEach((value, i) => (r[i] = value));
  r[R_EIP] = CODE;
  engine.synchronize();
  // A region has only blocks that have run.
  r[R_BUDGET] = 12;
  engine.run();
  r[R_EIP] = CODE;
  engine.translate();
  if (sources.length !== 1) throw new Error(`${sources.length} regions were made`);
  return generate(functionIn(sources[0]!), { indent: ' ' });
}
