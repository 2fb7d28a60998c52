/**
 * The memory management unit of one processor: complete guest accesses at linear addresses, and the TLB behind them.
 *
 * The TLB is coherent with the page tables (see `PageTableTracker`), so INVLPG, CR3 writes and the G bit never change a result; they
 * only decide what is kept. Reads of 8 and 16 bits are unsigned, of 32 bits int32. Faults leave through `pageFault`.
 *
 * Not implemented: see `page-walk.ts`.
 */
import { noteAccess } from './breakpoints.js';
import { Vector, fault, notePageFault, pageFault } from './fault.js';
import type { PhysicalMemory } from './memory.js';
import { PageTableTracker } from './page-table-tracker.js';
import { ACCESS_FETCH, ACCESS_USER, ACCESS_WRITE, PAGING_OFF, PAGING_PAE, PageWalker } from './page-walk.js';
import { CR0, CR4, EFER, type Cpu } from './state.js';
import { EXECUTE, READ, SLOW_WRITE, Tlb, WRITE, type MmuStatistics } from './tlb.js';

const CPL = 24;
const FAULT = 31;
const SLOW = SLOW_WRITE;
const OFFSET = 0xfff;

export class Mmu {
  /** [supervisor, user], indexed by linear >>> 12; never reallocated. */
  readonly readTlb: [Int32Array, Int32Array];
  readonly writeTlb: [Int32Array, Int32Array];
  readonly executeTlb: [Int32Array, Int32Array];
  /** PDPTE registers of PAE paging: architectural state, low and high halves. After changing them: `controlRegistersChanged`. */
  readonly pdptes: Int32Array;
  /** Machine memory, for whoever has a machine address from a fast table. */
  readonly words: Int32Array;
  readonly #cpu: Cpu;
  readonly #r: Int32Array;
  readonly #memory: PhysicalMemory;
  readonly #u8: Uint8Array;
  readonly #view: DataView;
  readonly #tlb: Tlb;
  readonly #walker: PageWalker;
  readonly #tracker: PageTableTracker;
  #misses = 0;
  #flushes = 0;
  /** Guest-physical address of the last `#translate` that returned -1; itself -1 above 4 GiB. */
  #physical = -1;
  #modeBits = 0;
  /** Pages without fast entries for data, because their accesses have to be noted. */
  #watched: readonly number[] = [];
  /** A page without a fast entry for execution. */
  #barrier = -1;
  #alignmentChecked = false;
  /** There are watched pages or alignment checks; only slow paths look. */
  #attentive = false;

  /** The memory behind the translations, for bulk paths that have a usable entry. */
  get memory(): PhysicalMemory {
    return this.#memory;
  }

  constructor(cpu: Cpu, memory: PhysicalMemory) {
    this.#cpu = cpu;
    this.#r = cpu.r;
    this.#memory = memory;
    this.#u8 = memory.u8;
    this.#view = memory.view;
    this.words = memory.i32;
    this.#tlb = new Tlb(cpu.r, memory.pageFlags.length, memory.processor);
    this.#walker = new PageWalker(cpu, memory);
    this.#tracker = new PageTableTracker(memory, this.#walker, this.#tlb);
    this.readTlb = this.#tlb.read;
    this.writeTlb = this.#tlb.write;
    this.executeTlb = this.#tlb.execute;
    this.pdptes = this.#walker.pdptes;
    this.#modeBits = this.#currentModeBits();
    memory.onTableWrite = (machine, length) => this.#tracker.written(machine, length);
    memory.onWriteProtect = (mfn) => this.#tlb.protectFrame(mfn);
    memory.onWriteProtectAll = (first, count) => this.#tlb.protectFrames(first, count);
    memory.onP2mChange = memory.onA20Change = () => this.#reconfigure();
  }

  get statistics(): MmuStatistics {
    return {
      misses: this.#misses,
      flushes: this.#flushes,
      pagesDropped: this.#tlb.dropped,
      tableWrites: this.#tracker.writes,
      tableReleases: this.#tracker.releases,
    };
  }

  /** Changes whenever an entry of the TLB goes away. */
  get dropped(): number {
    return this.#flushes + this.#tlb.dropped;
  }

  read8(linear: number): number {
    return this.#read8(linear, this.#r[CPL] === 3 ? 1 : 0);
  }

  read16(linear: number): number {
    return this.#read16(linear, this.#r[CPL] === 3 ? 1 : 0);
  }

  read32(linear: number): number {
    return this.#read32(linear, this.#r[CPL] === 3 ? 1 : 0);
  }

