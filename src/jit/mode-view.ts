/** The mode key as the builder and the decoder read it. */
import { CS } from '../decoder/instruction.js';
import { MODE, MODE_FLAT_SHIFT } from '../runtime/mode.js';
import type { ModeView } from './builder.js';

const views = new Map<number, ModeView>();

export function modeView(mode: number): ModeView {
  let view = views.get(mode);
  if (view === undefined) {
    view = {
      codeSize: mode & MODE.CODE_32 ? 32 : 16,
      stackSize: mode & MODE.STACK_32 ? 32 : 16,
      targets: mode & MODE.SHORT_CODE ? 'checked' : mode & MODE.CODE_LIMIT ? 'wide checked' : 'free',
      aligned: (mode & MODE.ALIGNMENT) !== 0,
      // Stores through CS are never unchecked, and loads through it are too rare to tell apart.
      flat: (segment) => segment !== CS && ((mode >> (MODE_FLAT_SHIFT + segment)) & 1) !== 0,
    };
    views.set(mode, view);
  }
  return view;
}
