/** The BIOS: what happens at power-on and when a stub of the ROM leaves for a service. */
import { BDA, EBDA } from './data-area.js';
import { loadBoot } from './boot.js';
import type { Loaded } from './boot.js';
import { DiskService } from './disk-service.js';
import { Drives, FIRST_DISK } from './drives.js';
import { nativeGeometry, parameterTable } from './geometry.js';
import type { BiosHost } from './host.js';
import { KeyboardService } from './keyboard-service.js';
import { LineServices } from './line-services.js';
import { MouseService } from './mouse-service.js';
import { nextRom, romScanStart } from './option-roms.js';
import { Registers } from './registers.js';
import { AT, ROM_SEGMENT, interruptVectors } from './rom.js';
import type { BiosProgram, Service } from './rom.js';
import { createBiosState } from './state.js';
import { SystemService } from './system-service.js';
import { TimeService } from './time-service.js';
import { VideoAdapter } from './video-adapter.js';
import { VideoService } from './video-service.js';

const PIC_MASTER = 0x20,
  PIC_SLAVE = 0xa0,
  PIT_CHANNEL_0 = 0x40,
  PIT_CONTROL = 0x43;
/** Timer, keyboard, cascade and floppy; mouse, coprocessor and both disks. */
const MASTER_MASK = 0xb8,
  SLAVE_MASK = 0x0f;
const COM1 = 0x3f8,
  LPT1 = 0x378;
const EBDA_KIB = 1;
const EQUIPMENT_COPROCESSOR = 0x02,
  EQUIPMENT_MOUSE = 0x04,
  EQUIPMENT_80_COLUMNS = 0x20,
  EQUIPMENT_COM1 = 0x0200,
  EQUIPMENT_LPT1 = 0x4000;
const START_FRAME = 0x7bfc;
/** No ISA Plug and Play card select number or read port. */
const NO_ISA_CARD = 0xffff;
const CLASS_VGA = 0x0300;
const FAILED = 'No bootable device.\r\n';

export class BiosServices {
  readonly state = createBiosState();
  private readonly host: BiosHost;
  private readonly program: BiosProgram;
  private readonly registers: Registers;
  private readonly drives: Drives;
  private readonly disk: DiskService;
  private readonly keyboard: KeyboardService;
  private readonly system: SystemService;
  private readonly time: TimeService;
  private readonly lines: LineServices;
  private readonly mouse: MouseService;
  private readonly video: VideoService;

  constructor(host: BiosHost, program: BiosProgram) {
    const { labels } = program;
    this.host = host;
    this.program = program;
    this.registers = new Registers(host.processor, host.memory);
    this.drives = new Drives(host.drives, this.state.cd);
    this.disk = new DiskService(this.drives, host.memory);
    this.keyboard = new KeyboardService(host, labels);
    this.mouse = new MouseService(host, labels);
    this.time = new TimeService(host, labels);
    this.system = new SystemService(host, { mouse: this.mouse, time: this.time }, labels, this.state);
    this.lines = new LineServices(host, labels);
    const adapter = new VideoAdapter(host.ports, host.memory);
    this.video = new VideoService(adapter, host.memory, () => this.framebuffer(), this.state);
  }

  /** Where the display adapter's linear framebuffer is. */
  private framebuffer(): number {
    const { pci } = this.host;
    for (let at = 0; at < 256; at += 8)
      if (pci.read(at, 10, 2) === CLASS_VGA) return (pci.read(at, 0x10, 4) & 0xfffffff0) >>> 0;
    return 0;
  }

  /** The screen as power-on leaves it. */
  setUpScreen(): void {
    this.host.memory.write8(BDA.VIDEO_FLAGS, 0);
    this.video.setMode(3);
  }

  /** Power-on: vectors, data area, interrupt controllers and timer. */
  private powerOn(): void {
    const { memory } = this.host;
    memory.write(0, interruptVectors(this.program));
    this.drives.reset();
    this.disk.reset();
    this.system.reset();
    this.fillDataArea();
    this.fillDiskTables();
    this.keyboard.reset();
    this.setUpScreen();
    this.setUpInterrupts();
    this.time.reset();
    Object.assign(this.state.roms, romScanStart());
  }

  private fillDataArea(): void {
    const { memory } = this.host;
    const floppies = this.host.drives.floppies.length;
    const floppyBits = floppies === 0 ? 0 : 1 | ((floppies - 1) << 6);
    const equipment =
      EQUIPMENT_COPROCESSOR |
      EQUIPMENT_MOUSE |
      EQUIPMENT_80_COLUMNS |
      EQUIPMENT_COM1 |
      EQUIPMENT_LPT1 |
      floppyBits;
    memory.write(0x400, new Uint8Array(0x100));
    memory.write16(BDA.COM, COM1);
    memory.write16(BDA.LPT, LPT1);
    memory.write16(BDA.EBDA_SEGMENT, 0xa000 - EBDA_KIB * 64);
    memory.write16(BDA.EQUIPMENT, equipment);
    memory.write16(BDA.BASE_KILOBYTES, 640 - EBDA_KIB);
    memory.write8(BDA.DISK_COUNT, this.host.drives.disks.length);
    memory.write32(BDA.LPT_TIMEOUT, 0x14141414);
    memory.write32(BDA.COM_TIMEOUT, 0x0a0a0a0a);
    memory.write((0xa000 - EBDA_KIB * 64) * 16, new Uint8Array(0x400).fill(EBDA_KIB, 0, 1));
  }

