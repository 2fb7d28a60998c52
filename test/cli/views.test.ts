/** The views of the screen: VNC over a real socket, and the terminal's escape sequences. */
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { VncServer } from '../../src/cli/host/vnc-server.js';
import { parseVnc } from '../../src/cli/vnc-options.js';
import type { KeyEvent } from '../../src/display/us-keyboard.js';
import { frameOf } from '../../src/display/frame.js';
import { textScreen } from '../../src/display/screen-text.js';
import { terminalUpdate } from '../../src/display/terminal.js';
import { TestScreen } from '../display/screen.js';

it('--vnc is on loopback unless a host is named', () => {
  const at = (host: string, port: number) => ({ address: { host, port }, passwordFile: undefined });
  expect(parseVnc(':3')).toEqual(at('127.0.0.1', 5903));
  expect(parseVnc('0.0.0.0:0')).toEqual(at('0.0.0.0', 5900));
  expect(parseVnc('[::1]:1')).toEqual(at('::1', 5901));
  expect(parseVnc(':1,password-file=a b').passwordFile).toBe('a b');
  for (const wrong of ['1', ':', ':x', ':60000', ':1,foo', ':1,password-file='])
    expect(() => parseVnc(wrong)).toThrow(/expected \[HOST\]:N/);
});

it('the VNC server serves several clients and lets go of their keys', async () => {
  const keys: KeyEvent[] = [];
  const frame = frameOf(8, 8);
  const server = new VncServer(
    { changes: 0, frame: () => frame, keys: (events) => keys.push(...events), mouse: () => {} },
    undefined,
  );
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const client = () => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const length = async (count: number) => {
      while (Buffer.concat(chunks).length < count) await new Promise((resolve) => setTimeout(resolve, 2));
      return Buffer.concat(chunks);
    };
    return { socket, length };
  };
  const clients = [client(), client()];
  const head = 12 + 2 + 4 + 24 + 3;
  for (const { socket, length } of clients) {
    socket.write('RFB 003.008\n\x01\x01');
    await length(head);
    socket.write(Buffer.from([3, 0, 0, 0, 0, 0, 0, 8, 0, 8, 4, 1, 0, 0, 0, 0, 0, 0x61]));
    expect((await length(head + 16 + 8 * 8 * 4)).length).toBe(head + 16 + 8 * 8 * 4);
  }
  clients[0]!.socket.destroy();
  while (keys.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(keys).toEqual([true, true, false].map((down) => ({ key: 0x1e, down })));
  server.close();
  await expect(
    new VncServer({ changes: 0, frame: () => frame, keys() {}, mouse() {} }, undefined).listen({
      host: '256.0.0.1',
      port: 1,
    }),
  ).rejects.toThrow(/--vnc 256\.0\.0\.1:1: cannot listen there/);
});

it('the terminal gets the rows that changed, in their colours', () => {
  const screen = new TestScreen();
  screen.print(0, 2, [0xdb, 0x41], 0x1e);
  const first = textScreen(screen.state)!;
  const whole = terminalUpdate(undefined, first, '');
  expect(whole).toMatch(/^\x1b\[0m\x1b\[2J/); // eslint-disable-line no-control-regex
  expect(whole).toContain('\x1b[3;1H\x1b[0;93;44m█A\x1b[0;37;40m');
  expect(whole.endsWith('\x1b[1;1H\x1b[?25h')).toBe(true);
  screen.print(0, 5, 'x');
  const second = terminalUpdate(first, textScreen(screen.state), '');
  expect(second.startsWith('\x1b[6;1H\x1b[0;37;40mx ')).toBe(true);
  expect(second).not.toContain('█');
  expect(terminalUpdate(first, undefined, 'graphics')).toContain('graphics');
});
