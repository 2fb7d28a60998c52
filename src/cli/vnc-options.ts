/** `--vnc [HOST]:N[,password-file=FILE]`: where the VNC server listens and what it asks for. */
import { readInputFile } from './host/files.js';
import type { VncAddress } from './host/vnc-server.js';
import { UsageError, quote } from './usage-error.js';

export interface VncRequest {
  readonly address: VncAddress;
  readonly passwordFile: string | undefined;
}

const FIRST_PORT = 5900,
  LAST_PORT = 65535;
const LOOPBACK = '127.0.0.1';
const EXPECTED = 'expected [HOST]:N[,password-file=FILE], N from 0 to 59635';

/** Display N is port 5900 + N; loopback when no host is named. */
export function parseVnc(value: string): VncRequest {
  const [address, ...settings] = value.split(',');
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(address!);
  const port = FIRST_PORT + Number(match?.[3] ?? NaN);
  if (match === null || port > LAST_PORT) throw new UsageError(`--vnc ${quote(value)}: ${EXPECTED}`);
  const unknown = settings.find((setting) => !/^password-file=./.test(setting));
  if (unknown !== undefined) throw new UsageError(`--vnc ${quote(unknown)}: ${EXPECTED}`);
  return {
    address: { host: match[1] ?? (match[2] || LOOPBACK), port },
    passwordFile: settings.at(-1)?.slice('password-file='.length),
  };
}

const LONGEST_PASSWORD_FILE = 4096;

/** The first line of the file; VNC uses eight bytes of it. */
export function readPassword(path: string): Uint8Array {
  const bytes = readInputFile('--vnc password-file', path, LONGEST_PASSWORD_FILE, 'a password');
  const line = new TextDecoder('latin1').decode(bytes).split(/[\r\n]/)[0]!;
  if (line === '') throw new UsageError(`--vnc password-file ${quote(path)}: its first line is empty`);
  return Uint8Array.from([...line].map((c) => c.charCodeAt(0)));
}
