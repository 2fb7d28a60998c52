/** How regions call the functions of event-functions.ts in place of helpers. */
import type { Expression, Statement } from 'estree';
import { SS } from '../../decoder/instruction.js';
import { CPUID_ROW, CPUID_ROWS, R_CPL, S_CPUID, S_CR2 } from '../../runtime/state.js';
import { js, statements } from '../emit/quote.js';

export interface QuickEvent {
  /** Goes before. */
  readonly code: Statement[];
  /** 0 where the helper is to be called; undefined where `code` is all there is to do. */
  readonly done: Expression | undefined;
  /** The function that it calls. */
  readonly uses: string | undefined;
  /** What the helper would return. */
  readonly result?: Expression | undefined;
}
/** The registers of a region. */
interface Registers {
  register(index: number): string;
  readonly writtenRegisters: Set<number>;
  /** It refers to `Cpu.system` or to selectors. */
  usesSystem: boolean;
}

const done = (
  uses: string | undefined,
  value: Expression,
  code: Statement[] = [],
  result?: Expression,
): QuickEvent => ({ code, done: value, uses, result });

export function quickEvent(
  helper: string,
  args: readonly Expression[],
  name: string | undefined,
  registers: Registers,
): QuickEvent | undefined {
  switch (helper) {
    case 'softwareInterrupt':
    case 'softwareTrap':
      return done('enterGate', js`E_enterGate(${args[0]!}, ${args[1]!}, 1, 0, 0, 0)`);
    case 'iret':
      return isNumber(args[0]!, 32) ? done('iret', js`E_iret()`) : undefined;
    case 'sysenter':
      return done('sysenter', js`E_sysenter()`);
    case 'sysexit':
      return done('sysexit', js`E_sysexit()`);
    case 'loadSegment':
      if (isNumber(args[0]!, SS)) return undefined;
      return done('loadSegment', js`E_loadSegment(${args[0]!}, ${args[1]!})`);
    case 'selector':
      registers.usesSystem = true;
      return { code: statements`const ${name!} = sg[${args[0]!}];`, done: undefined, uses: undefined };
    case 'movFromCr':
      if (!isNumber(args[0]!, 2)) return undefined;
      registers.usesSystem = true;
      return done(undefined, js`(r[${R_CPL}] === 0 ? 1 : 0)`, [], js`sys[${S_CR2}]`);
    case 'cpuid':
      return identification(registers);
    default:
      return undefined;
  }
}
const isNumber = (e: Expression, value: number): boolean => e.type === 'Literal' && e.value === value;

/** Takes the answer from where it was noted. */
function identification(registers: Registers): QuickEvent {
  registers.usesSystem = true;
  const [eax, ecx, edx, ebx] = [0, 1, 2, 3].map((i) => {
    registers.writtenRegisters.add(i);
    return registers.register(i);
  }) as [string, string, string, string];
  const hash = js`(${eax} ^ ${eax} >>> 29) & ${CPUID_ROWS - 1}`;
  const code = statements`
    const row = Math.imul(${hash}, ${CPUID_ROW}) + ${S_CPUID} | 0;
    let known = 0;
    if (((sys[row] ^ 1) | (sys[row + 1 | 0] ^ ${eax}) | (sys[row + 2 | 0] ^ ${ecx})) === 0) {
      ${eax} = sys[row + 3 | 0];
      ${ebx} = sys[row + 4 | 0];
      ${ecx} = sys[row + 5 | 0];
      ${edx} = sys[row + 6 | 0];
      known = 1;
    }`;
  return done(undefined, js`known`, code);
}
