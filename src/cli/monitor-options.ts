/** `--monitor stdio|none|unix:PATH|tcp:[HOST]:PORT`: where the monitor listens. */
import { UsageError, quote } from './usage-error.js';

export type MonitorAddress =
  | { readonly kind: 'stdio' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const LOOPBACK = '127.0.0.1';
/** What QEMU wants to be told and is so here anyway. */
const IMPLIED = new Set(['server', 'server=on', 'nowait', 'wait=off', 'nodelay', 'nodelay=on']);

/** Undefined: no monitor but that behind Ctrl-A c. Loopback when no host is named; port 0 is any free one. */
export function parseMonitor(value: string): MonitorAddress | undefined {
  const [address = '', ...settings] = value.split(',');
  const unknown = settings.find((setting) => !IMPLIED.has(setting));
  if (value === 'none' || value === 'null') return undefined;
  if (value === 'stdio') return { kind: 'stdio' };
  if (unknown === undefined && /^unix:./.test(address)) return { kind: 'unix', path: address.slice(5) };
  const match = /^(?:tcp|telnet):(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3] ?? NaN);
  if (unknown === undefined && match !== null && port <= 65535)
    return { kind: 'tcp', host: match[1] ?? (match[2] || LOOPBACK), port };
  throw new UsageError(`--monitor ${quote(value)}: expected stdio, none, unix:PATH or tcp:[HOST]:PORT`);
}
