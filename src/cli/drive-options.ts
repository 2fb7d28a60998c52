/** The options that put media into drives: `--disk`, `--cdrom`, `--floppy`, and QEMU's names for them. */
import type { OptionSpec, ParsedArguments } from './options.js';
import { UsageError, quote } from './usage-error.js';

export const IMAGE_FORMATS = ['raw', 'qcow2'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];
export type Medium = 'disk' | 'cdrom' | 'floppy';

/** One medium in one drive. */
export interface DriveSpec {
  /** What the user wrote before the value, such as `--disk`. */
  readonly label: string;
  readonly medium: Medium;
  /** IDE: primary master and slave, secondary master and slave; floppy: A and B. */
  readonly slot: number;
  readonly path: string;
  /** Undefined: qcow2 if the file says so, else raw. */
  readonly format: ImageFormat | undefined;
  readonly snapshot: boolean;
  readonly readOnly: boolean;
}

const SUFFIX = 'FILE[,format=raw|qcow2][,snapshot][,readonly]';
export const DRIVE_OPTIONS: readonly OptionSpec[] = [
  { name: 'disk', value: SUFFIX, help: 'hard disk; repeatable, the next free IDE place is taken' },
  { name: 'cdrom', value: 'FILE', help: 'CD-ROM, secondary master (an ISO image; may be repeated)' },
  { name: 'floppy', value: 'FILE[,snapshot][,readonly]', help: 'floppy disk in drive A, then B' },
  { name: 'hda', value: 'FILE', help: 'hard disk, primary master' },
  { name: 'hdb', value: 'FILE', help: 'hard disk, primary slave' },
  { name: 'hdc', value: 'FILE', help: 'hard disk, secondary master' },
  { name: 'hdd', value: 'FILE', help: 'hard disk, secondary slave' },
  { name: 'fda', value: 'FILE', help: 'floppy disk in drive A' },
  { name: 'fdb', value: 'FILE', help: 'floppy disk in drive B' },
  {
    name: 'drive',
    value: 'file=FILE[,...]',
    help: 'as QEMU: if=ide|floppy, index=N or bus=N,unit=N, media=disk|cdrom, format=, snapshot=on|off, readonly=on|off',
  },
  { name: 'snapshot', help: 'all media are copy-on-write in memory: no file is changed' },
];

/** Where each named option puts its medium. */
const FIXED: Readonly<Record<string, readonly [Medium, number]>> = {
  hda: ['disk', 0],
  hdb: ['disk', 1],
  hdc: ['disk', 2],
  hdd: ['disk', 3],
  fda: ['floppy', 0],
  fdb: ['floppy', 1],
};
const CDROM_SLOT = 2;
const PLACES: Readonly<Record<Medium, number>> = { disk: 4, cdrom: 4, floppy: 2 };

type Draft = Omit<DriveSpec, 'slot'> & { slot: number | undefined };

/** Splits at commas; two commas stand for one in a name. */
function splitList(value: string): string[] {
  const parts = [''];
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== ',') parts[parts.length - 1] += value[i]!;
    else if (value[i + 1] === ',') parts[parts.length - 1] += value[i++]!;
    else parts.push('');
  }
  return parts;
}

class Properties {
  readonly label: string;
  private readonly value: string;
  private readonly map = new Map<string, string>();

  constructor(label: string, value: string, parts: readonly string[]) {
    this.label = label;
    this.value = value;
    for (const part of parts) {
      const at = part.indexOf('=');
      this.map.set(at < 0 ? part : part.slice(0, at), at < 0 ? 'on' : part.slice(at + 1));
    }
  }

  error(expected: string): UsageError {
    return new UsageError(`${this.label} ${quote(this.value)}: expected ${expected}`);
  }
  take(name: string): string | undefined {
    const value = this.map.get(name);
    this.map.delete(name);
    return value;
  }
  choose<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.take(name);
    const choice = choices.find((c) => c === value);
    if (value !== undefined && choice === undefined) throw this.error(`${name}=${choices.join('|')}`);
    return choice;
  }
  flag(name: string): boolean {
    return this.choose(name, ['on', 'off']) === 'on';
  }
  number(name: string, largest: number): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (!/^\d$/.test(value) || Number(value) > largest) throw this.error(`${name}=0 to ${largest}`);
    return Number(value);
  }
  ignore(names: readonly string[]): void {
    for (const name of names) this.map.delete(name);
  }
  finish(known: string): void {
    const rest = [...this.map.keys()][0];
    if (rest !== undefined) throw this.error(`${known}, not ${quote(rest)}`);
  }
}

