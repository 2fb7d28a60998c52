/** Packs the operands of an x87, MMX or SSE instruction for its helper; the layout is the helpers' own (runtime/fpu). */
export { packInfo as packOperands } from '../runtime/fpu/index.js';
