/**
 * The code of the BIOS ROM at F0000: a stub for each interrupt that leaves for its service, at the entry points of the IBM PC/AT.
 * Nothing in it depends on the machine.
 */
import { characterFont } from '../font.js';
import { Code } from './code.js';

export const ROM_SEGMENT = 0xf000;
const ROM_BYTES = 0x10000;

export type Service =
  | 'post'
  | 'option-rom'
  | 'boot'
  | 'next-boot'
  | 'no-boot'
  | 'reset'
  | 'tick'
  | 'key'
  | 'rtc'
  | 'floppy-irq'
  | 'disk-irq'
  | 'coprocessor'
  | 'mouse'
  | 'video'
  | 'equipment'
  | 'memory-size'
  | 'disk'
  | 'floppy'
  | 'serial'
  | 'system'
  | 'keyboard'
  | 'printer'
  | 'time'
  | 'print-screen';

const IRET = 0xcf,
  CLI = 0xfa,
  STI = 0xfb,
  HLT = 0xf4,
  JMP = 0xeb,
  JNC = 0x73;
const PUSH_AX = 0x50,
  POP_AX = 0x58,
  PUSH_CX = 0x51,
  POP_CX = 0x59,
  PUSH_DX = 0x52,
  POP_DX = 0x5a,
  PUSH_DS = 0x1e,
  POP_DS = 0x1f,
  PUSH_ES = 0x06,
  POP_ES = 0x07;
const EOI = [0xb0, 0x20, 0xe6, 0x20],
  EOI_BOTH = [0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20];
/** PUSHA, POPA. */
const PUSH_ALL = 0x60,
  POP_ALL = 0x61;
const INT = 0xcd;

/** Entry points and tables where PC/AT software has always found them. */
export const AT = {
  POST: 0xe05b,
  NMI: 0xe2c3,
  DISK: 0xe3fe,
  BOOT: 0xe6f2,
  CONFIGURATION: 0xe6f5,
  SERIAL: 0xe739,
  KEYBOARD: 0xe82e,
  KEY: 0xe987,
  FLOPPY: 0xec59,
  FLOPPY_IRQ: 0xef57,
  FLOPPY_TABLE: 0xefc7,
  PRINTER: 0xefd2,
  VIDEO: 0xf065,
  MEMORY_SIZE: 0xf841,
  EQUIPMENT: 0xf84d,
  SYSTEM: 0xf859,
  FONT_8: 0xfa6e,
  TIME: 0xfe6e,
  TICK: 0xfea5,
  IRET: 0xff53,
  PRINT_SCREEN: 0xff54,
  RESET: 0xfff0,
  DATE: 0xfff5,
  MODEL: 0xfffe,
  // From here on in places of our own.
  FONT_16: 0x8000,
  FONT_14: 0x9000,
  FONT_8_UPPER: 0x9e00,
  VIDEO_STATE: 0xa200,
  VBE_NAMES: 0xa280,
  VBE_MODES: 0xa300,
  PNP: 0x4000,
  PNP_ENTRY: 0x4030,
  IRQ: 0xe700,
  PROTECT: 0xe8c0,
} as const;

export interface BiosProgram {
  readonly bytes: Uint8Array;
  readonly exits: ReadonlyMap<number, Service>;
  /** Offsets that services go on at. */
  readonly labels: {
    /** Waits for an interrupt, then asks the keyboard service again. */
    readonly keyboardWait: number;
    /** Lets about 10 µs pass, then asks the system service again. */
    readonly systemSpin: number;
    readonly systemSleep: number;
    readonly serialSpin: number;
    /** Power-on has started all expansion ROMs. */
    readonly bootstrap: number;
    /** INT 18h. */
    readonly nextBoot: number;
    readonly noBoot: number;
    readonly keyBreak: number;
    readonly keyPrint: number;
    readonly mouseCall: number;
    /** INT 4Ah, then the end of IRQ 8. */
    readonly alarm: number;
    /** Loads the tables of INT 15h function 89 and returns in protected mode. */
    readonly protect: number;
    /** INT 19h has put CS:IP of what to start at 0:7BFC. */
    readonly start: number;
    /** The same, for an expansion ROM, which returns when it cannot boot. */
    readonly startRom: number;
  };
  /** Interrupt number → offset. */
  readonly vectors: ReadonlyMap<number, number>;
}

type Rom = Code<Service>;

function simple(rom: Rom, at: number, service: Service): number {
  rom.place(at).exit(service).emit(IRET);
  return at;
}

