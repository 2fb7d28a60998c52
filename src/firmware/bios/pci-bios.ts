/** INT 1Ah function B1 (PCI BIOS 2.1), bus 0. Not implemented: special cycles, interrupt routing options beyond the $PIR table, setting them. */
import type { BiosHost } from './host.js';
import type { Registers } from './registers.js';

const SUCCESSFUL = 0,
  UNSUPPORTED = 0x81,
  BAD_VENDOR = 0x83,
  NOT_FOUND = 0x86,
  BAD_REGISTER = 0x87;
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
