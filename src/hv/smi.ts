/** System-management interrupts are refused: there is no system-management mode, and the guest goes on as if firmware had returned at once. */
import debug from 'debug';

const log = debug('hvm:smi');

/** A function for one source of requests; it tells of the first. */
export function smiRefusal(source: string): () => void {
  let told = false;
  return () => {
    if (told) return;
    told = true;
    log('SMI requested by %s is refused: there is no system-management mode', source);
  };
}
