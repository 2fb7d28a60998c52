/**
 * The registers of PIIX4's power management: PM1a blocks, PM timer and plain registers in 64 ports that configuration space places, the
 * general-purpose events of Xen's and QEMU's boards at AFE0, the APM command and status ports at B2, answered at once as there is no SMM.
 * Not implemented: sources of general-purpose events, sleep states other than soft-off, traps and clock control.
 */
import type { Clock, Decoder, Device, Nanoseconds, PortClaim, Wire } from '../devices/device.js';
import { ticksAt, timeOfTick } from './frequency.js';
import { smiRefusal } from './smi.js';

export const PM_TIMER_HERTZ = 3579545;
export const PM_BASE = 0xb000,
  GPE0_BASE = 0xafe0,
  SMI_COMMAND_PORT = 0xb2;
/** Keys of the movable ranges, beyond those of PCI base address registers. */
const FIRST_KEY = 0x800;
export const ACPI_ENABLE = 0xf1,
  ACPI_DISABLE = 0xf0;
/** SLP_TYP of soft-off, as \_S5 says. */
export const SLEEP_TYPE_S5 = 0;
const TIMER_HALF = 1 << 23;
const STS_TIMER = 1,
  STS_POWER_BUTTON = 0x100,
  STS_WRITABLE = 0x8d31;
const EN_WRITABLE = 0x0521;
const CNT_SCI_EN = 1,
  CNT_SLP_EN = 0x2000,
  CNT_WRITABLE = 0x1c07;

export interface PmState {
  status: number;
  enable: number;
  control: number;
  smiCommand: number;
  smiStatus: number;
  /** GPE0_STS and GPE0_EN, two bytes each. */
  gpe: Uint8Array;
  /** The rest of the 64 ports, which only keep what is written. */
  plain: Uint8Array;
  /** Time up to which toggles of the timer's top bit are in `status`. */
  checked: Nanoseconds;
}

function powerOn(): PmState {
  return {
    status: 0,
    enable: 0,
    control: 0,
    smiCommand: 0,
    smiStatus: 0,
    gpe: new Uint8Array(4),
    plain: new Uint8Array(64),
    checked: 0,
  };
}

export class PowerManagement implements Device<PmState> {
  readonly name = 'pm';
  readonly version = 1;
  readonly state = powerOn();
  readonly ports = [
    {
      first: GPE0_BASE,
      last: GPE0_BASE + 3,
      read: (p: number) => this.state.gpe[p & 3]!,
      write: (p: number, _: number, v: number) => this.writeGpe(p & 3, v),
    },
    {
      first: SMI_COMMAND_PORT,
      last: SMI_COMMAND_PORT + 1,
      read: (p: number) => (p === SMI_COMMAND_PORT ? this.state.smiCommand : this.state.smiStatus),
      write: (p: number, _: number, v: number) => this.writeSmi(p, v),
    },
  ];
  private readonly decoder: Decoder;
  private readonly refuseSmi = smiRefusal('port b2');
  private readonly clock: Clock;
  private readonly sci: Wire;
  private readonly powerOff: () => void;

  constructor(clock: Clock, decoder: Decoder, sci: Wire, powerOff: () => void) {
    this.decoder = decoder;
    this.clock = clock;
    this.sci = sci;
    this.powerOff = powerOff;
  }

  reset(): void {
    Object.assign(this.state, powerOn(), { checked: this.clock.now() });
    this.update();
  }

  /** Makes the registers answer in the 64 ports from `base` on; -1: nowhere. */
  readonly place = (base: number): void => {
    const at = (
      first: number,
      last: number,
      claim: Omit<PortClaim, 'first' | 'last'>,
    ): PortClaim | undefined => (base < 0 ? undefined : { ...claim, first: base + first, last: base + last });
    const offset = (port: number): number => port & 0x3f;
    const claims = [
      at(0, 5, {
        width: 2,
        read: (p, size) => this.readBlock(offset(p), size),
        write: (p, size, v) => this.writeBlock(offset(p), size, v),
      }),
      at(8, 11, { width: 4, read: (p, size) => this.readTimer(p & 3, size) }),
      at(12, 63, {
        read: (p) => this.state.plain[offset(p)]!,
        write: (p, _, v) => void (this.state.plain[offset(p)] = v),
      }),
    ];
    claims.forEach((claim, i) => this.decoder.ports(FIRST_KEY + i, this.name, claim));
  };

