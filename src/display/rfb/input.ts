/** What RFB clients press and move, as movements of keys and of a mouse that knows only distances. */
import { KEY } from '../../devices/scan-codes.js';
import type { KeyEvent } from '../us-keyboard.js';
import { pressForKeysym } from './keysyms.js';

/** Keys of one client: what it holds, so that it can be let go when the client leaves. */
export class ClientKeys {
  private readonly held = new Set<number>();

  /** By keysym; a character that needs Shift brings it along when the client holds none. */
  keysym(keysym: number, down: boolean): KeyEvent[] {
    const press = pressForKeysym(keysym);
    if (press === undefined) return [];
    const needsShift =
      press.shift && down && !this.held.has(KEY.LEFT_SHIFT) && !this.held.has(KEY.RIGHT_SHIFT);
    const events = this.key(press.key, down);
    if (!needsShift) return events;
    return [{ key: KEY.LEFT_SHIFT, down: true }, ...events, { key: KEY.LEFT_SHIFT, down: false }];
  }

  /** By the number of the key itself. */
  key(key: number, down: boolean): KeyEvent[] {
    if (!down && !this.held.delete(key)) return [];
    if (down) this.held.add(key);
    return [{ key, down }];
  }

  releaseAll(): KeyEvent[] {
    const events = [...this.held].map((key) => ({ key, down: false }));
    this.held.clear();
    return events;
  }
}

export interface MouseMotion {
  readonly dx: number;
  readonly dy: number;
  /** Steps of the wheel towards the user. */
  readonly dz: number;
  /** Left, right, middle, fourth, fifth in bits 0 to 4, as PS/2 has them. */
  readonly buttons: number;
}

const RELATIVE_CENTRE = 0x7fff;
const WHEEL_UP = 8,
  WHEEL_DOWN = 16;

export class ClientPointer {
  /** The client sends distances, 0x7fff for none. */
  relative = false;
  private x = -1;
  private y = -1;
  private mask = 0;

  /** Buttons left, middle, right, wheel up, wheel down, left, right, back, forward in bits 0 to 8. */
  event(x: number, y: number, mask: number): MouseMotion {
    const pressed = mask & ~this.mask;
    const [dx, dy] = this.distance(x, y);
    this.mask = mask;
    return {
      dx,
      dy,
      dz: (pressed & WHEEL_DOWN ? 1 : 0) - (pressed & WHEEL_UP ? 1 : 0),
      buttons: (mask & 1) | ((mask & 4) >> 1) | ((mask & 2) << 1) | ((mask & 0x180) >> 4),
    };
  }

  private distance(x: number, y: number): readonly [number, number] {
    if (this.relative) return [x - RELATIVE_CENTRE, y - RELATIVE_CENTRE];
    const known = this.x >= 0;
    const distance = [known ? x - this.x : 0, known ? y - this.y : 0] as const;
    this.x = x;
    this.y = y;
    return distance;
  }
}
