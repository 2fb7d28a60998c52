/** The fault-precision rule as a checker: reads first, then memory writes, then registers, then flags; nothing is read after it was written. */
import type { Register, Semantic, Statement, Value } from '../../src/jit/ir.js';

/** GPR numbers a register may be: a slot operand may be any, so it is its own class. */
const nameOf = (register: Register): string =>
  register.kind === 'slot' ? `slot.${register.field}` : `gpr${register.index}`;

class OrderChecker {
  readonly problems: string[] = [];
  private written = new Set<string>();
  private flagsWritten = false;

  value(v: Value): void {
    if (v.op === 'gpr' && this.written.has(nameOf(v.register)))
      this.problems.push(`reads ${nameOf(v.register)} after writing it`);
    if (this.flagsWritten && (v.op === 'condition' || v.op === 'carry' || v.op === 'statusFlags')) {
      this.problems.push(`reads ${v.op} after setting flags`);
    }
    for (const part of Object.values(v)) this.valueIn(part);
  }
  private valueIn(part: unknown): void {
    if (part !== null && typeof part === 'object' && 'op' in part) this.value(part as Value);
  }
  list(body: readonly Statement[]): void {
    for (const s of body) this.statement(s);
  }
  private statement(s: Statement): void {
    this.mayFault(s);
    if (s.op === 'when') return this.when(s);
    for (const part of Object.values(s)) {
      if (Array.isArray(part)) part.forEach((p) => this.valueIn(p));
      else this.valueIn(part);
    }
    if (s.op === 'setGpr') this.written.add(nameOf(s.register));
    if (s.op === 'setFlags' || s.op === 'patchFlags') this.flagsWritten = true;
    // A helper gets and leaves all state in the processor: what it wrote may be read.
    if (s.op === 'helper') this.written.clear();
  }
  /** Whatever can fault comes before the first write of a register or flag. */
  private mayFault(s: Statement): void {
    const faults =
      s.op === 'load' ||
      s.op === 'segment' ||
      s.op === 'fault' ||
      (s.op === 'store' && s.of < 0) ||
      s.op === 'helper';
    if (faults && (this.written.size > 0 || this.flagsWritten))
      this.problems.push(`${s.op} after a register or flag was written`);
  }
  private when(s: Extract<Statement, { op: 'when' }>): void {
    this.value(s.condition);
    const before = new Set(this.written);
    const flags = this.flagsWritten;
    this.list(s.then);
    const [afterThen, flagsThen] = [this.written, this.flagsWritten];
    this.written = before;
    this.flagsWritten = flags;
    this.list(s.else);
    for (const name of afterThen) this.written.add(name);
    this.flagsWritten ||= flagsThen;
  }
}

export function orderProblems(semantic: Semantic): string[] {
  const checker = new OrderChecker();
  checker.list(semantic.statements);
  return checker.problems;
}
