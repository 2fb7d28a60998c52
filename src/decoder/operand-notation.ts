/** Reads the operand notation of opcodes.ts (`Eb`, `Rv/Mw`, `m14/28byte`) into the small records the decoder switches on. */

/** Where an operand comes from. */
export const Form = {
  MODRM: 0,
  REG: 1,
  OPCODE: 2,
  FIXED: 3,
  IMMEDIATE: 4,
  UNSIGNED: 5,
  EXTENDED: 6,
  ONE: 7,
  RELATIVE: 8,
  FAR: 9,
  OFFSET: 10,
  SOURCE: 11,
  DESTINATION: 12,
  SEGMENT: 13,
  FIXED_SEGMENT: 14,
  CONTROL: 15,
  DEBUG: 16,
  MM_REG: 17,
  MM_MODRM: 18,
  XMM_REG: 19,
  XMM_MODRM: 20,
  ST: 21,
  ST_I: 22,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

/** Sizes that depend on prefixes; every other size is a number of bits. */
export const Size = {
  /** Operand size. */
  V: 1,
  /** Operand size, at most 32. */
  Z: 2,
  /** 64 with REX.W, else 32. */
  Y: 3,
  /** Selector and offset of operand size. */
  FAR: 4,
  /** Two values of operand size. */
  PAIR: 5,
  /** 64 in 64-bit code, else 32. */
  NATIVE: 6,
  /** x87 environment and state. */
  ENVIRONMENT: 7,
  STATE: 9,
  /** Limit and base: 80 bits in 64-bit code, else 48. */
  DESCRIPTOR: 10,
} as const;

export interface OperandSpec {
  readonly form: Form;
  /** Bits or one of `Size`: of the value, or of the memory when the operand is memory. */
  readonly size: number;
  /** The size when a `MODRM` operand is a register. */
  readonly registerSize: number;
  /** Register number of a fixed operand. */
  readonly index: number;
}

const TYPES: Readonly<Record<string, number>> = {
  '': 0,
  b: 8,
  w: 16,
  d: 32,
  q: 64,
  dq: 128,
  ps: 128,
  pd: 128,
  ss: 32,
  sd: 64,
  v: Size.V,
  z: Size.Z,
  y: Size.Y,
  p: Size.FAR,
  a: Size.PAIR,
  s: Size.DESCRIPTOR,
};

const MEMORY: Readonly<Record<string, number>> = {
  m16: 16,
  m16int: 16,
  m32int: 32,
  m32fp: 32,
  m64int: 64,
  m64fp: 64,
  m80fp: 80,
  m80bcd: 80,
  'm14/28byte': Size.ENVIRONMENT,
  'm94/108byte': Size.STATE,
  m512byte: 4096,
};

const FIXED: Readonly<Record<string, readonly [size: number, index: number]>> = {
  AL: [8, 0],
  CL: [8, 1],
  AX: [16, 0],
  DX: [16, 2],
  eAX: [Size.Z, 0],
  rAX: [Size.V, 0],
};

const LETTERS: Readonly<Record<string, Form>> = {
  E: Form.MODRM,
  M: Form.MODRM,
  R: Form.MODRM,
  G: Form.REG,
  Z: Form.OPCODE,
  J: Form.RELATIVE,
  A: Form.FAR,
  O: Form.OFFSET,
  X: Form.SOURCE,
  Y: Form.DESTINATION,
  S: Form.SEGMENT,
  C: Form.CONTROL,
  D: Form.DEBUG,
  P: Form.MM_REG,
  Q: Form.MM_MODRM,
  N: Form.MM_MODRM,
  V: Form.XMM_REG,
  W: Form.XMM_MODRM,
  U: Form.XMM_MODRM,
};

const IMMEDIATES: Readonly<Record<string, readonly [form: Form, size: number]>> = {
  '1': [Form.ONE, 8],
  Ib: [Form.IMMEDIATE, 8],
  Ibs: [Form.EXTENDED, Size.V],
  Ibu: [Form.UNSIGNED, 8],
  Iw: [Form.UNSIGNED, 16],
  Iz: [Form.IMMEDIATE, Size.Z],
  Iv: [Form.IMMEDIATE, Size.V],
};

const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'];

function spec(form: Form, size: number, registerSize = size, index = 0): OperandSpec {
  return { form, size, registerSize, index };
}

function typeSize(text: string): number {
  const size = TYPES[text];
  if (size === undefined) throw new Error(`unknown operand type ${text}`);
  return size;
}

function lettered(text: string): OperandSpec {
  const form = LETTERS[text.charAt(0)];
  if (form === undefined) throw new Error(`unknown operand ${text}`);
  if (text === 'Rd') return spec(Form.MODRM, Size.NATIVE);
  const slash = text.indexOf('/M');
  if (slash < 0) return spec(form, typeSize(text.slice(1)));
  return spec(form, typeSize(text.slice(slash + 2)), typeSize(text.slice(1, slash)));
}

export function operandSpec(text: string): OperandSpec {
  const immediate = IMMEDIATES[text];
  if (immediate) return spec(immediate[0], immediate[1]);
  const fixed = FIXED[text];
  if (fixed) return spec(Form.FIXED, fixed[0], fixed[0], fixed[1]);
  const memory = MEMORY[text];
  if (memory !== undefined) return spec(Form.MODRM, memory);
  if (text === 'ST' || text === 'STi') return spec(text === 'ST' ? Form.ST : Form.ST_I, 80);
  const segment = SEGMENTS.indexOf(text);
  return segment >= 0 ? spec(Form.FIXED_SEGMENT, 16, 16, segment) : lettered(text);
}

/** Whether the operand is encoded in a ModRM byte. */
export function usesModrm(operand: OperandSpec): boolean {
  const form = operand.form;
  return form <= Form.REG || form === Form.SEGMENT || (form >= Form.CONTROL && form <= Form.XMM_MODRM);
}
