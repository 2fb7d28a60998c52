/** --until, --fail and --send: when a line counts, when a prompt counts, what is typed when. */
import { describe, expect, it } from 'vitest';
import { SerialPort } from '../../src/cli/serial-port.js';
import { SerialWatcher } from '../../src/cli/serial-watcher.js';
import type { Send } from '../../src/cli/serial-watcher.js';
import { Typist } from '../../src/cli/typist.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

class Scene {
  typed = '';
  readonly watcher: SerialWatcher;
  constructor(until: RegExp | undefined, fail?: RegExp, sends: Send[] = []) {
    this.watcher = new SerialWatcher(until, fail, sends, (b) => (this.typed += new TextDecoder().decode(b)));
    this.watcher.start();
  }
  /** The guest prints, then a slice ends. */
  print(text: string): this {
    for (const byte of bytes(text)) this.watcher.byte(byte);
    this.watcher.settle(false);
    return this;
  }
  /** A slice in which the guest prints nothing. */
  pause(): this {
    this.watcher.settle(false);
    return this;
  }
}

describe('--until and --fail', () => {
  it('see complete lines without their line end', () => {
    expect(new Scene(/^BOOT-OK$/g).print('x\r\nBOOT-OK\r\nmore').watcher.verdict).toBe('until');
  });
  it('do not see the first half of a line as a line', () => {
    const scene = new Scene(/^BOOT$/g).print('BOOT').print('-OK\n');
    expect(scene.pause().watcher.verdict).toBeUndefined();
  });
  it('see a prompt once the output pauses', () => {
    const scene = new Scene(/# $/g).print('/ # ');
    expect(scene.watcher.verdict).toBeUndefined();
    expect(scene.pause().watcher.verdict).toBe('until');
  });
  it('see a prompt at once when the guest idles', () => {
    const scene = new Scene(/# $/g);
    for (const byte of bytes('/ # ')) scene.watcher.byte(byte);
    scene.watcher.settle(true);
    expect(scene.watcher.verdict).toBe('until');
  });
  it('never match across lines', () => {
    expect(new Scene(/a.*b/gs).print('a\nb\n').watcher.verdict).toBeUndefined();
  });
  it('keep the first verdict; a line that matches both fails', () => {
    expect(new Scene(/x/g, /x/g).print('x\n').watcher.verdict).toBe('fail');
    expect(new Scene(/x/g, /y/g).print('x\ny\n').watcher.verdict).toBe('until');
  });
  it('survive a line without end', () => {
    const scene = new Scene(/needle/g);
    for (let i = 0; i < 200_000; i++) scene.watcher.byte(65);
    expect(scene.print('\nneedle\n').watcher.verdict).toBe('until');
  });
});

describe('--send', () => {
  const send = (text: string, after?: RegExp): Send =>
    after ? { bytes: bytes(text), after } : { bytes: bytes(text) };

  it('without a condition goes out at the start', () => {
    expect(new Scene(undefined, undefined, [send('a'), send('b'), send('c', /x/g)]).typed).toBe('ab');
  });
  it('waits for each prompt in turn', () => {
    const scene = new Scene(undefined, undefined, [send('1', /# $/g), send('2', /# $/g)]);
    scene.print('# ').pause();
    expect(scene.typed).toBe('1');
    scene.pause().print('1').pause();
    expect(scene.typed).toBe('1');
    scene.print('\nout\n# ').pause();
    expect(scene.typed).toBe('12');
  });
  it('looks for the next pattern behind the previous match', () => {
    const scene = new Scene(undefined, undefined, [send('1', /ok/g), send('2', /ok/g)]);
    scene.print('ok\n');
    expect(scene.typed).toBe('1');
    expect(new Scene(undefined, undefined, [send('1', /ok/g), send('2', /ok/g)]).print('ok ok\n').typed).toBe(
      '12',
    );
  });
});

describe('typing', () => {
  it('never offers more than the line carries in the guest time that passed', () => {
    let now = 0;
    const port = new SerialPort(() => {});
    port.now = () => now;
    const typist = new Typist(port);
    typist.enqueue(bytes('x'.repeat(100)));
    let read = 0;
    for (let slice = 0; slice < 100; slice++, now += 100_000) {
      typist.type();
      while (port.read() >= 0) read++;
    }
    // 10 ms at 11,520 bytes per second.
    expect(read).toBeGreaterThan(90);
    expect(read).toBeLessThanOrEqual(116);
  });
  it('holds at most a FIFO for a guest that does not read', () => {
    let now = 0;
    const port = new SerialPort(() => {});
    port.now = () => now;
    const typist = new Typist(port);
    typist.enqueue(bytes('0123456789abcdefghij'));
    for (let slice = 0; slice < 1000; slice++, now += 1e6) typist.type();
    let held = '';
    for (let byte = port.read(); byte >= 0; byte = port.read()) held += String.fromCharCode(byte);
    expect(held).toBe('0123456789abcdef');
    expect(typist.busy).toBe(true);
  });
  it('stops a source that is too fast and lets it go on later', () => {
    const calls: string[] = [];
    const typist = new Typist({ room: () => 10_000, send: () => {} });
    typist.flow = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
    typist.enqueue(new Uint8Array(70_000));
    expect(calls).toEqual(['pause']);
    for (let i = 0; i < 10; i++) typist.type();
    expect(calls).toEqual(['pause', 'resume']);
    expect(typist.busy).toBe(false);
  });
});
