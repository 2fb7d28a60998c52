/** Names that regions declare, and the variables of the module that stand for them: blocks that do not meet share variables. */
import { Type, type Kind } from './asm-types.js';

/** A local variable of the module's function. */
export interface Variable {
  readonly text: string;
  readonly kind: Kind;
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

export class Names {
  /** In order of their declaration. */
  readonly variables = new Map<string, Variable>();
  private readonly meanings = new Map<string, Meaning>();
  /** Those of blocks that are not over. */
  private readonly open: Meaning[] = [];
  private depth = 0;
  private readonly free: Record<Kind, Variable[]> = { [Type.INT]: [], [Type.DOUBLE]: [], [Type.FLOAT]: [] };

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
    for (let i = start; i < open.length; i++) this.free[open[i]!.variable.kind].push(open[i]!.variable);
    while (open.length > start) {
      const meaning = open.pop()!;
      meaning.isOver = true;
      if (meaning.outer !== undefined) this.meanings.set(meaning.name, meaning.outer);
    }
  }

  /** Outside of all blocks the variable has the name itself. */
  declare(name: string, kind: Kind): Variable {
    const isOutermost = this.depth === 0;
    let variable = isOutermost ? undefined : this.free[kind].pop();
    if (variable === undefined) {
      variable = { text: isOutermost ? name : `T${this.variables.size}`, kind };
      this.variables.set(variable.text, variable);
    }
    const before = isOutermost ? undefined : this.meanings.get(name);
    const meaning = new Meaning(name, variable, before?.isOver === false ? before : undefined);
    if (!isOutermost) this.open.push(meaning);
    this.meanings.set(name, meaning);
    return variable;
  }
}
