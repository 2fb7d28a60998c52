/** A processor's memory accesses written plainly from SDM vol. 3, chapter 4, without a TLB: what the Mmu is compared with. */

const HOLE_FIRST = 0xa0000;
const HOLE_LAST = 0xbffff;

interface Entry {
  at: number;
  low: number;
  high: number;
}

export interface NaiveFault {
  code: number;
  address: number;
}

export class NaiveProcessor {
  readonly ram: Uint8Array;
  readonly rom = new Set<number>();
  readonly busWrites: string[] = [];
  pg = false;
  wp = false;
  pse = false;
  pae = false;
  nx = false;
  a20 = true;
  user = false;
  cr3 = 0;
  pdptes: Entry[] = [0, 1, 2, 3].map(() => ({ at: 0, low: 0, high: 0 }));

  constructor(ramBytes: number) {
    this.ram = new Uint8Array(ramBytes);
  }

  loadCr3(value: number): boolean {
    if (this.pg && this.pae && !this.loadPdptes(value)) return false;
    this.cr3 = value;
    return true;
  }

  loadPdptes(cr3: number): boolean {
    const entries = [0, 1, 2, 3].map((i) => this.#entry((cr3 & ~31) >>> 0, 0, i, 8));
    const bad = (e: Entry) => (e.low & 1) !== 0 && ((e.low & 0b1_1110_0110) !== 0 || (e.high & ~15) !== 0);
    if (entries.some(bad)) return false;
    this.pdptes = entries;
    return true;
  }

  read(linear: number, size: number): number | NaiveFault {
    const places = this.#places(linear, size, 'read');
    if (!Array.isArray(places)) return places;
    let value = 0;
    places.forEach((gpa, i) => (value |= this.#readByte(gpa) << (8 * i)));
    return value >>> 0;
  }

  write(linear: number, size: number, value: number): NaiveFault | undefined {
    const places = this.#places(linear, size, 'write');
    if (!Array.isArray(places)) return places;
    places.forEach((gpa, i) => this.storeByte(gpa, (value >>> (8 * i)) & 0xff));
    return undefined;
  }

  /** Guest-physical address of the instruction byte. */
  fetch(linear: number): number | NaiveFault {
    const places = this.#places(linear, 1, 'fetch');
    return Array.isArray(places) ? places[0]! : places;
  }

  isRam(gpa: number): boolean {
    return gpa < this.ram.length && (gpa < HOLE_FIRST || gpa > HOLE_LAST);
  }

  storeByte(gpa: number, value: number): void {
    if (gpa >= 2 ** 32) return;
    if (!this.isRam(gpa)) this.busWrites.push(`${gpa}:${value}`);
    else if (!this.rom.has(gpa >>> 12)) this.ram[gpa] = value;
  }

  #readByte(gpa: number): number {
    return this.isRam(gpa) ? this.ram[gpa]! : gpa < 2 ** 32 ? busByte(gpa) : 0xff;
  }

  #places(linear: number, size: number, kind: 'read' | 'write' | 'fetch'): number[] | NaiveFault {
    const places: number[] = [];
    let page = -1;
    for (let i = 0; i < size; i++) {
      const at = (linear + i) >>> 0;
      if (at >>> 12 !== page) {
        const result = this.#translate(at, kind);
        if (typeof result !== 'number') return result;
        page = at >>> 12;
        places.push(result);
      } else places.push(places[places.length - 1]! + 1);
    }
    return places;
  }

  #entry(tableLow: number, tableHigh: number, index: number, size: 4 | 8): Entry {
    const at = this.#gate(tableLow + (tableHigh & 15) * 2 ** 32 + index * size);
    const word = (offset: number) => {
      let value = 0;
      for (let i = 3; i >= 0; i--)
        value = (value << 8) | (this.isRam(at) ? this.ram[at + offset + i]! : 0xff);
      return value;
    };
    return { at, low: word(0), high: size === 8 ? word(4) : 0 };
  }

  #gate(gpa: number): number {
    return this.a20 || Math.floor(gpa / 2 ** 20) % 2 === 0 ? gpa : gpa - 2 ** 20;
  }

  #translate(linear: number, kind: 'read' | 'write' | 'fetch'): number | NaiveFault {
    if (!this.pg) return this.#gate(linear);
    const fail = (present: boolean, reserved: boolean): NaiveFault => ({
      address: linear,
      code:
        Number(present) +
        (kind === 'write' ? 2 : 0) +
        (this.user ? 4 : 0) +
        (reserved ? 8 : 0) +
        (kind === 'fetch' && this.pae && this.nx ? 16 : 0),
    });
    const levels: Entry[] = [];
    const size = this.pae ? 8 : 4;
    const largeBits = this.pae ? 21 : 22;
    let tableLow = (this.cr3 & ~0xfff) >>> 0;
    let tableHigh = 0;
    if (this.pae) {
      const pdpte = this.pdptes[linear >>> 30]!;
      if ((pdpte.low & 1) === 0) return fail(false, false);
      tableLow = (pdpte.low & ~0xfff) >>> 0;
      tableHigh = pdpte.high;
    }
    let large = false;
    for (const bits of [largeBits, 12]) {
      const index = (linear >>> bits) % (4096 / size);
      const entry = this.#entry(tableLow, tableHigh, index, size);
      if ((entry.low & 1) === 0) return fail(false, false);
      if (this.pae && ((entry.high & 0x7ffffff0) !== 0 || (entry.high < 0 && !this.nx)))
        return fail(true, true);
      levels.push(entry);
      large = bits === largeBits && (entry.low & 0x80) !== 0 && (this.pae || this.pse);
      if (large && (entry.low & (this.pae ? 0x1fe000 : 0x3e0000)) !== 0) return fail(true, true);
      if (large) break;
      tableLow = (entry.low & ~0xfff) >>> 0;
      tableHigh = entry.high;
    }
    const all = (bit: number) => levels.every((entry) => (entry.low & bit) !== 0);
    if (this.user && !all(4)) return fail(true, false);
    if (kind === 'write' && !all(2) && (this.user || this.wp)) return fail(true, false);
    if (kind === 'fetch' && this.pae && levels.some((entry) => entry.high < 0)) return fail(true, false);
    levels.forEach((entry, i) =>
      this.#mark(entry.at, kind === 'write' && i === levels.length - 1 ? 0x60 : 0x20),
    );
    const leaf = levels[levels.length - 1]!;
    const offsetSize = large ? 2 ** largeBits : 4096;
    let base = Math.floor((leaf.low >>> 0) / offsetSize) * offsetSize;
    if (this.pae) base += (leaf.high & 15) * 2 ** 32;
    else if (large) base += ((leaf.low >>> 13) & 15) * 2 ** 32;
    return this.#gate(base + (linear % offsetSize));
  }

  #mark(at: number, bits: number): void {
    if (this.isRam(at) && !this.rom.has(at >>> 12)) this.ram[at] = this.ram[at]! | bits;
  }
}

/** What the test's bus answers at an address. */
export function busByte(gpa: number): number {
  return (gpa ^ (gpa >>> 8) ^ 0x5a) & 0xff;
}
