/** Preloaded into a child process: replaces text in one built module as it is loaded, so that a bug can be planted without a seam. */
import { register } from 'node:module';

register('./plant-hooks.mjs', import.meta.url, { data: JSON.parse(process.env.HVM_PLANT) });