/** SS:SP is 0:7BFC, DS and ES are 0; interrupts are off. */
const BOOT_STACK = [CLI, 0x31, 0xc0, 0x8e, 0xd0, 0xbc, 0xfc, 0x7b, 0x8e, 0xd8];
/** CALL FAR [7BFC]. */
const CALL_FRAME = [0xff, 0x1e, 0xfc, 0x7b];

/**
 * Power-on starts the expansion ROMs and goes on to INT 19h; INT 19h enters what it loaded with all data segments 0. What fails ends in INT 18h, which
 * tries the next device. Addresses of what is called lie above the stack, at 0:7BFC.
 */
function startUp(
  rom: Rom,
): Pick<BiosProgram['labels'], 'bootstrap' | 'start' | 'startRom' | 'nextBoot' | 'noBoot'> {
  rom.place(AT.POST).emit(...BOOT_STACK, 0x8e, 0xc0);
  rom.exit('post').emit(STI);
  const nextRom = rom.here;
  rom
    .exit('option-rom')
    .emit(...CALL_FRAME, 0x31, 0xc0, 0x8e, 0xd8)
    .jump(JMP, nextRom);
  const bootstrap = rom.here;
  rom.emit(INT, 0x19);
  const startRom = rom.here;
  rom.emit(...BOOT_STACK, STI, ...CALL_FRAME);
  const nextBoot = rom.here;
  rom.exit('next-boot');
  const noBoot = rom.here;
  rom
    .exit('no-boot')
    .emit(STI)
    .emit(HLT)
    .jump(JMP, rom.here - 1);
  const start = rom.here;
  rom.emit(...BOOT_STACK, 0x8e, 0xc0, STI, 0xcb);
  rom.place(AT.BOOT).exit('boot');
  rom.emit(IRET);
  // A jump to the reset vector resets the machine through the keyboard controller.
  rom.place(AT.RESET).emit(0xb0, 0xfe, 0xe6, 0x64).emit(HLT);
  return { bootstrap, start, startRom, nextBoot, noBoot };
}

function timerTick(rom: Rom): void {
  rom
    .place(AT.TICK)
    .emit(PUSH_DS, PUSH_AX, PUSH_DX)
    .exit('tick')
    .emit(INT, 0x1c, ...EOI);
  rom.emit(POP_DX, POP_AX, POP_DS, IRET);
}

/** Offers the scan code to INT 15h, function 4F, before the service turns it into a key. */
function keyInterrupt(rom: Rom): { keyBreak: number; keyPrint: number } {
  const ending = [...EOI, POP_AX, IRET];
  rom.place(AT.KEY).emit(PUSH_AX, 0xe4, 0x60, 0xb4, 0x4f, 0xf9, INT, 0x15);
  rom
    .jump(JNC, rom.here + 4)
    .exit('key')
    .emit(...ending);
  const keyBreak = rom.here;
  rom.emit(INT, 0x1b, ...ending);
  const keyPrint = rom.here;
  rom.emit(...EOI, INT, 0x05, POP_AX, IRET);
  return { keyBreak, keyPrint };
}

function keyboardService(rom: Rom): number {
  rom.place(AT.KEYBOARD).exit('keyboard').emit(IRET);
  const wait = rom.here;
  rom.emit(STI, HLT).jump(JMP, AT.KEYBOARD);
  return wait;
}

function systemService(rom: Rom): { systemSpin: number; systemSleep: number } {
  rom.place(AT.SYSTEM).exit('system').emit(IRET);
  const systemSpin = rom.here;
  rom.emit(STI, PUSH_CX, 0xb9, 0x00, 0x20, 0xe2, 0xfe, POP_CX).jump(JMP, AT.SYSTEM);
  const systemSleep = rom.here;
  rom.emit(STI, HLT).jump(JMP, AT.SYSTEM);
  return { systemSpin, systemSleep };
}

/** A port that is busy is asked again a little later. */
function serialService(rom: Rom): number {
  rom.place(AT.SERIAL).exit('serial').emit(IRET);
  const spin = rom.here;
  rom.emit(STI, PUSH_CX, 0xb9, 0x00, 0x20, 0xe2, 0xfe, POP_CX).jump(JMP, AT.SERIAL);
  return spin;
}

