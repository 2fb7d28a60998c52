/** The VNC server: several clients share screen, keyboard and mouse; what a slow one has not taken is not piled up. */
import { createCipheriv, randomBytes } from 'node:crypto';
import type { Frame } from '../../display/frame.js';
import { CHALLENGE_BYTES } from '../../display/rfb/protocol.js';
import type { MouseMotion } from '../../display/rfb/input.js';
import { RfbSession } from '../../display/rfb/session.js';
import type { KeyEvent } from '../../display/us-keyboard.js';
import { UsageError } from '../usage-error.js';
import { compressPiece } from './compression.js';
import type { VncConnection, VncListener } from './vnc-transport.js';

export interface VncScreen {
  /** Differs when there may be something new to see. */
  readonly changes: unknown;
  frame(): Frame;
  keys(events: readonly KeyEvent[]): void;
  mouse(motion: MouseMotion): void;
  /** Scroll, num and caps lock in bits 0 to 2. */
  leds(): number;
}

/** Thirty pictures a second. */
const INTERVAL_MS = 33;
/** A client with so much not taken yet gets no picture. */
const BACKLOG_BYTES = 1 << 18;
/** A client that only asks and never takes is cut off. */
const HOPELESS_BYTES = 1 << 27;
const MOST_CLIENTS = 32;
const LONGEST_PASSWORD = 8;

/** VNC authentication: DES with the password's bytes, each with its bits reversed; triple DES with one key three times is DES. */
export function vncResponse(password: Uint8Array, challenge: Uint8Array): Uint8Array {
  const key = new Uint8Array(8);
  for (let i = 0; i < Math.min(LONGEST_PASSWORD, password.length); i++)
    for (let bit = 0; bit < 8; bit++) if (password[i]! & (1 << bit)) key[i]! |= 0x80 >> bit;
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

interface Client {
  readonly connection: VncConnection;
  readonly session: RfbSession;
}

export class VncServer {
  readonly #screen: VncScreen;
  readonly #password: Uint8Array | undefined;
  readonly #listeners: VncListener[] = [];
  readonly #clients = new Set<Client>();
  #timer: NodeJS.Timeout | undefined;
  #seen: unknown;

  constructor(screen: VncScreen, password: Uint8Array | undefined) {
    this.#screen = screen;
    this.#password = password;
  }

  /** Resolves with the port once clients can come. Rejects with UsageError when the address cannot be had. */
  async listen(listener: VncListener): Promise<number> {
    try {
      const port = await listener.listen((connection) => this.#accept(connection));
      this.#listeners.push(listener);
      this.#timer ??= setInterval(() => this.#refresh(), INTERVAL_MS);
      return port;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code === 'EADDRINUSE' ? 'somebody listens there already' : (code ?? message);
      throw new UsageError(`--vnc ${listener.name}: cannot listen there (${reason})`);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const listener of this.#listeners) listener.close();
    for (const { connection } of this.#clients) connection.destroy();
  }

  #accept(connection: VncConnection): void {
    if (this.#clients.size >= MOST_CLIENTS) {
      connection.destroy();
      return;
    }
    const screen = this.#screen;
    const session = new RfbSession({
      send: (bytes) => {
        if (connection.backlog > HOPELESS_BYTES) connection.destroy();
        else connection.send(bytes);
      },
      close: () => connection.end(),
      frame: () => screen.frame(),
      keys: (events) => screen.keys(events),
      mouse: (motion) => screen.mouse(motion),
      leds: () => screen.leds(),
      compress: compressPiece,
      name: 'hvm',
      password: this.#challenger(),
    });
    const client: Client = { connection, session };
    this.#clients.add(client);
    connection.attach({
      data: (bytes) => {
        session.receive(bytes);
        this.#offer(client);
      },
      drain: () => this.#offer(client),
      close: () => {
        this.#clients.delete(client);
        session.end();
      },
    });
  }

  #challenger() {
    const password = this.#password;
    if (password === undefined) return undefined;
    return {
      challenge: () => randomBytes(CHALLENGE_BYTES),
      respond: (challenge: Uint8Array) => vncResponse(password, challenge),
    };
  }

  #refresh(): void {
    const { changes } = this.#screen;
    if (changes === this.#seen) return;
    this.#seen = changes;
    for (const client of this.#clients) this.#offer(client);
  }

  #offer({ session, connection }: Client): void {
    if (session.waits && connection.backlog < BACKLOG_BYTES) session.update();
  }
}
