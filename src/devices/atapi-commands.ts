/**
 * The packet commands of a CD-ROM drive (MMC-3, SPC-2): what each one answers, as data; the drive moves it.
 * Not implemented: audio, raw sectors, DVD structures, changing mode pages.
 */

/** Sense key, additional code and qualifier as one number, `key << 16 | code << 8 | qualifier`. */
export const SENSE = {
  NONE: 0,
  NO_MEDIUM: 0x023a01,
  TRAY_OPEN: 0x023a02,
  UNREADABLE: 0x031100,
  INVALID_COMMAND: 0x052000,
  OUT_OF_RANGE: 0x052100,
  INVALID_FIELD: 0x052400,
  NO_SAVED_PAGES: 0x053900,
  LOCKED: 0x055302,
  MEDIUM_CHANGED: 0x062800,
  RESET: 0x062900,
} as const;

export const MEDIA_EVENT = { NONE: 0, EJECT_REQUEST: 1, NEW: 2, REMOVED: 3 } as const;

/** What commands see and do of the drive. */
export interface PacketTarget {
  /** Blocks of 2,048 bytes of a medium that can be read, -1 without one. */
  readonly blocks: number;
  readonly trayOpen: boolean;
  readonly locked: boolean;
  setLocked(locked: boolean): void;
  /** False when the medium is locked in. */
  openTray(): boolean;
  closeTray(): void;
  /** The sense data of the last command, which are then gone. */
  takeSense(): number;
  takeEvent(): number;
}

export type Outcome =
  | { readonly kind: 'good' }
  | { readonly kind: 'check'; readonly sense: number }
  /** At most `most` of the bytes are wanted. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array; readonly most: number }
  | { readonly kind: 'blocks'; readonly first: number; readonly count: number };

type Command = (target: PacketTarget, packet: DataView) => Outcome;

const GOOD: Outcome = { kind: 'good' };
const check = (sense: number): Outcome => ({ kind: 'check', sense });
const data = (bytes: ArrayLike<number>, most: number): Outcome => ({
  kind: 'data',
  bytes: Uint8Array.from(bytes),
  most,
});
const INVALID_FIELD = check(SENSE.INVALID_FIELD);

/** A disc with more blocks than 80 minutes of a CD is a DVD. */
const CD_BLOCKS = 80 * 60 * 75;
const CD_ROM = 0x0008,
  DVD_ROM = 0x0010;
const LEAD_OUT = 0xaa;
const DATA_TRACK = 0x14;
/** Kilobytes per second: 32 times a CD's speed. */
const SPEED = 5645;

const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)];
const ascii = (text: string, length: number): number[] =>
  Array.from(text.padEnd(length), (letter) => letter.charCodeAt(0));

function notReady(target: PacketTarget): Outcome {
  return check(target.trayOpen ? SENSE.TRAY_OPEN : SENSE.NO_MEDIUM);
}
/** A command that needs a medium. */
const withMedium =
  (command: Command): Command =>
  (target, packet) =>
    target.blocks < 0 ? notReady(target) : command(target, packet);

const inquiry: Command = (_, packet) => {
  if ((packet.getUint8(1) & 1) !== 0) return INVALID_FIELD;
  const names = [...ascii('HVM', 8), ...ascii('CD-ROM', 16), ...ascii('1.0', 4)];
  return data([0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0, ...names], packet.getUint8(4));
};

const requestSense: Command = (target, packet) => {
  const sense = target.takeSense();
  const bytes = new Uint8Array(18);
  bytes[0] = 0x70;
  bytes[2] = sense >> 16;
  bytes[7] = 10;
  bytes[12] = (sense >> 8) & 0xff;
  bytes[13] = sense & 0xff;
  return data(bytes, packet.getUint8(4));
};

const startStop: Command = (target, packet) => {
  const action = packet.getUint8(4);
  // A power condition, or no word about the tray.
  if ((action & 0xf0) !== 0 || (action & 2) === 0) return GOOD;
  if ((action & 1) !== 0) target.closeTray();
  else if (!target.openTray()) return check(SENSE.LOCKED);
  return GOOD;
};

const prevent: Command = (target, packet) => {
  target.setLocked((packet.getUint8(4) & 1) !== 0);
  return GOOD;
};

const readCapacity: Command = (target) => data([...be32(target.blocks - 1), ...be32(2048)], 8);

