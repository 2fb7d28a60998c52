/** C-style escapes in `--send`: \n \r \t \\ \e \0 \xNN; other text is sent as UTF-8. */
import { UsageError, quote } from './usage-error.js';

const SIMPLE: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '\\': 92, e: 27, '0': 0 };

/** Throws UsageError for an escape it does not know. */
export function unescapeBytes(text: string, option = '--send'): Uint8Array {
  const out: number[] = [];
  for (const piece of text.match(/\\x[0-9a-f]{2}|\\[^]?|[^\\]+/gi) ?? []) {
    if (!piece.startsWith('\\')) out.push(...new TextEncoder().encode(piece));
    else if (piece.length === 4) out.push(parseInt(piece.slice(2), 16));
    else {
      const byte = SIMPLE[piece.slice(1)];
      if (byte === undefined) {
        throw new UsageError(
          `${option} ${quote(text)}: unknown escape ${quote(piece)}; expected \\n \\r \\t \\e \\0 \\\\ or \\xNN`,
        );
      }
      out.push(byte);
    }
  }
  return Uint8Array.from(out);
}
