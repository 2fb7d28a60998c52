/** The Ctrl-A escape of the terminal: x leaves, h explains, Ctrl-A sends one Ctrl-A; anything else is passed on with it. */

const CTRL_A = 1;

export class EscapeKeys {
  #escaped = false;

  /** Splits typed bytes into what the guest gets and what the emulator does; after `leave` the rest is dropped. */
  feed(input: Uint8Array): { forward: Uint8Array; command: 'leave' | 'help' | undefined } {
    const forward: number[] = [];
    let command: 'leave' | 'help' | undefined;
    for (const byte of input) {
      if (!this.#escaped) {
        if (byte === CTRL_A) this.#escaped = true;
        else forward.push(byte);
        continue;
      }
      this.#escaped = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (key === 'x') return { forward: Uint8Array.from(forward), command: 'leave' };
      if (key === 'h' || key === '?') command = 'help';
      else if (byte === CTRL_A) forward.push(CTRL_A);
      else forward.push(CTRL_A, byte);
    }
    return { forward: Uint8Array.from(forward), command };
  }
}