  /** The front panel's button. */
  pressPowerButton(): void {
    this.state.status |= STS_POWER_BUTTON;
    this.update();
  }

  deadline(): Nanoseconds {
    const { enable, status } = this.state;
    return enable & STS_TIMER && (status & STS_TIMER) === 0 ? this.nextToggle() : Infinity;
  }

  tick(now: Nanoseconds): void {
    this.catchUp(now);
    this.update();
  }

  private nextToggle(): Nanoseconds {
    const halves = Math.floor(ticksAt(this.state.checked, PM_TIMER_HERTZ) / TIMER_HALF);
    return timeOfTick((halves + 1) * TIMER_HALF, PM_TIMER_HERTZ);
  }

  private catchUp(now: Nanoseconds): void {
    if (this.nextToggle() <= now) this.state.status |= STS_TIMER;
    this.state.checked = now;
  }

  private update(): void {
    const { status, enable, control } = this.state;
    this.sci((control & CNT_SCI_EN) !== 0 && (status & enable & EN_WRITABLE) !== 0);
  }

  private readTimer(offset: number, size: number): number {
    const value = ticksAt(this.clock.now(), PM_TIMER_HERTZ) % (1 << 24);
    const shifted = value >>> (8 * offset);
    return size === 4 ? shifted : shifted & (size === 2 ? 0xffff : 0xff);
  }

  private readBlock(offset: number, size: number): number {
    this.catchUp(this.clock.now());
    const { status, enable, control } = this.state;
    const word = [status, enable, control][offset >> 1]!;
    if (size === 2 && offset & 1) return this.readBlock(offset, 1) | (this.readBlock(offset + 1, 1) << 8);
    return size === 2 ? word : (word >> (8 * (offset & 1))) & 0xff;
  }

  private writeBlock(offset: number, size: number, value: number): void {
    this.catchUp(this.clock.now());
    if (size === 2 && offset & 1) {
      this.writeBlock(offset, 1, value & 0xff);
      this.writeBlock(offset + 1, 1, value >> 8);
      return;
    }
    const shift = 8 * (offset & 1);
    const mask = (size === 2 ? 0xffff : 0xff) << shift;
    this.writeWord(offset >> 1, (value << shift) & mask, mask);
    this.update();
  }

  private writeWord(index: number, value: number, mask: number): void {
    const s = this.state;
    if (index === 0) s.status &= ~(value & STS_WRITABLE);
    else if (index === 1) s.enable = (s.enable & ~mask) | (value & EN_WRITABLE);
    else {
      // SCI_EN changes only through the SMI command port.
      const writable = CNT_WRITABLE & ~CNT_SCI_EN & mask;
      s.control = (s.control & ~writable) | (value & writable);
      if (value & CNT_SLP_EN && ((s.control >> 10) & 7) === SLEEP_TYPE_S5) this.powerOff();
    }
  }

  /** Status bits are cleared by writing ones. */
  private writeGpe(index: number, value: number): void {
    const { gpe } = this.state;
    gpe[index] = index < 2 ? gpe[index]! & ~value : value;
  }

  private writeSmi(port: number, value: number): void {
    const s = this.state;
    if (port !== SMI_COMMAND_PORT) {
      s.smiStatus = value;
      return;
    }
    s.smiCommand = value;
    if (value === ACPI_ENABLE) s.control |= CNT_SCI_EN;
    else if (value === ACPI_DISABLE) s.control &= ~CNT_SCI_EN;
    else this.refuseSmi();
    this.update();
  }
}
