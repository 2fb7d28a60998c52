/**
 * Fetches at the limit of CS (SDM vol. 3, 5.3). The MMU gives the page in which CS ends no fast entry for execution, so that nothing goes there without
 * passing the dispatcher, and regions do not reach into it.
 */
import { decode } from '../decoder/decode.js';
import { DecodeFailure } from '../decoder/instruction.js';
import { Vector, fault } from '../runtime/fault.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { ATTRIBUTE, R_EIP, R_SEGMENT_BASE, type Cpu } from '../runtime/state.js';

const CS = 1;
const LONGEST = 15;

export class CodeLimit {
  /** The page at hand holds bytes beyond the limit: its instructions run one by one. */
  alone = false;
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;

  constructor(cpu: Cpu, memory: PhysicalMemory) {
    this.cpu = cpu;
    this.memory = memory;
  }

  /** Bytes that an instruction at r[R_EIP] may have. */
  room(): number {
    const { r, segments } = this.cpu;
    return Math.min(LONGEST, segments.limit[CS]! - (r[R_EIP]! >>> 0) + 1);
  }

  /** #GP(0) if the instruction at r[R_EIP], whose linear address is given, is not wholly within the limit. */
  check(linear: number): void {
    const { r, segments, mmu } = this.cpu;
    const limit = segments.limit[CS]!;
    const barrier = (r[R_SEGMENT_BASE + CS]! + limit + 1) >>> 12;
    mmu.setFetchBarrier(barrier);
    if (r[R_EIP]! >>> 0 > limit) fault(Vector.GP, 0);
    this.alone = linear >>> 12 === barrier;
    if (this.alone && this.room() < LONGEST) this.checkLength(mmu.fetch(linear));
  }

  private checkLength(machine: number): void {
    if (machine < 0) return;
    const size = this.cpu.segments.attributes[CS]! & ATTRIBUTE.DB ? 32 : 16;
    const decoded = decode(this.memory.u8, machine, machine + this.room(), size);
    if (decoded === DecodeFailure.TRUNCATED) fault(Vector.GP, 0);
  }
}