function blocks(target: PacketTarget, first: number, count: number): Outcome {
  if (first + count > target.blocks) return check(SENSE.OUT_OF_RANGE);
  return count === 0 ? GOOD : { kind: 'blocks', first, count };
}
const read10: Command = (target, packet) => blocks(target, packet.getUint32(2), packet.getUint16(7));
const read12: Command = (target, packet) => blocks(target, packet.getUint32(2), packet.getUint32(6));

/** READ CD for user data of any kind of sector, or for nothing. */
const readCd: Command = (target, packet) => {
  const count = packet.getUint32(5) & 0xffffff;
  const wanted = packet.getUint8(9) & 0xf8;
  if (wanted === 0 || count === 0) return GOOD;
  return wanted === 0x10 ? blocks(target, packet.getUint32(2), count) : INVALID_FIELD;
};

const seek: Command = (target, packet) =>
  packet.getUint32(2) < target.blocks ? GOOD : check(SENSE.OUT_OF_RANGE);

function address(block: number, msf: boolean): number[] {
  if (!msf) return be32(block);
  const frames = block + 150;
  return [0, Math.floor(frames / 75 / 60) & 0xff, Math.floor(frames / 75) % 60, frames % 75];
}

function tocTracks(target: PacketTarget, msf: boolean, start: number): number[] | undefined {
  if (start > 1 && start !== LEAD_OUT) return undefined;
  const track = [0, DATA_TRACK, 1, 0, ...address(0, msf)];
  const leadOut = [0, DATA_TRACK, LEAD_OUT, 0, ...address(target.blocks, msf)];
  const body = [1, 1, ...(start <= 1 ? track : []), ...leadOut];
  return [...be16(body.length), ...body];
}

/** Points A0, A1 and A2 and the track, in minutes, seconds and frames. */
function tocRaw(target: PacketTarget): number[] {
  const entry = (point: number, position: number[]): number[] => [
    1,
    DATA_TRACK,
    0,
    point,
    0,
    0,
    0,
    ...position,
  ];
  const body = [
    ...[1, 1],
    ...entry(0xa0, [0, 1, 0, 0]),
    ...entry(0xa1, [0, 1, 0, 0]),
    ...entry(0xa2, address(target.blocks, true)),
    ...entry(1, address(0, true)),
  ];
  return [...be16(body.length), ...body];
}

const readToc: Command = (target, packet) => {
  const msf = (packet.getUint8(1) & 2) !== 0;
  // Older drivers put the format into the last byte.
  const format = packet.getUint8(2) & 15 || packet.getUint8(9) >> 6;
  const most = packet.getUint16(7);
  if (format === 1) return data([0, 10, 1, 1, 0, DATA_TRACK, 1, 0, ...address(0, msf)], most);
  const toc =
    format === 0 ? tocTracks(target, msf, packet.getUint8(6)) : format === 2 ? tocRaw(target) : undefined;
  return toc === undefined ? INVALID_FIELD : data(toc, most);
};

/** Error recovery, audio control, capabilities and mechanical status. */
function modePage(target: PacketTarget, page: number): number[] {
  if (page === 0x01) return [0x01, 6, 0, 5, 0, 0, 0, 0];
  if (page === 0x0e) return [0x0e, 14, 4, 0, 0, 0, 0, 0, 1, 0xff, 2, 0xff, 0, 0, 0, 0];
  const mechanism = 0x29 | (target.locked ? 2 : 0);
  const speeds = [...be16(SPEED), ...be16(2), ...be16(512), ...be16(SPEED)];
  return [0x2a, 18, 0x0b, 0, 0x70, 0, mechanism, 0, ...speeds, 0, 0, 0, 0];
}
const MODE_PAGES = [0x01, 0x0e, 0x2a];

const modeSense: Command = (target, packet) => {
  const page = packet.getUint8(2) & 0x3f;
  const control = packet.getUint8(2) >> 6;
  if (control === 3) return check(SENSE.NO_SAVED_PAGES);
  const pages = page === 0x3f ? MODE_PAGES : MODE_PAGES.filter((known) => known === page);
  if (pages.length === 0) return INVALID_FIELD;
  const body = pages.flatMap((known) => {
    const bytes = modePage(target, known);
    // What may be changed: nothing.
    return control === 1 ? [...bytes.slice(0, 2), ...bytes.slice(2).fill(0)] : bytes;
  });
  const medium = target.blocks >= 0 ? 0x01 : target.trayOpen ? 0x71 : 0x70;
  return data([...be16(6 + body.length), medium, 0, 0, 0, 0, 0, ...body], packet.getUint16(7));
};

