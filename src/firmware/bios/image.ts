/** The whole BIOS ROM: code with the tables that video functions point to. */
import { AT, biosProgram } from './rom.js';
import type { BiosProgram } from './rom.js';
import { putVbeTables } from './vbe.js';
import { STATIC_FUNCTIONALITY } from './video-service.js';

export function biosImage(): BiosProgram {
  const program = biosProgram();
  putVbeTables(program.bytes);
  program.bytes.set(STATIC_FUNCTIONALITY, AT.VIDEO_STATE);
  return program;
}
