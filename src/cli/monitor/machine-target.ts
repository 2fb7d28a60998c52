/** The running machine as the monitor sees it. */
import { scanOut } from '../../display/scan-out.js';
import { screenText } from '../../display/screen-text.js';
import { chord } from '../../display/us-keyboard.js';
import type { KeyEvent } from '../../display/us-keyboard.js';
import { ATTRIBUTE } from '../../runtime/state.js';
import type { Drives } from '../drives.js';
import type { Machine } from '../guest.js';
import { writeAtomically } from '../host/saved-files.js';
import { STATE_CODEC } from '../host/state-codec.js';
import { reloadMachine } from '../restore.js';
import { parseScreenshot, screenshotBytes } from '../screenshots.js';
import { UsageError } from '../usage-error.js';
import { CommandError } from './command-error.js';
import { mappings, translate } from './page-tables.js';
import type { Mapping, ReadPhysical } from './page-tables.js';
import { registerNamed, registersText } from './registers.js';
import type { DriveInfo, MonitorTarget, PciInfo, ScreenInfo } from './target.js';

/** What the monitor moves beside the machine. */
export interface RunControl {
  paused: boolean;
  readonly drives: Drives;
  typeKeys(events: readonly KeyEvent[]): void;
  /** An idle guest should look. */
  wake(): void;
  quit(): void;
}

/** A UsageError is a command's one line, too. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new CommandError(error.message.replace(/^(?:--screenshot|screendump|savevm|loadvm) /, ''));
  }
}

export class MachineTarget implements MonitorTarget {
  readonly #machine: Machine;
  readonly #control: RunControl;
  /** Guest time when it was stopped. */
  #stoppedAt = 0;

  constructor(machine: Machine, control: RunControl) {
    this.#machine = machine;
    this.#control = control;
  }

  get running(): boolean {
    return !this.#control.paused;
  }
  get instructions(): number {
    return this.#machine.instructionsRetired;
  }
  get now(): number {
    return this.running ? this.#machine.now() : this.#stoppedAt;
  }
  get codeBits(): 16 | 32 {
    return (this.#machine.cpu.segments.attributes[1]! & ATTRIBUTE.DB) !== 0 ? 32 : 16;
  }

  registers(): string {
    return registersText(this.#machine.cpu);
  }
  register(name: string): number | undefined {
    return registerNamed(this.#machine.cpu, name);
  }

  readonly #readPhysical: ReadPhysical = (address) => {
    const { memory } = this.#machine;
    return memory.machineAddress(address) < 0 ? 0 : memory.read32(address) >>> 0;
  };

  mappings(): Iterable<Mapping> {
    return mappings(this.#machine.cpu, this.#readPhysical);
  }
  translate(linear: number): number {
    return translate(this.#machine.cpu, this.#readPhysical, linear);
  }
  readMemory(physical: number): number {
    const { memory } = this.#machine;
    return physical >= 2 ** 32 || memory.machineAddress(physical) < 0 ? -1 : memory.read8(physical);
  }

  statistics(): object {
    return this.#machine.statistics();
  }

  pci(): PciInfo[] {
    return [...this.#machine.pciFunctions()].map(({ at, ...rest }) => ({
      device: at >> 3,
      index: at & 7,
      ...rest,
    }));
  }
  memoryMap(): ReturnType<MonitorTarget['memoryMap']> {
    return this.#machine.map();
  }

  drives(): readonly DriveInfo[] {
    return this.#control.drives.list();
  }
  eject(drive: string, force: boolean): void {
    this.#control.drives.eject(drive, force);
    this.#control.wake();
  }
  change(drive: string, path: string, format: string | undefined): void {
    this.#control.drives.change(drive, path, format);
    this.#control.wake();
  }

  screen(): ScreenInfo {
    const { state } = this.#machine.vga;
    const { kind, width, height } = scanOut(state);
    return {
      kind: kind === 'text' || kind === 'blank' ? kind : 'graphics',
      width,
      height,
      lines: screenText(state),
    };
  }
  screendump(path: string): void {
    attempt(() => {
      const { format } = parseScreenshot(path);
      writeAtomically('screendump', path, [screenshotBytes(this.#machine.vga.state, format)]);
    });
  }
  sendKeys(keys: readonly number[]): void {
    this.#control.typeKeys(chord(keys));
    this.#control.wake();
  }

  reset(): void {
    this.#machine.reset();
    this.#control.wake();
  }
  powerDown(): void {
    this.#machine.pressPowerButton();
    this.#control.wake();
  }

  stop(): void {
    if (!this.running) return;
    this.#stoppedAt = this.#machine.now();
    this.#control.paused = true;
  }
  resume(): void {
    if (this.running) return;
    this.#machine.continueFrom(this.#stoppedAt);
    this.#control.paused = false;
  }
  quit(): void {
    this.#control.quit();
  }

  /** At a point where it can be saved. */
  #settled(): Machine {
    const machine = this.#machine;
    if (!this.running) machine.continueFrom(this.#stoppedAt);
    if (!machine.isConsistent)
      throw new CommandError('the guest is between two halves of something; try again');
    return machine;
  }

  load(path: string): void {
    const machine = this.#settled();
    attempt(() => reloadMachine(path, machine, this.#control.drives));
    this.#stoppedAt = machine.now();
    this.#control.wake();
  }

  save(path: string): void {
    const machine = this.#settled();
    const pieces = machine.save({ drives: this.#control.drives.save() }, STATE_CODEC);
    attempt(() => writeAtomically('savevm', path, pieces));
  }
}
