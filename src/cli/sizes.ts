/** Memory sizes as QEMU writes them: `256M`, `1G`, `4096K`; a plain number is MiB. */
import { UsageError, quote } from './usage-error.js';

const UNIT: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
export const SMALLEST_MEMORY = 2 ** 20;
/** RAM is one buffer addressed with int32 byte offsets. */
export const LARGEST_MEMORY = 2047 * 2 ** 20;

/** Bytes; throws UsageError naming the option. */
export function parseMemorySize(value: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMG])?(?:i?B)?$/i.exec(value.trim());
  if (!match) throw new UsageError(`--memory ${quote(value)}: expected a size such as 256M or 1G`);
  const bytes = Number(match[1]) * UNIT[(match[2] ?? 'M').toUpperCase()]!;
  if (!(bytes >= SMALLEST_MEMORY && bytes <= LARGEST_MEMORY)) {
    throw new UsageError(`--memory ${quote(value)}: expected a size between 1M and 2047M`);
  }
  if (bytes % 4096 !== 0) throw new UsageError(`--memory ${quote(value)}: expected a multiple of 4K`);
  return bytes;
}

export function describeSize(bytes: number): string {
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(bytes % 2 ** 20 === 0 ? 0 : 1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} bytes`;
}
