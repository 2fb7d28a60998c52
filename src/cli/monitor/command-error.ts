/** Why a monitor command was not done: one line for whoever typed it. */
export class CommandError extends Error {}
