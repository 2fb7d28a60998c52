/** `--vnc [HOST]:N[,websocket[=[HOST:]PORT]][,password-file=FILE]`: where the VNC server listens and what it asks for. */
import { readInputFile } from './host/files.js';
import type { VncAddress } from './host/vnc-transport.js';
import { UsageError, quote } from './usage-error.js';

export interface VncRequest {
  readonly address: VncAddress;
  /** Undefined: no browser can come. */
  readonly webSocket: VncAddress | undefined;
  readonly passwordFile: string | undefined;
}

const FIRST_PORT = 5900,
  FIRST_WEB_PORT = 5700,
  LAST_PORT = 65535;
const LOOPBACK = '127.0.0.1';
const EXPECTED =
  'expected [HOST]:N[,websocket[=[HOST:]PORT]][,password-file=FILE], N from 0 to 59635, or none';

/** Undefined for `none`. Display N is port 5900 + N, for WebSocket 5700 + N; loopback when no host is named. */
export function parseVnc(value: string): VncRequest | undefined {
  if (value === 'none') return undefined;
  const [display, ...settings] = value.split(',');
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(display!);
  const number = Number(match?.[3] ?? NaN);
  if (match === null || FIRST_PORT + number > LAST_PORT)
    throw new UsageError(`--vnc ${quote(value)}: ${EXPECTED}`);
  const address = { host: match[1] ?? (match[2] || LOOPBACK), port: FIRST_PORT + number };
  let request: VncRequest = { address, webSocket: undefined, passwordFile: undefined };
  for (const setting of settings)
    request = { ...request, ...parseSetting(setting, address.host, FIRST_WEB_PORT + number) };
  return request;
}

function parseSetting(setting: string, host: string, webPort: number): Partial<VncRequest> {
  const [, name, value] = /^([^=]*)(?:=(.+))?$/.exec(setting) ?? [];
  if (name === 'password-file' && value !== undefined) return { passwordFile: value };
  if (name === 'websocket') {
    if (value === undefined || value === 'on') return { webSocket: { host, port: webPort } };
    if (value === 'off') return { webSocket: undefined };
    const place = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(value);
    const port = Number(place?.[3] ?? NaN);
    if (port > 0 && port <= LAST_PORT) return { webSocket: { host: place![1] ?? place![2] ?? host, port } };
  }
  throw new UsageError(`--vnc ${quote(setting)}: ${EXPECTED}`);
}

const LONGEST_PASSWORD_FILE = 4096;

/** The first line of the file; VNC uses eight bytes of it. */
export function readPassword(path: string): Uint8Array {
  const bytes = readInputFile('--vnc password-file', path, LONGEST_PASSWORD_FILE, 'a password');
  const line = new TextDecoder('latin1').decode(bytes).split(/[\r\n]/)[0]!;
  if (line === '') throw new UsageError(`--vnc password-file ${quote(path)}: its first line is empty`);
  return Uint8Array.from([...line].map((c) => c.charCodeAt(0)));
}
