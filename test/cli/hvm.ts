/** Runs the built command in a child process, and builds guests of a few instructions for it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** HVM_BIN tests another build, such as an installed package. */
const HVM = process.env.HVM_BIN ?? fileURLToPath(new URL('../../bin/hvm.js', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
export interface ChildOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Resolves with what the command printed; a hang is cut off after 60 s and shows as status null. */
export function hvm(args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const { cwd, input, env } = options;
    const settings = { cwd, timeout: 60_000, maxBuffer: 2 ** 26, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [HVM, ...args], settings, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr });
    });
    // A command that fails at once may be gone before it reads its input.
    child.stdin!.on('error', () => {});
    child.stdin!.end(input ?? '');
  });
}

/** A directory for one test file; call `remove` at the end. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'hvm-test-'));
  write(name: string, content: Uint8Array | string): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const little32 = (value: number): number[] => [
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >>> 24,
];
const COM1 = 0x3f8;

/** Machine code for guests that talk to ports (SDM vol. 2: MOV B8+/BA, OUT EE, IN EC, TEST A8, CMP 3C, Jcc). */
export const code = {
  outByte: (port: number, value: number): number[] => [
    0xba,
    ...little32(port),
    0xb8,
    ...little32(value),
    0xee,
  ],
  print: (text: string): number[] =>
    [...new TextEncoder().encode(text)].flatMap((byte) => code.outByte(COM1, byte)),
  debugExit: (value: number): number[] => code.outByte(0xf4, value),
  reset: (): number[] => [...code.outByte(0xcf9, 6), ...code.spin],
  /** jmp $ */
  spin: [0xeb, 0xfe],
  /** sti; hlt; jmp back to hlt */
  idle: [0xfb, 0xf4, 0xeb, 0xfd],
  /** cli; hlt */
  halt: [0xfa, 0xf4],
  /** ud2 without an IDT worth the name: triple fault */
  crash: [0x0f, 0x0b],
  /** Echoes serial input until it has echoed `last`. */
  echoUntil(last: string): number[] {
    const wait = [0xba, ...little32(COM1 + 5), 0xec, 0xa8, 1, 0x74, 0xfb];
    const body = [...wait, 0xba, ...little32(COM1), 0xec, 0xee, 0x3c, last.charCodeAt(0)];
    return [...body, 0x75, -(body.length + 2) & 255];
  },
};

const BASE = 0x100000;
const FILE_OFFSET = 0x1000;

/** An ELF32 executable with one segment that starts with `text`. */
export function elf32(...text: readonly number[][]): Uint8Array {
  const body = text.flat();
  const file = new Uint8Array(FILE_OFFSET + body.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  [2, 3].forEach((value, i) => view.setUint16(16 + 2 * i, value, true));
  [1, BASE, 52, 0, 0].forEach((value, i) => view.setUint32(20 + 4 * i, value, true));
  [52, 32, 1, 0, 0, 0].forEach((value, i) => view.setUint16(40 + 2 * i, value, true));
  const header = [1, FILE_OFFSET, BASE, BASE, body.length, body.length, 7, 0x1000];
  header.forEach((value, i) => view.setUint32(52 + 4 * i, value, true));
  file.set(body, FILE_OFFSET);
  return file;
}