function common(p: Properties, medium: Medium, path: string, slot: number | undefined): Draft {
  if (path === '') throw p.error('a file name');
  const format = p.choose('format', IMAGE_FORMATS);
  const snapshot = p.flag('snapshot');
  const readOnly = p.flag('readonly') || medium === 'cdrom';
  return { label: p.label, medium, slot, path, format, snapshot, readOnly };
}

/** `FILE[,property...]` */
function simple(name: string, value: string, medium: Medium, slot: number | undefined): Draft {
  const [path, ...rest] = splitList(value);
  const p = new Properties(`--${name}`, value, rest);
  const draft = common(p, medium, path!, slot);
  p.finish('format=raw|qcow2, snapshot or readonly');
  return draft;
}

/** What QEMU's users say out of habit: how the host caches, what it does about errors, and names for what is nowhere referred to. */
const MEANINGLESS = ['cache', 'aio', 'id', 'discard', 'detect-zeroes', 'werror', 'rerror', 'copy-on-read'];

/** `index=N`, or a cable and a place on it; a floppy's is its number. */
function placeOf(p: Properties, isFloppy: boolean): number | undefined {
  const index = p.number('index', isFloppy ? 1 : 3);
  const bus = p.number('bus', isFloppy ? 0 : 1);
  const unit = p.number('unit', 1);
  if (index !== undefined && (bus ?? unit) !== undefined) throw p.error('index, or bus and unit, not both');
  if (bus === undefined && unit === undefined) return index;
  return 2 * (bus ?? 0) + (unit ?? 0);
}

/** QEMU's `-drive`. */
function drive(value: string): Draft {
  const p = new Properties('--drive', value, splitList(value));
  const path = p.take('file');
  if (path === undefined) throw p.error('file=FILE');
  const media = p.choose('media', ['disk', 'cdrom'] as const) ?? 'disk';
  const medium = p.choose('if', ['ide', 'floppy'] as const) === 'floppy' ? 'floppy' : media;
  const slot = placeOf(p, medium === 'floppy');
  p.ignore(MEANINGLESS);
  const draft = common(p, medium, path, slot);
  p.finish('file, if, index, bus, unit, media, format, snapshot or readonly');
  return draft;
}

function drafts(parsed: ParsedArguments): Draft[] {
  const values = (name: string): readonly string[] => parsed.values.get(name) ?? [];
  const fixed = Object.entries(FIXED).flatMap(([name, [medium, slot]]) =>
    values(name)
      .slice(-1)
      .map((value) => simple(name, value, medium, slot)),
  );
  return [
    ...fixed,
    ...values('drive').map(drive),
    ...values('cdrom').map((value, i) => simple('cdrom', value, 'cdrom', i === 0 ? CDROM_SLOT : undefined)),
    ...values('disk').map((value) => simple('disk', value, 'disk', undefined)),
    ...values('floppy').map((value) => simple('floppy', value, 'floppy', undefined)),
  ];
}

/** Throws UsageError when two media want one drive or there are more media than drives. */
export function driveSpecs(parsed: ParsedArguments): DriveSpec[] {
  const all = drafts(parsed);
  const taken = new Map<string, string>();
  const key = (medium: Medium, slot: number): string => `${medium === 'floppy' ? 'floppy' : 'IDE'} ${slot}`;
  const place = (draft: Draft, slot: number): void => {
    const other = taken.get(key(draft.medium, slot));
    if (other !== undefined || slot >= PLACES[draft.medium])
      throw new UsageError(
        `${draft.label} ${quote(draft.path)}: no such drive is free${other === undefined ? '' : `; ${quote(other)} is in it`}`,
      );
    taken.set(key(draft.medium, slot), draft.path);
    draft.slot = slot;
  };
  for (const draft of all) if (draft.slot !== undefined) place(draft, draft.slot);
  for (const draft of all) {
    if (draft.slot !== undefined) continue;
    let slot = 0;
    while (slot < PLACES[draft.medium] && taken.has(key(draft.medium, slot))) slot++;
    place(draft, slot);
  }
  const snapshot = parsed.values.has('snapshot');
  return all.map((draft) => ({ ...draft, slot: draft.slot!, snapshot: draft.snapshot || snapshot }));
}
