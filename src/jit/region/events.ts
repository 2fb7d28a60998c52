/** The functions of event-functions.ts for one processor, made when they are asked for; without memory that code compiled ahead of time could work on, they leave everything to the helpers. */
import type { EventFunctions } from '../../runtime/state.js';
import type { AsmLayout } from './asm-printer.js';
import { EVENT_FUNCTIONS, eventFunction, FLAG_FUNCTIONS, type EventName } from './event-functions.js';

const decline = (): number => 0;

export class Events {
  private readonly made = new Map<EventName, (...values: number[]) => number>();
  private readonly layout: () => AsmLayout | undefined;

  /** `layout`: that of the supervisor. */
  constructor(layout: () => AsmLayout | undefined) {
    this.layout = layout;
  }

  function(name: EventName): (...values: number[]) => number {
    let made = this.made.get(name);
    if (made === undefined) {
      const layout = this.layout();
      made = layout === undefined ? decline : eventFunction(name, layout, this.calls(name));
      this.made.set(name, made);
    }
    return made;
  }

  private calls(name: EventName): object {
    return name === 'enterGate' ? { statusFlags: this.function('statusFlags') } : {};
  }

  /** What helpers try before they do the same by themselves. */
  forHelpers(): EventFunctions | undefined {
    if (this.layout() === undefined) return undefined;
    return { enterGate: this.function('enterGate'), iret: this.function('iret') };
  }

  /** Makes each of them a property `E_name`, to be compiled when it is read. */
  defineIn(environment: object): void {
    for (const name of EVENT_FUNCTIONS) this.define(environment, `E_${name}`, name);
  }
  /** Those of runtime/flags.ts under their own names. */
  defineFlagsIn(environment: object): void {
    for (const name of FLAG_FUNCTIONS) this.define(environment, name, name);
  }
  private define(environment: object, property: string, name: EventName): void {
    const get = (): unknown => this.function(name);
    Object.defineProperty(environment, property, { get, enumerable: true });
  }
}
