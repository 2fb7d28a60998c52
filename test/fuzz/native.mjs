/** Imports built modules natively: inside the test runner's transform emulation is tens of times slower. HVM_BIN names another build's command. */
import { fileURLToPath, pathToFileURL } from 'node:url';

export const HVM = process.env.HVM_BIN ?? fileURLToPath(new URL('../../bin/hvm.js', import.meta.url));
export const distUrl = (path) => new URL(`../dist/${path}`, pathToFileURL(HVM)).href;
export const load = (path) => import(distUrl(path));