  write8(linear: number, value: number): void {
    this.#write8(linear, value, this.#r[CPL] === 3 ? 1 : 0);
  }

  write16(linear: number, value: number): void {
    this.#write16(linear, value, this.#r[CPL] === 3 ? 1 : 0);
  }

  write32(linear: number, value: number): void {
    this.#write32(linear, value, this.#r[CPL] === 3 ? 1 : 0);
  }

  readSystem8(linear: number): number {
    return this.#read8(linear, 0);
  }

  readSystem16(linear: number): number {
    return this.#read16(linear, 0);
  }

  readSystem32(linear: number): number {
    return this.#read32(linear, 0);
  }

  writeSystem8(linear: number, value: number): void {
    this.#write8(linear, value, 0);
  }

  writeSystem16(linear: number, value: number): void {
    this.#write16(linear, value, 0);
  }

  writeSystem32(linear: number, value: number): void {
    this.#write32(linear, value, 0);
  }

  /** Faults, and sets accessed bits, as a read of `size` bytes at the current CPL would. */
  probeRead(linear: number, size: number): void {
    this.#probe(linear, size, this.#r[CPL] === 3 ? 1 : 0, 0);
  }

  probeWrite(linear: number, size: number): void {
    this.#probe(linear, size, this.#r[CPL] === 3 ? 1 : 0, ACCESS_WRITE);
  }

  probeSystemRead(linear: number, size: number): void {
    this.#probe(linear, size, 0, 0);
  }

  probeSystemWrite(linear: number, size: number): void {
    this.#probe(linear, size, 0, ACCESS_WRITE);
  }

  /** Machine address of the instruction byte at `linear`; -1 where there is no RAM. Faults as an instruction fetch does. */
  fetch(linear: number): number {
    const user = this.#r[CPL] === 3 ? 1 : 0;
    const entry = this.executeTlb[user]![linear >>> 12]!;
    if ((entry & 1) === 0) return entry ^ linear;
    return this.#translate(linear, user, ACCESS_FETCH);
  }