  /** Of the first two disks, for those who look at INT 41h and 46h. */
  private fillDiskTables(): void {
    const { memory } = this.host;
    const segment = memory.read16(BDA.EBDA_SEGMENT);
    [0x41, 0x46].forEach((vector, i) => {
      const drive = this.disk.shape(FIRST_DISK + i);
      if (drive === undefined) return;
      const offset = EBDA.DISK_TABLES + 16 * i;
      memory.write(segment * 16 + offset, parameterTable(drive.geometry, nativeGeometry(drive.size)));
      memory.write32(4 * vector, segment * 0x10000 + offset);
    });
  }

  private setUpInterrupts(): void {
    const { ports } = this.host;
    for (const [port, words] of [
      [PIC_MASTER, [0x08, 0x04, 0x01, MASTER_MASK]],
      [PIC_SLAVE, [0x70, 0x02, 0x01, SLAVE_MASK]],
    ] as const) {
      ports.write(port, 0x11);
      for (const word of words) ports.write(port + 1, word);
    }
    ports.write(PIT_CONTROL, 0x36);
    ports.write(PIT_CHANNEL_0, 0);
    ports.write(PIT_CHANNEL_0, 0);
  }

  private readonly handlers: Readonly<Record<Service, () => void>> = {
    post: () => this.powerOn(),
    'option-rom': () => this.startOptionRom(),
    boot: () => this.boot(),
    'next-boot': () => this.bootNext(),
    'no-boot': () => this.say(FAILED),
    reset: () => this.host.ports.write(0x64, 0xfe),
    tick: () => this.time.tick(),
    key: () => this.keyboard.scanCode(this.registers.al),
    rtc: () => this.time.clockInterrupt(),
    'floppy-irq': () => this.flag(BDA.FLOPPY_RECALIBRATE, 0x80),
    'disk-irq': () => this.host.memory.write8(BDA.DISK_INTERRUPT, 0xff),
    coprocessor: () => this.host.ports.write(0xf0, 0),
    mouse: () => this.mouse.interrupt(),
    video: () => this.video.handle(this.registers),
    equipment: () => (this.registers.ax = this.host.memory.read16(BDA.EQUIPMENT)),
    'memory-size': () => (this.registers.ax = this.host.memory.read16(BDA.BASE_KILOBYTES)),
    disk: () => this.disk.handle(this.registers),
    floppy: () => this.disk.handle(this.registers),
    serial: () => this.lines.serial(this.registers),
    system: () => this.system.handle(this.registers),
    keyboard: () => this.keyboard.handle(this.registers),
    printer: () => this.lines.printer(this.registers),
    time: () => this.time.handle(this.registers),
    'print-screen': () => undefined,
  };

  /** `offset` is where the processor goes on in the ROM; nothing happens when no stub ends there. */
  handle(offset: number): void {
    const service = this.program.exits.get(offset);
    if (service !== undefined) this.handlers[service]();
  }

  private flag(at: number, bit: number): void {
    this.host.memory.write8(at, this.host.memory.read8(at) | bit);
  }

  /** Far address of what a stub calls or enters. */
  private putFrame({ segment, offset }: Pick<Loaded, 'segment' | 'offset'>): void {
    this.host.memory.write16(START_FRAME, offset);
    this.host.memory.write16(START_FRAME + 2, segment);
  }

  /** The initialization of an expansion ROM gets its card's place in AX and the firmware's Plug and Play header in ES:DI. */
  private startOptionRom(): void {
    const { host, program, registers } = this;
    const rom = nextRom(this.state.roms, host.pci, host.memory);
    if (rom === undefined) return host.processor.jump(program.labels.bootstrap);
    this.putFrame(rom);
    registers.ax = rom.at;
    registers.bx = registers.dx = NO_ISA_CARD;
    this.pointToPlugAndPlay();
  }

  private pointToPlugAndPlay(): void {
    this.registers.loadEs(ROM_SEGMENT);
    this.registers.di = AT.PNP;
  }

  private boot(): void {
    this.state.tried = 0;
    this.bootNext();
  }

  private bootNext(): void {
    const { host, program, state } = this;
    while (state.tried < host.bootOrder.length) {
      this.drives.reset();
      const loaded = loadBoot(host.bootOrder[state.tried++]!, this.drives, host.memory);
      if (loaded !== undefined) return this.enter(loaded);
    }
    host.processor.jump(program.labels.noBoot);
  }

  private enter(loaded: Loaded): void {
    const { startRom, start } = this.program.labels;
    this.putFrame(loaded);
    if (loaded.drive < 0) this.pointToPlugAndPlay();
    else this.registers.dx = loaded.drive;
    this.host.processor.jump(loaded.drive < 0 ? startRom : start);
  }

  /** On the screen and the serial line. */
  private say(text: string): void {
    for (const character of text) {
      const code = character.charCodeAt(0);
      this.video.teletype(code, 0, -1);
      this.host.ports.write(COM1, code);
    }
  }
}
