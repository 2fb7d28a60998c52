/** x87 errors the way the AT reports them: CR0.NE = 0, FERR#, IRQ 13, port F0 and IGNNE# (SDM vol. 1, D.2.1). */
import { describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { Machine } from '../../src/machine.js';
import { EBP, EBX, ECX, EDX, ESI, ESP, R_EIP } from '../../src/runtime/state.js';

/**
 * At 1000: both PICs (vectors 8 and 70), only IRQ 2 and 13 open; fninit; fldcw with #Z unmasked; sti (102A); fld1; fldz; fdivp; fnstenv [2000]; fldcw again;
 * mov bx, 1; fldz (103C); mov cx, 2; fnclex; fld1; fldz; fdivp; fwait (1049); mov bp, 3; hlt.
 */
const PROGRAM =
  'b011e620e6a0b008e621b070e6a1b004e621b002e6a1b001e621e6a1b0fbe621b0dfe6a1dbe3d92e4e10fbd9e8d9eedef9d9360020d92e4e10' +
  'bb0100d9eeb90200dbe2d9e8d9eedef99bbd0300f47b03';
const STI = 0x2a;
/** inc dx; si = return address; port F0; EOI to both; iret. */
const HANDLER = '4289e78b35b000e6f0b020e6a0e620cf';
const ADDRESS = 0x1000,
  HANDLER_ADDRESS = 0x1100;

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function build(engine: EngineName, program = bytesOf(PROGRAM)): Machine {
  const machine = new Machine({
    memoryBytes: 8 << 20,
    clock: 'virtual',
    serial: new SerialLine(() => undefined),
    debugExit: false,
    createEngine: createEngine(engine, { train: false }),
  });
  const { cpu, memory } = machine;
  memory.copyIn(ADDRESS, program);
  memory.copyIn(HANDLER_ADDRESS, bytesOf(HANDLER));
  memory.write32(0x75 * 4, HANDLER_ADDRESS);
  // A far jump at the reset vector would have to be in ROM: the segment is set by hand.
  cpu.segments.base[1] = 0;
  cpu.segments.selector[1] = 0;
  cpu.r[10] = 0;
  cpu.r[R_EIP] = ADDRESS;
  cpu.r[ESP] = 0x3000;
  cpu.r[EDX] = 0;
  return machine;
}

describe.each<EngineName>(['evaluator', 'interpreter', 'jit'])('%s', (engine) => {
  it('the next waiting instruction waits for IRQ 13, port F0 lets it go on, a new error waits again', () => {
    const machine = build(engine);
    const { r } = machine.cpu;
    const end = machine.runSlice(1000);
    expect(end.ended).toBeUndefined();
    expect([r[EDX], r[EBX], r[ECX], r[EBP], r[ESI]]).toEqual([2, 1, 2, 3, 0x1049]);
  });

  it('the environment tells the opcode of the error', () => {
    const machine = build(engine);
    machine.runSlice(1000);
    expect(machine.memory.read16(0x2008)).toBe(0x6f9);
  });

  it('without interrupts it waits for good', () => {
    const program = bytesOf(PROGRAM);
    program[STI] = 0x90;
    const machine = build(engine, program);
    expect(machine.runSlice(1000).ended).toEqual({ kind: 'halted-forever' });
    expect([machine.cpu.r[EBX], machine.cpu.r[R_EIP]]).toEqual([1, 0x103c]);
  });
});