/** Interrupts of the two controllers that have no service of their own are acknowledged. */
function interrupts(rom: Rom, vectors: Map<number, number>): { mouseCall: number; alarm: number } {
  const begin = (number: number): Rom => {
    vectors.set(number, rom.here);
    return rom.emit(PUSH_AX);
  };
  const both = [...EOI_BOTH, POP_AX, IRET];
  rom.place(AT.IRQ + 0x20);
  const master = rom.here;
  rom.emit(PUSH_AX, ...EOI, POP_AX, IRET);
  for (const number of [0x0a, 0x0b, 0x0c, 0x0d, 0x0f]) vectors.set(number, master);
  const slave = rom.here;
  rom.emit(PUSH_AX, ...both);
  rom.place(AT.IRQ + 0x80);
  for (const number of [0x72, 0x73]) vectors.set(number, slave);
  begin(0x70)
    .exit('rtc')
    .emit(...both);
  const alarm = rom.here;
  rom.emit(INT, 0x4a, ...both);
  // IRQ 9 poses as IRQ 2.
  begin(0x71).emit(0xb0, 0x20, 0xe6, 0xa0, POP_AX, INT, 0x0a, IRET);
  begin(0x75)
    .exit('coprocessor')
    .emit(...EOI_BOTH, POP_AX, INT, 0x02, IRET);
  begin(0x76)
    .exit('disk-irq')
    .emit(...both);
  begin(0x77)
    .exit('disk-irq')
    .emit(...both);
  vectors.set(0x74, rom.here);
  rom.emit(PUSH_ALL, PUSH_DS, PUSH_ES).exit('mouse');
  const mouseEnd = rom.here;
  rom.emit(...EOI_BOTH, POP_ES, POP_DS, POP_ALL, IRET);
  // The service has pushed nothing yet: four words of the packet, then a far call of the handler whose address is at 40:22 of the extended area.
  const mouseCall = rom.here;
  rom.emit(0xff, 0x1e, 0x22, 0x00, 0x83, 0xc4, 0x08).jump(JMP, mouseEnd);
  return { mouseCall, alarm };
}

/** Selectors of the table at ES:SI that INT 15h function 89 is called with. */
const PROTECTED = { DS: 0x18, ES: 0x20, SS: 0x28, CS: 0x30, BIOS: 0x38 } as const;
const PUSH_BYTE = 0x6a;

/** LGDT and LIDT from ES:SI, CR0.PE on, data segments, and a far return to the caller's offset in its own code descriptor. */
function protectedMode(rom: Rom): number {
  const at = rom.place(AT.PROTECT).here;
  rom.emit(CLI, 0x26, 0x0f, 0x01, 0x54, 0x08, 0x26, 0x0f, 0x01, 0x5c, 0x10);
  rom.emit(0x0f, 0x20, 0xc0, 0x66, 0x83, 0xc8, 0x01, 0x0f, 0x22, 0xc0);
  const next = rom.here + 5;
  rom.emit(0xea, next & 0xff, next >> 8, PROTECTED.BIOS).place(next);
  const loads = { ds: 0xd8, es: 0xc0, ss: 0xd0 };
  rom.emit(PUSH_BYTE, PROTECTED.DS, POP_AX, 0x8e, loads.ds);
  rom.emit(PUSH_BYTE, PROTECTED.ES, POP_AX, 0x8e, loads.es);
  rom.emit(PUSH_BYTE, PROTECTED.SS, POP_AX, 0x8e, loads.ss);
  // POP BX; ADD SP,4; PUSH the caller's selector; PUSH BX; XOR AX,AX; RETF
  rom.emit(0x5b, 0x83, 0xc4, 0x04, PUSH_BYTE, PROTECTED.CS, 0x53, 0x31, 0xc0, 0xcb);
  return at;
}

/** INT 15h function C0: model AT, second PIC, RTC, INT 15h/4F, extended BIOS area (PS/2 BIOS Interface Technical Reference). */
const CONFIGURATION = [0x08, 0x00, 0xfc, 0x00, 0x01, 0x74, 0x40, 0x00, 0x00, 0x00];
/** Of a 1.44M drive: specify bytes, motor off time, 512 bytes, 18 sectors, gaps, fill byte, settle and start time. */
const FLOPPY_TABLE = [0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08];

