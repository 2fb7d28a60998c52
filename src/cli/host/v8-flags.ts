/**
 * V8 settings that suit what runs beside regions (docs/performance.md). Measured per Node version; the emulator works without them.
 * HVM_NO_V8_FLAGS=1 leaves V8 as it is.
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS: Readonly<Record<number, readonly string[]>> = {
  20: [
    // Regions are compiled ahead of time; most of what V8 would optimise early, the translator above all, never pays for it.
    '--interrupt-budget=540672',
    // Loops of regions end with their budget, and regions do not call each other: they need no look at the stack.
    '--no-wasm-stack-checks',
  ],
  22: ['--invocation-count-for-turbofan=300'],
  24: ['--invocation-count-for-maglev=50', '--minimum-invocations-after-ic-update=50'],
};

/** To be called once a guest runs: before, V8 would optimise what starts it. Versions nobody measured keep their defaults. */
export function applyV8Flags(): void {
  if (process.env.HVM_NO_V8_FLAGS === '1') return;
  // Tests see that regions are valid asm.js; a host that refuses one runs it as ordinary JavaScript, which is not the user's concern.
  setFlagsFromString('--suppress-asm-messages');
  const major = Number(process.versions.node.split('.')[0]);
  for (const flag of FLAGS[major] ?? []) setFlagsFromString(flag);
}
