/** The guest's network card and what is behind it, as one run has them: sockets, forwarded ports, capture file. */
import type { NetworkBackend } from '../devices/network-backend.js';
import { CapturedNetwork } from '../network/pcap.js';
import { UserNetwork } from '../network/user-network.js';
import { closeFile, openOutputFile, readInputFile, writeFully } from './host/files.js';
import { NodeSockets } from './host/sockets.js';
import type { NetworkConfiguration } from './network-options.js';

const LARGEST_ROM = 16 * 2 ** 20;
const CHUNK = 65_536;

/** Collects the capture and writes it in pieces. */
class CaptureFile {
  readonly #descriptor: number;
  readonly #buffer = new Uint8Array(2 * CHUNK);
  #length = 0;

  constructor(path: string) {
    this.#descriptor = openOutputFile('--pcap', path);
  }
  write(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    if (this.#length >= CHUNK) this.flush();
  }
  flush(): void {
    if (this.#length === 0) return;
    writeFully('--pcap', this.#descriptor, this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }
  close(): void {
    this.flush();
    closeFile(this.#descriptor);
  }
}

export class GuestNetwork {
  readonly backend: NetworkBackend;
  readonly station: Uint8Array;
  readonly rom: Uint8Array | undefined;
  readonly #user: UserNetwork;
  readonly #sockets = new NodeSockets();
  readonly #capture: CaptureFile | undefined;
  readonly #configuration: NetworkConfiguration;

  /** `epochSeconds`: since 1970, when guest time is 0. Throws UsageError when the boot ROM cannot be read or the capture file not be written. */
  constructor(configuration: NetworkConfiguration, capturePath: string | undefined, epochSeconds: number) {
    const { restrict, bootFile, romFile, station } = configuration;
    this.rom =
      romFile === undefined
        ? undefined
        : readInputFile('--net romfile=', romFile, LARGEST_ROM, 'in the boot ROM socket, which takes 16 MiB');
    this.#configuration = configuration;
    this.station = station;
    this.#user = new UserNetwork({ sockets: this.#sockets, restrict, bootFile });
    this.#capture = capturePath === undefined ? undefined : new CaptureFile(capturePath);
    const capture = this.#capture;
    this.backend =
      capture === undefined
        ? this.#user
        : new CapturedNetwork(this.#user, (bytes) => capture.write(bytes), epochSeconds * 1e9);
  }

  /** Begins to listen; `activity` is called after every event of a socket. Throws UsageError when a port cannot be had. */
  async open(activity: () => void): Promise<void> {
    this.#sockets.activity = activity;
    for (const { text, protocol, address, port, guest } of this.#configuration.forwards) {
      const place = { label: `--net hostfwd=${text}`, address, port };
      if (protocol === 'tcp')
        await this.#sockets.listen({ ...place, accept: (socket) => this.#user.acceptTcp(socket, guest) });
      else
        await this.#sockets.listenUdp({
          ...place,
          received: (socket, from, bytes) => this.#user.acceptUdp(socket, guest, from, bytes),
        });
    }
  }

  /** Conversations with the host are open, or somebody may call a guest that has shown itself on the network. */
  get busy(): boolean {
    return (
      this.#user.conversations > 0 ||
      this.#configuration.forwards.some(({ guest }) => this.#user.knows(guest.address))
    );
  }

  flush(): void {
    this.#capture?.flush();
  }

  close(): void {
    this.#user.reset();
    this.#sockets.close();
    this.#capture?.close();
  }
}
