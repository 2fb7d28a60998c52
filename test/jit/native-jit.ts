/** The built translator, loaded natively: walking all samples through the test runner's transform takes minutes. */
import { load } from '../fuzz/native.mjs';

export const [samplesModule, formsModule, semanticsModule, predecodeForms, hotForms, packModule] =
  await Promise.all([
    load<typeof import('../../src/jit/interpreter/samples.js')>('jit/interpreter/samples.js'),
    load<typeof import('../../src/jit/interpreter/forms.js')>('jit/interpreter/forms.js'),
    load<typeof import('../../src/jit/semantics/index.js')>('jit/semantics/index.js'),
    load<typeof import('../../src/jit/interpreter/generated.js')>('jit/interpreter/generated.js'),
    load<typeof import('../../src/jit/interpreter/hot-forms.js')>('jit/interpreter/hot-forms.js'),
    load<typeof import('../../src/jit/pack-operands.js')>('jit/pack-operands.js'),
  ]);

export type Sample = import('../../src/jit/interpreter/samples.js').Sample;
/** One sample per form key, and those that have none. */
export const allSamples: readonly Sample[] = [...samplesModule.samples()];
