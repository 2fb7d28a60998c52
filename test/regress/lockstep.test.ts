/** Lockstep on machines that only count: planted differences are found at the right instruction, and agreement is reported. */
import { describe, expect, it } from 'vitest';
import { SerialLog, runLockstep } from '../../src/regress/lockstep.js';
import type { LockstepGuest, LockstepSetup } from '../../src/regress/lockstep.js';
import { ATTRIBUTE, Cpu, EAX, EBX, R_EIP } from '../../src/runtime/state.js';

const NOP = 0x90;
const JUMP_EVERY = 10;

/** Every instruction adds one to EIP; every tenth jumps one byte further. */
class CountingGuest implements LockstepGuest {
  readonly cpu = new Cpu({ name: 'none', cpuid: () => [0, 0, 0, 0] });
  readonly serial = new SerialLog();
  readonly memory = new Int32Array(64);
  readonly name: string;
  typed = '';
  retired = 0;
  readonly #after: (
    guest: CountingGuest,
    slice: number,
  ) => { ended?: string; idleUntil?: number } | undefined;

  constructor(
    name: string,
    after: (guest: CountingGuest, slice: number) => { ended?: string; idleUntil?: number } | undefined,
  ) {
    this.name = name;
    this.#after = after;
    this.cpu.segments.attributes[1] = ATTRIBUTE.DB;
  }
  readonly peek = (): number => NOP;
  instructions(): number {
    return this.retired;
  }
  runSlice(count: number): { ended?: string; idleUntil?: number } {
    for (let i = 0; i < count; i++) {
      this.retired++;
      this.cpu.r[R_EIP]! += this.retired % JUMP_EVERY === 0 ? 2 : 1;
      const end = this.#after(this, count);
      if (end) return end;
    }
    return {};
  }
  type(bytes: Uint8Array): void {
    this.typed += new TextDecoder().decode(bytes);
    this.cpu.r[EAX] = this.typed.length;
  }
  counters(): [] {
    return [];
  }
  ram(): Int32Array {
    return this.memory;
  }
}

type After = ConstructorParameters<typeof CountingGuest>[1];
const END: After = (guest) => (guest.retired >= 5000 ? { ended: 'off' } : undefined);

function compare(bug: After, options: Partial<LockstepSetup> = {}): { text: string; created: number } {
  let created = 0;
  const result = runLockstep({
    engines: ['good', 'bad'],
    every: 1000,
    create: (engine) => {
      created++;
      return new CountingGuest(
        engine,
        (g, slice) => (engine === 'bad' ? bug(g, slice) : undefined) ?? END(g, slice),
      );
    },
    afterStep: () => ({}),
    ...options,
  });
  return {
    text: result.kind === 'agreed' ? `agreed after ${result.instructions}: ${result.reason}` : result.report,
    created,
  };
}

const none: After = () => undefined;

describe('lockstep', () => {
  it('reports agreement', () => {
    expect(compare(none).text).toBe('agreed after 5000: the guest ended: "off"');
  });
  it.each([1, 777, 1000, 1001, 4999])('finds a register that goes wrong at instruction %i', (at) => {
    const { text } = compare((g) => void (g.retired === at && (g.cpu.r[EBX] = 9)));
    expect(text).toContain(`first diverging instruction, after ${at - 1} instructions that agree:`);
    expect(text).toContain('ebx: good 0x0, bad 0x9');
  });
  it('finds memory that goes wrong long before RAM is compared', () => {
    const { text } = compare((g) => void (g.retired === 1234 && (g.memory[5] = 1)));
    expect(text).toContain('after 1233 instructions that agree');
    expect(text).toContain('memory at 0x14: good 0x0, bad 0x1');
  });
  it('finds a different end', () => {
    const { text } = compare((g) => (g.retired === 2500 ? { ended: 'crash' } : undefined));
    expect(text).toContain('after 2499 instructions that agree');
    expect(text).toContain('end: good goes on, bad ended: "crash"');
  });
  it('names the smallest step that shows a difference which smaller steps hide', () => {
    // Goes wrong only where at least 60 instructions are left to run, as a region does.
    const { text } = compare((g, slice) => void (g.retired === 2222 && slice >= 60 && (g.cpu.r[EBX] = 1)));
    const [, within, after] = /diverge within (\d+) instructions after (\d+) instructions/.exec(text)!;
    expect(Number(within)).toBeGreaterThanOrEqual(60);
    expect(Number(within)).toBeLessThan(120);
    expect(2222 - Number(after)).toBeLessThanOrEqual(Number(within));
    expect(Number(after)).toBeLessThan(2222);
  });
  it('types into both, and into the replays at the same place', () => {
    let steps = 0;
    const afterStep = (): { type?: Uint8Array } =>
      ++steps === 2 ? { type: new TextEncoder().encode('abc') } : {};
    const { text } = compare((g) => void (g.retired === 2500 && g.typed === 'abc' && (g.cpu.r[EBX] = 1)), {
      afterStep,
    });
    expect(text).toContain('after 2499 instructions that agree');
  });
  it('stops where a guest waits and nothing is left to type', () => {
    const wait: After = (g) => (g.retired === 300 ? { idleUntil: Infinity } : undefined);
    const create = (engine: string): CountingGuest => new CountingGuest(engine, wait);
    expect(compare(none, { create }).text).toBe('agreed after 300: the guest waits for input');
  });
  it('stops when told', () => {
    expect(compare(none, { afterStep: () => ({ stop: 'enough' }) }).text).toBe('agreed after 1000: enough');
  });
  it('in steps of blocks compares after each transfer', () => {
    const counts: number[] = [];
    let first: CountingGuest | undefined;
    const create = (engine: string): CountingGuest => {
      const guest = new CountingGuest(engine, END);
      first ??= guest;
      return guest;
    };
    const afterStep = (): { stop?: string } => (
      counts.push(first!.retired),
      counts.length === 4 ? { stop: 'enough' } : {}
    );
    compare(none, { create, afterStep, every: 'block' });
    expect(counts).toEqual([10, 20, 30, 40]);
  });
});
