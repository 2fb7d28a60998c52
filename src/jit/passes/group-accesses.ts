/**
 * Finds memory accesses that one check can serve: those at the same address but for a constant, with nothing between them that could change a translation. Works
 * on a tree of blocks in which each is entered from its parent only. Registers are followed as a root and a displacement, so that pushes, pops and locals on the
 * stack fall together.
 */
import { vectorEffects } from '../emit/vector.js';
import type { Semantic, Statement, Value } from '../ir.js';

/** Blocks in order of execution; the children are the ways on. */
export interface BlockTree {
  readonly instructions: readonly TreeInstruction[];
  readonly children: readonly BlockTree[];
}
export interface TreeInstruction {
  readonly semantic: Semantic;
  readonly machine: number;
  /** Its accesses are completed by calls, which may change translations. */
  readonly calls: boolean;
}

export interface AccessGroup {
  readonly id: number;
  /** The access that checks for all. */
  readonly leader: Statement;
  /** Displacement of the leader, and lowest and highest (exclusive) byte of all. */
  readonly at: number;
  low: number;
  high: number;
  /** Bytes of the widest access, and the displacement of one: all are aligned if that one is. */
  width: number;
  aligned: number;
  write: boolean;
  /** Machine addresses of the instructions. */
  readonly machines: number[];
  size: number;
  /** Checked before the iterations of a loop: the variable that has the TLB's entry. */
  entry?: string;
}
/** An access alone as a group. */
export function groupOfOne(
  leader: Statement,
  id: number,
  width: number,
  write: boolean,
  machine: number,
): AccessGroup {
  return { id, leader, at: 0, low: 0, high: width, width, aligned: 0, write, machines: [machine], size: 1 };
}
export interface Member {
  readonly group: AccessGroup;
  readonly displacement: number;
}

/** Bytes that a group may span: the longer, the more often it crosses the end of a page. */
const SPAN = 128;
/** Longest name of a root. */
const KEY = 48;

/** Root and displacement. Constants have the root ''. */
interface Place {
  readonly root: string;
  readonly displacement: number;
}
interface Open {
  /** By register. */
  readonly registers: Place[];
  /** By root. */
  readonly groups: Map<string, AccessGroup>;
}

const REGISTERS: readonly Place[] = Array.from({ length: 8 }, (_, i) => ({ root: `r${i}`, displacement: 0 }));

/** Adds the accesses of groups of two and more to `members`. `alone`: instructions whose accesses check for themselves; `number` gives each group an id. */
export function groupAccesses(
  tree: BlockTree,
  alone: (machine: number) => boolean,
  number: () => number,
  members: Map<Statement, Member>,
): void {
  const grouping = new Grouping(alone, number);
  grouping.walk(tree, { registers: REGISTERS.slice(), groups: new Map() });
  const { found, places } = grouping;
  for (let i = 0; i < found.length; i++) if (places[i]!.group.size > 1) members.set(found[i]!, places[i]!);
}

class Grouping {
  /** Accesses, and what each is a member of. */
  readonly found: Statement[] = [];
  readonly places: Member[] = [];
  private readonly alone: (machine: number) => boolean;
  private readonly number: () => number;
  private roots = 0;
  /** By temp of the instruction. */
  private readonly temps: (Place | undefined)[] = [];
  private open!: Open;
  private instruction!: TreeInstruction;

  constructor(alone: (machine: number) => boolean, number: () => number) {
    this.alone = alone;
    this.number = number;
  }

  walk(tree: BlockTree, before: Open): void {
    const groups = before.groups.size === 0 ? new Map<string, AccessGroup>() : new Map(before.groups);
    const open: Open = { registers: before.registers.slice(), groups };
    this.open = open;
    for (const instruction of tree.instructions) {
      this.instruction = instruction;
      this.temps.length = 0;
      for (const statement of instruction.semantic.statements) this.statement(statement);
      if (instruction.calls) open.groups.clear();
    }
    for (const child of tree.children) this.walk(child, open);
  }

  private unknown(): Place {
    return { root: `u${this.roots++}`, displacement: 0 };
  }
  private forget(): void {
    this.open.groups.clear();
    for (let i = 0; i < 8; i++) this.open.registers[i] = this.unknown();
  }

