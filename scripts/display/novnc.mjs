// noVNC in a browser as a client of hvm: what it shows is the guest's screen, in text and after a change of mode; keys and mouse reach the guest.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chromium } from './chromium.mjs';

const NOVNC = fileURLToPath(new URL('../../node_modules/@novnc/novnc/', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.html': 'text/html' };
const PASSWORD = 'secret';
const SECONDS = 60;

const page = (
  port,
) => `<!doctype html><meta charset="utf-8"><style>html,body,#screen{margin:0;height:100%}</style><div id="screen"></div>
<script type="module">
import RFB from '/core/rfb.js';
const rfb = new RFB(document.getElementById('screen'), 'ws://127.0.0.1:${port}', { credentials: { password: '${PASSWORD}' } });
rfb.addEventListener('connect', () => { window.state = 'connected'; rfb.focus(); });
rfb.addEventListener('disconnect', (event) => { window.state = 'disconnected ' + event.detail.clean; });
rfb.addEventListener('securityfailure', (event) => { window.state = 'refused ' + event.detail.reason; });
window.rfb = rfb;
window.canvas = () => document.querySelector('#screen canvas');
window.pixels = () => {
  const { width, height } = canvas();
  const { data } = canvas().getContext('2d').getImageData(0, 0, width, height);
  let text = '';
  for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
  return { width, height, data: btoa(text) };
};
</script>`;

/** The page and noVNC's modules, on loopback. */
function servePage(webSocketPort) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname);
    const body = path === '/' ? Promise.resolve(page(webSocketPort)) : readFile(join(NOVNC, path));
    body.then(
      (content) => {
        response.setHeader('Content-Type', TYPES[path === '/' ? '.html' : extname(path)] ?? 'text/plain');
        response.end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function until(what, condition) {
  let last;
  for (const end = Date.now() + SECONDS * 1000; Date.now() < end; await sleep(200)) {
    last = await condition();
    if (last === true) return;
  }
  throw new Error(`noVNC: ${what} did not come in ${SECONDS} s (${last})`);
}

/** True when the canvas shows the picture, else what differs. */
async function shows(browser, expected) {
  const { width, height, data } = await browser.evaluate('pixels()');
  if (width !== expected.width || height !== expected.height)
    return `${width} by ${height}, the guest has ${expected.width} by ${expected.height}`;
  const bytes = Buffer.from(data, 'base64');
  let differing = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== expected.data[i]) differing++;
  return differing === 0 || `${differing} of ${bytes.length} components differ`;
}

/**
 * `guest` is a run of guests/display's `keys`: `webSocketPort`, `typed()` what it said on the serial line, `picture()` its screen as
 * { width, height, data } with three bytes a pixel. Resolves with what was shown; rejects with what was not.
 */
export async function checkNoVnc(guest) {
  const server = await servePage(guest.webSocketPort);
  let browser;
  try {
    browser = await Chromium.open(`http://127.0.0.1:${server.address().port}/`);
    await until('the connection', async () => (await browser.evaluate('window.state')) === 'connected');
    await until('the text screen', async () => shows(browser, await guest.picture()));
    await browser.press('a', 'KeyA', 65);
    await browser.press('ArrowUp', 'ArrowUp', 38);
    await until('the keys', () => /k1e \nk9e \nke0 \nk48 \nke0 \nkc8 \n/.test(guest.typed()));
    // noVNC centres its canvas.
    const { x, y } = await browser.evaluate('canvas().getBoundingClientRect().toJSON()');
    await browser.mouse('mouseMoved', x + 100, y + 100);
    await browser.mouse('mouseMoved', x + 110, y + 104);
    await browser.mouse('mousePressed', x + 110, y + 104, 1);
    await browser.mouse('mouseReleased', x + 110, y + 104);
    // Bytes of reports: with the left button and without.
    await until('the mouse', () => /m[0-3]9 \n(.*\n)*m[0-3]8 \n/.test(guest.typed()));
    const before = guest.typed().length;
    await browser.press('Escape', 'Escape', 27);
    await until('the change of mode', () => guest.typed().slice(before).includes('DRAWN'));
    await until('the picture', async () => shows(browser, await guest.picture()));
    const { width, height } = await guest.picture();
    return `text, keys, mouse, then ${width} by ${height}`;
  } finally {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  }
}
