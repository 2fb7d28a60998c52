/** PCI configuration space: routes a request to the server of the function, by default the bus on the board. */
import { IoRequest, IoType } from './ioreq.js';
import type { IoServer } from './ioreq.js';

/** What answers for the functions of the board: all ones where none is. */
export interface ConfigurationSpace {
  read(at: number, offset: number, size: number): number;
  write(at: number, offset: number, size: number, value: number): void;
}

class BoardServer implements IoServer {
  readonly name = 'board';
  readonly width = 4;
  private readonly space: ConfigurationSpace;

  constructor(space: ConfigurationSpace) {
    this.space = space;
  }

  handle(request: IoRequest): void {
    const { addressHigh, address, size } = request;
    if (request.isRead) request.respond(this.space.read(addressHigh, address, size));
    else {
      this.space.write(addressHigh, address, size, request.data);
      request.respond();
    }
  }
}

export class PciConfigRouter implements ConfigurationSpace {
  private readonly request = new IoRequest();
  private readonly board: IoServer;
  /** Foreign functions by bus << 8 | device << 3 | function. */
  private readonly servers = new Map<number, IoServer>();

  constructor(space: ConfigurationSpace) {
    this.board = new BoardServer(space);
  }

  /** Throws an Error naming both when the function is another server's or the board's already. */
  register(server: IoServer, at: number): void {
    const other = this.servers.get(at) ?? (this.isOnBoard(at) ? this.board : undefined);
    if (other !== undefined)
      throw new Error(
        `PCI function ${(at >> 3) & 31}.${at & 7} is claimed by both ${other.name} and ${server.name}`,
      );
    this.servers.set(at, server);
  }

  private isOnBoard(at: number): boolean {
    return this.read(at, 0, 2) !== 0xffff;
  }

  read(at: number, offset: number, size: number): number {
    this.request.beginRead(IoType.PCI_CONFIG, offset, size);
    return this.deliver(at);
  }

  write(at: number, offset: number, size: number, value: number): void {
    this.request.beginWrite(IoType.PCI_CONFIG, offset, size, value);
    this.deliver(at);
  }

  private deliver(at: number): number {
    const { request } = this;
    request.setFunction(at);
    (this.servers.get(at) ?? this.board).handle(request);
    return request.finish();
  }
}