  private statement(s: Statement): void {
    switch (s.op) {
      case 'let':
        this.temps[s.id] = this.place(s.value);
        break;
      case 'load':
        this.access(s, s.address, s.width / 8, s.forWrite);
        break;
      case 'store':
        if (s.of < 0) this.access(s, s.address, s.width / 8, true);
        break;
      case 'setGpr':
        if (s.register.kind === 'fixed')
          this.open.registers[s.register.index] = s.width === 32 ? this.place(s.value) : this.unknown();
        break;
      case 'quick':
        this.quick(s);
        break;
      case 'when':
        if (s.rare && !this.instruction.calls) for (const inner of s.else) this.statement(inner);
        else {
          for (const inner of s.then) this.conditional(inner);
          for (const inner of s.else) this.conditional(inner);
        }
        break;
      case 'segment':
      case 'setFlags':
      case 'patchFlags':
      case 'fault':
      case 'jump':
      case 'repeat':
        break;
      default:
        this.forget();
    }
  }
  private quick(s: Extract<Statement, { op: 'quick' }>): void {
    const effects = this.instruction.calls ? undefined : vectorEffects(s.instruction);
    if (effects === undefined) return this.forget();
    if (effects.access) this.access(s, s.address!, effects.access.bytes, effects.access.write);
    for (const register of effects.general) this.open.registers[register] = this.unknown();
  }
  /** May happen or not. */
  private conditional(s: Statement): void {
    if (s.op === 'setGpr' && s.register.kind === 'fixed')
      this.open.registers[s.register.index] = this.unknown();
    else if (s.op === 'when') for (const inner of [...s.then, ...s.else]) this.conditional(inner);
    else if (s.op === 'helper' || s.op === 'setState' || s.op === 'quick') this.forget();
  }

  private place(v: Value): Place {
    switch (v.op) {
      case 'const':
        return { root: '', displacement: v.value };
      case 'gpr':
        if (v.width !== 32 || v.register.kind !== 'fixed') return this.unknown();
        return this.open.registers[v.register.index]!;
      case 'temp':
        return this.temps[v.id] ?? this.unknown();
      case 'state':
        return { root: `s${v.index}`, displacement: 0 };
      case 'add':
        return v.width === 32 ? this.sum(this.place(v.left), this.place(v.right), 1) : this.unknown();
      case 'sub':
        return v.width === 32 && v.right.op === 'const'
          ? this.sum(this.place(v.left), this.place(v.right), -1)
          : this.unknown();
      case 'shl':
        return v.width === 32 && v.right.op === 'const'
          ? this.scaled(this.place(v.left), v.right.value)
          : this.unknown();
      default:
        return this.unknown();
    }
  }
  private sum(a: Place, b: Place, sign: 1 | -1): Place {
    const displacement = (a.displacement + sign * b.displacement) | 0;
    if (b.root === '') return { root: a.root, displacement };
    if (a.root === '') return { root: b.root, displacement };
    const root = `(${a.root}+${b.root})`;
    return root.length > KEY ? this.unknown() : { root, displacement };
  }
  private scaled(a: Place, count: number): Place {
    if (a.root.length > KEY) return this.unknown();
    return { root: a.root === '' ? '' : `${a.root}<<${count}`, displacement: a.displacement << count };
  }

  private add(s: Statement, group: AccessGroup, displacement: number): void {
    this.found.push(s);
    this.places.push({ group, displacement });
  }
  private access(s: Statement, address: Value, width: number, write: boolean): void {
    const { root, displacement } = this.place(address);
    const { machine, calls } = this.instruction;
    if (calls || this.alone(machine)) return;
    const open = this.open.groups.get(root);
    if (open !== undefined && fits(open, displacement, width)) {
      open.low = Math.min(open.low, displacement);
      open.high = Math.max(open.high, displacement + width);
      if (width > open.width) open.aligned = displacement;
      open.width = Math.max(open.width, width);
      open.write ||= write;
      open.size++;
      open.machines.push(machine);
      this.add(s, open, displacement);
      return;
    }
    const group: AccessGroup = {
      id: this.number(),
      leader: s,
      at: displacement,
      low: displacement,
      high: displacement + width,
      width,
      aligned: displacement,
      write,
      machines: [machine],
      size: 1,
    };
    this.open.groups.set(root, group);
    this.add(s, group, displacement);
  }
}

/** Near enough, and aligned whenever the others are. */
function fits(group: AccessGroup, displacement: number, width: number): boolean {
  const low = Math.min(group.low, displacement);
  const high = Math.max(group.high, displacement + width);
  if (high - low > SPAN) return false;
  return ((displacement - group.aligned) & (Math.min(width, group.width) - 1)) === 0;
}
