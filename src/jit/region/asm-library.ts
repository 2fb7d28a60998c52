/** Functions that modules compiled ahead of time have themselves instead of importing them: a call inside is several times as fast as one out of the module. */

/** By name; each is the function of that name in `fold.ts`, with types spelled out. */
export const LIBRARY: Readonly<Record<string, string>> = {
  divideLong: `function divideLong(high, low, divisor) {
high = high | 0; low = low | 0; divisor = divisor | 0;
var h = 0.0, d = 0.0, near = 0.0, rest = 0.0, quotient = 0;
h = +(high >>> 0); d = +(divisor >>> 0);
near = (h * 4294967296.0 + +(low >>> 0)) / d;
quotient = ~~near;
rest = near - +(quotient >>> 0);
if (rest > 1.9073486328125e-6) if (rest < 0.9999980926513672) return quotient | 0;
near = h * 65536.0 + +(low >>> 16);
quotient = ~~(near / d);
rest = (near - +(quotient >>> 0) * d) * 65536.0 + +(low & 65535);
return ((quotient << 16) + ~~(rest / d)) | 0;
}`,
};

/** Declarations of what a module calls: imports first, then its own functions. */
export function declarationsOf(called: ReadonlySet<string>): string {
  const names = [...called];
  const imports = names.filter((name) => !(name in LIBRARY)).map((name) => `var ${name} = env.${name};`);
  const own = names.filter((name) => name in LIBRARY).map((name) => LIBRARY[name]!);
  return [imports.join(' '), ...own].join('\n');
}
