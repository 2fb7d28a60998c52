/** What `--net` and `--pcap` understand; QEMU's `-nic` is a synonym. */
import { parseIpv4Address } from '../network/addresses.js';
import type { Endpoint } from '../network/udp.js';
import { UsageError, quote } from './usage-error.js';
import { FIRST_GUEST } from '../network/addresses.js';

export interface HostForward {
  /** As the user wrote it. */
  readonly text: string;
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly guest: Endpoint;
}
export interface NetworkConfiguration {
  readonly restrict: boolean;
  readonly forwards: readonly HostForward[];
  readonly bootFile: string | undefined;
  /** File of the card's boot ROM. */
  readonly romFile: string | undefined;
  /** Six bytes. */
  readonly station: Uint8Array;
}

/** The address QEMU gives its first card. */
const DEFAULT_STATION = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
const LOOPBACK = '127.0.0.1';
const MODELS = ['rtl8139'];
const LONGEST_BOOT_FILE = 127;

const expected = (value: string, what: string): UsageError =>
  new UsageError(`--net ${quote(value)}: expected ${what}`);

/** Undefined for no card. Throws UsageError for what cannot be meant. */
export function parseNetwork(value: string): NetworkConfiguration | undefined {
  const [kind, ...parts] = value.split(',');
  if (kind === 'none' && parts.length === 0) return undefined;
  if (kind !== 'user')
    throw expected(value, 'none, or user with ,hostfwd= ,restrict ,model= ,mac= ,bootfile= ,romfile=');
  const settings = parts.map((part) => {
    const at = part.indexOf('=');
    return at < 0 ? ([part, undefined] as const) : ([part.slice(0, at), part.slice(at + 1)] as const);
  });
  let restrict = false;
  let bootFile: string | undefined;
  let romFile: string | undefined;
  let station = Uint8Array.from(DEFAULT_STATION);
  const forwards: HostForward[] = [];
  for (const [name, setting] of settings) {
    if (name === 'restrict') restrict = parseSwitch(setting);
    else if (name === 'hostfwd') forwards.push(parseForward(setting ?? ''));
    else if (name === 'model') checkModel(setting);
    else if (name === 'mac') station = parseStation(setting ?? '');
    else if (name === 'bootfile') bootFile = parseBootFile(setting ?? '');
    else if (name === 'romfile') romFile = setting ?? '';
    // QEMU's identifiers mean nothing here.
    else if (name !== 'id') throw expected(name, 'hostfwd, restrict, model, mac, bootfile, romfile or id');
  }
  return { restrict, forwards, bootFile, romFile, station };
}

function parseSwitch(value: string | undefined): boolean {
  if (value === undefined || ['on', 'yes', 'y'].includes(value)) return true;
  if (['off', 'no', 'n'].includes(value)) return false;
  throw expected(`restrict=${value}`, 'restrict=on or restrict=off');
}

function checkModel(value = ''): void {
  if (!MODELS.includes(value)) throw expected(`model=${value}`, `one of ${MODELS.join(', ')}`);
}

function parseBootFile(value: string): string {
  if (/^[\x21-\x7e]+$/.test(value) && value.length <= LONGEST_BOOT_FILE) return value;
  throw expected(`bootfile=${value}`, `1 to ${LONGEST_BOOT_FILE} printable ASCII characters`);
}

function parseStation(value: string): Uint8Array<ArrayBuffer> {
  const bytes = value.split(':').map((part) => (/^[0-9a-f]{2}$/i.test(part) ? parseInt(part, 16) : NaN));
  if (bytes.length !== 6 || bytes.some(Number.isNaN) || bytes[0]! & 1)
    throw expected(`mac=${value}`, 'six bytes in hexadecimal with colons, the first one even');
  return Uint8Array.from(bytes);
}

function parsePort(value: string): number | undefined {
  const port = Number(value);
  return /^\d{1,5}$/.test(value) && port >= 1 && port <= 65535 ? port : undefined;
}

/** tcp|udp:[ADDRESS]:PORT-[GUEST]:PORT; without an address only the host itself can connect. */
function parseForward(value: string): HostForward {
  const wrong = expected(`hostfwd=${value}`, 'hostfwd=tcp|udp:[ADDRESS]:PORT-[GUEST]:PORT');
  const match = /^(tcp|udp)?:([^:]*):(\d+)-([^:]*):(\d+)$/.exec(value);
  if (match === null) throw wrong;
  const [, protocol = 'tcp', host = '', hostPort = '', guest = '', guestPort = ''] = match;
  const port = parsePort(hostPort);
  const target = parsePort(guestPort);
  const address = guest === '' ? FIRST_GUEST : parseIpv4Address(guest);
  if (port === undefined || target === undefined || address === undefined) throw wrong;
  if (host !== '' && parseIpv4Address(host) === undefined) throw wrong;
  return {
    text: value,
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    address: host === '' ? LOOPBACK : host,
    port,
    guest: { address, port: target },
  };
}
