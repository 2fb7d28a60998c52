/** The registers of a software interrupt's caller by their names, and the flags that it will see. */
import { DS, ES, SS } from './host.js';
import type { BiosMemory, BiosProcessor } from './host.js';

const EAX = 0,
  ECX = 1,
  EDX = 2,
  EBX = 3,
  ESP = 4,
  EBP = 5,
  ESI = 6,
  EDI = 7;
const CARRY = 1,
  ZERO = 0x40;
/** Where INT put FLAGS: above IP and CS. */
const FLAGS_IMAGE = 4;

export class Registers {
  private readonly processor: BiosProcessor;
  private readonly memory: BiosMemory;
  private readonly r: Int32Array;

  constructor(processor: BiosProcessor, memory: BiosMemory) {
    this.processor = processor;
    this.memory = memory;
    this.r = processor.registers;
  }

  private word(index: number): number {
    return this.r[index]! & 0xffff;
  }
  private setWord(index: number, value: number): void {
    this.r[index] = (this.r[index]! & ~0xffff) | (value & 0xffff);
  }
  private setLow(index: number, value: number): void {
    this.r[index] = (this.r[index]! & ~0xff) | (value & 0xff);
  }
  private setHigh(index: number, value: number): void {
    this.r[index] = (this.r[index]! & ~0xff00) | ((value & 0xff) << 8);
  }

  get ax(): number {
    return this.word(EAX);
  }
  set ax(value: number) {
    this.setWord(EAX, value);
  }
  get bx(): number {
    return this.word(EBX);
  }
  set bx(value: number) {
    this.setWord(EBX, value);
  }
  get cx(): number {
    return this.word(ECX);
  }
  set cx(value: number) {
    this.setWord(ECX, value);
  }
  get dx(): number {
    return this.word(EDX);
  }
  set dx(value: number) {
    this.setWord(EDX, value);
  }
  get si(): number {
    return this.word(ESI);
  }
  set si(value: number) {
    this.setWord(ESI, value);
  }
  get di(): number {
    return this.word(EDI);
  }
  set di(value: number) {
    this.setWord(EDI, value);
  }
  get bp(): number {
    return this.word(EBP);
  }
  set bp(value: number) {
    this.setWord(EBP, value);
  }
  get al(): number {
    return this.r[EAX]! & 0xff;
  }
  set al(value: number) {
    this.setLow(EAX, value);
  }
  get ah(): number {
    return (this.r[EAX]! >> 8) & 0xff;
  }
  set ah(value: number) {
    this.setHigh(EAX, value);
  }
  get bl(): number {
    return this.r[EBX]! & 0xff;
  }
  set bl(value: number) {
    this.setLow(EBX, value);
  }
  get bh(): number {
    return (this.r[EBX]! >> 8) & 0xff;
  }
  set bh(value: number) {
    this.setHigh(EBX, value);
  }
  get cl(): number {
    return this.r[ECX]! & 0xff;
  }
  set cl(value: number) {
    this.setLow(ECX, value);
  }
  get ch(): number {
    return (this.r[ECX]! >> 8) & 0xff;
  }
  set ch(value: number) {
    this.setHigh(ECX, value);
  }
  get dl(): number {
    return this.r[EDX]! & 0xff;
  }
  set dl(value: number) {
    this.setLow(EDX, value);
  }
  get dh(): number {
    return (this.r[EDX]! >> 8) & 0xff;
  }
  set dh(value: number) {
    this.setHigh(EDX, value);
  }
  /** uint32. */
  get eax(): number {
    return this.r[EAX]! >>> 0;
  }
  set eax(value: number) {
    this.r[EAX] = value;
  }
  get ebx(): number {
    return this.r[EBX]! >>> 0;
  }
  set ebx(value: number) {
    this.r[EBX] = value;
  }
  get ecx(): number {
    return this.r[ECX]! >>> 0;
  }
  set ecx(value: number) {
    this.r[ECX] = value;
  }
  get edx(): number {
    return this.r[EDX]! >>> 0;
  }
  set edx(value: number) {
    this.r[EDX] = value;
  }

  /** Linear address of ES:offset. */
  es(offset: number): number {
    return this.processor.base(ES) + (offset & 0xffff);
  }
  ds(offset: number): number {
    return this.processor.base(DS) + (offset & 0xffff);
  }
  /** As real mode has it. */
  get esSelector(): number {
    return (this.processor.base(ES) >>> 4) & 0xffff;
  }
  loadEs(selector: number): void {
    this.processor.load(ES, selector);
  }

  private setFlag(flag: number, on: boolean): void {
    const at = this.processor.base(SS) + ((this.word(ESP) + FLAGS_IMAGE) & 0xffff);
    const flags = this.memory.read16(at);
    this.memory.write16(at, on ? flags | flag : flags & ~flag);
  }
  set carry(on: boolean) {
    this.setFlag(CARRY, on);
  }
  set zero(on: boolean) {
    this.setFlag(ZERO, on);
  }
}
