/** What a PS/2 keyboard and mouse answer to commands; they are functions of the command whose data byte is awaited. */

export interface Ps2Answer {
  readonly answer: readonly number[];
  /** Command that now waits for its data byte, 0 none. */
  readonly waitsFor: number;
}

const ACK = 0xfa,
  RESEND = 0xfe,
  SELF_TEST_PASSED = 0xaa;

function done(...answer: number[]): Ps2Answer {
  return { answer, waitsFor: 0 };
}

/** `pending` is the command an earlier byte began. */
export function keyboardCommand(pending: number, byte: number): Ps2Answer {
  if (pending === 0xf0 && byte === 0) return done(ACK, 2);
  if (pending !== 0 && byte < 0xed) return done(ACK);
  switch (byte) {
    case 0xed:
    case 0xf0:
    case 0xf3:
      return { answer: [ACK], waitsFor: byte };
    case 0xee:
      return done(0xee);
    case 0xf2:
      return done(ACK, 0xab, 0x83);
    case 0xf4:
    case 0xf5:
    case 0xf6:
      return done(ACK);
    case 0xff:
      return done(ACK, SELF_TEST_PASSED);
    default:
      return done(RESEND);
  }
}

export function mouseCommand(pending: number, byte: number): Ps2Answer {
  if (pending !== 0) return done(ACK);
  switch (byte) {
    case 0xe8:
    case 0xf3:
      return { answer: [ACK], waitsFor: byte };
    case 0xe9:
      return done(ACK, 0, 2, 100);
    case 0xeb:
      return done(ACK, 8, 0, 0);
    case 0xf2:
      return done(ACK, 0);
    case 0xe6:
    case 0xe7:
    case 0xea:
    case 0xf0:
    case 0xf4:
    case 0xf5:
    case 0xf6:
      return done(ACK);
    case 0xff:
      return done(ACK, SELF_TEST_PASSED, 0);
    default:
      return done(RESEND);
  }
}
