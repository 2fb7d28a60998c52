/** The breadboard: with src/machine/ it names every chip and every wire of the PC. */
import { DebugExit } from './devices/debug-exit.js';
import { DebugPort } from './devices/debug-port.js';
import type { Device, DirectMemory, Wire } from './devices/device.js';
import { FwCfg } from './devices/fw-cfg.js';
import { DmaControllers } from './devices/i8237.js';
import { ParallelPort } from './devices/parallel-port.js';
import { I8042 } from './devices/i8042.js';
import { NumericError } from './devices/numeric-error.js';
import { Port92 } from './devices/port92.js';
import type { PciPlace } from './devices/pci-bus.js';
import { Rtl8139 } from './devices/rtl8139.js';
import { Uart16550 } from './devices/uart-16550.js';
import { Vga } from './devices/vga.js';
import { VGA_MEMORY_BYTES } from './devices/vga-state.js';
import { ACPI_BASE } from './firmware/acpi.js';
import { biosPlaces, checkBios } from './firmware/bios-image.js';
import { DEFAULT_BOOT_ORDER, bootOrderCmos } from './firmware/boot-order.js';
import type { BootImage, BootLoad } from './firmware/boot-image.js';
import { fwCfgItems } from './firmware/fw-cfg-items.js';
import { loadImage } from './firmware/load-image.js';
import { HostClock, VirtualClock } from './hv/clock.js';
import type { MachineClock } from './hv/clock.js';
import { InstructionCounter } from './hv/counter.js';
import type { Engine } from './hv/engine.js';
import { placeRing, VcpuEnvironment, watchedMmio } from './hv/environment.js';
import type { EndReason } from './hv/exits.js';
import type { Lapic } from './hv/lapic.js';
import type { NamedRange } from './hv/ioreq.js';
import { DirectFrames, DirectRanges } from './hv/direct-memory.js';
import { GuestDma } from './hv/guest-dma.js';
import { MmioBus } from './hv/mmio-bus.js';
import { Pit } from './hv/pit.js';
import { PortBus } from './hv/port-bus.js';
import { Rtc } from './hv/rtc.js';
import { ShadowRam } from './hv/shadow-ram.js';
import { Timers } from './hv/timers.js';
import { Vcpu } from './hv/vcpu.js';
import type { SliceResult } from './hv/vcpu.js';
import { Chipset } from './machine/chipset.js';
import { BuiltInBios } from './machine/bios.js';
import { firmwareLoads, setMemoryTypes } from './machine/firmware-loads.js';
import { picAlone, picAndApics } from './machine/interrupts.js';
import type { InterruptParts } from './machine/interrupts.js';
import type { MachineOptions } from './machine/options.js';
import { memoryRanges } from './machine/memory-ranges.js';
import { enterProgram } from './machine/processor.js';
import type { Codec } from './machine/saved/container.js';
import { saveMachine } from './machine/saved/saved-machine.js';
import type { SavedMachine, SavedParts } from './machine/saved/saved-machine.js';
import { Storage } from './machine/storage.js';
import { CPU_MODELS } from './runtime/cpu-models.js';
import { Fpu } from './runtime/fpu/state.js';
import { reset as resetCpu } from './runtime/helpers/reset.js';
import { PhysicalMemory } from './runtime/memory.js';
import { Mmu } from './runtime/mmu.js';
import { Cpu, PENDING, R_PENDING } from './runtime/state.js';

export type { PciPlace } from './devices/pci-bus.js';
export type { Engine } from './hv/engine.js';
export type { EndReason } from './hv/exits.js';
export type { SliceResult } from './hv/vcpu.js';
export type { MachineOptions } from './machine/options.js';
export type { IdeMedium, StorageMedia } from './machine/storage.js';
export type { SerialBackend } from './devices/serial-backend.js';
export { SavedMachine } from './machine/saved/saved-machine.js';
export { SavedStateError } from './machine/saved/saved-state-error.js';
export type { Codec, SavedFile } from './machine/saved/container.js';
export { SerialLine } from './devices/serial-backend.js';
export { ImageError } from './firmware/image-error.js';

const COM1 = 0x3f8,
  NUMERIC_ERROR_IRQ = 13,
  NETWORK_SLOT = 3;
/** 2024-01-01 00:00:00 UTC: where the virtual clock starts, so that runs repeat exactly. */
export const VIRTUAL_EPOCH = 1704067200;
const NO_MEDIA = { ide: [] };
/** As in QEMU's PC. */
const VGA_SLOT = 2;
const ZEROS = new Uint8Array(0x10000);

