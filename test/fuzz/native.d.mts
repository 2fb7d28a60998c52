/** The built command. */
export declare const HVM: string;
/** URL of a built module, such as `jit/engine.js`. */
export declare function distUrl(path: string): string;
/** Imports a built module. */
export declare function load<T>(path: string): Promise<T>;
