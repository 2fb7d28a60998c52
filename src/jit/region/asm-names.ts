/**
 * Names that regions declare, and the variables of the module that stand for them: as few as are needed at the same time, for wherever ways meet the host's
 * compiler looks at every variable. Those of blocks are known when all is written, so that their text is a mark until then.
 */
import { DOUBLE, FLOAT, INT, type Kind } from './asm-types.js';

/** A local variable of the module's function. */
export interface Variable {
  readonly text: string;
  readonly kind: Kind;
  /** Nothing assigns to it. */
  readonly isConstant: boolean;
}

/** What a name means in a block, until the block ends. */
class Meaning {
  readonly variable: Variable;
  readonly outer: Meaning | undefined;
  readonly name: string;
  isOver = false;
  constructor(name: string, variable: Variable, outer: Meaning | undefined) {
    this.name = name;
    this.variable = variable;
    this.outer = outer;
  }
}

/** Around the number of a block's variable. */
const MARK = '\u0001';

export class Names {
  /** Of the module's function, in order of their declaration. */
  readonly variables = new Map<string, Variable>();
  /** Kinds of the blocks' variables, by number. */
  private readonly marked: Kind[] = [];
  private readonly meanings = new Map<string, Meaning>();
  /** Those of blocks that are not over. */
  private readonly open: Meaning[] = [];
  private depth = 0;

  /** Undefined if it is declared elsewhere. */
  variable(name: string): Variable | undefined {
    const meaning = this.meanings.get(name);
    return meaning === undefined || meaning.isOver ? undefined : meaning.variable;
  }

  /** Begins a block; returns what to end it with. */
  enter(): number {
    this.depth++;
    return this.open.length;
  }
  leave(start: number): void {
    const { open } = this;
    this.depth--;
    while (open.length > start) {
      const meaning = open.pop()!;
      meaning.isOver = true;
      if (meaning.outer !== undefined) this.meanings.set(meaning.name, meaning.outer);
    }
  }

  /** Outside of all blocks the variable has the name itself. */
  declare(name: string, kind: Kind, isConstant: boolean): Variable {
    const isOutermost = this.depth === 0;
    const variable = { text: isOutermost ? name : this.mark(kind), kind, isConstant };
    if (isOutermost) this.variables.set(name, variable);
    this.mean(name, variable);
    return variable;
  }
  /** Lets a constant's name stand for the variable of another, if that is one. */
  isSame(name: string, other: string): boolean {
    const variable = this.variable(other);
    if (!variable?.isConstant) return false;
    this.mean(name, variable);
    return true;
  }
  private mean(name: string, variable: Variable): void {
    const isOutermost = this.depth === 0;
    const before = isOutermost ? undefined : this.meanings.get(name);
    const meaning = new Meaning(name, variable, before?.isOver === false ? before : undefined);
    if (!isOutermost) this.open.push(meaning);
    this.meanings.set(name, meaning);
  }

  private mark(kind: Kind): string {
    this.marked.push(kind);
    return `${MARK}${this.marked.length - 1}${MARK}`;
  }
  /** A loop needs what it mentions of before it in its next iteration, too: that is mentioned behind it. */
  loop(print: () => string): string {
    const before = this.marked.length;
    const text = print();
    if (before === 0) return text;
    const parts = text.split(MARK);
    const outer = new Set<string>();
    for (let i = 1; i < parts.length; i += 2) if (Number(parts[i]) < before) outer.add(parts[i]!);
    return text + [...outer].map((number) => `/*${MARK}${number}${MARK}*/`).join('');
  }

  /** The text with variables in place of marks: each serves again when it has been mentioned for the last time. */
  settle(text: string): string {
    const { marked } = this;
    const parts = text.split(MARK);
    const last = new Int32Array(marked.length);
    for (let i = 1; i < parts.length; i += 2) last[Number(parts[i])] = i;
    const free: Record<Kind, string[]> = { [INT]: [], [DOUBLE]: [], [FLOAT]: [] };
    const names: string[] = [];
    for (let i = 1; i < parts.length; i += 2) {
      const number = Number(parts[i]);
      const kind = marked[number]!;
      const name = (names[number] ??= free[kind].pop() ?? this.fresh(kind));
      parts[i] = name;
      if (last[number] === i) free[kind].push(name);
    }
    return parts.join('');
  }
  private fresh(kind: Kind): string {
    const text = `T${this.variables.size}`;
    this.variables.set(text, { text, kind, isConstant: false });
    return text;
  }
}