function chooseModel(name: string | undefined): Cpu['model'] {
  if (name === undefined) return CPU_MODELS.default;
  const models: Readonly<Record<string, Cpu['model']>> = CPU_MODELS;
  if (!Object.hasOwn(models, name))
    throw new RangeError(`unknown processor '${name}', expected one of ${Object.keys(models).join(', ')}`);
  return models[name]!;
}

export class Machine {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly clock: MachineClock;
  readonly engine: Engine;
  readonly devices: readonly Device[];
  readonly vga: Vga;
  /** Keyboard and mouse are plugged into it. */
  readonly i8042: I8042;
  private readonly options: MachineOptions;
  private readonly counter: InstructionCounter;
  private readonly vcpu: Vcpu;
  private readonly environment: VcpuEnvironment;
  private readonly chipset: Chipset;
  /** Drives whose media can be changed. */
  readonly storage: Storage;
  private readonly mmio = new MmioBus();
  private readonly ports: PortBus;
  private readonly shadow: ShadowRam;
  private readonly lapic: Lapic | undefined;
  private readonly bootLoads: readonly BootLoad[];
  private readonly bios: BuiltInBios;
  private image: BootImage | undefined;
  /** A20 is enabled by either of its two gates. */
  private readonly a20Gates = { keyboard: true, port92: false };

  /** Throws RangeError for impossible sizes, unknown processors and APICs they cannot have, ImageError for a file that is no BIOS. */
  constructor(options: MachineOptions) {
    this.options = options;
    const model = chooseModel(options.cpu);
    this.memory = new PhysicalMemory(options.memoryBytes, {
      deviceBytes: VGA_MEMORY_BYTES,
      ...(options.scatter === undefined ? {} : { scatter: options.scatter }),
    });
    this.cpu = new Cpu(model, this.memory.processor);
    this.shadow = new ShadowRam(this.memory);
    this.cpu.fpu = new Fpu(this.memory.processor);
    this.cpu.mmu = new Mmu(this.cpu, this.memory);
    this.counter = new InstructionCounter(this.cpu.r);
    this.clock = this.createClock();
    this.engine = options.createEngine(this.cpu, this.memory);
    const timers = new Timers();
    const acknowledge = (): number => interrupts.acknowledge();
    const { cpu, engine, counter, clock } = this;
    this.vcpu = new Vcpu({ cpu, engine, counter, clock, timers, acknowledge });
    const ports = (this.ports = new PortBus(this.memory.u8));
    const { mmio } = this;
    const parts: InterruptParts = {
      ...{ cpu, clock, vcpu: this.vcpu },
      timeOfTsc: (low, high) => this.environment.timeOfTsc(low, high),
    };
    const interrupts = options.apic ? picAndApics(parts) : picAlone(parts);
    this.lapic = interrupts.lapic;
    this.chipset = new Chipset({
      ...{ clock, interrupts, memory: new GuestDma(this.memory), shadow: this.shadow },
      decoder: {
        ports: (key, name, claim) => ports.move(key, name, claim),
        memory: (key, name, claim) => mmio.move(key, name, claim),
      },
      out: (port, value) => ports.write(port, 1, value),
      reset: () => this.vcpu.request({ kind: 'reset' }),
      powerOff: () => this.vcpu.request({ kind: 'power-off' }),
    });
    const { memory } = this;
    const { irq } = interrupts;
    const dma = new DmaControllers(this.chipset.memory);
    this.storage = new Storage({ chipset: this.chipset, clock, memory, irq, dma }, options.media ?? NO_MEDIA);
    this.addNetworkCard();
    this.bios = new BuiltInBios(
      {
        ...{ cpu, memory, pci: this.chipset.pci, drives: this.storage.biosDrives, now: () => clock.now() },
        bootOrder: options.bootOrder ?? DEFAULT_BOOT_ORDER,
      },
      () => this.vcpu.callFirmware(),
    );
    this.vcpu.firmware = () => this.bios.call();
    const coprocessor = new NumericError(interrupts.irq(NUMERIC_ERROR_IRQ));
    const endSlice = (): void => this.vcpu.endSlice();
    this.vga = this.chipset.register(new Vga(clock, options.vgaBios, this.videoMemory(), endSlice), VGA_SLOT);
    this.i8042 = this.createKeyboardController(interrupts.irq);
    this.devices = [
      ...interrupts.devices,
      coprocessor,
      ...this.chipset.devices,
      this.i8042,
      ...this.chips(interrupts.irq),
    ];
    for (const device of this.devices) {
      ports.add(device);
      mmio.add(device);
      timers.add(device);
    }
    placeRing(mmio, this.cpu.system, this.memory.processor);
    this.memory.bus = watchedMmio(mmio, this.vcpu);
    this.environment = new VcpuEnvironment(
      this.vcpu,
      { ports, mmio },
      clock,
      acknowledge,
      this.lapic,
      (error) => coprocessor.assert(error),
    );
    this.cpu.environment = this.environment;
    this.installBios(options.bios ?? this.bios.rom);
    const apic = interrupts.lapic !== undefined;
    this.bootLoads = firmwareLoads(cpu, { rom: this.bios.rom, ramBytes: memory.ramBytes, apic });
    this.reset();
  }

