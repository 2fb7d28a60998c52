/** What the user-mode network needs of the host: connections and datagrams. Addresses are dotted quads. Events come between slices of the guest. */

/** Why a connection failed: nobody listens, nobody can be reached, or anything else. */
export type HostFailure = 'refused' | 'unreachable' | 'broken';

export interface HostTcpEvents {
  connected(): void;
  /** The array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** Everything written has been taken by the host. */
  drained(): void;
  /** The other end sends no more. */
  ended(): void;
  failed(failure: HostFailure): void;
}
export interface HostTcpSocket {
  /** Bytes written that the host has not taken yet. */
  readonly buffered: number;
  write(bytes: Uint8Array): void;
  /** No more will be written; what is buffered still goes out. */
  end(): void;
  /** Ends both directions at once. No event follows. */
  reset(): void;
  pause(): void;
  resume(): void;
}
export interface HostUdpSocket {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}
export interface HostEndpoint {
  readonly address: string;
  readonly port: number;
}

export interface HostSockets {
  /** Never calls an event before it returns. */
  connectTcp(address: string, port: number, events: HostTcpEvents): HostTcpSocket;
  /** A socket that talks to the host itself only (`loopback`) or to others. */
  openUdp(
    loopback: boolean,
    received: (bytes: Uint8Array, address: string, port: number) => void,
  ): HostUdpSocket;
  /** The host's name servers that speak IPv4, in order. */
  readonly resolvers: readonly HostEndpoint[];
}
