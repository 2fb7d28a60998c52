/** What firmware does on PCI bus 0: gives base address registers their ranges, tells functions their interrupt lines, lets them answer. */

/** Configuration space of bus 0 by `device << 3 | function`; all ones where nothing sits. */
export interface PciAccess {
  read(at: number, offset: number, size: number): number;
  write(at: number, offset: number, size: number, value: number): void;
}

/** ISA interrupts of PIRQA to PIRQD. */
export const PIRQ_IRQS = [10, 10, 11, 11] as const;
export const PCI_MEMORY_FIRST = 0xe0000000,
  PCI_MEMORY_LAST = 0xfebfffff;
const PCI_IO_FIRST = 0xc000,
  PCI_IO_LAST = 0xfeff;
const COMMAND = 0x04,
  CLASS = 0x0a,
  HEADER_TYPE = 0x0e,
  BAR0 = 0x10,
  ROM = 0x30,
  LINE = 0x3c,
  PIN = 0x3d;
const ANSWER = 3;
/** Bridges have their ranges for good. */
const BRIDGE_CLASS = 6;

interface Request {
  readonly at: number;
  readonly offset: number;
  readonly isIo: boolean;
  readonly size: number;
}

/** INTA# of slot 1 is on PIRQA, and so on round: `pin` is 1 for INTA#. */
export function irqOfPin(slot: number, pin: number): number {
  return PIRQ_IRQS[(slot - 1 + (pin - 1)) & 3]!;
}

function functions(pci: PciAccess): number[] {
  const found: number[] = [];
  for (let at = 0; at < 256; at++) {
    const isFirst = (at & 7) === 0;
    if (!isFirst && (pci.read(at & ~7, HEADER_TYPE, 1) & 0x80) === 0) continue;
    if (pci.read(at, 0, 2) !== 0xffff) found.push(at);
  }
  return found;
}

/** What the register asks for, undefined when it is none. */
function requestOf(pci: PciAccess, at: number, offset: number): Request | undefined {
  pci.write(at, offset, 4, offset === ROM ? 0xfffffffe : 0xffffffff);
  const value = pci.read(at, offset, 4);
  pci.write(at, offset, 4, 0);
  const isIo = offset !== ROM && (value & 1) !== 0;
  const mask = value & (isIo ? 0xfffffffc : offset === ROM ? 0xfffff800 : 0xfffffff0);
  return mask === 0 ? undefined : { at, offset, isIo, size: (-mask >>> 0) & (isIo ? 0xffff : 0xffffffff) };
}

function requestsOf(pci: PciAccess, at: number): Request[] {
  if (pci.read(at, CLASS + 1, 1) === BRIDGE_CLASS) return [];
  const offsets = [0, 1, 2, 3, 4, 5].map((i) => BAR0 + 4 * i);
  return [...offsets, ROM].flatMap((offset) => requestOf(pci, at, offset) ?? []);
}

/** Largest first, so that none has to be skipped over; what does not fit stays at 0 and does not answer. */
function place(pci: PciAccess, requests: readonly Request[]): void {
  let io = PCI_IO_FIRST;
  let memory = PCI_MEMORY_FIRST;
  for (const { at, offset, isIo, size } of [...requests].sort((a, b) => b.size - a.size)) {
    const next = Math.ceil((isIo ? io : memory) / size) * size;
    const end = next + size;
    if (size === 0 || end - 1 > (isIo ? PCI_IO_LAST : PCI_MEMORY_LAST)) continue;
    pci.write(at, offset, 4, next);
    if (isIo) io = end;
    else memory = end;
  }
}

export function setUpPci(pci: PciAccess): void {
  const all = functions(pci);
  place(
    pci,
    all.flatMap((at) => requestsOf(pci, at)),
  );
  for (const at of all) {
    const pin = pci.read(at, PIN, 1);
    if (pci.read(at, CLASS + 1, 1) === BRIDGE_CLASS) continue;
    if (pin >= 1 && pin <= 4) pci.write(at, LINE, 1, irqOfPin(at >> 3, pin));
    pci.write(at, COMMAND, 2, pci.read(at, COMMAND, 2) | ANSWER);
  }
}