  /** Like `fetch` without any effect: -1 also where it would fault. */
  probeFetch(linear: number): number {
    const user = this.#r[CPL] === 3 ? 1 : 0;
    const entry = this.executeTlb[user]![linear >>> 12]!;
    if ((entry & 1) === 0) return entry ^ linear;
    if (linear >>> 12 === this.#barrier) return -1;
    if (this.#walker.walk(linear, ACCESS_FETCH | (user << 2)) >= 0) return -1;
    const page = this.#walker.machineFrame(this.#walker.frame);
    return page < 0 ? -1 : page | (linear & OFFSET);
  }

  /**
   * Gives a page its fast entry for execution where the guest cannot tell: it may be fetched from at the current CPL, and its accessed bits are set
   * already. False where there is none.
   */
  prefetch(linear: number): boolean {
    const user = this.#r[CPL] === 3 ? 1 : 0;
    if ((this.executeTlb[user]![linear >>> 12]! & 1) === 0) return true;
    if (linear >>> 12 === this.#barrier) return false;
    const walker = this.#walker;
    if (walker.walk(linear, ACCESS_FETCH | (user << 2)) >= 0 || !walker.used) return false;
    return this.#admit(linear, user, ACCESS_FETCH) >= 0;
  }

  /** True if an access at the current CPL meets no page fault; otherwise r[R_FAULT] is set and the one fault record filled, for code that does not throw. */
  canRead(linear: number, size: number): boolean {
    const user = this.#r[CPL] === 3 ? 1 : 0;
    const entry = (user === 0 ? this.readTlb[0] : this.readTlb[1])[linear >>> 12]!;
    return ((entry & 1) === 0 && (linear & OFFSET) + size <= 4096) || this.#reaches(linear, size, user, 0);
  }
  canWrite(linear: number, size: number): boolean {
    const user = this.#r[CPL] === 3 ? 1 : 0;
    const entry = (user === 0 ? this.writeTlb[0] : this.writeTlb[1])[linear >>> 12]!;
    const fast = (entry & 1) === 0 && (linear & OFFSET) + size <= 4096;
    return fast || this.#reaches(linear, size, user, ACCESS_WRITE);
  }
  /** As `canWrite`, where a read comes first: then nothing but what watched pages and alignment bring is left for `probeWrite` to find. */
  canRewrite(linear: number, size: number): boolean {
    if (!this.canWrite(linear, size)) return false;
    if (this.#attentive) this.probeWrite(linear, size);
    return true;
  }
  canFetch(linear: number): boolean {
    return this.#reaches(linear, 1, this.#r[CPL] === 3 ? 1 : 0, ACCESS_FETCH);
  }

  #reaches(linear: number, size: number, user: number, access: number): boolean {
    // What else an access may meet is left to the access itself.
    if (this.#attentive) return true;
    if (!this.#reachesPage(linear, user, access)) return false;
    // The first page's accessed and dirty bits are set even where the second one faults.
    const rest = 4096 - (linear & OFFSET);
    return size <= rest || this.#reachesPage((linear + rest) | 0, user, access);
  }

  /** As the access itself does, a walk that finds the page fills the TLB. */
  #reachesPage(linear: number, user: number, access: number): boolean {
    const kinds = access === ACCESS_WRITE ? WRITE | SLOW : access === 0 ? READ : EXECUTE;
    if ((this.#tlb.state[linear >>> 12]! & (kinds << user)) !== 0) return true;
    const walker = this.#walker;
    const full = access | ((user << 2) & ACCESS_USER);
    const error = walker.walk(linear, full);
    if (error < 0) {
      this.#admit(linear, user, full);
      return true;
    }
    notePageFault(linear, error & walker.reported);
    this.#r[FAULT] = 1;
    return false;
  }

  /** Pages whose accesses go to `noteAccess`. */
  watch(pages: readonly number[]): void {
    this.#watched = pages;
    for (const page of pages) this.#tlb.dropPage(page);
    this.#attend();
  }

  /** Whether misaligned user accesses are #AC(0): they never have a fast path. */
  checkAlignment(on: boolean): void {
    this.#alignmentChecked = on;
    this.#attend();
  }
  get checksAlignment(): boolean {
    return this.#alignmentChecked;
  }
  #attend(): void {
    this.#attentive = this.#alignmentChecked || this.#watched.length > 0;
  }

  /** Gives one page (-1: none) no fast entry for execution and hides it from `probeFetch`: where CS ends. */
  setFetchBarrier(page: number): void {
    if (page === this.#barrier) return;
    this.#barrier = page;
    if (page >= 0) this.#tlb.dropFetches(page);
  }

  /** INVLPG. */
  invalidatePage(linear: number): void {
    this.#tlb.dropPage(linear >>> 12);
  }

  /** Empties the TLB, global entries included whatever is asked: none of them can be stale, so keeping them is `loadCr3`'s business. */
  flush(_includeGlobal: boolean): void {
    this.#flushes++;
    this.#tlb.dropAll();
  }

  /** MOV to CR3 and task switches: #GP(0) for reserved bits in PAE's page-directory-pointer table. */
  loadCr3(value: number): void {
    if (this.#walker.mode === PAGING_PAE && !this.#walker.loadPdptes(value | 0)) fault(Vector.GP, 0);
    this.#cpu.cr3 = value | 0;
    this.#walker.locateDirectories();
    this.#tracker.directoriesChanged();
  }

  /** Loads the PDPTE registers from CR3; false, and nothing changed, if a present one has reserved bits. */
  loadPdptes(): boolean {
    if (!this.#walker.loadPdptes(this.#cpu.cr3)) return false;
    if (this.#walker.mode === PAGING_PAE) this.#tracker.directoriesChanged();
    return true;
  }

  /** After CR0, CR4 or EFER changed (after `loadPdptes` where the manual has it load them), or CR3 or `pdptes` were restored. */
  controlRegistersChanged(): void {
    const bits = this.#currentModeBits();
    if (bits !== this.#modeBits) {
      this.#modeBits = bits;
      this.#reconfigure();
      return;
    }
    this.#walker.locateDirectories();
    this.#tracker.directoriesChanged();
  }

  #currentModeBits(): number {
    const { cr0, cr4, efer } = this.#cpu;
    return (cr0 & (CR0.PG | CR0.WP)) | (cr4 & (CR4.PSE | CR4.PAE)) | (efer & EFER.NXE);
  }

  #reconfigure(): void {
    this.flush(true);
    this.#walker.configure();
  }

  #read8(linear: number, user: number): number {
    const entry = (user === 0 ? this.readTlb[0] : this.readTlb[1])[linear >>> 12]!;
    if ((entry & 1) === 0) return this.#u8[entry ^ linear]!;
    if (this.#attentive) this.#attendTo(linear, 1, user, 0);
    const machine = this.#translate(linear, user, 0);
    return machine < 0 ? this.#readBus(1) & 0xff : this.#u8[machine]!;
  }

  #read16(linear: number, user: number): number {
    const entry = (user === 0 ? this.readTlb[0] : this.readTlb[1])[linear >>> 12]!;
    if (((entry | linear) & 1) === 0) return this.#view.getUint16(entry ^ linear, true);
    if (this.#attentive) this.#attendTo(linear, 2, user, 0);
    if ((linear & OFFSET) === OFFSET) return this.#readCrossing(linear, 2, user);
    const machine = (entry & 1) === 0 ? entry ^ linear : this.#translate(linear, user, 0);
    return machine < 0 ? this.#readBus(2) & 0xffff : this.#view.getUint16(machine, true);
  }

  #read32(linear: number, user: number): number {
    const entry = (user === 0 ? this.readTlb[0] : this.readTlb[1])[linear >>> 12]!;
    if (((entry | linear) & 3) === 0) return this.#view.getInt32(entry ^ linear, true);
    if (this.#attentive) this.#attendTo(linear, 4, user, 0);
    if ((linear & OFFSET) > 0xffc) return this.#readCrossing(linear, 4, user);
    const machine = (entry & 1) === 0 ? entry ^ linear : this.#translate(linear, user, 0);
    return machine < 0 ? this.#readBus(4) | 0 : this.#view.getInt32(machine, true);
  }

  #write8(linear: number, value: number, user: number): void {
    const entry = (user === 0 ? this.writeTlb[0] : this.writeTlb[1])[linear >>> 12]!;
    if ((entry & 1) === 0) this.#u8[entry ^ linear] = value;
    else this.#writeSlow(linear, 1, value & 0xff, user);
  }

  #write16(linear: number, value: number, user: number): void {
    const entry = (user === 0 ? this.writeTlb[0] : this.writeTlb[1])[linear >>> 12]!;
    if (((entry | linear) & 1) === 0) this.#view.setInt16(entry ^ linear, value, true);
    else if ((linear & OFFSET) === OFFSET) this.#writeCrossing(linear, 2, value, user);
    else this.#writeSlow(linear, 2, value & 0xffff, user);
  }

  #write32(linear: number, value: number, user: number): void {
    const entry = (user === 0 ? this.writeTlb[0] : this.writeTlb[1])[linear >>> 12]!;
    if (((entry | linear) & 3) === 0) this.#view.setInt32(entry ^ linear, value, true);
    else if ((linear & OFFSET) > 0xffc) this.#writeCrossing(linear, 4, value, user);
    else this.#writeSlow(linear, 4, value, user);
  }

  #writeSlow(linear: number, size: 1 | 2 | 4, value: number, user: number): void {
    if (this.#attentive) this.#attendTo(linear, size, user, ACCESS_WRITE);
    const machine = this.#translateWrite(linear, user);
    if (machine >= 0) this.#memory.store(machine, size, value);
    else if (this.#physical >= 0) this.#memory.bus.write(this.#physical, size, value);
  }

  /** Every access that is misaligned or to a watched page comes through here; a page fault goes before #AC (SDM vol. 3, table 6-2). */
  #attendTo(linear: number, size: number, user: number, access: number): void {
    if (this.#alignmentChecked && user !== 0 && (linear & (size - 1)) !== 0) {
      this.#walkPages(linear, size, user, access);
      fault(Vector.AC, 0);
    }
    if (this.#watched.length > 0) noteAccess(this.#cpu, linear, size, access !== 0);
  }

  #readBus(size: 1 | 2 | 4): number {
    return this.#physical < 0 ? -1 : this.#memory.bus.read(this.#physical, size);
  }

  /** Both pages are translated before a byte moves; bytes go in address order. */
  #readCrossing(linear: number, size: number, user: number): number {
    const first = 4096 - (linear & OFFSET);
    const machine0 = this.#translate(linear, user, 0);
    const physical0 = this.#physical;
    const machine1 = this.#translate((linear + first) | 0, user, 0);
    const physical1 = this.#physical;
    let value = 0;
    for (let i = 0; i < size; i++) {
      const inFirst = i < first;
      value |=
        this.#readByte(
          inFirst ? machine0 : machine1,
          inFirst ? physical0 : physical1,
          inFirst ? i : i - first,
        ) <<
        (8 * i);
    }
    return value;
  }

  #readByte(machine: number, physical: number, offset: number): number {
    if (machine >= 0) return this.#u8[machine + offset]!;
    return physical < 0 ? 0xff : this.#memory.bus.read(physical + offset, 1) & 0xff;
  }

  #writeCrossing(linear: number, size: number, value: number, user: number): void {
    if (this.#attentive) this.#attendTo(linear, size, user, ACCESS_WRITE);
    const first = 4096 - (linear & OFFSET);
    const machine0 = this.#translateWrite(linear, user);
    const physical0 = this.#physical;
    const machine1 = this.#translateWrite((linear + first) | 0, user);
    const physical1 = this.#physical;
    for (let i = 0; i < size; i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      if (i < first) this.#writeByte(machine0, physical0, i, byte);
      else this.#writeByte(machine1, physical1, i - first, byte);
    }
  }

  #writeByte(machine: number, physical: number, offset: number, value: number): void {
    if (machine >= 0) this.#memory.store(machine + offset, 1, value);
    else if (physical >= 0) this.#memory.bus.write(physical + offset, 1, value);
  }

