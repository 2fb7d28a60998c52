/**
 * V8 settings that shorten the wait for optimised region code (design/jit.md, section 2). Measured per Node version; the
 * emulator works without them. HVM_NO_V8_FLAGS=1 leaves V8 as it is.
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS: Readonly<Record<number, readonly string[]>> = {
  20: [
    '--bytecode-size-allowance-per-tick=100000',
    '--ticks-before-optimization=1',
    '--minimum-invocations-after-ic-update=50',
    '--interrupt-budget=20000',
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
