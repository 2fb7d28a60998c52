/** The answers to `info`: what the target tells, laid out as QEMU does. */
import { PTE } from './page-tables.js';
import type { Mapping } from './page-tables.js';
import type { DriveInfo, MonitorTarget, PciInfo, RangeInfo } from './target.js';

/** A guest can map a million pages. */
const MOST_LINES = 4096;
const hex = (value: number, digits = 8): string => value.toString(16).padStart(digits, '0');

export function infoStatus(target: MonitorTarget): string {
  const seconds = (target.now / 1e9).toFixed(3);
  return `VM status: ${target.running ? 'running' : 'paused'}\n${target.instructions} instructions, ${seconds} seconds of guest time`;
}

const rights = ({ user, writable }: Mapping): string => `${user ? 'u' : '-'}r${writable ? 'w' : '-'}`;

/** Ranges of linear addresses with the same rights. */
export function infoMem(target: MonitorTarget): string {
  const lines: string[] = [];
  let open: { first: number; end: number; rights: string } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { first, end } = open;
    lines.push(`${hex(first)}-${hex(end)} ${hex(end - first)} ${open.rights}`);
  };
  for (const mapping of target.mappings()) {
    if (lines.length > MOST_LINES) break;
    const end = mapping.linear + mapping.bytes;
    if (open?.end === mapping.linear && open.rights === rights(mapping)) open.end = end;
    else {
      close();
      open = { first: mapping.linear, end, rights: rights(mapping) };
    }
  }
  close();
  return limited(lines, 'PG disabled, or nothing is mapped');
}

function limited(lines: readonly string[], none: string): string {
  if (lines.length === 0) return none;
  return lines.length <= MOST_LINES
    ? lines.join('\n')
    : [...lines.slice(0, MOST_LINES), `... and more than these ${MOST_LINES}`].join('\n');
}

const TLB_FLAGS = [
  ['G', PTE.G],
  ['P', PTE.PS],
  ['D', PTE.D],
  ['A', PTE.A],
  ['C', PTE.PCD],
  ['T', PTE.PWT],
  ['U', PTE.US],
  ['W', PTE.RW],
] as const;

/** Page by page, as the tables map them. */
export function infoTlb(target: MonitorTarget): string {
  const lines: string[] = [];
  for (const { linear, physical, flags, bytes, noExecute } of target.mappings()) {
    if (lines.length > MOST_LINES) break;
    const letters = TLB_FLAGS.map(([letter, bit]) =>
      (flags & bit) !== 0 && (bit !== PTE.PS || bytes > 4096) ? letter : '-',
    );
    lines.push(`${hex(linear)}: ${hex(physical, 9)} ${noExecute ? 'X' : '-'}${letters.join('')}`);
  }
  return limited(lines, 'PG disabled, or nothing is mapped');
}

/** `a.b: 1` for each number, in the order of the object. */
function flatLines(value: unknown, name: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}: ${String(value)}`];
  return Object.entries(value).flatMap(([key, item]) =>
    flatLines(item, name === '' ? key : `${name}.${key}`),
  );
}

export function infoJit(target: MonitorTarget): string {
  return flatLines(target.statistics(), '').join('\n');
}

const config16 = ({ config }: PciInfo, at: number): string => hex(config[at]! | (config[at + 1]! << 8), 4);

function pciLines(info: PciInfo): string[] {
  const { device, index, name, config, bars } = info;
  const lines = [
    `  Bus  0, device ${String(device).padStart(3)}, function ${index}:`,
    `    ${name}: class ${config16(info, 0x0a)}, PCI device ${config16(info, 0)}:${config16(info, 2)}`,
  ];
  if (config[0x3d] !== 0) lines.push(`      IRQ ${config[0x3c]}, pin ${'ABCD'[config[0x3d]! - 1] ?? '?'}`);
  for (const { index: bar, kind, first, last } of bars)
    lines.push(
      `      BAR${bar}: ${kind === 'io' ? 'I/O' : '32 bit memory'} at 0x${hex(first, 4)} [0x${hex(last, 4)}].`,
    );
  return lines;
}

export function infoPci(target: MonitorTarget): string {
  return target.pci().flatMap(pciLines).join('\n');
}

function rangeLines(title: string, ranges: readonly RangeInfo[], digits: number): string[] {
  return [
    title,
    ...ranges.map(({ first, last, name }) => `  ${hex(first, digits)}-${hex(last, digits)}: ${name}`),
  ];
}

export function infoMtree(target: MonitorTarget): string {
  const { memory, ports } = target.memoryMap();
  return [...rangeLines('memory', memory, 8), ...rangeLines('I/O', ports, 4)].join('\n');
}

function driveLines({ name, path, format, readOnly, removable, locked, trayOpen }: DriveInfo): string[] {
  const lines = [
    path === undefined
      ? `${name}: [not inserted]`
      : `${name}: ${path} (${format}${readOnly ? ', read-only' : ''})`,
  ];
  if (removable)
    lines.push(
      `    Removable device: ${locked ? 'locked' : 'not locked'}, tray ${trayOpen ? 'open' : 'closed'}`,
    );
  return lines;
}

export function infoBlock(target: MonitorTarget): string {
  return target.drives().flatMap(driveLines).join('\n');
}
