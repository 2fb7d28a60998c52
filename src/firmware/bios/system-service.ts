/**
 * INT 15h: memory maps and moves, A20, waits, protected mode, configuration (PC/AT and PS/2 BIOS interface; ACPI 1.0, 14.1).
 * Not implemented: joysticks, APM.
 */
import { memoryMap } from '../e820.js';
import { BDA } from './data-area.js';
import type { BiosHost } from './host.js';
import type { MouseService } from './mouse-service.js';
import type { Registers } from './registers.js';
import { AT, ROM_SEGMENT } from './rom.js';
import type { BiosProgram } from './rom.js';
import type { BiosState } from './state.js';
import type { TimeService } from './time-service.js';

const SMAP = 0x534d4150,
  ENTRY_BYTES = 20;
const UNSUPPORTED = 0x86;
const MICROSECOND = 1000;
/** Longer waits sleep: an interrupt comes at least every 55 ms. */
const SLEEP_NS = 60_000_000;
const ONE_MIB = 0x100000;
const PIC_MASTER = 0x20,
  PIC_SLAVE = 0xa0;
/** Of the table that function 89 is given: the descriptor for the BIOS, which the BIOS fills in: 64 KiB of readable code at F0000. */
const BIOS_DESCRIPTOR = 0x38,
  BIOS_CODE = [0xff, 0xff, 0x00, 0x00, 0x0f, 0x9b, 0x00, 0x00];
const A20_BY_KEYBOARD = 1,
  A20_BY_PORT_92 = 2;

export class SystemService {
  private readonly host: BiosHost;
  private readonly mouse: MouseService;
  private readonly labels: BiosProgram['labels'];
  private readonly state: BiosState;
  private readonly time: TimeService;

  constructor(
    host: BiosHost,
    { mouse, time }: { readonly mouse: MouseService; readonly time: TimeService },
    labels: BiosProgram['labels'],
    state: BiosState,
  ) {
    this.host = host;
    this.mouse = mouse;
    this.time = time;
    this.labels = labels;
    this.state = state;
  }

  reset(): void {
    this.state.waitUntil = -1;
  }

  handle(r: Registers): void {
    switch (r.ah) {
      case 0x24:
        return this.a20(r);
      case 0x4f:
        // Nobody has taken the scan code.
        r.carry = true;
        return;
      case 0x80:
      case 0x81:
      case 0x82:
      case 0x85:
      case 0x90:
      case 0x91:
        return this.done(r);
      case 0x83:
        return this.eventWait(r);
      case 0x86:
        return this.wait(r);
      case 0x87:
        return this.move(r);
      case 0x89:
        return this.enterProtectedMode(r);
      case 0x88:
        r.ax = Math.min(0xfc00, this.extendedKib);
        r.carry = false;
        return;
      case 0xc0:
        r.loadEs(ROM_SEGMENT);
        r.bx = AT.CONFIGURATION;
        return this.done(r);
      case 0xc1:
        r.loadEs(this.host.memory.read16(BDA.EBDA_SEGMENT));
        r.carry = false;
        return;
      case 0xc2:
        return this.mouse.handle(r);
      case 0xe8:
        return this.memorySize(r);
      default:
        return this.unsupported(r);
    }
  }

  private done(r: Registers): void {
    r.ah = 0;
    r.carry = false;
  }
  private unsupported(r: Registers): void {
    r.ah = UNSUPPORTED;
    r.carry = true;
  }

  private get extendedKib(): number {
    return Math.max(0, this.host.ramBytes - ONE_MIB) / 1024;
  }

  private a20(r: Registers): void {
    if (r.al <= 1) this.host.setA20(r.al === 1);
    else if (r.al === 2) r.al = this.host.a20() ? 1 : 0;
    else if (r.al === 3) r.bx = A20_BY_KEYBOARD | A20_BY_PORT_92;
    else return this.unsupported(r);
    this.done(r);
  }

  /** CX:DX microseconds. The stub calls again until they are over. */
  private wait(r: Registers): void {
    const { state } = this;
    const now = this.host.now();
    if (state.waitUntil < 0) state.waitUntil = now + (r.cx * 0x10000 + r.dx) * MICROSECOND;
    const left = state.waitUntil - now;
    if (left > 0)
      return this.host.processor.jump(left > SLEEP_NS ? this.labels.systemSleep : this.labels.systemSpin);
    state.waitUntil = -1;
    this.done(r);
  }

  /** AL = 0: a byte at ES:BX gets its top bit in CX:DX microseconds; 1: it does not. */
  private eventWait(r: Registers): void {
    if (r.al > 1) return this.unsupported(r);
    if (r.al === 1) this.time.endWait();
    else if (!this.time.startWait(r.esSelector, r.bx, r.cx * 0x10000 + r.dx)) {
      r.ah = 0;
      r.carry = true;
      return;
    }
    this.done(r);
  }

  /** ES:SI is a table of eight descriptors, BH and BL the first vectors of the two interrupt controllers, which end up masked. The stub does the rest. */
  private enterProtectedMode(r: Registers): void {
    const { memory, ports, processor } = this.host;
    for (const [pic, words] of [
      [PIC_MASTER, [r.bh, 0x04, 0x01, 0xff]],
      [PIC_SLAVE, [r.bl, 0x02, 0x01, 0xff]],
    ] as const) {
      ports.write(pic, 0x11);
      for (const word of words) ports.write(pic + 1, word);
    }
    this.host.setA20(true);
    memory.write(r.es(r.si) + BIOS_DESCRIPTOR, Uint8Array.from(BIOS_CODE));
    processor.jump(this.labels.protect);
  }

  /** CX words between the bases of two descriptors of the table at ES:SI. */
  private move(r: Registers): void {
    const { memory } = this.host;
    const base = (descriptor: number): number => {
      const at = r.es(r.si) + descriptor;
      return (memory.read32(at + 2) & 0xffffff) + memory.read8(at + 7) * 0x1000000;
    };
    const gate = this.host.a20();
    const [source, target] = [base(0x10), base(0x18)];
    this.host.setA20(true);
    memory.write(target, memory.read(source, 2 * r.cx));
    this.host.setA20(gate);
    this.done(r);
  }

  private memorySize(r: Registers): void {
    if (r.al === 0x20) return this.mapEntry(r);
    if (r.al !== 0x01 && r.al !== 0x81) return this.unsupported(r);
    const kibibytes = Math.min(15 * 1024, this.extendedKib);
    const blocks = Math.floor(Math.max(0, this.host.ramBytes - 16 * ONE_MIB) / 0x10000);
    // E881 is E801 in 32 bits.
    if (r.al === 0x81) {
      r.eax = r.ecx = kibibytes;
      r.ebx = r.edx = blocks;
    } else {
      r.ax = r.cx = kibibytes;
      r.bx = r.dx = blocks;
    }
    r.carry = false;
  }

  /** EBX counts through the entries; 0 after the last. */
  private mapEntry(r: Registers): void {
    const map = memoryMap(this.host.ramBytes);
    const entry = map[r.ebx];
    if (r.edx !== SMAP || entry === undefined || r.ecx < ENTRY_BYTES) return this.unsupported(r);
    const view = new DataView(new ArrayBuffer(ENTRY_BYTES));
    view.setUint32(0, entry.address, true);
    view.setUint32(8, entry.length, true);
    view.setUint32(16, entry.type, true);
    this.host.memory.write(r.es(r.di), new Uint8Array(view.buffer));
    r.ebx = r.ebx + 1 < map.length ? r.ebx + 1 : 0;
    r.eax = SMAP;
    r.ecx = ENTRY_BYTES;
    r.carry = false;
  }
}
