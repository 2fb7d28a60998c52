/** Dates as the MC146818 counts them: seconds since 1970 to registers and back, in binary or BCD, 12 or 24 hours. */

/** Registers 0, 2, 4, 6, 7, 8, 9 and the century. */
export interface Calendar {
  second: number;
  minute: number;
  hour: number;
  /** 1 is Sunday. */
  weekday: number;
  day: number;
  month: number;
  /** 0-99. */
  year: number;
  century: number;
}

/** Days since 1970-01-01 of a proleptic Gregorian date; month 1-12. */
function daysFrom(year: number, month: number, day: number): number {
  return Math.floor(Date.UTC(year, month - 1, day) / 86_400_000);
}

export function calendarAt(seconds: number): Calendar {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  return {
    second: date.getUTCSeconds(),
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    weekday: date.getUTCDay() + 1,
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    year: year % 100,
    century: Math.floor(year / 100),
  };
}

/** The weekday is the guest's to choose and not part of it. */
export function secondsOf(c: Calendar): number {
  const year = Math.min(99, c.century) * 100 + (c.year % 100);
  return daysFrom(Math.max(year, 100), c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
}

export function encode(value: number, binary: boolean): number {
  return binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
}
export function decode(value: number, binary: boolean): number {
  return binary ? value : (value >> 4) * 10 + (value & 15);
}

export function encodeHour(hour: number, binary: boolean, hours24: boolean): number {
  if (hours24) return encode(hour, binary);
  return encode(hour % 12 === 0 ? 12 : hour % 12, binary) | (hour >= 12 ? 0x80 : 0);
}
export function decodeHour(value: number, binary: boolean, hours24: boolean): number {
  if (hours24) return decode(value, binary);
  return (decode(value & 0x7f, binary) % 12) + (value & 0x80 ? 12 : 0);
}
