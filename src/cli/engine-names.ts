/** The names `--engine` takes, in order of speed. */

export const ENGINE_NAMES = ['jit', 'interpreter', 'evaluator'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
