/**
 * Regions by number, called by number from code that the host compiles ahead of time. Such code reaches functions of other modules by imports alone, which never
 * change; the one way from it to a function chosen as it runs that stays outside ordinary JavaScript is a WebAssembly table. Nothing of the guest is in these modules.
 */

/** `(number, code, base, pages)`: calls the function of that number with the others. */
export type CallByNumber = (number: number, code: number, base: number, pages: number) => number;
type Function3 = (code: number, base: number, pages: number) => number;

interface Table {
  readonly length: number;
  grow(by: number): number;
  set(index: number, value: unknown): void;
}
interface Host {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
  readonly Table: new (kind: { element: string; initial: number }) => Table;
}

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const INT32 = 0x7f;
const section = (id: number, ...bytes: number[]): number[] => [id, bytes.length, ...bytes];
const type = (parameters: number): number[] => [
  0x60,
  parameters,
  ...Array<number>(parameters).fill(INT32),
  1,
  INT32,
];
const name = (text: string): number[] => [text.length, ...[...text].map((c) => c.charCodeAt(0))];

/** Imports the table `e.t`, exports `f(number, code, base, pages)`. */
const CALLER = Uint8Array.from([
  ...HEAD,
  ...section(1, 2, ...type(3), ...type(4)),
  ...section(2, 1, ...name('e'), ...name('t'), 1, 0x70, 0, 1),
  ...section(3, 1, 1),
  ...section(7, 1, ...name('f'), 0, 0),
  // local.get 1, 2, 3 and 0; call_indirect by the first type
  ...section(10, 1, 13, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x20, 0, 0x11, 0, 0, 0x0b),
]);
/** Imports the function `e.t` of three and exports it as `f`: what is in a table has to come out of a module. */
const WRAPPER = Uint8Array.from([
  ...HEAD,
  ...section(1, 1, ...type(3)),
  ...section(2, 1, ...name('e'), ...name('t'), 0, 0),
  ...section(7, 1, ...name('f'), 0, 0),
]);

export class FunctionTable {
  readonly call: CallByNumber;
  private readonly plain: (Function3 | undefined)[] = [];
  private readonly host = (globalThis as { WebAssembly?: Host }).WebAssembly;
  private readonly table: Table | undefined;
  private wrapper: object | undefined;

  /** `ahead`: for a caller that is compiled ahead of time, if the host can. */
  constructor(ahead: boolean) {
    const { host, plain } = this;
    if (!ahead || host === undefined) {
      this.call = (number, code, base, pages) => plain[number]!(code, base, pages);
      return;
    }
    this.table = new host.Table({ element: 'anyfunc', initial: 1024 });
    const { exports } = new host.Instance(new host.Module(CALLER), { e: { t: this.table } });
    this.call = exports.f as CallByNumber;
  }

  set(number: number, value: Function3): void {
    const { table } = this;
    if (table === undefined) {
      this.plain[number] = value;
      return;
    }
    if (number >= table.length) table.grow(Math.max(table.length, number + 1 - table.length));
    try {
      table.set(number, value);
    } catch {
      table.set(number, this.wrapped(value));
    }
  }
  /** Nobody calls the function of that number any more. */
  forget(number: number): void {
    if (this.table === undefined) this.plain[number] = undefined;
    else this.table.set(number, null);
  }

  private wrapped(value: Function3): unknown {
    const host = this.host!;
    this.wrapper ??= new host.Module(WRAPPER);
    return new host.Instance(this.wrapper, { e: { t: value } }).exports.f;
  }
}
