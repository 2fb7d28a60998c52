/**
 * The processor models `--cpu` chooses from: what CPUID answers, and which features, and with them instructions and registers, there are.
 *
 * | model | signature | what it has |
 * |---|---|---|
 * | 486 | 0480 (DX4) | FPU; no CR4, no model-specific registers, no time-stamp counter |
 * | pentium | 052C (P54C) | adds VME, TSC, MSR, MCE, CMPXCHG8B, debug extensions, 4 MiB pages |
 * | pentium3 | 068A | adds PAE, PGE, PSE-36, SYSENTER, MTRR, PAT, MCA, CMOV, MMX, FXSR, SSE |
 * | default | 106CA | adds SSE2, SSE3, CLFLUSH, NX, TSC-deadline |
 *
 * The default calls itself an Intel in-order processor (family 6, model 28): operating systems know that such parts do not speculate and
 * leave out page-table isolation, retpolines and the other mitigations, which cost an emulator much and protect nothing here: what
 * speculates is the host's processor, and the host guards against that. Any other Intel family-6 model gets page-table isolation, AMD models still get retpolines. Debian's 686 and 686-pae kernels print no line
 * about isolation, Spectre or any later attack on it; `scripts/run-debian-guests.mjs` looks at every boot.
 *
 * The Pentium III's serial number is switched off, as firmware does it: no leaf 3.
 *
 * Not implemented: events that performance counters count; test registers of the 486 (MOV TR is #UD) and what those of the Pentium do; cache and
 * performance-monitoring leaves of the default model; the opcode register (FOP) as processors before the Pentium 4 keep it.
 */
import type { Cpu, CpuModel } from './state.js';

/** CPUID.1:EDX bits. */
export const Feature = {
  FPU: 1 << 0,
  VME: 1 << 1,
  DE: 1 << 2,
  PSE: 1 << 3,
  TSC: 1 << 4,
  MSR: 1 << 5,
  PAE: 1 << 6,
  MCE: 1 << 7,
  CX8: 1 << 8,
  APIC: 1 << 9,
  SEP: 1 << 11,
  MTRR: 1 << 12,
  PGE: 1 << 13,
  MCA: 1 << 14,
  CMOV: 1 << 15,
  PAT: 1 << 16,
  PSE36: 1 << 17,
  CLFSH: 1 << 19,
  MMX: 1 << 23,
  FXSR: 1 << 24,
  SSE: 1 << 25,
  SSE2: 1 << 26,
} as const;
const SSE3 = 1 << 0;
const MONITOR = 1 << 3;
const VMX = 1 << 5;
const TSC_DEADLINE = 1 << 24;
const SYSCALL = 1 << 11;
const NX = 1 << 20;
const RDTSCP = 1 << 27;
const SVM = 1 << 2;

const EXTENDED = 0x80000001 | 0;
const ECX = 2,
  EDX = 3;
type Place = readonly [leaf: number, register: number, bit: number];
/** By the manual's name: what decides whether instructions and registers exist. */
const WHERE: ReadonlyMap<string, Place> = new Map([
  ...Object.entries(Feature).map(([name, bit]): [string, Place] => [name, [1, EDX, bit]]),
  ['SSE3', [1, ECX, SSE3]],
  ['MONITOR', [1, ECX, MONITOR]],
  ['VMX', [1, ECX, VMX]],
  ['SYSCALL', [EXTENDED, EDX, SYSCALL]],
  ['NX', [EXTENDED, EDX, NX]],
  ['RDTSCP', [EXTENDED, EDX, RDTSCP]],
  ['SVM', [EXTENDED, ECX, SVM]],
]);

/** Whether CPUID announces a feature, named as in the manual. Throws RangeError for a name that is not known here. */
export function hasFeature(cpu: Cpu, name: string): boolean {
  const where = WHERE.get(name);
  if (where === undefined) throw new RangeError(`no CPUID feature is called '${name}'`);
  const [leaf, register, bit] = where;
  const { model } = cpu;
  // Above the highest extended leaf CPUID answers with something else.
  if (leaf < 0 && model.cpuid(0x80000000 | 0, 0, cpu)[0] >= 0) return false;
  return (model.cpuid(leaf, 0, cpu)[register]! & bit) !== 0;
}

/** The family of CPUID's signature: 4, 5 or 6. */
export const familyOf = (cpu: Cpu): number => (cpu.model.cpuid(1, 0, cpu)[0] >> 8) & 15;

type Leaf = readonly [number, number, number, number];
const NOTHING: Leaf = [0, 0, 0, 0];

interface ModelDescription {
  readonly name: string;
  readonly signature: number;
  readonly edx: number;
  readonly ecx: number;
  /** Bytes that CLFLUSH touches; 0 without it. */
  readonly lineBytes?: number;
  /** CPUID.1:EBX bits 0-7. */
  readonly brandIndex?: number;
  /** CPUID.2: descriptors of caches and TLBs. */
  readonly caches?: Leaf;
  /** CPUID.80000001H:EDX; 0 with an empty brand means no extended leaves. */
  readonly extendedEdx: number;
  /** At most 47 characters. */
  readonly brand: string;
}

