/** What executes guest instructions: evaluator, interpreter or JIT behind one face. */
export interface Engine {
  readonly name: string;
  /** Executes until r[R_BUDGET] is used up exactly, or r[R_PENDING] has bits other than CODE and MODE, which it handles itself. */
  run(): void;
  statistics(): object;
}
