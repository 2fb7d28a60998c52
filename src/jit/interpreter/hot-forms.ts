/** Which forms are cases of the hot switch: the most executed ones of real 32-bit guests (99 % of what the stock Debian kernel and a shell workload run). */

const ALU = ['ADD', 'SUB', 'AND', 'OR', 'XOR', 'CMP', 'TEST'];
const CONDITIONS = [...Array(16).keys()].filter((c) => c !== 10 && c !== 11);
const R32 = 'r32',
  M32 = 'm32',
  R8 = 'r8',
  M8 = 'm8';

function alu(): string[] {
  const out: string[] = [];
  for (const m of ALU) {
    out.push(
      `${m}/32 ${R32} ${R32}`,
      `${m}/32 ${R32} i`,
      `${m}/32 ${M32} ${R32} a32f`,
      `${m}/32 ${M32} i a32f`,
    );
    if (m !== 'TEST') out.push(`${m}/32 ${R32} ${M32} a32f`);
  }
  for (const m of ['CMP', 'TEST']) out.push(`${m}/32 ${R8} i`, `${m}/32 ${M8} i a32f`, `${m}/32 ${R8} ${R8}`);
  out.push(
    `CMP/32 ${R8} ${M8} a32f`,
    `CMP/32 ${M8} ${R8} a32f`,
    `AND/32 ${R8} i`,
    `OR/32 ${R8} ${R8}`,
    `XOR/32 ${R8} ${R8}`,
  );
  out.push(
    'ADC/32 r32 r32',
    'ADC/32 r32 i',
    'ADC/32 r32 m32 a32f',
    'SBB/32 r32 r32',
    'SBB/32 r32 i',
    'SBB/32 r32 m32 a32f',
  );
  out.push(
    'ADC/32 m32 r32 a32f',
    'MUL/32 r32',
    'MUL/32 m32 a32f',
    'IMUL/32 r32 r32',
    'IMUL/32 r32 r32 i',
    'IMUL/32 r32 m32 a32f',
  );
  return out;
}
const moves = (): string[] => [
  'MOV/32 r32 r32',
  'MOV/32 r32 i',
  'MOV/32 r32 m32 a32f',
  'MOV/32 m32 r32 a32f',
  'MOV/32 m32 i a32f',
  'MOV/32 r8 m8 a32f',
  'MOV/32 m8 r8 a32f',
  'MOV/32 m8 i a32f',
  'MOV/32 r8 i',
  'MOV/32 r8 r8',
  'MOV/16 m16 r16 a32f',
  'MOVZX/32 r32 m8 a32f',
  'MOVZX/32 r32 r8',
  'MOVZX/32 r32 m16 a32f',
  'MOVZX/32 r32 r16',
  'MOVSX/32 r32 m8 a32f',
  'MOVSX/32 r32 r8',
  'LEA/32 r32 m0 a32f',
  'XCHG/32 r32 r32',
  'CWD/32',
  'CBW/32',
  'BSWAP/32 r32',
];
const stack = (): string[] => [
  'PUSH/32 r32 ss32f',
  'PUSH/32 i ss32f',
  'PUSH/32 m32 a32f ss32f',
  'POP/32 r32 ss32f',
  'CALL/32 rel ss32f',
  'RET/32 ss32f',
  'LEAVE/32 ss32f',
  'PUSHF/32 ss32f',
  'POPF/32 ss32f',
  'CALL/32 r32 ss32f',
  'CALL/32 m32 a32f ss32f',
  'RET/32 i ss32f',
];
const shifts = (): string[] =>
  ['SHL', 'SHR', 'SAR', 'ROL', 'ROR']
    .flatMap((m) => [`${m}/32 r32 i`])
    .concat('SHL/32 r32 r8', 'SHR/32 r32 r8', 'SHLD/32 r32 r32 i', 'SHRD/32 r32 r32 i');
