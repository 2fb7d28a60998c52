/** The sixteen ISA interrupt lines, each high while any of those that share it holds it high. */
import type { Device, Wire } from '../devices/device.js';

export interface IsaLinesState {
  /** By line: a bit for each that holds it. */
  holders: Int32Array;
}

export class IsaLines implements Device<IsaLinesState> {
  readonly name = 'isa-lines';
  readonly version = 1;
  readonly state: IsaLinesState = { holders: new Int32Array(16) };
  private readonly sharers = new Int32Array(16);
  private readonly outputs: readonly Wire[];

  /** `outputs` are the inputs of the interrupt controllers. */
  constructor(outputs: readonly Wire[]) {
    this.outputs = outputs;
  }

  /** Levels belong to those who hold them. */
  reset(): void {}

  restored(): void {
    this.outputs.forEach((output, line) => output(this.state.holders[line] !== 0));
  }

  /** One more end of a line; the order in which a machine asks for them is part of the meaning of its state. */
  wire(line: number): Wire {
    const bit = 1 << this.sharers[line]!++;
    const { holders } = this.state;
    const output = this.outputs[line]!;
    return (level) => {
      holders[line] = level ? holders[line]! | bit : holders[line]! & ~bit;
      output(holders[line] !== 0);
    };
  }
}