/** Tells expansion ROMs that the firmware knows bootstrap entry vectors (Plug and Play BIOS 1.0A, 4.4); the functions of its entry point are unsupported. */
function plugAndPlay(rom: Rom): void {
  const header = new Uint8Array(0x21);
  const view = new DataView(header.buffer);
  header.set([...'$PnP'].map((c) => c.charCodeAt(0)));
  header.set([0x10, header.length], 4);
  view.setUint16(0x0d, AT.PNP_ENTRY, true);
  view.setUint16(0x0f, ROM_SEGMENT, true);
  view.setUint16(0x11, AT.PNP_ENTRY, true);
  view.setUint32(0x13, ROM_SEGMENT * 16, true);
  view.setUint16(0x1b, ROM_SEGMENT, true);
  view.setUint32(0x1d, ROM_SEGMENT * 16, true);
  header[8] = -header.reduce((sum, byte) => sum + byte, 0) & 0xff;
  rom.bytes.set(header, AT.PNP);
  // MOV AX, 82 (function not supported); far return.
  rom.place(AT.PNP_ENTRY).emit(0xb8, 0x82, 0x00, 0xcb);
}

function tables(bytes: Uint8Array): void {
  bytes.set(CONFIGURATION, AT.CONFIGURATION);
  bytes.set(FLOPPY_TABLE, AT.FLOPPY_TABLE);
  const font = characterFont(8);
  bytes.set(font.subarray(0, 0x400), AT.FONT_8);
  bytes.set(font.subarray(0x400), AT.FONT_8_UPPER);
  bytes.set(characterFont(16), AT.FONT_16);
  bytes.set(characterFont(14), AT.FONT_14);
  bytes.set(
    [...'01/01/92'].map((c) => c.charCodeAt(0)),
    AT.DATE,
  );
  bytes[AT.MODEL] = 0xfc;
}

/** The interrupts that only leave for their service. */
const SIMPLE: readonly (readonly [number, number, Service])[] = [
  [0x05, AT.PRINT_SCREEN, 'print-screen'],
  [0x10, AT.VIDEO, 'video'],
  [0x11, AT.EQUIPMENT, 'equipment'],
  [0x12, AT.MEMORY_SIZE, 'memory-size'],
  [0x13, AT.DISK, 'disk'],
  [0x17, AT.PRINTER, 'printer'],
  [0x1a, AT.TIME, 'time'],
  [0x40, AT.FLOPPY, 'floppy'],
];

export function biosProgram(): BiosProgram {
  const rom: Rom = new Code(ROM_BYTES);
  const vectors = new Map<number, number>();
  const start = startUp(rom);
  for (const [number, at, service] of SIMPLE) vectors.set(number, simple(rom, at, service));
  rom.place(AT.IRET).emit(IRET);
  rom.place(AT.NMI).emit(IRET);
  timerTick(rom);
  const key = keyInterrupt(rom);
  const keyboardWait = keyboardService(rom);
  const system = systemService(rom);
  const serialSpin = serialService(rom);
  rom
    .place(AT.FLOPPY_IRQ)
    .emit(PUSH_AX)
    .exit('floppy-irq')
    .emit(...EOI, POP_AX, IRET);
  const irqs = interrupts(rom, vectors);
  const protect = protectedMode(rom);
  const fixed = {
    0x14: AT.SERIAL,
    0x02: AT.NMI,
    0x08: AT.TICK,
    0x09: AT.KEY,
    0x0e: AT.FLOPPY_IRQ,
    0x15: AT.SYSTEM,
  };
  const more = {
    0x16: AT.KEYBOARD,
    0x18: start.nextBoot,
    0x19: AT.BOOT,
    0x1e: AT.FLOPPY_TABLE,
    0x1f: AT.FONT_8_UPPER,
  };
  for (const [number, at] of Object.entries({ ...fixed, ...more })) vectors.set(Number(number), at);
  vectors.set(0x43, AT.FONT_16);
  vectors.set(0x4a, AT.IRET);
  plugAndPlay(rom);
  tables(rom.bytes);
  return {
    bytes: rom.bytes,
    exits: rom.exits,
    labels: { ...key, ...system, ...start, serialSpin, keyboardWait, protect, ...irqs },
    vectors,
  };
}

/** Interrupt vectors 0 to 77: the ones above, IRET for the others up to 1F and from 70 on, 0 for what belongs to programs. */
export function interruptVectors(program: BiosProgram): Uint8Array {
  const view = new DataView(new ArrayBuffer(0x78 * 4));
  for (let number = 0; number < 0x78; number++) {
    const ours = number < 0x20 || number >= 0x70 || program.vectors.has(number);
    // INT 1D (video parameters) points to data there is none of; 41 and 46 (disk parameters) depend on the machine.
    if (!ours || number === 0x1d) continue;
    view.setUint16(4 * number, program.vectors.get(number) ?? AT.IRET, true);
    view.setUint16(4 * number + 2, ROM_SEGMENT, true);
  }
  return new Uint8Array(view.buffer);
}