const steps = (): string[] => [
  'INC/32 r32',
  'DEC/32 r32',
  'NEG/32 r32',
  'NOT/32 r32',
  'INC/32 m32 a32f',
  'DEC/32 m32 a32f',
];
const branches = (): string[] => [
  ...CONDITIONS.map((c) => `JCC/32/c${c} rel`),
  'JMP/32 rel',
  'JMP/32 r32',
  'JMP/32 m32 a32f',
  ...[2, 3, 4, 5, 6, 7, 12, 15].map((c) => `SETCC/32/c${c} r8`),
  ...[2, 3, 4, 5, 6, 7, 8, 9].map((c) => `CMOVCC/32/c${c} r32 r32`),
  'BT/32 r32 i',
  'CLI/32',
  'STI/32',
  'NOP/32',
  'NOP/32 m32 a32f',
  'NOP/32 r32',
];

/** Less frequent, but often enough that calls of their handlers cost more than a larger switch. */
const others = (): string[] => [
  'MOV/16 r16 m16 a32f',
  'MOV/16 m16 i a32f',
  'SHR/16 r16 i',
  'AND/16 r16 i',
  'CMP/16 r16 i',
  'CMP/16 m16 i a32f',
  'TEST/16 r16 r16',
  'OR/32 r8 i',
  'ADD/32 r8 r8',
  'XOR/32 m8 i a32f',
  ...[12, 13, 14, 15].map((c) => `CMOVCC/32/c${c} r32 r32`),
  'CMOVCC/32/c3 r32 m32 a32f',
  'BT/32 m32 r32 a32f',
  'BTS/32 m32 i a32f',
  'BTR/32 m32 i a32f',
  'CMPXCHG/32 m32 r32 a32f',
  'XADD/32 m32 r32 a32f',
  ...['NOP/16', 'PAUSE/32', 'LFENCE/32'],
  'SHLD/32 r32 r32 r8=1',
  'SHRD/32 r32 r32 r8=1',
  'SAR/32 r32 r8',
  'AND/32 m8 i a32f',
  'OR/32 m8 i a32f',
  'ADC/32 m32 i a32f',
  'SBB/32 m32 r32 a32f',
  'CLD/32',
  'BSF/32 r32 r32',
  'BSR/32 r32 r32',
  'BTR/32 r32 r32',
  ...[4, 5, 12, 13].map((c) => `CMOVCC/32/c${c} r32 m32 a32f`),
  ...[4, 5].map((c) => `SETCC/32/c${c} m8 a32f`),
];

/** The first ones in the order in which real guests execute them, interpreted: the fewer decisions lead to them. */
const FREQUENT = [
  'MOV/32 r32 m32 a32f',
  'MOV/32 r32 r32',
  'MOV/32 m32 r32 a32f',
  'ADD/32 r32 r32',
  'LEA/32 r32 m0 a32f',
  'PUSH/32 r32 ss32f',
  'XOR/32 r32 r32',
  'POP/32 r32 ss32f',
  ...[4, 5, 2, 7, 3, 6, 12, 13, 14, 15, 8, 9, 0, 1].map((c) => `JCC/32/c${c} rel`),
  'CALL/32 rel ss32f',
  'TEST/32 r32 r32',
  'ADD/32 r32 i',
  'RET/32 ss32f',
  'CMP/32 r32 r32',
  'CMP/32 r32 i',
  'MOV/32 r32 i',
  'JMP/32 rel',
  'MOV/32 m32 i a32f',
  'SUB/32 r32 i',
  'SUB/32 r32 r32',
  'AND/32 r32 i',
  'SHR/32 r32 i',
  'MOVZX/32 r32 m8 a32f',
  'MOVZX/32 r32 m16 a32f',
  'TEST/32 r8 r8',
  'SHL/32 r32 i',
  'ROR/32 r32 i',
  'ROL/32 r32 i',
  'IMUL/32 r32 r32',
  'CMP/32 m32 r32 a32f',
  'AND/32 r32 r32',
  'CMP/32 r8 i',
  'ADD/32 r32 m32 a32f',
  'OR/32 r32 r32',
  'XOR/32 r32 m32 a32f',
  'MOV/32 m8 r8 a32f',
  'SUB/32 r32 m32 a32f',
];

export const HOT_FORMS: readonly string[] = [
  ...new Set([
    ...FREQUENT,
    ...moves(),
    ...alu(),
    ...stack(),
    ...shifts(),
    ...steps(),
    ...branches(),
    ...others(),
  ]),
];