/** Four characters as they lie in a register. */
function word(text: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | (text.charCodeAt(at + i) || 0);
  return value;
}

/** The vendor string stands in EBX, EDX, ECX. */
function vendorLeaf(maximum: number, vendor: string): Leaf {
  return [maximum, word(vendor, 0), word(vendor, 8), word(vendor, 4)];
}

function brandLeaf(brand: string, part: number): Leaf {
  const at = part * 16;
  return [word(brand, at), word(brand, at + 4), word(brand, at + 8), word(brand, at + 12)];
}

const VENDOR = 'GenuineIntel';

function basicLeaves(d: ModelDescription): Leaf[] {
  const features: Leaf = [d.signature, ((d.lineBytes ?? 0) << 5) | (d.brandIndex ?? 0), d.ecx, d.edx];
  return d.caches ? [vendorLeaf(2, VENDOR), features, d.caches] : [vendorLeaf(1, VENDOR), features];
}

function extendedLeaves(d: ModelDescription): Leaf[] {
  if (d.brand === '') return [];
  const first: Leaf = [0x80000004 | 0, 0, 0, 0];
  const brand = [0, 1, 2].map((part) => brandLeaf(d.brand, part));
  return [first, [0, 0, 0, d.extendedEdx], ...brand];
}

/** Leaves above the highest answer as the highest basic one (SDM vol. 2, CPUID). */
function createModel(description: ModelDescription): CpuModel {
  const basic = basicLeaves(description);
  const extended = extendedLeaves(description);
  const highest = basic[basic.length - 1]!;
  return {
    name: description.name,
    cpuid(leaf: number): Leaf {
      if (leaf >= 0) return basic[leaf] ?? highest;
      return extended[leaf & 0x7fffffff] ?? (extended.length === 0 ? NOTHING : highest);
    },
  };
}

const bits = (...names: readonly (keyof typeof Feature)[]): number =>
  names.reduce((sum, name) => sum | Feature[name], 0);
const PENTIUM = bits('FPU', 'VME', 'DE', 'PSE', 'TSC', 'MSR', 'MCE', 'CX8');
const PENTIUM3 =
  PENTIUM | bits('PAE', 'SEP', 'MTRR', 'PGE', 'MCA', 'CMOV', 'PAT', 'PSE36', 'MMX', 'FXSR', 'SSE');

export type CpuModelName = '486' | 'pentium' | 'pentium3' | 'default';

export const CPU_MODELS: Record<CpuModelName, CpuModel> = {
  '486': createModel({ name: '486', signature: 0x480, edx: Feature.FPU, ecx: 0, extendedEdx: 0, brand: '' }),
  pentium: createModel({
    name: 'pentium',
    signature: 0x52c,
    edx: PENTIUM,
    ecx: 0,
    extendedEdx: 0,
    brand: '',
  }),
  pentium3: createModel({
    name: 'pentium3',
    signature: 0x68a,
    edx: PENTIUM3,
    ecx: 0,
    brandIndex: 2,
    // TLBs 01 to 04, 16 KiB each of code and data, 256 KiB behind them.
    caches: [0x03020101, 0, 0, 0x0c040882],
    extendedEdx: 0,
    brand: '',
  }),
  default: createModel({
    name: 'default',
    signature: 0x106ca,
    edx: PENTIUM3 | Feature.SSE2 | Feature.CLFSH,
    ecx: SSE3,
    lineBytes: 64,
    extendedEdx: NX,
    brand: 'hvmjs virtual processor',
  }),
};

/** Models that never had a local APIC. */
const WITHOUT_APIC: ReadonlySet<string> = new Set<CpuModelName>(['486']);

export function canHaveLocalApic(model: CpuModel): boolean {
  return !WITHOUT_APIC.has(model.name);
}

/** Models that have their APIC switched on unless somebody says otherwise: the P6 family, whose systems expect one. */
export function hasLocalApicByDefault(model: CpuModel): boolean {
  return model.name === 'pentium3' || model.name === 'default';
}

export function hasTscDeadline(model: CpuModel): boolean {
  return model.name === 'default';
}

/** The model with a local APIC, which CPUID announces while IA32_APIC_BASE enables it (SDM vol. 3, 10.4.3). */
export function withLocalApic(model: CpuModel, isEnabled: () => boolean): CpuModel {
  let plain: Leaf | undefined;
  let announcing = NOTHING;
  return {
    name: model.name,
    cpuid(leaf, subleaf, cpu) {
      const answer = model.cpuid(leaf, subleaf, cpu);
      if (plain === undefined) {
        plain = model.cpuid(1, 0, cpu);
        const [eax, ebx, ecx, edx] = plain;
        announcing = [eax, ebx, hasTscDeadline(model) ? ecx | TSC_DEADLINE : ecx, edx | Feature.APIC];
      }
      return answer === plain && isEnabled() ? announcing : answer;
    },
  };
}
