/** What loaders throw for a file that cannot be started on this machine. */

/** The one-line message says what was wrong and what was expected. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