  private createClock(): MachineClock {
    const { clock, hostNow } = this.options;
    if (clock === 'virtual') return new VirtualClock(this.counter);
    if (hostNow === undefined) throw new RangeError('the host clock needs hostNow');
    return new HostClock(hostNow, this.counter);
  }

  private chips(irq: (line: number) => Wire): Device[] {
    const { options, clock } = this;
    const resetRequest = (): void => this.vcpu.request({ kind: 'reset' });
    const epoch = options.rtcEpoch ?? VIRTUAL_EPOCH;
    const bootOrder = bootOrderCmos(options.bootOrder ?? DEFAULT_BOOT_ORDER);
    const cmos = { ...this.storage.cmos, ...bootOrder, ...options.cmos };
    const chips: Device[] = [
      new Pit(clock, irq(0)),
      new Rtc(clock, irq(8), { epoch, memoryBytes: options.memoryBytes, cmos }),
      new Uart16550('com1', COM1, clock, irq(4), options.serial),
      new Port92((level) => this.setA20('port92', level), resetRequest),
      ...this.storage.devices,
      new ParallelPort(),
      new DebugPort(options.debugConsole ?? (() => undefined)),
    ];
    if (options.debugExit)
      chips.push(new DebugExit((status) => this.vcpu.request({ kind: 'debug-exit', status })));
    chips.push(options.bios === undefined ? this.bios : this.firmwareConfiguration());
    return chips;
  }

  private firmwareConfiguration(): Device {
    const { ramBytes } = this.memory;
    const files = this.options.firmwareFiles ?? {};
    return new FwCfg(this.chipset.memory, fwCfgItems({ ramBytes, cpus: 1, files }));
  }

  private createKeyboardController(irq: (line: number) => Wire): I8042 {
    return new I8042(
      {
        irq1: irq(1),
        irq12: irq(12),
        a20: (level) => this.setA20('keyboard', level),
        resetPulse: () => this.vcpu.request({ kind: 'reset' }),
      },
      this.clock,
    );
  }

  private addNetworkCard(): void {
    const { clock, chipset, options } = this;
    if (options.network === undefined) return;
    const { memory } = chipset;
    const irq = chipset.interrupt(NETWORK_SLOT);
    chipset.register(new Rtl8139({ clock, irq, memory, ...options.network }), NETWORK_SLOT);
  }

  /** Undefined where machine addresses do not suffice: then every access is a call. */
  private videoMemory(): DirectMemory | undefined {
    if (this.memory.deviceFrames === 0) return undefined;
    const frames = new DirectFrames(this.memory);
    this.mmio.onOrder = new DirectRanges(this.memory, frames, () => this.vcpu.endSlice()).order;
    return frames;
  }

  private setA20(gate: 'keyboard' | 'port92', level: boolean): void {
    this.a20Gates[gate] = level;
    this.memory.setA20(this.a20Gates.keyboard || this.a20Gates.port92);
  }

  /** ROM below 4 GiB, its end below 1 MiB too, where the host bridge lets it be seen. Throws ImageError for what is no BIOS. */
  private installBios(rom: Uint8Array): void {
    checkBios(rom);
    const { high, low, lowBytes } = biosPlaces(rom);
    this.memory.mapRom(high, rom);
    this.shadow.setRom(low, lowBytes);
  }

  /** Loads a kernel and prepares the processor to enter it. Throws ImageError when it cannot be started. */
  loadKernel(
    image: Uint8Array,
    options: { initrd?: Uint8Array | undefined; append?: string | undefined } = {},
  ): void {
    const { ramBytes } = this.memory;
    this.image = loadImage(image, { ramBytes, initrd: options.initrd, append: options.append }, ACPI_BASE);
    this.reset();
  }

