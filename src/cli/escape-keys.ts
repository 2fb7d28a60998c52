/** The Ctrl-A escape of the terminal: x leaves, c goes to the monitor and back, h explains, Ctrl-A sends one Ctrl-A; anything else is passed on with it. */

const CTRL_A = 1;

export interface EscapedInput {
  readonly forward: Uint8Array;
  readonly command: 'leave' | 'help' | 'monitor' | undefined;
  readonly rest: Uint8Array;
}

export class EscapeKeys {
  #escaped = false;

  /** Splits typed bytes into what the guest gets and what the emulator does; `rest` is what follows `leave` and `monitor`. */
  feed(input: Uint8Array): EscapedInput {
    const forward: number[] = [];
    let command: EscapedInput['command'];
    for (const [at, byte] of input.entries()) {
      if (!this.#escaped) {
        if (byte === CTRL_A) this.#escaped = true;
        else forward.push(byte);
        continue;
      }
      this.#escaped = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (key === 'x' || key === 'c')
        return {
          forward: Uint8Array.from(forward),
          command: key === 'x' ? 'leave' : 'monitor',
          rest: input.subarray(at + 1),
        };
      if (key === 'h' || key === '?') command = 'help';
      else if (byte === CTRL_A) forward.push(CTRL_A);
      else forward.push(CTRL_A, byte);
    }
    return { forward: Uint8Array.from(forward), command, rest: input.subarray(input.length) };
  }
}
