/** INT 1Ah function B1 (PCI BIOS 2.1), bus 0; nobody on it listens to special cycles. */
import { PCI_IRQS, PIR_ROUTABLE, pirEntries } from '../pir-table.js';
import type { BiosHost } from './host.js';
import type { Registers } from './registers.js';

const SUCCESSFUL = 0,
  UNSUPPORTED = 0x81,
  BAD_VENDOR = 0x83,
  NOT_FOUND = 0x86,
  BAD_REGISTER = 0x87,
  SET_FAILED = 0x88,
  TOO_SMALL = 0x89;
/** Routing registers of the bridge at slot 1, and the ports that make interrupts level-triggered. */
const BRIDGE = 1 << 3,
  ROUTES = 0x60,
  ELCR = 0x4d0;
const INTA = 0x0a,
  INTD = 0x0d;
const SIGNATURE = 0x20494350;
const EDI = 7;
const FUNCTIONS = 256;

/** The index-th function that fits, -1 when there are fewer. */
function nth(index: number, fits: (at: number) => boolean): number {
  for (let at = 0; at < FUNCTIONS; at++) if (fits(at) && index-- === 0) return at;
  return -1;
}

function answerPlace(r: Registers, at: number): number {
  if (at < 0) return NOT_FOUND;
  r.bx = at;
  return SUCCESSFUL;
}

function present(r: Registers): number {
  r.edx = SIGNATURE;
  r.al = 1;
  r.bx = 0x0210;
  r.cl = 0;
  return SUCCESSFUL;
}

function call(r: Registers, host: BiosHost): number {
  const { pci } = host;
  switch (r.al & 0x7f) {
    case 0x01:
      return present(r);
    case 0x02: {
      const id = r.dx + r.cx * 0x10000;
      if (r.dx === 0xffff) return BAD_VENDOR;
      return answerPlace(
        r,
        nth(r.si, (at) => pci.read(at, 0, 4) === id),
      );
    }
    case 0x03: {
      const wanted = r.ecx & 0xffffff;
      return answerPlace(
        r,
        nth(r.si, (at) => pci.read(at, 0, 2) !== 0xffff && pci.read(at, 8, 4) >>> 8 === wanted),
      );
    }
    case 0x06:
      return SUCCESSFUL;
    case 0x0e:
      return routingOptions(r, host);
    case 0x0f:
      return routeInterrupt(r, host);
    case 0x08:
    case 0x09:
    case 0x0a:
    case 0x0b:
    case 0x0c:
    case 0x0d:
      return byWidth(r, host);
    default:
      return UNSUPPORTED;
  }
}

/** ES:DI points to the size of a buffer and a far pointer to it; BX gets the interrupts that are PCI's alone. */
function routingOptions(r: Registers, { memory }: BiosHost): number {
  const at = r.es(r.di);
  const entries = pirEntries();
  const room = memory.read16(at);
  memory.write16(at, entries.length);
  if (room < entries.length) return TOO_SMALL;
  memory.write(memory.read16(at + 4) * 16 + memory.read16(at + 2), entries);
  r.bx = PCI_IRQS;
  return SUCCESSFUL;
}

/** CL is the pin, 0A for INTA# on; CH the interrupt; BX the function. */
function routeInterrupt(r: Registers, { pci, ports }: BiosHost): number {
  const irq = r.ch;
  const slot = r.bl >> 3;
  const isPin = r.cl >= INTA && r.cl <= INTD;
  if (r.bh !== 0 || slot === 0 || !isPin || irq > 15 || ((PIR_ROUTABLE >> irq) & 1) === 0) return SET_FAILED;
  pci.write(BRIDGE, ROUTES + ((slot - 1 + r.cl - INTA) & 3), 1, irq);
  const levels = ELCR + (irq >> 3);
  ports.write(levels, ports.read(levels) | (1 << (irq & 7)));
  return SUCCESSFUL;
}

/** Functions 8 to 0A read, 0B to 0D write one, two or four bytes. */
function byWidth(r: Registers, host: BiosHost): number {
  const number = r.al;
  const index = number - (number >= 0x0b ? 0x0b : 0x08);
  return configurationOf(r, host, 1 << index, number >= 0x0b);
}
function configurationOf(r: Registers, host: BiosHost, size: number, writes: boolean): number {
  const offset = host.processor.registers[EDI]! & 0xffff;
  if ((offset & (size - 1)) !== 0 || offset > 0xff) return BAD_REGISTER;
  if (writes) {
    if (r.bh === 0) host.pci.write(r.bl, offset, size, r.ecx);
    return SUCCESSFUL;
  }
  const value = r.bh === 0 ? host.pci.read(r.bl, offset, size) : 0xffffffff;
  if (size === 1) r.cl = value;
  else if (size === 2) r.cx = value;
  else r.ecx = value;
  return SUCCESSFUL;
}

export function pciBios(r: Registers, host: BiosHost): void {
  const status = call(r, host);
  r.ah = status;
  r.carry = status !== SUCCESSFUL;
}
