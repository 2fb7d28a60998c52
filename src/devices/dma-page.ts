/** The page registers of the ISA DMA controllers at 80-8F, of which 80 shows power-on self-test codes: latches that read back. Not implemented: DMA. */
import type { Device } from './device.js';

export interface DmaPageState {
  latches: Uint8Array;
}

export class DmaPage implements Device<DmaPageState> {
  readonly name = 'dma-page';
  readonly version = 1;
  readonly state: DmaPageState = { latches: new Uint8Array(16) };
  readonly ports = [
    {
      first: 0x80,
      last: 0x8f,
      read: (p: number) => this.state.latches[p & 15]!,
      write: (p: number, _: number, v: number) => {
        this.state.latches[p & 15] = v;
      },
    },
  ];

  reset(): void {
    this.state.latches.fill(0);
  }
}
