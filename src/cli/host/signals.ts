/** Turns termination signals into an orderly end of the run, so that the terminal is restored and files are closed. */

const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof STATUS;

/** Calls back with the signal's name and exit status; returns the function that stops listening. */
export function onTermination(callback: (signal: string, status: number) => void): () => void {
  const handlers = (Object.keys(STATUS) as Signal[]).map((signal) => {
    const handler = (): void => callback(signal, STATUS[signal]);
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
