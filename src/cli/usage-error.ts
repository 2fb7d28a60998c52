/** Errors the user can mend: reported as one line on standard error, status 1, no stack trace. */

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** By name: a command's modules may be loaded apart from the program, with a class of their own. */
export const isUsageError = (error: unknown): error is UsageError =>
  error instanceof Error && error.name === 'UsageError';

/** Control characters would break the one-line promise or reach the terminal; show them as escapes. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** A user's word in a message: quoted, printable and not endless. */
export function quote(text: string): string {
  return `'${printable(text.length > 80 ? `${text.slice(0, 77)}...` : text)}'`;
}