  /** Power-on state of processor and chips; the kernel, if there is one, is loaded again. RAM is otherwise kept, time goes on. */
  reset(): void {
    resetCpu(this.cpu);
    this.cpu.fpu.reset();
    for (const device of this.devices) device.reset();
    this.lapic?.enterVirtualWire();
    this.vcpu.reset();
    this.environment.writeTsc(0, 0);
    if (this.options.bios !== undefined) return;
    this.setUp();
    if (this.image === undefined) return this.bios.start();
    for (const load of this.image.loads) this.place(load);
    enterProgram(this.cpu, this.image.entry);
  }

  /** What the built-in firmware does. */
  private setUp(): void {
    this.chipset.configure();
    setMemoryTypes(this.cpu);
    for (const load of this.bootLoads) this.place(load);
    this.chipset.lockBios();
    this.bios.setUpScreen();
  }

  private place({ address, bytes, size = 0 }: BootLoad): void {
    this.memory.copyIn(address, bytes);
    for (let at = bytes.length; at < size; at += ZEROS.length)
      this.memory.copyIn(address + at, ZEROS.subarray(0, Math.min(ZEROS.length, size - at)));
  }

  /** Runs until about `instructions` more are retired, the guest is idle, or it ended. A reset restarts the machine unless `noReboot`. */
  runSlice(instructions: number): SliceResult {
    const result = this.vcpu.runSlice(instructions);
    this.mmio.drain();
    if (result.ended === undefined || !this.restarts(result.ended)) return result;
    this.reset();
    return {};
  }

  private restarts(reason: EndReason): boolean {
    return !this.options.noReboot && (reason.kind === 'reset' || reason.kind === 'triple-fault');
  }

  /** On the virtual clock: while `held`, asked whenever the guest is idle, idle time passes only by `passIdle`, because the guest waits for something outside. */
  holdIdle(held: () => boolean): void {
    if (this.clock instanceof VirtualClock) this.clock.held = held;
  }

  /** Lets held idle time pass up to `until`, guest nanoseconds. Only between slices, up to when the guest is idle. */
  passIdle(until: number): void {
    if (this.clock instanceof VirtualClock) this.clock.pass(until);
  }

  /** What answers where: memory, including devices' ranges, and ports. Of memory that overlaps, what is listed first is seen. */
  map(): { memory: NamedRange[]; ports: NamedRange[] } {
    const memory = [...memoryRanges(this.memory), ...this.mmio.list()].sort((a, b) => a.first - b.first);
    return { memory, ports: this.ports.list() };
  }

  /** Functions on the PCI bus. */
  pciFunctions(): Iterable<PciPlace> {
    return this.chipset.pci.functions();
  }

  /** Goes on as if no time had passed since `now`, which `now()` told. Between slices. */
  continueFrom(now: number): void {
    this.clock.set(now);
  }

  /** False while an instruction, a device or an end of the run is half-way, or debug traps are held off: the machine cannot be saved now. */
  get isConsistent(): boolean {
    return this.vcpu.consistent && (this.cpu.r[R_PENDING]! & PENDING.STACK_SHADOW) === 0;
  }

  /**
   * The pieces of a file from which `restore` goes on as this machine does; `host` is plain data of the caller's. Between slices and only where
   * `isConsistent`, else an Error.
   */
  save(host: object, codec: Codec): Uint8Array[] {
    if (!this.isConsistent) throw new Error('the machine is at no point where it can be saved');
    this.mmio.drain();
    return saveMachine(this.savedParts(), host, codec);
  }

  /** Goes on from a saved machine of the same make. Throws SavedStateError when it is another one; this machine is then of no use. */
  restore(saved: SavedMachine): void {
    this.vcpu.reset();
    saved.restore(this.savedParts());
  }

  private savedParts(): SavedParts {
    const { cpu, memory, shadow, clock, counter, environment, devices } = this;
    return { cpu, memory, shadow, clock, counter, environment, devices };
  }

  /** Guest nanoseconds since power-on. */
  now(): number {
    return this.clock.now();
  }

  /** Instructions since power-on, a float64 that never wraps; exact in the middle of a run too. */
  get instructionsRetired(): number {
    return this.counter.retired;
  }

  /** Plain data for `--stats`: what the engine counts, TLB work, idle time that passed at once. */
  statistics(): object {
    const skippedNanoseconds = this.clock instanceof VirtualClock ? this.clock.skipped : 0;
    return {
      engine: this.engine.name,
      ...this.engine.statistics(),
      tlb: this.cpu.mmu.statistics,
      skippedNanoseconds,
    };
  }

  /** Asks the guest's operating system to shut down. */
  pressPowerButton(): void {
    this.chipset.pm.pressPowerButton();
  }
}