function currentProfile(target: PacketTarget): number {
  if (target.blocks < 0) return 0;
  return target.blocks > CD_BLOCKS ? DVD_ROM : CD_ROM;
}

/** Feature code, version and flags, data: profiles, core, morphing, removable medium, random reads, CD and DVD reads, power. */
function features(target: PacketTarget): readonly (readonly number[])[] {
  const now = currentProfile(target);
  const present = now === 0 ? 0 : 1;
  const profile = (which: number): number[] => [...be16(which), now === which ? 1 : 0, 0];
  return [
    [0, 0, 3, 8, ...profile(DVD_ROM), ...profile(CD_ROM)],
    [0, 1, 0x0b, 8, 0, 0, 0, 2, 1, 0, 0, 0],
    [0, 2, 0x07, 4, 2, 0, 0, 0],
    [0, 3, 0x0b, 4, 0x29, 0, 0, 0],
    [0, 0x10, present, 8, ...be32(2048), 0, 1, 0, 0],
    [0, 0x1e, 0x08 | (now === CD_ROM ? 1 : 0), 4, 0, 0, 0, 0],
    [0, 0x1f, now === DVD_ROM ? 1 : 0, 0],
    [1, 0x00, 3, 0],
  ];
}

const getConfiguration: Command = (target, packet) => {
  const kind = packet.getUint8(1) & 3;
  const from = packet.getUint16(2);
  if (kind === 3) return INVALID_FIELD;
  const chosen = features(target).filter((feature) => {
    const code = (feature[0]! << 8) | feature[1]!;
    if (kind === 2) return code === from;
    return code >= from && (kind === 0 || (feature[2]! & 1) !== 0);
  });
  const body = [0, 0, ...be16(currentProfile(target)), ...chosen.flat()];
  return data([...be32(body.length), ...body], packet.getUint16(7));
};

/** Media events only, and polled only. */
const getEventStatus: Command = (target, packet) => {
  if ((packet.getUint8(1) & 1) === 0) return INVALID_FIELD;
  const most = packet.getUint16(7);
  if ((packet.getUint8(4) & 0x10) === 0) return data([0, 2, 0x80, 0x10], most);
  const status = (target.trayOpen ? 1 : 0) | (target.blocks >= 0 ? 2 : 0);
  // An event is told once; what has no room for it does not take it.
  const event = most >= 5 ? target.takeEvent() : 0;
  return data([0, 6, 0x04, 0x10, event, status, 0, 0], most);
};

const mechanismStatus: Command = (target, packet) =>
  data([0, target.trayOpen ? 0x10 : 0, 0, 0, 0, 1, 0, 0], packet.getUint16(8));

const readDiscInformation: Command = (_, packet) => {
  const bytes = new Uint8Array(34);
  // A finished disc of one complete session with one track, for unrestricted use.
  bytes.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]);
  return data(bytes, packet.getUint16(7));
};

/** No audio is playing. */
const readSubChannel: Command = (_, packet) => data([0, 0x15, 0, 0], packet.getUint16(7));

const good: Command = () => GOOD;
const COMMANDS: Readonly<Record<number, Command>> = {
  0x00: withMedium(good),
  0x03: requestSense,
  0x12: inquiry,
  0x1b: startStop,
  0x1e: prevent,
  0x25: withMedium(readCapacity),
  0x28: withMedium(read10),
  0x2b: withMedium(seek),
  0x2f: withMedium(good),
  0x35: good,
  0x42: withMedium(readSubChannel),
  0x43: withMedium(readToc),
  0x46: getConfiguration,
  0x4a: getEventStatus,
  0x51: withMedium(readDiscInformation),
  0x5a: modeSense,
  0xa8: withMedium(read12),
  0xbb: good,
  0xbd: mechanismStatus,
  0xbe: withMedium(readCd),
};
/** INQUIRY, REQUEST SENSE, GET CONFIGURATION and GET EVENT STATUS leave a unit attention for the next command (SPC-2, 5.9.6). */
const SPARES_ATTENTION: ReadonlySet<number> = new Set([0x03, 0x12, 0x46, 0x4a]);

export function sparesAttention(command: number): boolean {
  return SPARES_ATTENTION.has(command);
}

/** `packet` has 12 bytes. */
export function runPacket(target: PacketTarget, packet: Uint8Array): Outcome {
  const command = COMMANDS[packet[0]!];
  if (command === undefined) return check(SENSE.INVALID_COMMAND);
  return command(target, new DataView(packet.buffer, packet.byteOffset, 12));
}