  #probe(linear: number, size: number, user: number, access: number): void {
    this.#walkPages(linear, size, user, access);
    const isNatural = (size & (size - 1)) === 0 && size <= 8;
    if (this.#alignmentChecked && user !== 0 && isNatural && (linear & (size - 1)) !== 0) fault(Vector.AC, 0);
  }

  #walkPages(linear: number, size: number, user: number, access: number): void {
    const pages = ((linear & OFFSET) + size + OFFSET) >>> 12;
    for (let i = 0; i < pages && size > 0; i++) {
      const at = i === 0 ? linear : (linear & ~OFFSET) + (i << 12);
      const table = access === 0 ? this.readTlb : this.writeTlb;
      if ((table[user]![at >>> 12]! & 1) === 0) continue;
      if (access === 0) this.#translate(at, user, 0);
      else this.#translateWrite(at, user);
    }
  }

  /** Machine address for a write that the fast table did not serve, or -1 with `#physical`. */
  #translateWrite(linear: number, user: number): number {
    const page = linear >>> 12;
    const state = this.#tlb.state[page]! >>> user;
    if ((state & (WRITE | SLOW)) === 0) return this.#translate(linear, user, ACCESS_WRITE);
    if ((state & (READ | SLOW)) === SLOW) {
      this.#physical = ((this.#tlb.read[user]![page]! & ~OFFSET) | (linear & OFFSET)) >>> 0;
      return -1;
    }
    const machine = this.#tlb.read[user]![page]! ^ linear;
    if ((state & SLOW) !== 0 && this.#memory.pageFlags[machine >>> 12] === 0) this.#tlb.promote(page, user);
    return machine;
  }

  /** Walks, sets accessed and dirty bits, fills the TLB. The machine address, or -1 with `#physical` where there is no RAM. */
  #translate(linear: number, user: number, access: number): number {
    const walker = this.#walker;
    const full = access | ((user << 2) & ACCESS_USER);
    const error = walker.walk(linear, full);
    if (error >= 0) pageFault(linear, error & walker.reported);
    return this.#admit(linear, user, full);
  }

  /** The walk just done allows the access. */
  #admit(linear: number, user: number, access: number): number {
    const walker = this.#walker;
    this.#misses++;
    walker.markUsed(access);
    const page = walker.machineFrame(walker.frame);
    if (page < 0) return this.#admitDevice(linear, user, access);
    if (walker.mode !== PAGING_OFF) this.#tracker.derive(linear);
    const kinds = this.#kinds(linear >>> 12, page >>> 12, user, access);
    this.#tlb.insert(linear >>> 12, user, kinds, page ^ (linear & ~OFFSET));
    return page | (linear & OFFSET);
  }

  /** Writes to devices come in long runs, so that where they go is remembered; reads are answered by the device anyway. */
  #admitDevice(linear: number, user: number, access: number): number {
    const physical = (this.#physical = this.#walker.physicalAddress(linear));
    if ((access & ACCESS_WRITE) === 0 || physical < 0) return -1;
    if (this.#walker.mode !== PAGING_OFF) this.#tracker.derive(linear);
    this.#tlb.insertDevice(linear >>> 12, user, physical >>> 12);
    return -1;
  }

  /** Which entries the walk just done justifies. */
  #kinds(page: number, mfn: number, user: number, access: number): number {
    const walker = this.#walker;
    if ((access & ACCESS_FETCH) !== 0) return page === this.#barrier ? 0 : EXECUTE;
    if (this.#attentive && this.#watched.includes(page)) return 0;
    const writable = (walker.rights & ACCESS_WRITE) !== 0 || (user === 0 && !walker.writeProtect);
    if (!writable || !walker.dirty) return READ;
    return this.#memory.pageFlags[mfn] === 0 ? READ | WRITE : READ | SLOW;
  }
}
